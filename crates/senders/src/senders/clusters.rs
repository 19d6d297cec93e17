//! The evaluation of clusters: strangers, addresses, and several addresses together.

use std::borrow::Borrow;

use bellwether_base::{RecordingId, Span, Timestamp};

use super::{
    Change, ENOUGH_CALLS, FEWEST_CALLS, FEWEST_LINES, FEWEST_OWN_CALLS, FEWEST_STRANGERS, HEARD_OF_LATE,
    LOOKS_AGAIN, LOOKS_AGAIN_AT_MOST, MANY_PLAYING, MAX_LISTED, MAX_PLAYING, MAX_SUSPECTS, MORE_GUESTS,
    PAST_CALLS, STRANGER, Senders, WINDOWS, count,
};
use crate::conduct::{Callees, Conduct};
use crate::likelihood::log_odds;
use crate::model::{self, Expectation, Fate, Past, Posterior, Sample, Surroundings};
use crate::parties::{Address, Family, Judgement, Recorded, Recording, SESSION};

impl Senders {
    pub(super) fn expectation(&self, first: Option<Timestamp>, sessions: u32, now: Timestamp) -> Expectation {
        Expectation {
            sessions: self.site.expected_sessions(first.unwrap_or(now), sessions, &self.all, now),
            answers: self.site.answers(),
        }
    }

    /// Evaluates the clusters of an address that have changed enough.
    pub(super) fn evaluate(&mut self, key: u64, now: Timestamp, out: &mut Vec<Change>) {
        let Some(address) = self.addresses.value(key) else { return };
        let family = address.family;
        if address.is_stranger() {
            self.evaluate_strangers(family, now, out);
        }
        self.evaluate_address(key, now, out);
        self.evaluate_gang(family, now, out);
        self.evaluate_crowd(family, now, out);
    }

    pub(super) fn evaluate_strangers(&mut self, family: u64, now: Timestamp, out: &mut Vec<Change>) {
        let Some(of_family) = self.families.value_mut(family) else { return };
        let size = of_family.sample.conduct.calls;
        if of_family.sample.addresses.once() < FEWEST_STRANGERS || !of_family.judgement.is_due(size) {
            return;
        }
        let Some(posterior) = self.posterior_of_strangers(family, now) else { return };
        let Some(of_family) = self.families.value_mut(family) else { return };
        of_family.judgement.set(posterior, size);
        self.wait(family, now, LOOKS_AGAIN);
        self.tell_strangers(family, out);
    }

    fn posterior_of_strangers(&self, family: u64, now: Timestamp) -> Option<Posterior> {
        let of_family = self.families.value(family)?;
        let expected = self.expectation(of_family.first, of_family.first_sessions, now);
        let share = self.site.share_of_returns(of_family.first.unwrap_or(now), &self.all, now);
        let expected = Expectation { sessions: expected.sessions * share, ..expected };
        let sample = &of_family.sample;
        let conduct =
            if share < 1.0 { sample.conduct.with_calls_under_way(expected.answers) } else { sample.conduct };
        Some(model::strangers(sample, &conduct, expected))
    }

    /// Judges the strangers of families again whose time has come. A burst of calls may be over before its addresses
    /// had the time to come back.
    pub(super) fn look_again(&mut self, now: Timestamp, out: &mut Vec<Change>) {
        while let Some(((due, family), waited)) = self.waiting.first_key_value().map(|(k, v)| (*k, *v)) {
            if due > now {
                return;
            }
            self.waiting.pop_first();
            if let Some(of_family) = self.families.value_mut(family) {
                of_family.is_waiting = false;
            }
            let Some(posterior) = self.posterior_of_strangers(family, now) else { continue };
            let Some(of_family) = self.families.value_mut(family) else { continue };
            of_family.judgement.set_later(posterior);
            self.wait(family, now, (waited + waited).min(LOOKS_AGAIN_AT_MOST));
            self.tell_strangers(family, out);
        }
    }

    /// Has the strangers of a family judged again later, if they may be a campaign and do not stand accused.
    fn wait(&mut self, family: u64, now: Timestamp, time: Span) {
        let Some(of_family) = self.families.value_mut(family) else { return };
        let judgement = &of_family.judgement;
        let is_undecided =
            !judgement.is_accused && judgement.posterior.is_some_and(|of| of.log_odds > log_odds(0.1));
        if is_undecided && !of_family.is_waiting && self.waiting.len() < MAX_LISTED {
            of_family.is_waiting = true;
            self.waiting.insert((now + time, family), time);
        }
    }

    fn tell_strangers(&mut self, family: u64, out: &mut Vec<Change>) {
        let Some(of_family) = self.families.value(family) else { return };
        let members: Vec<u64> = of_family.strangers.iter().copied().collect();
        self.tell_addresses(&members, out);
    }

    pub(super) fn evaluate_address(&mut self, key: u64, now: Timestamp, out: &mut Vec<Change>) {
        let Some(address) = self.addresses.value_mut(key) else { return };
        let size = address.sample.conduct.calls;
        if size < FEWEST_CALLS || !address.judgement.is_due(size.min(WINDOWS[0] as u32)) {
            return self.place_small(key);
        }
        let (first, sessions, family) = (address.first, address.first_sessions, address.family);
        let expected = self.expectation(first, sessions, now);
        let around = self.families.value(family).map_or_else(Surroundings::default, Family::surroundings);
        let Some(address) = self.addresses.value_mut(key) else { return };
        let posterior = model::address(&address.sample, expected, &around);
        address.judgement.set(posterior, size);
        address.is_notifying = address.notifies();
        self.evaluate_windows(key, expected, &around);
        self.evaluate_guests(key, expected, now);
        self.sort(key);
        self.place_small(key);
        self.tell_addresses(&[key], out);
    }

    /// Notes that an address plays a recording, and judges the recording if that is due.
    pub(super) fn plays(&mut self, key: u64, recording: RecordingId, now: Timestamp, out: &mut Vec<Change>) {
        let id = recording.key();
        let slot = match self.recordings.slot(id) {
            Some(slot) => slot,
            None => {
                let new = Recording {
                    first: Some(now),
                    first_sessions: self.site.sessions(),
                    ..Recording::default()
                };
                self.recordings.insert(id, id, new, STRANGER, now).0
            }
        };
        self.recordings.mark_used(slot);
        let Some((_, of)) = self.recordings.get_mut(slot) else { return };
        if !of.addresses.contains(&key) {
            if of.addresses.len() == MAX_PLAYING {
                of.addresses.remove(0);
            }
            of.addresses.push(key);
        }
        let size = of.addresses.len() as u32;
        if of.addresses.len() < FEWEST_STRANGERS as usize || !of.judgement.is_due(size) {
            return;
        }
        let (first, sessions, addresses) = (of.first, of.first_sessions, of.addresses.clone());
        let expected = self.expectation(first, sessions, now);
        let members: Vec<u64> =
            addresses.into_iter().filter(|key| self.belongs_to_recording(*key, recording)).collect();
        let since = first.unwrap_or(now);
        let mut together = Sample::default();
        let mut callees = Callees::default();
        for address in members.iter().filter_map(|key| self.addresses.value(*key)) {
            self.add_since(address, since, &mut together, &mut callees);
        }
        let left = self.recordings.get_mut(slot).map(|(_, of)| {
            if members.len() < FEWEST_STRANGERS as usize {
                of.judgement.clear();
            } else {
                let mut posterior = model::recording(&together, members.len(), expected);
                // One recording from many addresses needs no time to speak.
                if members.len() >= MANY_PLAYING {
                    posterior.missing_returns = None;
                }
                of.judgement.set(posterior, together.conduct.calls);
            }
            std::mem::replace(&mut of.members, members.clone())
        });
        for key in left.unwrap_or_default() {
            self.set_recording(key, None);
        }
        members.iter().for_each(|key| self.set_recording(*key, Some(recording)));
        self.tell_addresses(&members, out);
    }

    fn set_recording(&mut self, key: u64, recording: Option<RecordingId>) {
        if let Some(address) = self.addresses.value_mut(key) {
            address.recording = recording;
        }
    }

    /// True for an address with several numbers, or in its first session, most of whose heard calls play recordings of
    /// late, this one among them. A robocaller may have several.
    fn belongs_to_recording(&self, key: u64, recording: RecordingId) -> bool {
        let Some(address) = self.addresses.value(key) else { return false };
        let heard = || address.calls.iter().rev().filter(|of| of.is_heard).take(HEARD_OF_LATE);
        let is_playing = heard().any(|of| of.recording == Some(recording));
        let plays = heard().filter(|of| of.recording.is_some()).count();
        let is_sender = (address.numbers >= 2 || address.is_stranger()) && !address.is_registered;
        is_sender && is_playing && plays * 10 >= heard().count() * 7
    }

    /// Adds the calls of an address since a time.
    fn add_since(&self, address: &Address, since: Timestamp, sample: &mut Sample, callees: &mut Callees) {
        let since = since - SESSION;
        let calls = address.calls.iter().rev().take_while(|of| of.at >= since);
        // A receiver is called by many addresses, each of which calls it once.
        let calls = calls.map(|of| Recorded { is_repeated_callee: callees.add(u64::from(of.callee)), ..*of });
        sample.extend(&self.sample_of(calls));
    }

    /// Counts calls, and the numbers behind them.
    fn sample_of<C: Borrow<Recorded>>(&self, calls: impl Iterator<Item = C>) -> Sample {
        let mut sample = Sample::default();
        let mut seen: Vec<u64> = Vec::new();
        for of in calls {
            let of = of.borrow();
            count(&mut sample, of);
            sample.conduct.extend(&of_fate(of));
            if !seen.contains(&of.number) {
                seen.push(of.number);
                sample.numbers.add(self.numbers.value(of.number).map_or(1, |number| number.sessions));
            }
        }
        sample
    }

    /// Looks for a change of conduct in the last calls of an address with a past.
    pub(super) fn evaluate_windows(&mut self, key: u64, expected: Expectation, around: &Surroundings) {
        let Some(address) = self.addresses.value(key) else { return };
        let mut found: [Option<Posterior>; 2] = [None; 2];
        for (found, window) in found.iter_mut().zip(WINDOWS) {
            let calls = address.sample.conduct.calls;
            if address.calls.len() < window || calls < window as u32 + PAST_CALLS {
                continue;
            }
            let recent = self.sample_of(address.calls.iter().rev().take(window));
            let mut past = address.sample.conduct;
            past.remove(&recent.conduct);
            let numbers = &address.sample.numbers;
            let past_once = numbers.once().saturating_sub(recent.numbers.once());
            let past_numbers = numbers.parties().saturating_sub(recent.numbers.once());
            let around = Surroundings {
                past: Some(Past::from(&past)),
                past_is_stable: past_once * 100 < past_numbers * 15,
                ..*around
            };
            let mut posterior = model::address(&recent, expected, &around);
            // Two windows share the prior.
            posterior.log_odds -= std::f64::consts::LN_2;
            posterior.terms.prior -= std::f64::consts::LN_2;
            *found = Some(posterior);
        }
        let Some(address) = self.addresses.value_mut(key) else { return };
        let size = address.sample.conduct.calls;
        for ((judgement, found), window) in address.recent.iter_mut().zip(found).zip(WINDOWS) {
            match found {
                // Evaluations of one window share most of its calls.
                Some(posterior) => judgement.set_after(posterior, size, window as u32 / 4),
                None => judgement.clear(),
            }
        }
    }

    /// Judges the calls of an address with lines of its own that show numbers of other blocks. A hacked telephone system
    /// relays the calls of somebody else.
    fn evaluate_guests(&mut self, key: u64, expected: Expectation, now: Timestamp) {
        let Some(address) = self.addresses.value(key).filter(|of| of.bonds >= FEWEST_LINES) else { return };
        let (guests, own): (Vec<&Recorded>, Vec<&Recorded>) =
            address.calls.iter().partition(|of| self.is_guest(key, address, of));
        let found = guests.first().map(|first| first.at).and_then(|first| {
            let (own, guests) = (self.sample_of(own.into_iter()), self.sample_of(guests.into_iter()));
            let is_enough = own.conduct.ended >= FEWEST_OWN_CALLS && guests.conduct.calls >= ENOUGH_CALLS;
            let all = now.since(address.first.unwrap_or(now)).as_secs_f64().max(1.0);
            let share = now.since(first).as_secs_f64() / all;
            let expected = Expectation { sessions: (expected.sessions * share).max(0.02), ..expected };
            let lines = Past::from(&own.conduct);
            is_enough.then(|| (model::guests(&guests, expected, lines), guests.conduct.calls))
        });
        let Some(address) = self.addresses.value_mut(key) else { return };
        match found {
            // A company's first calls for a new client look like it, too.
            Some((posterior, calls)) => address.guests.set_after(posterior, calls, MORE_GUESTS),
            None => address.guests.clear(),
        }
    }

    /// True for a call through an address with lines of its own that is none of theirs.
    pub(super) fn is_guest(&self, key: u64, address: &Address, call: &Recorded) -> bool {
        let is_line =
            || self.numbers.value(call.number).and_then(|of| of.place(key)).is_some_and(|of| of.is_bonded);
        address.bonds >= FEWEST_LINES && !address.is_own(call) && !is_line()
    }

    /// Notes whether an address is suspect, or speaks for its family.
    pub(super) fn sort(&mut self, key: u64) {
        let Some(address) = self.addresses.value_mut(key) else { return };
        let size = address.sample.conduct.calls;
        let odds = address.judgement.posterior.map_or(f64::NEG_INFINITY, |of| of.log_odds);
        let is_suspect = size >= ENOUGH_CALLS && odds >= log_odds(0.3);
        let is_good = address.bonds > 0 || odds < log_odds(0.1);
        let was = (address.is_suspect, address.is_good);
        (address.is_suspect, address.is_good) = (is_suspect, is_good);
        let Some(family) = self.families.value_mut(address.family) else { return };
        match (was.1, is_good) {
            (false, true) => family.good += 1,
            (true, false) => family.good = family.good.saturating_sub(1),
            _ => {}
        }
        match (was.0, is_suspect) {
            (false, true) if family.suspects.len() < MAX_SUSPECTS => family.suspects.push(key),
            (true, false) => family.suspects.retain(|of| *of != key),
            _ => {}
        }
    }

    /// Notes whether an address has several numbers and too few calls for a judgement of its own.
    pub(super) fn place_small(&mut self, key: u64) {
        let Some(address) = self.addresses.value_mut(key) else { return };
        let is_small =
            address.numbers >= 2 && address.sample.conduct.calls < ENOUGH_CALLS && address.bonds == 0;
        if std::mem::replace(&mut address.is_small, is_small) == is_small {
            return;
        }
        let Some(family) = self.families.value_mut(address.family) else { return };
        if is_small {
            if family.small.len() == MAX_LISTED {
                family.small.remove(0);
            }
            family.small.push(key);
        } else {
            family.small.retain(|of| *of != key);
        }
    }

    pub(super) fn evaluate_gang(&mut self, family: u64, now: Timestamp, out: &mut Vec<Change>) {
        let Some(of_family) = self.families.value_mut(family) else { return };
        if of_family.suspects.len() < 2 {
            of_family.gang.clear();
            return;
        }
        let size = of_family.suspects.len() as u32 * ENOUGH_CALLS;
        if of_family.gang.is_due(size) {
            let members = of_family.suspects.clone();
            self.evaluate_together(family, &members, now, |family| &mut family.gang);
            let is_news = self.families.value_mut(family).is_some_and(|of| of.gang.is_news());
            if !is_news {
                return;
            }
            self.tell_addresses(&members, out);
            let small = self.families.value(family).map(|of| of.small.clone()).unwrap_or_default();
            self.tell_addresses(&small, out);
        }
    }

    pub(super) fn evaluate_crowd(&mut self, family: u64, now: Timestamp, out: &mut Vec<Change>) {
        let Some(of_family) = self.families.value_mut(family) else { return };
        if of_family.small.len() < FEWEST_STRANGERS as usize {
            of_family.crowd.clear();
            return;
        }
        let size = of_family.small.len() as u32 * FEWEST_CALLS;
        if of_family.crowd.is_due(size) {
            let members = of_family.small.clone();
            self.evaluate_together(family, &members, now, |family| &mut family.crowd);
            if self.families.value_mut(family).is_some_and(|of| of.crowd.is_news()) {
                self.tell_addresses(&members, out);
            }
        }
    }

    /// Judges several addresses of a family as one sender.
    pub(super) fn evaluate_together(
        &mut self,
        family: u64,
        members: &[u64],
        now: Timestamp,
        judgement: impl Fn(&mut Family) -> &mut Judgement,
    ) {
        let Some(of_family) = self.families.value(family) else { return };
        let (first, sessions, around) = (of_family.first, of_family.first_sessions, of_family.surroundings());
        let mut together = Sample::default();
        for address in members.iter().filter_map(|key| self.addresses.value(*key)) {
            together.extend(&address.sample);
        }
        let expected = self.expectation(first, sessions, now);
        let posterior = model::address(&together, expected, &around);
        if let Some(of_family) = self.families.value_mut(family) {
            judgement(of_family).set(posterior, together.conduct.calls);
        }
    }
}

/// The counts of a call without its callee.
pub(super) fn of_fate(call: &Recorded) -> Conduct {
    Conduct {
        ended: u32::from(call.fate != Fate::Open),
        answered: u32::from(matches!(call.fate, Fate::Short | Fate::Talk)),
        short: u32::from(call.fate == Fate::Short),
        abandoned: u32::from(call.is_abandoned),
        heard: u32::from(call.is_heard),
        recorded: u32::from(call.recording.is_some()),
        ..Conduct::default()
    }
}
