//! The habits of an account.

use std::net::IpAddr;

use bellwether_base::{CallId, Span, Timestamp};
use smallvec::SmallVec;

use crate::novelty::{KINDS, Novelty, SETTLED};
use crate::number::{Destination, Place};
use crate::rate::Rate;
use crate::settings::{DAY, HOUR};
use crate::toll::TollPool;
use crate::watch::Device;

const MAX_CONTACTS: usize = 64;
const MAX_COUNTRIES: usize = 12;
const MAX_ADDRESSES: usize = 4;
const MAX_INTEREST: usize = 16;
const MAX_UNDER_WAY: usize = 8;
const MAX_WAITING: usize = 64;

/// A shorter talk is a failed one.
const TALK: Span = Span::from_secs(60);

/// An interest in a country is new for this long.
const INTEREST: Span = Span::from_secs(7 * 86_400);

/// Calls, and time, after which a country is settled for an account.
const SETTLED_CALLS: u16 = 10;

/// An account with fewer calls, or younger than a day, is new.
const NEW_CALLS: u32 = 20;

/// Bins of calls at once: no other call under way, one, more.
pub(crate) const AT_ONCE: usize = 3;

/// Bins of pace: time since the call before.
pub(crate) const PACES: usize = 5;

/// The bin of a pause.
pub(crate) fn pace(pause: Span) -> usize {
    match pause.as_nanos() / 1_000_000_000 {
        ..15 => 0,
        15..120 => 1,
        120..600 => 2,
        600..3600 => 3,
        _ => 4,
    }
}

/// A number of a new interest.
#[derive(Clone, Copy, Debug)]
struct Interest {
    callee: u32,
    range: u32,
    /// End of the last talk.
    ended: Option<Timestamp>,
}

/// Calls to a country.
#[derive(Clone, Copy, Debug)]
struct Country {
    place: Place,
    calls: u16,
    first: Timestamp,
    last: Timestamp,
}

impl Country {
    fn is_settled(&self, at: Timestamp) -> bool {
        self.calls >= SETTLED_CALLS && at.since(self.first) >= DAY
    }
}

/// An address that calls of the account came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Address {
    pub(crate) address: IpAddr,
    pub(crate) first: Timestamp,
    pub(crate) last: Timestamp,
    pub(crate) calls: u16,
    /// The account registered there.
    pub(crate) is_registered: bool,
}

/// The relation of a call's source address to the account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CallPlace {
    /// Nobody knows where the account lives.
    Unknown,
    /// The account has lived there for a day or more.
    Own,
    /// The account came there today, and lives somewhere else.
    New {
        /// It called from there, or from another new place, before.
        has_arrived: bool,
    },
}

/// A call that has not ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnderWay {
    pub(crate) call: CallId,
    pub(crate) at: Timestamp,
    pub(crate) callee: u64,
    pub(crate) range: u64,
    pub(crate) source: IpAddr,
    pub(crate) is_abroad: bool,
    pub(crate) answered: Option<Timestamp>,
}

impl UnderWay {
    pub(crate) fn is_recent(&self, at: Timestamp) -> bool {
        at.since(self.at) < LONGEST_CALL
    }
}

/// A call is forgotten if its end is not seen within this time.
const LONGEST_CALL: Span = Span::from_secs(6 * 3600);

/// A call abroad that becomes the past a day later.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    at: Timestamp,
    call: CallId,
    kind: u8,
    callee: u32,
    /// Bin of the pause before it, and the bin of other calls abroad under way.
    pace: Option<u8>,
    at_once: u8,
}

/// An account: an address of record, or a caller's number.
#[derive(Debug)]
pub(crate) struct Account {
    /// Its name in reports.
    pub(crate) name: Box<str>,
    /// Time of the first registration or call, and of the first call.
    pub(crate) first: Timestamp,
    first_call: Option<Timestamp>,
    pub(crate) last: Timestamp,
    /// Time of the call before the last one.
    before: Option<Timestamp>,
    pub(crate) calls: u32,
    /// Calls abroad, today's too.
    abroad: u32,
    /// Calls of the past: at home, and abroad a day ago and more.
    pub(crate) past: u32,
    kinds: [f32; KINDS],
    contacts: SmallVec<[u32; 8]>,
    countries: SmallVec<[Country; 2]>,
    hours: [u8; 24],
    paces: [u16; PACES],
    pub(crate) addresses: SmallVec<[Address; 2]>,
    interest: SmallVec<[Interest; 2]>,
    pub(crate) under_way: SmallVec<[UnderWay; 2]>,
    waiting: SmallVec<[Waiting; 2]>,
    /// Calls abroad of the past by the other ones that were under way.
    at_once: [f32; AT_ONCE],
    pub(crate) moves: Rate,
    /// Share of calls to known contacts.
    pub(crate) familiar: Rate,
    pub(crate) last_abroad: Option<Timestamp>,
    /// The detectors of toll fraud, only after the first call abroad.
    pub(crate) toll: Option<Box<TollPool>>,
    /// Prior odds by a scan or by guessed passwords (as a logarithm), with the time.
    pub(crate) prior: Option<(f64, Timestamp)>,
    /// Calls abroad that it gave to the pools of several accounts, with the time of the first.
    pub(crate) pooled: (u8, Timestamp),
    /// Minutes abroad of the day: the day, risky and satellite minutes, money.
    pub(crate) spent: Spent,
}

/// The minutes and the money of an account on a day.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    pub(crate) day: i64,
    pub(crate) risky: f32,
    pub(crate) satellite: f32,
    pub(crate) money: f32,
    pub(crate) is_told: bool,
}

impl Account {
    pub(crate) fn new(name: &str, at: Timestamp) -> Self {
        Self {
            name: name.into(),
            first: at,
            first_call: None,
            last: at,
            before: None,
            calls: 0,
            abroad: 0,
            past: 0,
            kinds: [0.0; KINDS],
            contacts: SmallVec::new(),
            countries: SmallVec::new(),
            hours: [0; 24],
            paces: [0; PACES],
            addresses: SmallVec::new(),
            interest: SmallVec::new(),
            under_way: SmallVec::new(),
            waiting: SmallVec::new(),
            at_once: [0.0; AT_ONCE],
            moves: Rate::prior(0.02, 25.0),
            familiar: Rate::prior(0.5, 4.0),
            last_abroad: None,
            toll: None,
            prior: None,
            pooled: (0, Timestamp::MIN),
            spent: Spent::default(),
        }
    }

    /// True for an account whose habits are not known yet.
    pub(crate) fn is_new(&self, at: Timestamp) -> bool {
        self.calls < NEW_CALLS || at.since(self.first) < DAY
    }

    /// Calls abroad of a day ago become the past.
    pub(crate) fn mature(&mut self, at: Timestamp) {
        self.make_past(|waiting| at.since(waiting.at) >= DAY);
    }

    fn make_past(&mut self, is_due: impl Fn(&Waiting) -> bool) {
        let mut due: SmallVec<[Waiting; 4]> = SmallVec::new();
        self.waiting.retain(|waiting| {
            let is_due = is_due(waiting);
            if is_due {
                due.push(*waiting);
            }
            !is_due
        });
        for waiting in due {
            self.becomes_past(&waiting);
        }
    }

    /// A call abroad becomes the past.
    fn becomes_past(&mut self, call: &Waiting) {
        if let Some(count) = self.kinds.get_mut(usize::from(call.kind)) {
            *count += 1.0;
        }
        self.past = self.past.saturating_add(1);
        self.count_rhythm(call.at, call.pace.map(usize::from));
        if let Some(count) = self.at_once.get_mut(usize::from(call.at_once)) {
            *count += 1.0;
        }
        if self.at_once.iter().sum::<f32>() > 5_000.0 {
            self.at_once.iter_mut().for_each(|count| *count /= 2.0);
        }
        self.contact(call.callee);
        self.interest.retain(|known| known.callee != call.callee);
    }

    /// The bin of calls abroad that are under way.
    pub(crate) fn abroad_at_once(&self, at: Timestamp) -> usize {
        let abroad = self.under_way.iter().filter(|other| other.is_abroad && other.is_recent(at));
        abroad.count().min(AT_ONCE - 1)
    }

    /// The novelty of a destination for the account.
    pub(crate) fn novelty(
        &self,
        (callee, range): (u64, u64),
        destination: Destination,
        at: Timestamp,
    ) -> Novelty {
        let contact = callee as u32;
        if self.contacts.contains(&contact) {
            return Novelty::Known;
        }
        let Some(place) = destination.place() else { return Novelty::NewDomestic };
        let again = self.interest.iter().any(|known| known.callee == contact);
        let is_same_range = self.interest.iter().any(|known| known.range == range as u32 && range != 0);
        let (countries, calls) = self.new_interests(at);
        match self.countries.iter().find(|country| country.place == place) {
            Some(known) if known.is_settled(at) && !again => Novelty::Settled,
            Some(known) => {
                let is_today = at.since(known.first) < DAY;
                if again {
                    Novelty::Again { place, calls, is_today }
                } else {
                    Novelty::Interest { place, calls, countries, is_today, is_same_range }
                }
            }
            None => Novelty::NewCountry { place, countries },
        }
    }

    /// Time of the first call to a country.
    pub(crate) fn first_call_to(&self, place: Place) -> Option<Timestamp> {
        self.countries.iter().find(|country| country.place == place).map(|country| country.first)
    }

    /// Countries of new interests of the last week, and the calls there.
    fn new_interests(&self, at: Timestamp) -> (u16, u16) {
        let is_new = |country: &&Country| {
            at.since(country.first) < INTEREST
                && (country.calls < SETTLED_CALLS || at.since(country.first) < DAY)
        };
        let calls = self.countries.iter().filter(is_new).map(|country| country.calls);
        calls.fold((0, 0), |(countries, sum), calls| (countries + 1, u16::saturating_add(sum, calls)))
    }

    /// The share of calls abroad in the past, shrunk.
    pub(crate) fn foreign_share(&self) -> f64 {
        const WEIGHT: f64 = 10.0;
        let abroad: f32 = self.kinds.iter().skip(SETTLED).sum();
        let all: f32 = self.kinds.iter().sum();
        f64::from(abroad) / (f64::from(all) + WEIGHT)
    }

    /// The share of costly countries among its calls to new numbers abroad, shrunk to a prior.
    pub(crate) fn costly_share(&self, prior: f64) -> f64 {
        const WEIGHT: f64 = 10.0;
        let [.., plain, costly] = self.kinds.map(f64::from);
        (WEIGHT * prior + costly) / (WEIGHT + plain + costly)
    }

    /// The predicted share of calls abroad from all calls so far, today's too, with a Beta prior of a mean and a weight
    /// in calls. A trade that calls abroad makes many calls a day, so that an account with few is hardly one.
    pub(crate) fn share_abroad(&self, (mean, weight): (f64, f64), at: Timestamp) -> f64 {
        const CALLS_A_DAY: f64 = 15.0;
        const QUIET: f64 = 0.15;
        let days = self.first_call.map_or(0.0, |first| at.since(first).as_secs_f64() / DAY.as_secs_f64());
        let is_quiet = days >= 1.0 && f64::from(self.past) / days < CALLS_A_DAY;
        let share = (mean * weight + f64::from(self.abroad)) / (weight + f64::from(self.calls));
        if is_quiet { share * QUIET } else { share }
    }

    /// The probability of a kind of destination, from the past and the site's mix.
    pub(crate) fn past(&self, kind: usize, site: &[f64; KINDS]) -> f64 {
        const WEIGHT: f64 = 10.0;
        let all: f32 = self.kinds.iter().sum();
        let own = self.kinds.get(kind).copied().map_or(0.0, f64::from);
        let prior = site.get(kind).copied().unwrap_or_default();
        (own + WEIGHT * prior) / (f64::from(all) + WEIGHT)
    }

    /// The account's distribution of pace, shrunk to the site's. Today's calls abroad count if `with_today`.
    pub(crate) fn pace(&self, bin: usize, site: &[f64; PACES], with_today: bool) -> f64 {
        const WEIGHT: f64 = 15.0;
        let today =
            self.waiting.iter().filter(|_| with_today).filter_map(|waiting| waiting.pace.map(usize::from));
        shrunk(bin, &self.paces.map(f64::from), today, site, WEIGHT)
    }

    /// The account's distribution of other calls under way, shrunk to a prior of a weight in calls. Today's calls abroad
    /// count if `with_today`.
    pub(crate) fn at_once(
        &self,
        bin: usize,
        (prior, weight): (&[f64; AT_ONCE], f64),
        with_today: bool,
    ) -> f64 {
        let today = self.waiting.iter().filter(|_| with_today).map(|waiting| usize::from(waiting.at_once));
        shrunk(bin, &self.at_once.map(f64::from), today, prior, weight)
    }

    /// Half plus half of the uniform probability of the hour over the account's own, 3 at most.
    pub(crate) fn hour_factor(&self, at: Timestamp) -> f64 {
        let all: u32 = self.hours.iter().map(|n| u32::from(*n)).sum();
        if all < 20 {
            return 1.0;
        }
        let own = self.hours.get(at.hour_of_day()).copied().map_or(0.0, f64::from);
        let probability = (own + 0.5) / (f64::from(all) + 12.0);
        (0.5 + 0.5 / 24.0 / probability).min(3.0)
    }

    pub(crate) fn hours_used(&self) -> usize {
        self.hours.iter().filter(|n| **n > 0).count()
    }

    /// True while the account talks to a number.
    pub(crate) fn talks_to(&self, callee: u64, at: Timestamp) -> bool {
        self.under_way
            .iter()
            .any(|call| call.callee == callee && call.answered.is_some() && call.is_recent(at))
    }

    /// The number's last conversation in the present interest, if it was called before.
    pub(crate) fn last_talk(&self, callee: u64) -> Option<Option<Timestamp>> {
        self.interest.iter().find(|known| known.callee == callee as u32).map(|known| known.ended)
    }

    pub(crate) fn address(&self, address: IpAddr) -> Option<&Address> {
        self.addresses.iter().find(|known| known.address == address)
    }

    /// The relation of an address to the places where the account lives.
    pub(crate) fn place(&self, address: IpAddr, at: Timestamp) -> CallPlace {
        let is_fresh = |known: &Address| at.since(known.first) < DAY;
        if self.address(address).is_some_and(|known| !is_fresh(known)) {
            return CallPlace::Own;
        }
        let lives_elsewhere = self.addresses.iter().any(|other| {
            other.address != address
                && at.since(other.first) >= HOUR
                && (other.calls >= 3 || other.is_registered)
        });
        if !lives_elsewhere {
            return CallPlace::Unknown;
        }
        CallPlace::New { has_arrived: self.addresses.iter().any(|known| is_fresh(known) && known.calls > 0) }
    }

    /// Notes a registration from before the first call.
    pub(crate) fn registered_before(&mut self, device: &Device) {
        self.first = self.first.min(device.first);
        self.at_address(device.address, device.first, true);
        if let Some(known) = self.addresses.iter_mut().find(|known| known.address == device.address) {
            known.first = known.first.min(device.first);
            known.last = known.last.max(device.last);
        }
    }

    /// Notes an address of a call or of a registration.
    pub(crate) fn at_address(&mut self, address: IpAddr, at: Timestamp, is_registration: bool) {
        if let Some(known) = self.addresses.iter_mut().find(|known| known.address == address) {
            known.calls = known.calls.saturating_add(u16::from(!is_registration));
            known.is_registered |= is_registration;
            known.last = known.last.max(at);
            return;
        }
        if self.addresses.len() == MAX_ADDRESSES {
            let oldest =
                self.addresses.iter().enumerate().min_by_key(|(_, known)| (known.is_registered, known.last));
            if let Some((place, _)) = oldest {
                self.addresses.remove(place);
            }
        }
        let calls = u16::from(!is_registration);
        self.addresses.push(Address { address, first: at, last: at, calls, is_registered: is_registration });
    }

    /// Takes a call in, after it was judged.
    pub(crate) fn begin(&mut self, call: &UnderWay, novelty: Novelty, destination: Destination) {
        let at = call.at;
        let pace = (self.calls > 0).then(|| pace(at.since(self.last)));
        let at_once = self.abroad_at_once(at);
        self.first_call.get_or_insert(at);
        self.before = (self.calls > 0).then_some(self.last);
        self.calls = self.calls.saturating_add(1);
        self.last = self.last.max(at);
        let contact = call.callee as u32;
        match destination.place() {
            None => {
                self.past = self.past.saturating_add(1);
                self.count_rhythm(at, pace);
                self.kinds[novelty.kind().min(KINDS - 1)] += 1.0;
                self.contact(contact);
            }
            Some(place) => {
                self.abroad = self.abroad.saturating_add(1);
                // Somebody with so many calls abroad a day has them as a habit.
                if self.waiting.len() == MAX_WAITING {
                    let oldest = self.waiting.remove(0);
                    self.becomes_past(&oldest);
                }
                self.waiting.push(Waiting {
                    at,
                    call: call.call,
                    kind: novelty.kind() as u8,
                    callee: contact,
                    pace: pace.map(|bin| bin as u8),
                    at_once: at_once as u8,
                });
                if !matches!(novelty, Novelty::Known | Novelty::Settled)
                    && !self.interest.iter().any(|known| known.callee == contact)
                {
                    if self.interest.len() == MAX_INTEREST {
                        self.interest.remove(0);
                    }
                    self.interest.push(Interest { callee: contact, range: call.range as u32, ended: None });
                }
                self.called(place, at);
                self.last_abroad = Some(at);
            }
        }
        if self.kinds.iter().sum::<f32>() > 5_000.0 {
            self.kinds.iter_mut().for_each(|count| *count /= 2.0);
        }
        self.under_way.retain(|other| at.since(other.at) < LONGEST_CALL);
        if self.under_way.len() == MAX_UNDER_WAY {
            self.under_way.remove(0);
        }
        self.under_way.push(*call);
    }

    /// Counts the hour and the pace of a call of the past.
    fn count_rhythm(&mut self, at: Timestamp, pace: Option<usize>) {
        if let Some(count) = self.hours.get_mut(at.hour_of_day()) {
            *count += 1;
            if *count == u8::MAX {
                self.hours.iter_mut().for_each(|count| *count /= 2);
            }
        }
        if let Some(count) = pace.and_then(|pace| self.paces.get_mut(pace)) {
            *count = count.saturating_add(1);
            if self.paces.iter().map(|n| u32::from(*n)).sum::<u32>() > 10_000 {
                self.paces.iter_mut().for_each(|count| *count /= 2);
            }
        }
    }

    fn called(&mut self, place: Place, at: Timestamp) {
        if let Some(known) = self.countries.iter_mut().find(|country| country.place == place) {
            known.calls = known.calls.saturating_add(1);
            known.last = at;
            return;
        }
        if self.countries.len() == MAX_COUNTRIES {
            // A fraud that calls a dozen countries leaves the account the few that it always called.
            let settled = self.countries.iter().filter(|country| country.is_settled(at)).count();
            let stays = |country: &Country| settled <= MAX_COUNTRIES / 2 && country.is_settled(at);
            let oldest =
                self.countries.iter().enumerate().min_by_key(|(_, country)| (stays(country), country.last));
            if let Some((place, _)) = oldest {
                self.countries.remove(place);
            }
        }
        self.countries.push(Country { place, calls: 1, first: at, last: at });
    }

    fn contact(&mut self, contact: u32) {
        match self.contacts.iter().position(|known| *known == contact) {
            Some(place) => {
                self.contacts.remove(place);
            }
            None if self.contacts.len() == MAX_CONTACTS => {
                self.contacts.remove(0);
            }
            None => {}
        }
        self.contacts.push(contact);
    }

    /// True for a number that the account called before.
    pub(crate) fn has_called(&self, callee: u64) -> bool {
        let callee = callee as u32;
        self.contacts.contains(&callee) || self.interest.iter().any(|known| known.callee == callee)
    }

    pub(crate) fn contacts(&self) -> usize {
        self.contacts.len()
    }

    /// Calls of the past to places abroad.
    pub(crate) fn calls_abroad(&self) -> u32 {
        self.kinds.iter().skip(SETTLED).sum::<f32>() as u32
    }

    /// The pause before the latest call, if there was an earlier one.
    pub(crate) fn last_pause(&self, at: Timestamp) -> Option<Span> {
        self.before.map(|before| at.since(before))
    }

    pub(crate) fn answered(&mut self, call: CallId, at: Timestamp) {
        if let Some(known) = self.under_way.iter_mut().find(|known| known.call == call) {
            known.answered.get_or_insert(at);
        }
    }

    /// Ends a call, and notes the end of a conversation of an interest.
    pub(crate) fn end(&mut self, call: CallId, callee: u64, talked: Option<Span>, at: Timestamp) {
        self.under_way.retain(|known| known.call != call);
        // A fax that fails, and a wrong connection, are tried again.
        if talked.is_some_and(|talked| talked >= TALK)
            && let Some(known) = self.interest.iter_mut().find(|known| known.callee == callee as u32)
        {
            known.ended = Some(at);
        }
    }

    /// The calls abroad of the last day, and this one last.
    pub(crate) fn calls_of_today(&self, last: CallId) -> Vec<CallId> {
        let others = self.waiting.iter().map(|waiting| waiting.call).filter(|call| *call != last);
        others.chain([last]).collect()
    }

    /// Calls of an incident never become the past.
    pub(crate) fn forget(&mut self, call: CallId) {
        self.waiting.retain(|waiting| waiting.call != call);
    }

    /// A label says that the new habit is honest: its calls enter the past now.
    pub(crate) fn accept(&mut self) {
        self.make_past(|_| true);
        for country in &mut self.countries {
            country.first = Timestamp::MIN;
            country.calls = country.calls.max(SETTLED_CALLS);
        }
        self.toll = None;
        self.prior = None;
    }
}

/// The share of a bin among counts and further observations, shrunk to a prior of a weight.
fn shrunk<const N: usize>(
    bin: usize,
    counts: &[f64; N],
    further: impl Iterator<Item = usize> + Clone,
    prior: &[f64; N],
    weight: f64,
) -> f64 {
    let all = counts.iter().sum::<f64>() + further.clone().count() as f64;
    let own = counts.get(bin).copied().unwrap_or_default() + further.filter(|of| *of == bin).count() as f64;
    (own + weight * prior.get(bin).copied().unwrap_or_default()) / (all + weight)
}

/// The day.
pub(crate) const fn day(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(86_400_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NumberClass;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));
    const COSTLY: Destination = Destination::Abroad(Place { country: 252, class: NumberClass::Risky });

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_nanos(secs * 1_000_000_000)
    }

    fn calls(account: &mut Account, call: i64, at: Timestamp, destination: Destination) {
        let callee = 1_000 + call as u64;
        account.mature(at);
        let novelty = account.novelty((callee, 0), destination, at);
        let is_abroad = destination.is_abroad();
        let call = CallId::new(call);
        account.begin(
            &UnderWay { call, at, callee, range: 0, source: HERE, is_abroad, answered: None },
            novelty,
            destination,
        );
    }

    /// A fraud of today is no habit: neither its pace nor its hour nor its calls at once.
    #[test]
    fn calls_abroad_teach_the_rhythm_of_an_account_a_day_later() {
        let site = [0.2; PACES];
        let prior = (&[0.9, 0.05, 0.05], 10.0);
        let mut account = Account::new("sip:1@pbx.example", at(0));
        for call in 0..20 {
            calls(&mut account, call, at(call), COSTLY);
        }
        assert_eq!(account.pace(0, &site, false), 0.2);
        assert_eq!(account.at_once(2, prior, false), 0.05);
        assert_eq!(account.hours_used(), 0);
        // Somebody who calls abroad by trade is judged by today's calls, too.
        assert!(account.pace(0, &site, true) > 0.5 && account.at_once(2, prior, true) > 0.5);

        account.mature(at(2 * 86_400));
        assert!(account.pace(0, &site, false) > 0.5 && account.at_once(2, prior, false) > 0.5);
        assert_eq!(account.hours_used(), 1);
    }

    #[test]
    fn an_account_lives_where_it_registered_before_its_first_call() {
        let mut account = Account::new("sip:1@pbx.example", at(3 * 86_400));
        assert_eq!(account.place(THERE, at(3 * 86_400)), CallPlace::Unknown);
        account.registered_before(&Device { address: HERE, first: at(0), last: at(2 * 86_400) });
        assert_eq!(account.first, at(0));
        assert_eq!(account.place(HERE, at(3 * 86_400)), CallPlace::Own);
        assert_eq!(account.place(THERE, at(3 * 86_400)), CallPlace::New { has_arrived: false });
        account.at_address(THERE, at(3 * 86_400), false);
        assert_eq!(account.place(THERE, at(3 * 86_400 + 60)), CallPlace::New { has_arrived: true });
        // Somebody whose address changes on the way arrives once.
        let third = IpAddr::from([203, 0, 113, 5]);
        assert_eq!(account.place(third, at(3 * 86_400 + 90)), CallPlace::New { has_arrived: true });
    }

    /// A trade with two hundred calls abroad a day has a past, although few of them wait for a day.
    #[test]
    fn many_calls_a_day_become_the_past() {
        let site = [0.2; PACES];
        let mut account = Account::new("sip:1@pbx.example", at(0));
        for call in 0..600 {
            calls(&mut account, call, at(call * 400), COSTLY);
        }
        assert!(account.past >= 500, "{}", account.past);
        assert!(account.pace(2, &site, false) > 0.9);
        let one = (&[0.9, 0.05, 0.05], 10.0);
        assert!(account.share_abroad((0.25, 4.0), at(600 * 400)) > 0.9, "it is not quiet");
        assert!(account.at_once(2, one, false) > 0.9);
    }

    /// A fraud in a dozen countries does not make the account forget those that it always called.
    #[test]
    fn settled_countries_stay() {
        let country = |country| Destination::Abroad(Place { country, class: NumberClass::Plain });
        let mut account = Account::new("sip:1@pbx.example", at(0));
        for call in 0..20 {
            calls(&mut account, call, at(call * 10_000), country(66));
        }
        for call in 20..40 {
            calls(&mut account, call, at(200_000 + call), country(call as u16 + 300));
        }
        assert_eq!(account.novelty((5, 0), country(66), at(300_000)), Novelty::Settled);
    }
}
