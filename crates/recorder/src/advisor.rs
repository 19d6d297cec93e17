//! Questions about calls, answered beside the recorder.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bellwether_base::{CallId, LruTable, Timestamp};
use bellwether_enrich::CallRow;
use bellwether_scoring::{Changes, Forecast, KnownParties, PlatformFacts, ScoringEngine};
use bellwether_store::{Reader, StoreError};

use crate::recollection::Recollection;

/// Calls that can be asked about by their Call-ID: those of the last minutes at a carrier's rate.
const CALLS: usize = 65_536;

/// The scoring engine, shared by the recorder and its advisors.
#[derive(Clone)]
pub(crate) struct SharedEngine(Arc<Mutex<ScoringEngine>>);

impl SharedEngine {
    pub(crate) fn new(engine: ScoringEngine) -> Self {
        Self(Arc::new(Mutex::new(engine)))
    }

    pub(crate) fn hold(&self) -> MutexGuard<'_, ScoringEngine> {
        // A panic ends the process in a release; in tests the failed thread tells of itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A Call-ID in the forms that a row may have.
#[derive(Clone, Copy, Debug)]
pub struct CallName<'a> {
    /// The Call-ID as on the wire, or as reports print it.
    pub call_id: &'a str,
    /// The token of the wire form.
    pub wire_id: i64,
    /// The tag of the From header; none for the latest call of the Call-ID.
    pub from_tag: Option<&'a str>,
}

/// A call that was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownCall {
    /// Its identity.
    pub call: CallId,
    /// Its start.
    pub started_at: Timestamp,
    /// Its fingerprint.
    pub fingerprint: String,
    /// The address that it came from.
    pub source: IpAddr,
    from_tag: String,
}

/// The latest calls by Call-ID.
#[derive(Clone)]
pub(crate) struct SharedCalls(Arc<Mutex<LruTable<u64, KnownCall, 1>>>);

impl Default for SharedCalls {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LruTable::new(CALLS))))
    }
}

impl SharedCalls {
    fn hold(&self) -> MutexGuard<'_, LruTable<u64, KnownCall, 1>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(&self, row: &CallRow) {
        let key = row.wire_id.map_or_else(|| of_text(&row.call_id), of_token);
        let call = KnownCall {
            call: row.call,
            started_at: row.started_at,
            fingerprint: row.fingerprint.as_str().to_owned(),
            source: row.source.ip(),
            from_tag: row.from_tag.to_string(),
        };
        let mut calls = self.hold();
        match calls.value_mut(key) {
            Some(known) if known.started_at > call.started_at => {}
            Some(known) => *known = call,
            None => drop(calls.insert(key, key, call, 0, row.started_at)),
        }
    }

    fn find(&self, name: &CallName<'_>) -> Option<KnownCall> {
        let calls = self.hold();
        let keys = [of_text(name.call_id), of_token(name.wire_id)];
        let mut found = keys.into_iter().filter_map(|key| calls.value(key));
        let is_meant = |call: &&KnownCall| name.from_tag.is_none_or(|tag| tag == call.from_tag);
        found.find(is_meant).cloned()
    }
}

/// Key of an unmasked Call-ID. Who can choose Call-IDs can at most displace entries of this table.
fn of_text(call_id: &str) -> u64 {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
    BuildHasherDefault::<DefaultHasher>::default().hash_one(call_id)
}

const fn of_token(wire_id: i64) -> u64 {
    wire_id.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Answers questions about calls on a thread of its own. It holds the engine for some microseconds for each answer, and never while the
/// database is read.
pub struct Advisor {
    engine: SharedEngine,
    calls: SharedCalls,
    /// Its own connection, so that no question waits for a commit.
    reader: Reader,
    /// Rows that are not committed are not looked at.
    nothing: Changes,
}

impl Advisor {
    pub(crate) fn new(engine: SharedEngine, calls: SharedCalls, reader: Reader) -> Self {
        Self { engine, calls, reader, nothing: Changes::default() }
    }

    /// Another advisor, for another thread, with a reader of its own.
    #[must_use]
    pub fn again(&self, reader: Reader) -> Self {
        Self::new(self.engine.clone(), self.calls.clone(), reader)
    }

    /// The reader of the committed rows.
    #[must_use]
    pub const fn reader(&self) -> &Reader {
        &self.reader
    }

    /// A call of this run by its Call-ID.
    #[must_use]
    pub fn find(&self, name: &CallName<'_>) -> Option<KnownCall> {
        self.calls.find(name)
    }

    /// The present score of a call, if it is still followed.
    #[must_use]
    pub fn present(&self, call: CallId) -> Option<Forecast> {
        self.engine.hold().present(call)
    }

    /// The score that a call would get if it came now. `shown` tells what its message shows of a platform that is unknown. None for an
    /// emergency call, which has no score.
    ///
    /// # Errors
    /// If the database fails.
    pub fn forecast(
        &self,
        row: &CallRow,
        shown: impl Fn() -> PlatformFacts,
    ) -> Result<Option<Forecast>, StoreError> {
        self.judge(|engine, memory| engine.forecast(row, memory), shown)
    }

    /// What is known of parties without an INVITE. None if nothing is known.
    ///
    /// # Errors
    /// If the database fails.
    pub fn known(&self, parties: &KnownParties) -> Result<Option<Forecast>, StoreError> {
        self.judge(|engine, memory| engine.known(parties, memory), PlatformFacts::default)
    }

    /// Judges by the engine and by the committed rows. The recorder waits for the engine while it is held, so the database is read
    /// between two judgements: the first one notes what it wants to know.
    fn judge(
        &self,
        question: impl Fn(&ScoringEngine, &mut Recollection) -> Option<Forecast>,
        shown: impl Fn() -> PlatformFacts,
    ) -> Result<Option<Forecast>, StoreError> {
        let mut memory = Recollection::default();
        loop {
            let forecast = question(&self.engine.hold(), &mut memory);
            if memory.is_complete() {
                return Ok(forecast);
            }
            let mut failure = None;
            memory.complete(&mut self.reader.history(&self.nothing, &mut failure), &shown);
            failure.map_or(Ok(()), Err)?;
        }
    }
}
