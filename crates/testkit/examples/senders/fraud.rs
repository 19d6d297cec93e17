//! Fraudulent senders, which throw identities away.

use std::ops::{Range, RangeInclusive};

use crate::kinds::Kind;
use crate::site::{Caller, Conduct, MINUTE, Platform, Site};

pub(crate) const KINDS: &[Kind] = &[
    Kind::fraud("own_platform", own_platform),
    Kind::fraud("three_own_platforms", three_own_platforms),
    Kind::fraud("copied_platform", copied_platform),
    Kind::fraud("slow_own_platform", slow_own_platform).for_hours(SLOW_HOURS),
    Kind::fraud("slow_copied_platform", slow_copied_platform).for_hours(SLOW_HOURS),
    Kind::fraud("fast_own_platform", fast_own_platform),
    Kind::fraud("calls_that_only_ring", calls_that_only_ring),
    Kind::fraud("pings_for_live_numbers", pings_for_live_numbers),
    Kind::fraud("people_at_sixty_addresses", people_at_sixty_addresses),
    Kind::fraud("calls_that_are_answered", calls_that_are_answered),
    Kind::fraud("new_numbers_at_few_addresses", new_numbers_at_few_addresses),
    Kind::fraud("runs_of_numbers_at_few_addresses", runs_of_numbers_at_few_addresses),
    Kind::fraud("two_numbers_per_address", two_numbers_per_address),
    Kind::fraud("two_addresses_per_number", two_addresses_per_number),
    Kind::fraud("identities_used_twice", identities_used_twice),
    Kind::fraud("numbers_used_twice", numbers_used_twice),
    Kind::fraud("flood", flood),
    Kind::fraud("flood_from_64_addresses", flood_from_64_addresses),
    Kind::fraud("flood_with_names_from_64_addresses", flood_with_names_from_64_addresses),
    Kind::fraud("flood_of_one_caller", flood_of_one_caller),
    Kind::fraud("flood_with_two_numbers_per_address", flood_with_two_numbers_per_address),
];

/// The shortest recording in which a slow sender is looked for.
const SLOW_HOURS: f64 = 40.0;

/// The time after which an identity is used again.
const REUSED_AFTER: f64 = 40.0 * MINUTE;

/// The identities of a campaign's calls.
#[derive(Clone, Copy)]
enum Identities {
    /// A new number and a new address in each call.
    New,
    /// A new number in each call, and one of a few addresses.
    NewNumbers,
    /// One of a few addresses, each of which shows a number in several calls and then the next one.
    Runs,
    /// Two calls with two numbers from each address.
    TwoNumbers,
    /// Two calls from two addresses with each number.
    TwoAddresses,
    /// The number and the address come back after a while.
    UsedTwice,
    /// The number comes back after a while from another address.
    NumbersUsedTwice,
}

/// A campaign of calls to people who were not called before.
struct Campaign {
    identities: Identities,
    calls: RangeInclusive<u64>,
    /// The length in hours; none for the whole recording.
    hours: Option<Range<f64>>,
    answered: Range<f64>,
    short: Range<f64>,
    /// See [`Conduct::gives_up`].
    gives_up: f64,
    /// Median seconds of the longer talks.
    median: f64,
    /// The addresses of a campaign with few.
    places: RangeInclusive<u64>,
}

impl Default for Campaign {
    fn default() -> Self {
        Self {
            identities: Identities::New,
            calls: 120..=900,
            hours: Some(1.0..12.0),
            answered: 0.2..0.5,
            short: 0.6..0.9,
            gives_up: 0.0,
            median: 60.0,
            places: 6..=20,
        }
    }
}

/// One of a few addresses, the number that it shows now, and the calls for which it keeps the number.
#[derive(Clone, Default)]
struct Place {
    address: u64,
    number: u64,
    calls_left: u64,
}

/// The few addresses of a campaign.
struct Places {
    all: Vec<Place>,
    calls_per_number: u64,
}

impl Places {
    fn new(site: &mut Site, count: RangeInclusive<u64>) -> Self {
        let addresses = site.draw.count(count);
        let addresses = site.draw.keys(addresses);
        let all = addresses.into_iter().map(|address| Place { address, ..Place::default() }).collect();
        Self { all, calls_per_number: site.draw.count(3..=15) }
    }

    /// Moves a caller to one of the addresses.
    fn moved(&self, site: &mut Site, caller: Caller) -> Caller {
        Caller { address: site.draw.one_of(&self.all).address, ..caller }
    }

    /// Moves a caller to one of the addresses and, unless the number there is used up, gives it that number.
    fn in_run(&mut self, site: &mut Site, caller: Caller) -> Caller {
        let moved = self.moved(site, caller);
        let Some(place) = self.all.iter_mut().find(|place| place.address == moved.address) else {
            return moved;
        };
        if place.calls_left == 0 {
            (place.number, place.calls_left) = (moved.number, self.calls_per_number);
        }
        place.calls_left -= 1;
        Caller { number: place.number, ..moved }
    }
}

/// Adds a campaign that takes turns with some platforms.
fn campaign(site: &mut Site, platforms: &[Platform], of: Campaign) {
    let conduct = Conduct { gives_up: of.gives_up, ..site.conduct(of.answered, of.short, of.median) };
    let hours = match of.hours {
        Some(lengths) => site.shift(lengths),
        None => 0.0..site.hours,
    };
    let mut places = Places::new(site, of.places);
    let calls = site.draw.count(of.calls);
    let mut times: Vec<f64> = (0..calls).map(|_| site.draw.within(hours.clone())).collect();
    times.sort_by(f64::total_cmp);
    let mut before: Option<Caller> = None;
    for (at, platform) in times.into_iter().zip(platforms.iter().cycle()) {
        let new = site.new_caller(platform);
        let caller = match (of.identities, before) {
            (Identities::NewNumbers, _) => places.moved(site, new),
            (Identities::Runs, _) => places.in_run(site, new),
            (Identities::TwoNumbers, Some(Caller { address, .. })) => Caller { address, ..new },
            (Identities::TwoAddresses, Some(Caller { number, .. })) => Caller { number, ..new },
            _ => new,
        };
        site.add_new_call(at, caller, conduct);
        let again = match of.identities {
            Identities::UsedTwice => Some(caller),
            Identities::NumbersUsedTwice => Some(Caller { address: site.draw.key(), ..caller }),
            _ => None,
        };
        let later = at + REUSED_AFTER;
        if let Some(again) = again.filter(|_| later < hours.end) {
            site.add_new_call(later, again, conduct);
        }
        // Every second call begins a new pair.
        before = if before.is_none() { Some(caller) } else { None };
    }
}

/// Adds a campaign on a platform that nobody else uses.
fn on_own_platform(site: &mut Site, of: Campaign) {
    let platform = own(site);
    campaign(site, &[platform], of);
}

/// A platform that nobody else uses.
pub(crate) fn own(site: &mut Site) -> Platform {
    let products = site.draw.count(1..=15);
    site.new_platform(products)
}

/// A sender with a software of its own and new identities in each call.
fn own_platform(site: &mut Site) {
    on_own_platform(site, Campaign::default());
}

/// A sender that takes turns with three platforms of its own.
fn three_own_platforms(site: &mut Site) {
    let platforms = [own(site), own(site), own(site)];
    campaign(site, &platforms, Campaign::default());
}

/// A sender that copies a platform of the site exactly.
fn copied_platform(site: &mut Site) {
    let platform = site.popular_platform();
    campaign(site, &[platform], Campaign::default());
}

/// The same sender as `own_platform` with three calls an hour.
fn slow_own_platform(site: &mut Site) {
    on_own_platform(site, Campaign { calls: 120..=120, hours: None, ..Campaign::default() });
}

/// The same sender as `copied_platform` with three calls an hour.
fn slow_copied_platform(site: &mut Site) {
    let platform = site.popular_platform();
    campaign(site, &[platform], Campaign { calls: 120..=120, hours: None, ..Campaign::default() });
}

/// A sender that is done after ten minutes.
fn fast_own_platform(site: &mut Site) {
    let hours = Some(10.0 * MINUTE..10.0 * MINUTE);
    on_own_platform(site, Campaign { calls: 300..=300, hours, ..Campaign::default() });
}

/// A sender that hangs up before an answer, for being called back.
fn calls_that_only_ring(site: &mut Site) {
    on_own_platform(site, Campaign { answered: 0.0..0.0, ..Campaign::default() });
}

/// A sender that looks for numbers in use: it hangs up before the answer or right after it.
fn pings_for_live_numbers(site: &mut Site) {
    on_own_platform(site, Campaign { answered: 0.5..0.9, gives_up: 0.9, ..Campaign::default() });
}

/// People instead of a recording, who call from sixty rented servers.
fn people_at_sixty_addresses(site: &mut Site) {
    let identities = Identities::NewNumbers;
    let (answered, short, median, places) = (0.3..0.5, 0.3..0.5, 90.0, 60..=60);
    on_own_platform(site, Campaign { identities, answered, short, median, places, ..Campaign::default() });
}

/// A sender whose calls are answered as often as calls of friends, and soon ended.
fn calls_that_are_answered(site: &mut Site) {
    on_own_platform(site, Campaign { answered: 0.6..0.6, short: 0.9..0.9, ..Campaign::default() });
}

/// A sender with a few servers and a new number in each call.
fn new_numbers_at_few_addresses(site: &mut Site) {
    on_own_platform(site, Campaign { identities: Identities::NewNumbers, ..Campaign::default() });
}

/// A sender with a few servers that shows each number several times.
fn runs_of_numbers_at_few_addresses(site: &mut Site) {
    on_own_platform(site, Campaign { identities: Identities::Runs, ..Campaign::default() });
}

/// A sender that uses each address for two numbers.
fn two_numbers_per_address(site: &mut Site) {
    on_own_platform(site, Campaign { identities: Identities::TwoNumbers, ..Campaign::default() });
}

/// A sender that uses each number at two addresses.
fn two_addresses_per_number(site: &mut Site) {
    on_own_platform(site, Campaign { identities: Identities::TwoAddresses, ..Campaign::default() });
}

/// A sender that pretends to come back: each identity calls once more after forty minutes.
fn identities_used_twice(site: &mut Site) {
    on_own_platform(site, Campaign { identities: Identities::UsedTwice, ..Campaign::default() });
}

/// A sender whose numbers come back after forty minutes from other addresses.
fn numbers_used_twice(site: &mut Site) {
    on_own_platform(site, Campaign { identities: Identities::NumbersUsedTwice, ..Campaign::default() });
}

/// Calls of a flood.
const FLOOD: u64 = 60_000;

/// Adds a flood from a platform with some products. `caller` replaces new identities by those of the flood.
fn flood_of(site: &mut Site, products: u64, mut caller: impl FnMut(&mut Site, Caller) -> Caller) {
    let platform = site.new_platform(products);
    let conduct = Conduct { answered: 0.3, short: 0.8, median: 30.0, gives_up: 0.0 };
    let step = site.hours / FLOOD as f64;
    for call in 0..FLOOD {
        let new = site.new_caller(&platform);
        let caller = caller(site, new);
        site.add_new_call(call as f64 * step, caller, conduct);
    }
}

/// A flood of calls with new identities.
fn flood(site: &mut Site) {
    flood_of(site, 3, |_, new| new);
}

/// A flood of new numbers from 64 addresses.
fn flood_from_64_addresses(site: &mut Site) {
    let addresses = site.draw.keys(64);
    flood_of(site, 3, |site, new| Caller { address: site.draw.one_of(&addresses), ..new });
}

/// A flood of new numbers from 64 addresses, which claim to be fifteen products.
fn flood_with_names_from_64_addresses(site: &mut Site) {
    let addresses = site.draw.keys(64);
    flood_of(site, 15, |site, new| Caller { address: site.draw.one_of(&addresses), ..new });
}

/// A flood of one number and address, which throws nothing away.
fn flood_of_one_caller(site: &mut Site) {
    let (number, address) = (site.draw.key(), site.draw.key());
    flood_of(site, 3, |_, new| Caller { number, address, ..new });
}

/// A flood that uses each address for two numbers.
fn flood_with_two_numbers_per_address(site: &mut Site) {
    let mut before: Option<u64> = None;
    flood_of(site, 3, |_, new| match before.take() {
        Some(address) => Caller { address, ..new },
        None => {
            before = Some(new.address);
            new
        }
    });
}
