//! State that all requests share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use bellwether_answers::ScoreAnswer;
use bellwether_base::{LruTable, Timestamp};
use bellwether_console::Lookup;
use std::sync::Mutex;

use crate::api::events::Feed;
use crate::auth::Clients;
use crate::counters::Counters;
use crate::desks::Desks;
use crate::guard::Rates;
use crate::options::{IsOwn, TokensIn, TokensOf, TryOut};
use crate::readers::Readers;

/// Answers that are kept for the time when the sensor does not answer.
const KEPT: usize = 16_384;

/// The last answer about each subject, with its time.
pub(crate) type Kept = Mutex<LruTable<u64, (Instant, ScoreAnswer), 1>>;

/// The state of the server.
pub(crate) struct State {
    /// Threads that answer about scores.
    pub(crate) desks: Desks,
    /// The thread that hands changes to the writer, so that no question waits behind a change.
    pub(crate) changes: Desks,
    pub(crate) readers: Readers,
    pub(crate) clients: Clients,
    pub(crate) rates: Rates,
    pub(crate) counters: Counters,
    pub(crate) feed: Feed,
    pub(crate) kept: Kept,
    pub(crate) lookup: Arc<Numbers>,
    pub(crate) is_own: Arc<IsOwn>,
    pub(crate) try_out: Arc<TryOut>,
    pub(crate) now: fn() -> Timestamp,
    /// Names that the Host header may have; any where it is empty.
    pub(crate) hosts: Vec<String>,
    pub(crate) is_tls: bool,
    pub(crate) is_beside_sensor: bool,
    pub(crate) db: PathBuf,
    pub(crate) version: &'static str,
    pub(crate) metrics: Mutex<Option<(Instant, Arc<str>)>>,
}

/// The installation's key, for searches by clear numbers.
pub(crate) struct Numbers {
    pub(crate) tokens_of: TokensOf,
    pub(crate) tokens_in: TokensIn,
    pub(crate) wire_id_of: Box<dyn Fn(&str) -> i64 + Send + Sync>,
}

impl Lookup for Numbers {
    fn tokens_of(&self, clear: &str) -> Vec<String> {
        (self.tokens_of)(clear)
    }

    fn wire_id_of(&self, call_id: &str) -> Option<i64> {
        Some((self.wire_id_of)(call_id))
    }
}

impl State {
    pub(crate) fn kept() -> Kept {
        Mutex::new(LruTable::new(KEPT))
    }

    /// Keeps an answer about a subject.
    pub(crate) fn keep(&self, key: u64, answer: &ScoreAnswer) {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match kept.value_mut(key) {
            Some(known) => *known = (Instant::now(), answer.clone()),
            None => drop(kept.insert(key, key, (Instant::now(), answer.clone()), 0, Timestamp::MIN)),
        }
    }

    /// The kept answer about a subject, with its age.
    pub(crate) fn recall(&self, key: u64) -> Option<ScoreAnswer> {
        let kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (at, answer) = kept.value(key)?;
        let age = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let basis = bellwether_answers::Basis::Cached;
        Some(ScoreAnswer { basis, age_ms: answer.age_ms.saturating_add(age), ..answer.clone() })
    }
}
