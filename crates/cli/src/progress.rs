use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use bellwether_sensor::Progress;

/// How often the line is drawn anew.
const EVERY: Duration = Duration::from_millis(100);
const WIDTH: u64 = 24;

/// A progress line on standard error, where that is a terminal.
pub(crate) struct Bar {
    started: Instant,
    drawn: Option<Instant>,
    is_on: bool,
}

impl Bar {
    pub(crate) fn new(is_quiet: bool) -> Self {
        Self { started: Instant::now(), drawn: None, is_on: !is_quiet && std::io::stderr().is_terminal() }
    }

    pub(crate) fn show(&mut self, progress: &Progress) {
        if !self.is_on || self.drawn.is_some_and(|drawn| drawn.elapsed() < EVERY) {
            return;
        }
        self.drawn = Some(Instant::now());
        let rate = progress.packets as f64 / self.started.elapsed().as_secs_f64().max(1e-3);
        let bar = match progress.size {
            Some(size) if size > 0 => {
                let done = (progress.bytes.min(size) * WIDTH / size) as usize;
                let percent = progress.bytes.min(size) * 100 / size;
                format!("[{}{}] {percent:>3} %", "#".repeat(done), ".".repeat(WIDTH as usize - done))
            }
            _ => format!("{} MiB", progress.bytes >> 20),
        };
        let name: String =
            progress.name.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
        let packets = progress.packets;
        let mut err = std::io::stderr();
        // A terminal that went away is no reason to stop the work.
        let _ = write!(err, "\r\x1b[K{name}  {bar}  {packets} packets, {:.2} M/s", rate / 1e6);
        let _ = err.flush();
    }

    /// Wipes the line.
    pub(crate) fn finish(&self) {
        if self.drawn.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
