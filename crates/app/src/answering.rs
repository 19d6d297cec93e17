//! Answers beside a run: a thread that accepts questions on the socket of the database.

use std::sync::atomic::{AtomicBool, Ordering};

use bellwether_answers::{Desk, DeskOptions, InviteReader, Listener, LocalDesk};
use bellwether_base::Timestamp;
use bellwether_recorder::{Advisor, Recorder};
use bellwether_scoring::Settings;
use bellwether_store::{Reader, StoreError};

use crate::{AppError, clock};

/// Opens a reader of the run's database.
pub type OpenReader = Box<dyn Fn() -> Result<Reader, StoreError> + Send + Sync>;

/// The desks of a run, ready to answer.
pub struct Answering {
    listener: Listener,
    desks: Desks,
}

/// Makes desks for a recorder: one for each thread that answers.
pub struct Desks {
    /// Copies of it are the advisors of the desks. A lock is needed only because it holds a connection.
    first: std::sync::Mutex<Advisor>,
    options: DeskOptions,
    open_reader: OpenReader,
}

impl Desks {
    /// Prepares a recorder for questions and changes. `stands_at` is the time of a finished database; none for a live run. None
    /// where calls are not scored.
    ///
    /// # Errors
    /// If the state of earlier runs cannot be read.
    pub fn of(
        recorder: &mut Recorder,
        invites: InviteReader,
        settings: Settings,
        stands_at: Option<Timestamp>,
        open_reader: OpenReader,
    ) -> Result<Option<Self>, AppError> {
        let at = stands_at.unwrap_or_else(clock::now);
        let Some(first) = recorder.advisor(at, open_reader()?)? else { return Ok(None) };
        let options = DeskOptions {
            invites,
            settings,
            clock: stands_at.is_none().then_some(clock::now),
            stands_at: at,
            wall: clock::now,
            errands: recorder.accept_errands(),
        };
        Ok(Some(Self { first: std::sync::Mutex::new(first), options, open_reader }))
    }

    /// A desk for another thread.
    ///
    /// # Errors
    /// If the database cannot be opened.
    pub fn desk(&self) -> Result<LocalDesk, StoreError> {
        let reader = (self.open_reader)()?;
        let first = self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok(LocalDesk::new(first.again(reader), self.options.clone()))
    }
}

impl Answering {
    /// Answers on a socket with desks.
    #[must_use]
    pub const fn new(listener: Listener, desks: Desks) -> Self {
        Self { listener, desks }
    }

    /// Runs `work` and answers meanwhile.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn beside<T>(this: Option<Self>, work: impl FnOnce() -> T) -> Result<T, AppError> {
        let Some(Self { listener, desks }) = this else { return Ok(work()) };
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let is_over = &is_over;
            std::thread::Builder::new()
                .name("answers".to_owned())
                .spawn_scoped(scope, move || {
                    listener.run(is_over, &|| match desks.desk() {
                        Ok(desk) => Some(Box::new(desk) as Box<dyn Desk>),
                        Err(e) => {
                            tracing::warn!("no desk for a question: {e}");
                            None
                        }
                    });
                })
                .map_err(AppError::no_thread)?;
            let _ends = EndsOnDrop(is_over);
            Ok(work())
        })
    }
}

/// Ends the answers with the run, however that ends.
struct EndsOnDrop<'a>(&'a AtomicBool);

impl Drop for EndsOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
