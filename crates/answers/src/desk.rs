//! The desk that answers questions.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use bellwether_base::Timestamp;
use bellwether_fingerprint::PrintHash;
use bellwether_recorder::{Advisor, CallName, Errand};
use bellwether_scoring::{KnownParties, Settings};
use bellwether_store::StoreError;
use serde::{Deserialize, Serialize};

use crate::change::{Performer, When};
use crate::{Basis, Change, ChangeError, Done, InviteReader, ScoreAnswer, ScoreRequest};

/// Longest wait for the writer, which may be in a commit or behind a lock of another program.
const WRITER_ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A question or an order to a desk.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// The score of a call.
    Score(Box<ScoreRequest>),
    /// The same, but only by what was seen of the call itself. The answer about a call that was not seen is neutral.
    ScoreOfSeen(Box<ScoreRequest>),
    /// A change by the operator.
    Change(Box<Change>),
    /// The state of the desk.
    Vitals,
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The score of a call.
    Score(Box<ScoreAnswer>),
    /// The result of a change.
    Changed(Done),
    /// The state of the desk.
    Vitals(Vitals),
    /// A question that cannot be answered.
    Refused(DeskError),
}

/// The state of a desk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Vitals {
    /// True beside a sensor that captures.
    pub is_live: bool,
    /// The desk's time in nanoseconds since 1970: now beside a sensor, the last packet of a finished database.
    pub now: i64,
}

/// The reason why a question has no answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum DeskError {
    /// A value of the question is wrong.
    #[error("{field} {why}")]
    Field {
        /// The member.
        field: String,
        /// The fault.
        why: String,
    },
    /// There is no such thing.
    #[error("{0}")]
    Missing(String),
    /// The desk, the sensor behind it or the database cannot answer now.
    #[error("{0}")]
    Unavailable(String),
}

impl From<ChangeError> for DeskError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Field(error) => Self::Field { field: error.field, why: error.why },
            ChangeError::Missing(what) => Self::Missing(what),
            ChangeError::Store(error) => Self::from(error),
        }
    }
}

impl From<StoreError> for DeskError {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

/// Answers questions, one at a time.
pub trait Desk: Send {
    /// Answers a question.
    fn ask(&mut self, question: &Question) -> Reply;
}

/// The parts of a desk.
#[derive(Clone)]
pub struct DeskOptions {
    /// Reads the INVITEs of questions.
    pub invites: InviteReader,
    /// The settings of the scoring.
    pub settings: Settings,
    /// The present time; none for a finished database, whose time stands still.
    pub clock: Option<fn() -> Timestamp>,
    /// The time of a finished database.
    pub stands_at: Timestamp,
    /// The time of the wall, at which changes are noted.
    pub wall: fn() -> Timestamp,
    /// True if the telemetry and labels of this desk name the author that the question gives.
    pub errands: SyncSender<Errand>,
}

/// A desk beside the recorder of its own process.
pub struct LocalDesk {
    advisor: Advisor,
    options: DeskOptions,
    performer: Performer,
}

impl LocalDesk {
    /// A desk with an advisor of its own.
    #[must_use]
    pub fn new(advisor: Advisor, options: DeskOptions) -> Self {
        let performer = Performer::new(options.invites.tokeniser.clone());
        Self { advisor, options, performer }
    }

    fn now(&self) -> Timestamp {
        self.options.clock.map_or(self.options.stands_at, |clock| clock())
    }

    fn score(&self, request: &ScoreRequest) -> Result<ScoreAnswer, DeskError> {
        if let Some(answer) = self.seen(request)? {
            return Ok(answer);
        }
        match &request.invite {
            Some(invite) => self.invite(invite, request),
            None => self.parties(request),
        }
    }

    /// The answer about a call that was seen, unless the operator's lists precede it.
    fn seen(&self, request: &ScoreRequest) -> Result<Option<ScoreAnswer>, DeskError> {
        let Some(answer) = self.call(request)? else { return Ok(None) };
        if answer.basis == Basis::Cached {
            let of_parties = self.parties(request)?;
            if of_parties.reason_codes.iter().any(|code| code == "operator_blocked") {
                return Ok(Some(of_parties));
            }
        }
        Ok(Some(answer))
    }

    /// The answer about a call that was seen.
    fn call(&self, request: &ScoreRequest) -> Result<Option<ScoreAnswer>, DeskError> {
        let Some(call_id) = request.call_id.as_deref() else { return Ok(None) };
        let wire_id = self.options.invites.tokeniser.wire_id(call_id);
        let name = CallName { call_id, wire_id, from_tag: request.from_tag.as_deref() };
        // A caller chooses its Call-ID, and may choose that of another call. Behind an own server the address is that server's.
        let site = &self.options.invites.site;
        let asked = request.source_ip.filter(|source| !site.is_own(*source));
        let is_from = |source: IpAddr| asked.is_none_or(|asked| asked.to_canonical() == source);
        if let Some(known) = self.advisor.find(&name)
            && is_from(known.source)
            && let Some(forecast) = self.advisor.present(known.call)
        {
            let answer = ScoreAnswer::of_forecast(&forecast, Basis::Live);
            return Ok(Some(self.with_platform(ScoreAnswer { known: true, ..answer }, &known.fingerprint)?));
        }
        let stored = self.advisor.reader().stored_score(call_id, wire_id, name.from_tag)?;
        // An INVITE at hand decides about a call that is not followed any more.
        let Some(stored) = stored.filter(|stored| request.invite.is_none() && is_from(stored.source)) else {
            return Ok(None);
        };
        let age = self.now().since(stored.at).as_nanos().max(0) / 1_000_000;
        let answer = ScoreAnswer::of_stored(&stored, age.cast_unsigned());
        self.with_platform(answer, &stored.fingerprint).map(Some)
    }

    /// The answer about an INVITE that the switch received.
    fn invite(&self, invite: &[u8], request: &ScoreRequest) -> Result<ScoreAnswer, DeskError> {
        let trunk = request.trunk_id.as_deref();
        let source = request
            .source_ip
            .or_else(|| trunk.and_then(|trunk| self.options.invites.address_of_trunk(trunk)));
        let asked = self.options.invites.read(invite, source, self.now());
        let asked = match asked {
            Ok(asked) => asked,
            // A switch must never fail for want of a score.
            Err(e) => {
                let reasons_text = format!("the invite {e}");
                return Ok(ScoreAnswer { reasons_text, ..ScoreAnswer::neutral_by(&self.options.settings) });
            }
        };
        let reader = self.advisor.reader();
        let shown = OnceCell::new();
        let facts = || {
            let of = |print| {
                reader.facts_of_message(print, asked.author.as_ref(), asked.call.user_agent.as_deref())
            };
            shown.get_or_init(|| asked.print.as_ref().map(of).unwrap_or_default()).clone()
        };
        let answer = match self.advisor.forecast(&asked.call, facts)? {
            Some(forecast) => ScoreAnswer::of_forecast(&forecast, Basis::Live),
            None => ScoreAnswer::not_judged(),
        };
        let answer = self.with_platform(answer, asked.call.fingerprint.as_str())?;
        let stack = answer.stack.clone().or_else(|| facts().stack);
        Ok(ScoreAnswer { stack, ..answer })
    }

    /// The answer about parties of which the switch names some.
    fn parties(&self, request: &ScoreRequest) -> Result<ScoreAnswer, DeskError> {
        let fingerprint = request.fingerprint.as_deref().and_then(PrintHash::stored);
        let family = match fingerprint {
            Some(print) => self.advisor.reader().family_of(print.as_str())?,
            None => None,
        };
        let trunk = request.trunk_id.as_deref();
        let callers = request.calling.as_deref().map(|number| self.performer.tokens_of(number));
        let callers = callers.unwrap_or_default();
        let parties = KnownParties {
            fingerprint: fingerprint.map(|print| (print, family.as_deref().and_then(PrintHash::stored))),
            caller: callers.first().cloned(),
            source: request
                .source_ip
                .or_else(|| trunk.and_then(|trunk| self.options.invites.address_of_trunk(trunk))),
        };
        let mut forecast = self.advisor.known(&parties)?;
        if let (None, Some(other)) = (&forecast, callers.get(1)) {
            let parties = KnownParties { caller: Some(other.clone()), ..parties };
            forecast = self.advisor.known(&parties)?;
        }
        let is_seen = family.is_some();
        let answer = match forecast {
            Some(forecast) => {
                ScoreAnswer { known: true, ..ScoreAnswer::of_forecast(&forecast, Basis::Cached) }
            }
            None if is_seen => ScoreAnswer {
                known: true,
                basis: Basis::Cached,
                reasons_text: "the platform is known, and nothing speaks for or against it".to_owned(),
                ..ScoreAnswer::neutral_by(&self.options.settings)
            },
            None => return Ok(ScoreAnswer::neutral_by(&self.options.settings)),
        };
        match fingerprint {
            Some(print) => self.with_platform(answer, print.as_str()),
            None => Ok(answer),
        }
    }

    fn with_platform(&self, answer: ScoreAnswer, fingerprint: &str) -> Result<ScoreAnswer, DeskError> {
        let platform = self.advisor.reader().platform(fingerprint)?;
        Ok(ScoreAnswer {
            fingerprint: Some(fingerprint.to_owned()),
            stack: platform.stack().map(str::to_owned),
            ..answer
        })
    }

    /// Hands a change to the writer's thread, and waits for it.
    fn change(&self, change: &Change) -> Result<Done, DeskError> {
        if !self.advisor.reader().is_in_place() {
            let text = "the database was removed or replaced; start the program again";
            return Err(DeskError::Unavailable(text.to_owned()));
        }
        let (to, from) = sync_channel(1);
        let (change, performer) = (change.clone(), self.performer.clone());
        let when = When { noted_at: (self.options.wall)(), is_over: self.options.clock.is_none() };
        let is_given_up = Arc::new(AtomicBool::new(false));
        let asked_still = Arc::clone(&is_given_up);
        let errand: Errand = Box::new(move |recorder| {
            // The asker was told that nothing was done.
            if asked_still.swap(true, Ordering::AcqRel) {
                return;
            }
            // Nobody waits any more if the desk was dropped or the time ran out.
            let _ = to.send(performer.perform(recorder, &change, when));
        });
        let busy = || DeskError::Unavailable("the writer is busy".to_owned());
        self.options.errands.try_send(errand).map_err(|_| busy())?;
        match from.recv_timeout(WRITER_ANSWERS_WITHIN) {
            Ok(done) => Ok(done?),
            // The writer may have begun at this moment: then its answer comes soon.
            Err(RecvTimeoutError::Timeout) if is_given_up.swap(true, Ordering::AcqRel) => {
                from.recv().map_or_else(|_| Err(busy()), |done| Ok(done?))
            }
            Err(RecvTimeoutError::Timeout) => Err(busy()),
            Err(RecvTimeoutError::Disconnected) => Err(DeskError::Unavailable("the sensor ends".to_owned())),
        }
    }
}

impl Desk for LocalDesk {
    fn ask(&mut self, question: &Question) -> Reply {
        let scored = |answer| Reply::Score(Box::new(answer));
        let answered = match question {
            Question::Score(request) => self.score(request).map(scored),
            Question::ScoreOfSeen(request) => self
                .seen(request)
                .map(|answer| answer.unwrap_or_else(|| ScoreAnswer::neutral_by(&self.options.settings)))
                .map(scored),
            Question::Change(change) => self.change(change).map(Reply::Changed),
            Question::Vitals => Ok(Reply::Vitals(Vitals {
                is_live: self.options.clock.is_some(),
                now: self.now().as_nanos(),
            })),
        };
        answered.unwrap_or_else(Reply::Refused)
    }
}
