//! Threads that answer questions. Each has a desk of its own, and all take from one bounded queue.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bellwether_answers::{Desk, Question, Reply};
use tokio::sync::oneshot;

use crate::ServeError;
use crate::problem::Problem;

/// Questions that wait. At 50 us each, the last one waits for some milliseconds.
const MAX_WAITING: usize = 128;

/// A question that waited for longer is not answered any more: the switch has gone on.
const MAX_WAIT: Duration = Duration::from_millis(100);

struct Asked {
    question: Question,
    at: Instant,
    /// True for a question that may wait behind others for as long as it takes.
    is_patient: bool,
    reply: oneshot::Sender<Reply>,
}

/// The sending side of the queue.
#[derive(Clone)]
pub(crate) struct Desks {
    to: SyncSender<Asked>,
}

impl Desks {
    /// Starts a thread for each desk. The threads end when all senders are dropped.
    pub(crate) fn start(desks: Vec<Box<dyn Desk>>, name: &str) -> Result<Self, ServeError> {
        let (to, from) = sync_channel(MAX_WAITING);
        let from = Arc::new(Mutex::new(from));
        for (number, desk) in desks.into_iter().enumerate() {
            let from = Arc::clone(&from);
            std::thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || answer(desk, &from))
                .map_err(|e| ServeError::Io("no thread for a desk".to_owned(), e))?;
        }
        Ok(Self { to })
    }

    /// Asks a question that loses its worth in a moment.
    pub(crate) async fn ask(&self, question: Question) -> Result<Reply, Problem> {
        self.send(question, false).await
    }

    /// Orders a change, which is carried out however long it waits.
    pub(crate) async fn order(&self, question: Question) -> Result<Reply, Problem> {
        self.send(question, true).await
    }

    async fn send(&self, question: Question, is_patient: bool) -> Result<Reply, Problem> {
        let (reply, replied) = oneshot::channel();
        match self.to.try_send(Asked { question, at: Instant::now(), is_patient, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return Err(Problem::overloaded()),
        }
        replied.await.map_err(|_| Problem::overloaded())
    }
}

fn answer(mut desk: Box<dyn Desk>, from: &Mutex<Receiver<Asked>>) {
    loop {
        let asked = from.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(asked) = asked else { return };
        // The client may have gone, and who waited too long is told so at once: the reply is dropped.
        if asked.reply.is_closed() || (!asked.is_patient && asked.at.elapsed() > MAX_WAIT) {
            continue;
        }
        let _ = asked.reply.send(desk.ask(&asked.question));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bellwether_answers::Vitals;

    struct Slow(Duration);

    impl Desk for Slow {
        fn ask(&mut self, _: &Question) -> Reply {
            std::thread::sleep(self.0);
            Reply::Vitals(Vitals { is_live: true, now: 1 })
        }
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn nobody_waits_longer_than_the_answer_is_worth() {
        run(async {
            let desks = Desks::start(vec![Box::new(Slow(Duration::from_millis(60)))], "desk").unwrap();
            let began = Instant::now();
            let mut all = Vec::new();
            for _ in 0..MAX_WAITING + 20 {
                let desks = desks.clone();
                all.push(tokio::spawn(async move {
                    (desks.ask(Question::Vitals).await.is_ok(), began.elapsed())
                }));
            }
            let (mut answered, mut refused) = (0, 0);
            for one in all {
                let (is_answered, took) = one.await.unwrap();
                *(if is_answered { &mut answered } else { &mut refused }) += 1;
                assert!(took < Duration::from_secs(2), "{took:?}");
            }
            assert!((1..=4).contains(&answered) && refused > MAX_WAITING, "{answered} {refused}");
        });
    }

    #[test]
    fn an_order_is_carried_out_however_long_it_waits() {
        run(async {
            let desks = Desks::start(vec![Box::new(Slow(Duration::from_millis(150)))], "desk").unwrap();
            let first = desks.order(Question::Vitals);
            let second = desks.order(Question::Vitals);
            let (first, second) = tokio::join!(first, second);
            assert!(first.is_ok() && second.is_ok());
        });
    }
}
