use std::time::{Duration, Instant};

use bellwether_base::Shown;
use bellwether_sensor::Progress;

use crate::out;

/// The interval between two updates of the line.
const EVERY: Duration = Duration::from_millis(100);
const WIDTH: u64 = 24;

/// Columns of the input's name.
const NAME: usize = 40;

/// A progress line on standard error, if standard error is a terminal.
pub(crate) struct Bar {
    started: Instant,
    drawn: Option<Instant>,
    is_on: bool,
}

impl Bar {
    pub(crate) fn new(is_quiet: bool) -> Self {
        Self { started: Instant::now(), drawn: None, is_on: !is_quiet && out::has_watcher() }
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
        let mut line = Shown::ending_within(&progress.name, NAME);
        line.put(&format!("  {bar}  {} packets, {:.2} M/s", progress.packets, rate / 1e6));
        out::progress(&line);
    }

    /// Wipes the line.
    pub(crate) fn finish(&self) {
        if self.drawn.is_some() {
            out::wipe();
        }
    }
}
