//! Threads that read the database for pages, exports and metrics.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use bellwether_store::{Reader, StoreError};
use tokio::sync::oneshot;

use crate::options::OpenReader;
use crate::problem::Problem;
use crate::{ServeError, auth};

/// Requests that wait for a reader.
const MAX_WAITING: usize = 64;

type Job = Box<dyn FnOnce(&Reader) + Send>;

/// The sending side of the queue.
#[derive(Clone)]
pub(crate) struct Readers {
    to: SyncSender<Job>,
}

impl Readers {
    /// Starts threads, each with a reader of its own. They end when all senders are dropped.
    pub(crate) fn start(count: usize, open: Arc<OpenReader>) -> Result<Self, ServeError> {
        let (to, from) = sync_channel(MAX_WAITING);
        let from = Arc::new(Mutex::new(from));
        for number in 0..count {
            // The first fault is told at the start.
            let first = open()?;
            let (from, open) = (Arc::clone(&from), Arc::clone(&open));
            std::thread::Builder::new()
                .name(format!("reader-{number}"))
                .spawn(move || read(first, &from, &open))
                .map_err(|e| ServeError::Io("no thread for a reader".to_owned(), e))?;
        }
        Ok(Self { to })
    }

    /// Runs a job with a reader.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let (reply, replied) = oneshot::channel();
        let job: Job = Box::new(move |reader| {
            if !reply.is_closed() {
                let _ = reply.send(job(reader));
            }
        });
        self.to.try_send(job).map_err(|_| Problem::overloaded())?;
        match replied.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(e)) => {
                let id = auth::random_text();
                let id = id.get(..8).unwrap_or_default();
                // The text may name paths of the machine: the log has it, the client gets the number.
                tracing::warn!(incident = id, "the database cannot be read: {e}");
                Err(Problem::new(
                    axum::http::StatusCode::SERVICE_UNAVAILABLE,
                    format!("the database cannot be read now (log entry {id})"),
                ))
            }
            Err(_) => Err(Problem::overloaded()),
        }
    }
}

fn read(first: Reader, from: &Mutex<Receiver<Job>>, open: &OpenReader) {
    let mut reader = first;
    loop {
        let job = from.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A database that was removed or replaced by another file is not read any more.
        if !reader.is_in_place() || reader.refresh().is_err() {
            match open() {
                Ok(again) => reader = again,
                Err(e) => {
                    tracing::warn!("the database cannot be opened: {e}");
                    // The sender of the reply is dropped, and the client told of a fault.
                    continue;
                }
            }
        }
        job(&reader);
    }
}
