//! The state of all senders.

mod arrivals;
mod clusters;
mod forecast;
#[cfg(test)]
mod tests;
mod verdicts;

use std::collections::BTreeMap;

use bellwether_base::{CallId, LruTable, RecordingId, Span, Timestamp};

use crate::census::Census;
use crate::conduct::Conduct;
use crate::model::{Fate, Sample, SenderKind, Terms};
use crate::parties::{Address, Family, Number, Place, Recorded, Recording};
use crate::senders::clusters::of_fate;
use crate::senders::verdicts::{nothing, of_line};
use crate::site::Site;

/// Capacities of the tables.
const NUMBERS: usize = 262_144;
const ADDRESSES: usize = 131_072;
const FAMILIES: usize = 16_384;
const CALLS: usize = 262_144;
const RECORDINGS: usize = 4_096;

/// Eviction classes: parties that anybody can invent leave before lines.
const STRANGER: usize = 0;
const LINE: usize = 1;

/// Addresses in one list of a family. Further ones are judged by themselves only.
const MAX_LISTED: usize = 4_096;
const MAX_SUSPECTS: usize = 64;

/// Addresses that are followed for one recording.
const MAX_PLAYING: usize = 256;

/// Addresses that play one recording, from which on their numbers need no time to come back.
const MANY_PLAYING: usize = 8;

/// The last heard calls of an address, of which seven in ten have to play a recording.
const HEARD_OF_LATE: usize = 20;

/// One-session addresses that a family needs before its strangers are judged.
const FEWEST_STRANGERS: u32 = 3;

/// Calls that an address needs before it is judged, and before its judgement stands on its own.
const FEWEST_CALLS: u32 = 4;
const ENOUGH_CALLS: u32 = 8;

/// Calls of past that an address needs before a change of its conduct is looked for.
const PAST_CALLS: u32 = 30;

/// Lines that an address needs before its other callers are judged apart, and calls of either.
const FEWEST_LINES: u32 = 3;
const FEWEST_OWN_CALLS: u32 = 10;

/// Calls by which these have to grow between two evaluations that accuse.
const MORE_GUESTS: u32 = 3;

/// Chance that a robocaller shows a number of the blocks of the lines at its address.
const OF_OWN_BLOCK: f64 = 0.05;

/// Time after which undecided strangers are judged again, because nobody came back meanwhile. It doubles up to the longest one.
const LOOKS_AGAIN: Span = Span::from_secs(600);
const LOOKS_AGAIN_AT_MOST: Span = Span::from_secs(6 * 3600);

/// Windows of recent calls.
const WINDOWS: [usize; 2] = [60, 200];

/// Maximum number of calls that an address keeps.
const MAX_CALLS: usize = 256;

/// Probability of fraud of a line's call before it has a history.
const OF_LINE: f64 = 0.002;

/// Probability of fraud of an unknown caller's call without a cluster.
pub const OF_UNKNOWN: f64 = 0.01;

/// Probability of fraud from which on a call is accused, if its cluster is.
pub const ACCUSED_FROM: f64 = 0.8;

/// Odds that an account is registered for one call, beside those of a caller that is not registered.
const OF_YOUNG: f64 = 0.2;

/// The largest probability of a call whose cluster was not accused long enough. Weak signals of the call itself, which an
/// honest sender may have too, do not take it below the threshold of quarantine.
const NOT_YET: f64 = 0.3;

/// A change of the log odds that is worth a report.
const WORTH_TELLING: f64 = 0.4;

/// Access of a caller to the site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallerAccess {
    /// The account is registered at the address that calls.
    Registered,
    /// The server calls at which the account is registered.
    Server,
    /// The account is registered at the address that calls, since less than half an hour: an account may be registered for one call.
    RegisteredLately,
    /// The call comes through a declared trunk, which is shared by many callers.
    Trunk,
    /// Neither.
    Unknown,
}

/// An INVITE. All keys are hashes.
#[derive(Clone, Copy, Debug)]
pub struct CallStart {
    /// The call.
    pub call: CallId,
    /// Its time.
    pub at: Timestamp,
    /// The caller's number.
    pub number: u64,
    /// The source address.
    pub address: u64,
    /// The block of numbers that the caller's number belongs to; 0 for none.
    pub block: u64,
    /// The platform family, and the exact fingerprint.
    pub family: u64,
    /// See `family`.
    pub print: u64,
    /// The product in the User-Agent, and the whole User-Agent; 0 for none.
    pub product: u64,
    /// See `product`.
    pub agent: u64,
    /// The called number.
    pub callee: u64,
    /// Access of the caller to the site.
    pub access: CallerAccess,
}

impl CallStart {
    /// The key of the address on the platform family: see [`Cluster::Address`].
    #[must_use]
    pub const fn place(&self) -> u64 {
        self.address ^ self.family.rotate_left(23).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The end of a call.
#[derive(Clone, Copy, Debug)]
pub struct CallEnd {
    /// The call.
    pub call: CallId,
    /// Time of the end.
    pub at: Timestamp,
    /// Seconds until the answer, or until the end of a call that was not answered.
    pub ring_secs: u16,
    /// Seconds of talk; none if the call was not answered.
    pub talk_secs: Option<u16>,
    /// True if the caller cancelled the call or hung up.
    pub is_ended_by_caller: bool,
}

/// People let a telephone ring for longer than this, and talk for longer than that.
const IMPATIENT_RING: u16 = 8;
const IMPATIENT_TALK: u16 = 3;

impl CallEnd {
    /// True if the caller gave up before the answer or right after it.
    fn is_abandoned(&self) -> bool {
        let is_soon = match self.talk_secs {
            Some(talk) => talk <= IMPATIENT_TALK,
            None => self.ring_secs <= IMPATIENT_RING,
        };
        self.is_ended_by_caller && is_soon
    }
}

/// A recording of which it is not known any more which one it is.
const UNKNOWN_RECORDING: RecordingId = RecordingId::new(i64::MAX);

/// What was heard of a caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallerAudio {
    /// Speech that no other call has.
    Speech,
    /// A recording that other calls play, too. It is not known any more which one.
    Recorded,
    /// A recording.
    Recording(RecordingId),
}

impl CallerAudio {
    /// The recording with which a call is kept.
    const fn recording(self) -> Option<RecordingId> {
        match self {
            Self::Speech => None,
            Self::Recorded => Some(UNKNOWN_RECORDING),
            Self::Recording(recording) => Some(recording),
        }
    }
}

/// The cluster that a verdict comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cluster {
    /// A caller that is registered, or that came back to its address.
    Line(LineKind),
    /// A declared trunk, whose callers are judged elsewhere.
    Trunk,
    /// A call about which nothing is known yet.
    Nothing,
    /// All addresses of a family that called in one session only.
    Strangers {
        /// The family.
        family: u64,
    },
    /// One address on a family.
    Address {
        /// The key of the address on the family.
        address: u64,
    },
    /// The calls of an address with lines of its own that show other numbers.
    Guests {
        /// The key of the address on the family.
        address: u64,
    },
    /// Suspect addresses of a family together.
    Gang {
        /// The family.
        family: u64,
    },
    /// Addresses of a family with several numbers and few calls.
    Crowd {
        /// The family.
        family: u64,
    },
    /// Addresses that play one recording.
    Recording {
        /// The recording.
        recording: RecordingId,
    },
}

/// The reason why a caller is a line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LineKind {
    /// It is registered at the address that calls.
    Registered,
    /// It is registered at the server that calls.
    Server,
    /// It came back to its address, or registered there later.
    Returning,
}

/// Judgement of a call.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Verdict {
    /// Probability of fraud.
    pub probability: f64,
    /// Chance that the call is of the campaign, if its cluster is one.
    pub share: f64,
    /// Calls behind it.
    pub calls: u32,
    /// The cluster that it comes from.
    pub cluster: Cluster,
    /// The kind of sender that fits best.
    pub kind: SenderKind,
    /// True if the cluster stood accused in several evaluations.
    pub is_accused: bool,
    /// The address that notifies many people, if the caller is one: see [`Cluster::Address`].
    pub notifies_from: Option<u64>,
    /// The evidence by kind.
    pub terms: Terms,
    /// Addresses, or at one address numbers, that were seen in one session, and all of them.
    pub once: (u32, u32),
    /// True if the number was a line's in use at another address.
    pub is_borrowed: bool,
}

/// A verdict that changed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Change {
    /// The call.
    pub call: CallId,
    /// Its start.
    pub at: Timestamp,
    /// The new verdict.
    pub verdict: Verdict,
}

/// A call that is followed.
#[derive(Clone, Copy, Debug)]
struct Followed {
    at: Timestamp,
    address: u64,
    number: u64,
    print: u32,
    line: Option<LineKind>,
    is_trunk: bool,
}

/// Numbers, addresses and families, and the judgement of their clusters.
pub struct Senders {
    site: Site,
    numbers: LruTable<u64, Number, 2>,
    addresses: LruTable<u64, Address, 2>,
    families: LruTable<u64, Family, 1>,
    /// Serial number of the newest family.
    last_family: u32,
    calls: LruTable<u64, Followed, 1>,
    recordings: LruTable<u64, Recording, 1>,
    /// Addresses of all families that are not registered.
    all: Census,
    /// Families whose strangers are judged again at a time, with the waiting time.
    waiting: BTreeMap<(Timestamp, u64), Span>,
}

impl Default for Senders {
    fn default() -> Self {
        Self::new()
    }
}

impl Senders {
    /// No call was seen.
    #[must_use]
    pub fn new() -> Self {
        Self {
            site: Site::default(),
            numbers: LruTable::new(NUMBERS),
            addresses: LruTable::new(ADDRESSES),
            families: LruTable::new(FAMILIES),
            last_family: 0,
            calls: LruTable::new(CALLS),
            recordings: LruTable::new(RECORDINGS),
            all: Census::default(),
            waiting: BTreeMap::new(),
        }
    }

    /// Sets the number of registered accounts.
    pub const fn set_accounts(&mut self, accounts: u32) {
        self.site.set_accounts(accounts);
    }

    /// Takes a new call. Changed verdicts, also of other calls, go to `out`.
    pub fn begin(&mut self, call: &CallStart, out: &mut Vec<Change>) {
        if self.calls.slot(call.call.key()).is_some() {
            return;
        }
        self.site.advance(call.at);
        self.look_again(call.at, out);
        let key = call.place();
        self.make_room(call, key);
        let followed = Followed {
            at: call.at,
            address: key,
            number: call.number,
            print: call.print as u32,
            line: match call.access {
                CallerAccess::Registered => Some(LineKind::Registered),
                CallerAccess::Server => Some(LineKind::Server),
                CallerAccess::RegisteredLately | CallerAccess::Trunk | CallerAccess::Unknown => None,
            },
            is_trunk: call.access == CallerAccess::Trunk,
        };
        if let (_, Some(gone)) =
            self.calls.insert(call.call.key(), call.call.key(), followed, STRANGER, call.at)
        {
            self.forget_call(gone.key, &gone.value);
        }
        match call.access {
            CallerAccess::Registered | CallerAccess::Server => self.registered(call, key, out),
            _ => self.unregistered(call, key, out),
        }
        self.tell(call.call, key, out);
    }

    /// Takes a registration: the number is a line at the address from now on, and was one in its earlier calls.
    pub fn register(&mut self, number: u64, address: u64, at: Timestamp, out: &mut Vec<Change>) {
        let Some(of) = self.numbers.value(number) else { return };
        let is_new = |place: &&Place| place.host == address && !place.is_bonded;
        let places: Vec<u64> = of.places().iter().filter(is_new).map(|place| place.address).collect();
        for place in places {
            self.leave_census(place);
            if let Some(address) = self.addresses.value_mut(place) {
                address.is_registered = true;
            }
            self.bonded(place, number, at, out);
        }
    }

    /// Takes the end of a call.
    pub fn end(&mut self, end: &CallEnd, out: &mut Vec<Change>) {
        let Some(followed) = self.calls.value(end.call.key()).copied() else { return };
        let secs = end.talk_secs.unwrap_or(0);
        let is_answered = end.talk_secs.is_some();
        if followed.line.is_some() {
            self.site.ended(is_answered, secs);
        }
        let fate = match is_answered {
            false => Fate::Unanswered,
            true if secs < self.site.short_below() => Fate::Short,
            true => Fate::Talk,
        };
        let Some(address) = self.addresses.value_mut(followed.address) else { return };
        let family = address.family;
        let Some(recorded) = address.calls.iter_mut().rev().find(|of| of.call == end.call) else { return };
        if recorded.fate != Fate::Open {
            return;
        }
        (recorded.fate, recorded.secs, recorded.is_abandoned) = (fate, secs, end.is_abandoned());
        let number = recorded.number;
        // What was heard of the caller counts since it was heard.
        let of_end = Conduct { heard: 0, recorded: 0, ..of_fate(recorded) };
        address.sample.conduct.extend(&of_end);
        let counted_by = self.families.value_mut(family).filter(|family| family.counts(address));
        if let Some(family) = counted_by {
            family.sample.conduct.extend(&of_end);
        }
        let is_bonded = self
            .numbers
            .value(number)
            .and_then(|of| of.place(followed.address))
            .is_some_and(|place| place.is_bonded);
        if is_bonded && followed.line.is_none() {
            self.site.ended(is_answered, secs);
        }
        if followed.is_trunk || followed.line.is_some() {
            return;
        }
        self.evaluate(followed.address, end.at, out);
        self.tell(end.call, followed.address, out);
    }

    /// Takes what was heard of a caller.
    pub fn add_audio(&mut self, call: CallId, heard: CallerAudio, at: Timestamp, out: &mut Vec<Change>) {
        let Some(followed) = self.calls.value(call.key()).copied() else { return };
        let Some(address) = self.addresses.value_mut(followed.address) else { return };
        let Some(recorded) = address.calls.iter_mut().rev().find(|of| of.call == call) else { return };
        let conduct = |of: &Recorded| Conduct {
            heard: u32::from(of.is_heard),
            recorded: u32::from(of.recording.is_some()),
            ..Conduct::default()
        };
        let before = conduct(recorded);
        recorded.is_heard = true;
        if heard != CallerAudio::Speech {
            recorded.recording = heard.recording();
        }
        let now = conduct(recorded);
        address.sample.conduct.remove(&before);
        address.sample.conduct.extend(&now);
        if let Some(family) = self.families.value_mut(address.family)
            && family.counts(address)
        {
            family.sample.conduct.remove(&before);
            family.sample.conduct.extend(&now);
        }
        if let CallerAudio::Recording(recording) = heard
            && !followed.is_trunk
            && followed.line.is_none()
        {
            self.plays(followed.address, recording, at, out);
        }
    }

    /// The present verdict of a call; none for a call that is not followed.
    #[must_use]
    pub fn verdict(&self, call: CallId) -> Option<Verdict> {
        let followed = self.calls.value(call.key())?;
        let number = self.numbers.value(followed.number);
        if let Some(kind) = followed.line {
            return Some(of_line(number.map_or(1, |of| of.sessions), kind));
        }
        if followed.is_trunk {
            let place = number.and_then(|of| of.place(followed.address));
            return Some(match number.filter(|_| place.is_some_and(|place| place.is_bonded)) {
                Some(number) => of_line(number.sessions, LineKind::Returning),
                None => Verdict { cluster: Cluster::Trunk, ..nothing() },
            });
        }
        let address = self.addresses.value(followed.address)?;
        let kept = address.calls.iter().enumerate().rev().find(|(_, of)| of.call == call);
        Some(match kept {
            Some((place, recorded)) => {
                self.of_recorded(followed.address, address, recorded, address.calls.len() - place)
            }
            None => self.of_forgotten(call, followed, address),
        })
    }
}

fn count(sample: &mut Sample, call: &Recorded) {
    sample.conduct.calls += 1;
    sample.conduct.repeated_callees += u32::from(call.is_repeated_callee);
    sample.conduct.borrowed += u32::from(call.is_borrowed);
    // Proxies remove User-Agents. A missing one is no name.
    if call.agent != 0 {
        sample.products.add(u64::from(call.product));
        sample.agents.add(u64::from(call.agent));
    }
    sample.prints.add(u64::from(call.print));
}
