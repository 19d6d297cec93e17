//! The records of numbers, addresses and platform families.

use std::collections::VecDeque;

use bellwether_base::{CallId, RecordingId, Span, Timestamp};
use smallvec::SmallVec;

use crate::conduct::{Callees, Conduct};
use crate::likelihood::log_odds;
use crate::model::{Fate, Posterior, Sample, Surroundings};

/// A session of a party ends after this time, and a pair of number and address that is seen again after it is
/// bonded.
pub(crate) const SESSION: Span = Span::from_secs(1800);

/// A number opens a session at a new address this long after its last session began.
pub(crate) const MOVES_AFTER: Span = Span::from_secs(300);

/// A number that returns to an address opens a session if the address changed its number so often meanwhile.
/// Robots use numbers in runs; call centres and PBXs interleave theirs.
pub(crate) const INTERLEAVED: u32 = 3;

/// A line that called within this time is in use at its address.
const IN_USE: Span = Span::from_secs(2 * 3600);

/// Addresses at which a number is followed.
const MAX_PLACES: usize = 8;

/// An address with more numbers is a gateway and leaves the census of addresses.
pub(crate) const MAX_NUMBERS: u32 = 2;

/// Consecutive evaluations that have to accuse a cluster before its calls are accused.
pub(crate) const STREAK: u8 = 3;

/// A caller's number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Number {
    pub(crate) session_at: Option<Timestamp>,
    /// Its last call that was not registered.
    pub(crate) last_at: Option<Timestamp>,
    pub(crate) sessions: u32,
    /// The family in whose census the number is; 0 for none.
    pub(crate) counted_in: u64,
    places: SmallVec<[Place; 1]>,
}

/// A number at an address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Key of the address on its family, and of the address alone.
    pub(crate) address: u64,
    pub(crate) host: u64,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    /// Changes of number that the address had made at the number's last call.
    pub(crate) changes: u32,
    pub(crate) is_bonded: bool,
}

impl Number {
    pub(crate) fn place_mut(&mut self, address: u64) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| place.address == address)
    }

    pub(crate) fn place(&self, address: u64) -> Option<&Place> {
        self.places.iter().find(|place| place.address == address)
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    /// The address of another host at which the number is a line that is in use.
    pub(crate) fn home_elsewhere(&self, host: u64, now: Timestamp) -> Option<u64> {
        let is_home =
            |place: &&Place| place.is_bonded && place.host != host && now.since(place.last) < IN_USE;
        self.places.iter().find(is_home).map(|place| place.address)
    }

    /// Notes the number at a new address. The oldest address without a bond is forgotten first.
    pub(crate) fn add_place(&mut self, place: Place) {
        if self.places.len() == MAX_PLACES {
            let oldest = self.places.iter().position(|place| !place.is_bonded).unwrap_or(0);
            self.places.remove(oldest);
        }
        self.places.push(place);
    }

    /// Opens a session if the last one is over. Returns true if it does.
    pub(crate) fn call(&mut self, at: Timestamp, is_interleaved: bool) -> bool {
        let is_new = is_interleaved || self.session_at.is_none_or(|began| at.since(began) > SESSION);
        if is_new {
            self.session_at = Some(at);
            self.sessions = self.sessions.saturating_add(1);
        }
        is_new
    }
}

/// A call of an address, as long as the sensor follows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recorded {
    pub(crate) call: CallId,
    pub(crate) at: Timestamp,
    pub(crate) number: u64,
    pub(crate) product: u32,
    pub(crate) agent: u32,
    pub(crate) print: u32,
    pub(crate) callee: u32,
    /// The block of numbers that the caller's number belongs to; 0 for none.
    pub(crate) block: u32,
    pub(crate) secs: u16,
    pub(crate) fate: Fate,
    pub(crate) is_heard: bool,
    /// The recording that it plays like other calls.
    pub(crate) recording: Option<RecordingId>,
    pub(crate) is_repeated_callee: bool,
    /// True if the caller had registered lately.
    pub(crate) is_young: bool,
    /// True if the caller gave up before the answer or right after it.
    pub(crate) is_abandoned: bool,
    /// True if the number was a line's in use at another address.
    pub(crate) is_borrowed: bool,
    /// Log odds and accusation at the last report; none before the first.
    pub(crate) told: Option<(f32, bool)>,
    pub(crate) is_told_as_notice: bool,
}

/// The judgement of a cluster, and when the next one is due.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) posterior: Option<Posterior>,
    /// Consecutive evaluations that accused.
    pub(crate) streak: u8,
    /// True from an accusation until the odds fall below even.
    pub(crate) is_accused: bool,
    /// Size of the cluster at the last evaluation that counted for the streak.
    counted_at: u32,
    events: u32,
    /// Log odds and accusation at the last report to all calls.
    told: Option<(f64, bool)>,
}

/// A cluster has grown by one part in this number between two evaluations that count.
const GROWTH: u32 = 15;

/// A change of the log odds of several addresses that is worth a report to all their calls.
const WORTH_TELLING_ALL: f64 = 0.2;

/// Log odds from which on a cluster is accused, those of [`crate::ACCUSED_FROM`], and below which it is acquitted.
const ACCUSED_FROM: f64 = 1.386_294_361_119_890_6;
const ACQUITTED_BELOW: f64 = 0.0;

impl Judgement {
    /// Counts an event. Returns true if the cluster of `size` calls has changed enough for an evaluation.
    pub(crate) fn is_due(&mut self, size: u32) -> bool {
        self.events += 1;
        self.events > size / 7
    }

    /// Takes the evaluation of a cluster of `size` calls. It counts for the streak if the cluster has grown since.
    pub(crate) fn set(&mut self, posterior: Posterior, size: u32) {
        self.set_after(posterior, size, self.counted_at / GROWTH);
    }

    /// Takes an evaluation that counts for the streak after `growth` more calls.
    pub(crate) fn set_after(&mut self, posterior: Posterior, size: u32, growth: u32) {
        self.take(posterior, size, size > self.counted_at + growth);
    }

    /// Takes an evaluation of a cluster that did not grow, a while after the last one.
    pub(crate) fn set_later(&mut self, posterior: Posterior) {
        self.take(posterior, self.counted_at, true);
    }

    fn take(&mut self, posterior: Posterior, size: u32, counts: bool) {
        self.events = 0;
        if posterior.log_odds < ACCUSED_FROM || posterior.is_too_early() {
            (self.streak, self.counted_at) = (0, size);
        } else if counts {
            (self.streak, self.counted_at) = (self.streak.saturating_add(1), size);
        }
        self.is_accused = self.streak >= STREAK || (self.is_accused && posterior.log_odds >= ACQUITTED_BELOW);
        self.posterior = Some(posterior);
    }

    /// Calls of the cluster at the last evaluation that counted for the streak.
    pub(crate) const fn calls(&self) -> u32 {
        self.counted_at
    }

    /// True if the judgement differs enough from the last report to all calls of the cluster, which this is.
    pub(crate) fn is_news(&mut self) -> bool {
        let Some(posterior) = &self.posterior else { return false };
        let now = (posterior.log_odds, self.is_accused);
        let is_news =
            self.told.is_none_or(|(odds, was)| (odds - now.0).abs() >= WORTH_TELLING_ALL || was != now.1);
        if is_news {
            self.told = Some(now);
        }
        is_news
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// An address on one platform family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Address {
    pub(crate) family: u64,
    /// First call, and the site's sessions then.
    pub(crate) first: Option<Timestamp>,
    pub(crate) first_sessions: u32,
    pub(crate) session_at: Option<Timestamp>,
    pub(crate) sessions: u32,
    pub(crate) last_number: u64,
    /// Changes of number from call to call.
    pub(crate) changes: u32,
    /// Distinct numbers, and the first ones of them.
    pub(crate) numbers: u32,
    pub(crate) first_numbers: SmallVec<[u64; 2]>,
    pub(crate) bonds: u32,
    pub(crate) is_registered: bool,
    pub(crate) is_trunk: bool,
    /// The family that counts its calls among those of its strangers: see [`Family::serial`]. 0 for an address that is no
    /// stranger.
    pub(crate) counted_by: u32,
    /// True while its family lists it: see [`Family::strangers`].
    pub(crate) is_listed: bool,
    /// Calls to a callee that a stranger of the family called before.
    pub(crate) repeated_in_family: u32,
    pub(crate) is_suspect: bool,
    pub(crate) is_small: bool,
    pub(crate) is_good: bool,
    pub(crate) sample: Sample,
    pub(crate) callees: Callees,
    pub(crate) calls: VecDeque<Recorded>,
    pub(crate) judgement: Judgement,
    /// True for a sender of notices to many people under numbers that come back.
    pub(crate) is_notifying: bool,
    /// The recording to which it belongs with all its calls.
    pub(crate) recording: Option<RecordingId>,
    /// Judgements of the last 60 and the last 200 calls.
    pub(crate) recent: [Judgement; 2],
    /// Blocks of the numbers that are lines here.
    pub(crate) own_blocks: SmallVec<[u32; 2]>,
    /// The judgement of the calls under other numbers, if the address has lines of its own.
    pub(crate) guests: Judgement,
}

/// Blocks of own numbers that an address keeps.
const MAX_BLOCKS: usize = 32;

/// Calls from which on an address may be a sender of notices.
const FEWEST_NOTICES: u32 = 20;

/// Heard calls, and answered ones, that say how the people react.
const FEWEST_HEARD: u32 = 5;

impl Address {
    /// Notes the block of a number that is a line here.
    pub(crate) fn owns_block(&mut self, block: u32) {
        if block != 0 && !self.own_blocks.contains(&block) && self.own_blocks.len() < MAX_BLOCKS {
            self.own_blocks.push(block);
        }
    }

    /// True while it is one of the strangers of its family.
    pub(crate) const fn is_stranger(&self) -> bool {
        self.counted_by != 0
    }

    /// Its part in the conduct of its family's strangers. The family compares callees over all addresses.
    pub(crate) fn conduct_in_family(&self) -> Conduct {
        Conduct { repeated_callees: self.repeated_in_family, ..self.sample.conduct }
    }

    /// True for a call under a number of the address's own blocks.
    pub(crate) fn is_own(&self, call: &Recorded) -> bool {
        self.own_blocks.contains(&call.block)
    }

    /// True for an address that calls many people once each, plays recordings to them or talks shortly, and is no
    /// campaign: its numbers come back, or its conduct is ordinary.
    pub(crate) fn notifies(&self) -> bool {
        let Some(posterior) = &self.judgement.posterior else { return false };
        let of = &self.sample.conduct;
        let is_mass = of.calls > FEWEST_NOTICES && of.repeated_callees * 5 < of.calls;
        let plays = of.heard >= FEWEST_HEARD && of.recorded * 2 >= of.heard;
        let is_brief = of.answered >= FEWEST_HEARD && of.short * 10 >= of.answered * 6;
        let is_honest = posterior.log_odds < log_odds(0.1)
            || (posterior.log_odds < log_odds(0.8) && posterior.share_thrown < 0.2);
        is_mass && (plays || is_brief) && is_honest
    }
}

/// A platform family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Family {
    pub(crate) first: Option<Timestamp>,
    pub(crate) first_sessions: u32,
    /// Differs from that of a record of the same family that left the table. Never 0.
    pub(crate) serial: u32,
    /// The whole family's censuses, and the conduct and names of its strangers.
    pub(crate) sample: Sample,
    pub(crate) callees: Callees,
    /// True if its strangers are judged again at some time.
    pub(crate) is_waiting: bool,
    /// Keys of the strangers, addresses with one session, that were listed last. The calls of all strangers count. Those of
    /// the listed ones are told when the judgement changes.
    pub(crate) strangers: VecDeque<u64>,
    pub(crate) judgement: Judgement,
    /// Keys of suspect addresses, which may be one sender.
    pub(crate) suspects: Vec<u64>,
    pub(crate) gang: Judgement,
    /// Keys of addresses with several numbers and too few calls for a judgement of their own.
    pub(crate) small: Vec<u64>,
    pub(crate) crowd: Judgement,
    /// Addresses that are bonded, or judged as honest.
    pub(crate) good: u32,
    /// Registered addresses, and those that show more than three numbers.
    pub(crate) phones: u32,
    pub(crate) phones_of_many: u32,
}

impl Family {
    /// True if the calls of a stranger are among those that the family counts.
    pub(crate) const fn counts(&self, address: &Address) -> bool {
        address.counted_by == self.serial
    }

    /// Makes an address that is not listed a stranger, and lists it. Its calls so far count among those of the strangers.
    pub(crate) fn admit(&mut self, key: u64, address: &mut Address) {
        address.is_listed = true;
        self.strangers.push_back(key);
        if !self.counts(address) {
            address.counted_by = self.serial;
            self.sample.add_calls(&address.conduct_in_family(), &address.sample);
        }
    }

    /// Undoes [`Self::admit`], for the calls since then, too.
    pub(crate) fn expel(&mut self, key: u64, address: &mut Address) {
        self.unlist(key, address);
        if self.counts(address) {
            self.sample.remove_calls(&address.conduct_in_family(), &address.sample);
        }
        address.counted_by = 0;
    }

    /// Takes a stranger from the list.
    pub(crate) fn unlist(&mut self, key: u64, address: &mut Address) {
        if !std::mem::replace(&mut address.is_listed, false) {
            return;
        }
        if self.strangers.front() == Some(&key) {
            self.strangers.pop_front();
        } else {
            self.strangers.retain(|of| *of != key);
        }
    }

    /// What the family's registered phones say about its other addresses.
    pub(crate) fn surroundings(&self) -> Surroundings {
        Surroundings { phones: self.phones, phones_of_many: self.phones_of_many, ..Surroundings::default() }
    }
}

/// A recording that several calls play.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    pub(crate) first: Option<Timestamp>,
    pub(crate) first_sessions: u32,
    /// Keys of the addresses that play it.
    pub(crate) addresses: Vec<u64>,
    pub(crate) judgement: Judgement,
    /// Addresses that belong to it with all their calls, at the last evaluation.
    pub(crate) members: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_nanos(minutes * 60_000_000_000)
    }

    #[test]
    fn a_number_opens_a_session_after_half_an_hour_or_among_others() {
        let mut number = Number::default();
        let opened = [(0, false), (10, false), (31, false), (32, true), (40, false)];
        let opened: Vec<bool> = opened.iter().map(|(m, among)| number.call(at(*m), *among)).collect();
        assert_eq!(opened, [true, false, true, true, false]);
        assert_eq!(number.sessions, 3);
    }

    #[test]
    fn bonded_addresses_stay_while_others_are_forgotten() {
        let mut number = Number::default();
        for address in 0..20 {
            number.add_place(Place {
                address,
                host: address,
                first: at(0),
                last: at(0),
                changes: 0,
                is_bonded: address == 0,
            });
        }
        assert!(number.place(0).is_some() && number.place(19).is_some() && number.place(1).is_none());
        assert_eq!(number.places().len(), MAX_PLACES);
    }

    #[test]
    fn a_cluster_is_accused_after_three_evaluations_and_acquitted_below_even_odds() {
        let odds = |log_odds| Posterior { log_odds, ..Posterior::default() };
        let mut judgement = Judgement::default();
        let mut told = Vec::new();
        for (size, log_odds) in (30..).step_by(3).zip([2.0, 2.0, 1.0, 2.0, 2.0, 2.0, 0.5, -0.1]) {
            judgement.set(odds(log_odds), size);
            told.push(judgement.is_accused);
        }
        assert_eq!(told, [false, false, false, false, false, true, true, false]);
    }

    #[test]
    fn evaluations_become_rarer_as_a_cluster_grows() {
        let count = |size: u32| {
            let mut judgement = Judgement::default();
            (1..).find(|_| judgement.is_due(size)).unwrap_or(0)
        };
        assert_eq!([1, 6, 7, 1000].map(count), [1, 1, 2, 143]);
    }
}
