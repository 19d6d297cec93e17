//! What other threads want done with the database: it has one writer, and that is on the recorder's thread.

use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use crate::Recorder;

/// Something to do on the recorder's thread.
pub type Errand = Box<dyn FnOnce(&mut Recorder) + Send>;

/// Errands that may wait. More are refused to those who send them.
const MAX_WAITING: usize = 64;

impl Recorder {
    /// A sender of errands. [`Self::run_errands`] or [`Self::await_errands`] carries them out.
    pub fn accept_errands(&mut self) -> SyncSender<Errand> {
        let (to, from) = sync_channel(MAX_WAITING);
        self.errands = Some(from);
        to
    }

    /// Carries out the errands that wait.
    pub fn run_errands(&mut self) {
        let Some(errands) = self.errands.take() else { return };
        while let Ok(errand) = errands.try_recv() {
            errand(self);
        }
        self.errands = Some(errands);
    }

    /// Waits for errands and carries them out, for a recorder without rows. Returns after `within`, and false if nobody can send an
    /// errand any more.
    pub fn await_errands(&mut self, within: Duration) -> bool {
        let Some(errands) = self.errands.take() else { return false };
        let is_open = match errands.recv_timeout(within) {
            Ok(errand) => {
                errand(self);
                true
            }
            Err(RecvTimeoutError::Timeout) => true,
            Err(RecvTimeoutError::Disconnected) => false,
        };
        self.errands = Some(errands);
        is_open
    }
}
