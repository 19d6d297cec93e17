//! The only writer of standard output and standard error. Every text is a [`Shown`]; the octets of a capture go to a pipe and
//! never to a terminal ([`for_octets`]).
//!
//! Clippy's `disallowed_methods` keeps every other module from the two streams, so no text from traffic gets out another
//! way.
#![expect(clippy::disallowed_methods, reason = "the one module that may use the two streams")]

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};
use std::sync::OnceLock;

use bellwether_base::Shown;
use serde_json::Value;
use tracing::Level;

use crate::args::LogFormat;
use crate::log::Record;

/// A buffer for results before standard output.
pub(crate) struct Out(BufWriter<StdoutLock<'static>>);

impl Out {
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }

    /// Prints a line, or several lines separated by line feeds.
    pub(crate) fn line(&mut self, text: &Shown) -> io::Result<()> {
        writeln!(self.0, "{text}")
    }

    /// Prints without a line end.
    pub(crate) fn part(&mut self, text: &Shown) -> io::Result<()> {
        write!(self.0, "{text}")
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Standard output for the octets of a capture; none if it is a terminal, which traffic must never reach.
pub(crate) fn for_octets() -> Option<BufWriter<StdoutLock<'static>>> {
    let out = io::stdout();
    (!out.is_terminal()).then(|| BufWriter::new(out.lock()))
}

/// Prints a line of results.
pub(crate) fn line(text: impl Into<Shown>) -> io::Result<()> {
    page(&{
        let mut text = text.into();
        text.own("\n");
        text
    })
}

/// Prints results with line ends.
pub(crate) fn page(text: &Shown) -> io::Result<()> {
    let mut out = Out::new();
    out.part(text)?;
    out.finish()
}

/// A value in JSON with escapes: equal after parsing, and harmless to a terminal.
pub(crate) fn json(value: &Value) -> Shown {
    Shown::json(&value.to_string())
}

/// Prints a message to the operator. A closed standard error does not stop the work.
pub(crate) fn tell(text: impl Into<Shown>) {
    log(&Record::new(Level::WARN, text.into()));
}

/// Prints the reason of a failure.
pub(crate) fn fail(text: impl Into<Shown>) {
    log(&Record::new(Level::ERROR, text.into()));
}

/// Prints further details of a failure.
pub(crate) fn add(text: impl Into<Shown>) {
    let text = text.into();
    match FORM.get() {
        Some(LogFormat::Json) => log(&Record::new(Level::INFO, Shown::lines(text.as_str().trim()))),
        Some(LogFormat::Text) | None => {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// The format of standard error. The default is text.
static FORM: OnceLock<LogFormat> = OnceLock::new();

/// Sets the format of standard error, once.
pub(crate) fn set_log_format(form: LogFormat) {
    let _ = FORM.set(form);
}

/// Writes a record of the log.
pub(crate) fn log(record: &Record) {
    let line = match FORM.get() {
        Some(LogFormat::Json) => json(&record.json()),
        Some(LogFormat::Text) | None => record.text(),
    };
    let _ = writeln!(io::stderr(), "{line}");
}

/// Draws the progress line again. A closed terminal does not stop the work.
pub(crate) fn progress(text: &Shown) {
    let mut err = io::stderr();
    let _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
}

/// Wipes the progress line.
pub(crate) fn wipe() {
    let _ = write!(io::stderr(), "\r\x1b[K");
}

/// Returns true if standard error is a terminal, so that a person sees progress.
pub(crate) fn has_watcher() -> bool {
    io::stderr().is_terminal()
}

/// Returns true if a person can be asked: questions go to standard error, and answers come from standard input.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question; only a yes is a yes.
pub(crate) fn is_agreed(question: impl Into<Shown>) -> bool {
    let _ = write!(io::stderr(), "{} [y/N] ", question.into());
    let mut answer = String::new();
    let is_read = io::stdin().read_line(&mut answer).is_ok();
    is_read && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

/// Returns true if results go to a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// The width of the terminal. `None` for other outputs, which have no maximum line length.
pub(crate) fn width() -> Option<u16> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(width, _)| width.0.max(60))
}

/// The height of the terminal. `None` for other outputs.
pub(crate) fn height() -> Option<u16> {
    if !io::stdout().is_terminal() {
        return None;
    }
    terminal_size::terminal_size().map(|(_, height)| height.0)
}

/// Reports a panic through this module too, because the panic message may contain text from traffic.
pub(crate) fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        fail(format!("{panic}; this is a bug").replace('\n', ": "));
        let trace = std::backtrace::Backtrace::capture();
        if trace.status() == std::backtrace::BacktraceStatus::Captured {
            add(Shown::lines(&trace.to_string()));
        }
    }));
}
