use bellwether_base::{CallId, Timestamp};

use super::*;
use crate::conduct::Conduct;

/// Calls of one world, in order of time.
#[derive(Default)]
struct World {
    senders: Senders,
    changes: Vec<Change>,
    calls: i64,
}

/// Parties and result of one call.
struct Call {
    minute: i64,
    number: u64,
    address: u64,
    block: u64,
    callee: u64,
    family: u64,
    product: u64,
    access: CallerAccess,
    ring_secs: u16,
    talk_secs: Option<u16>,
    is_ended_by_caller: bool,
}

impl Default for Call {
    fn default() -> Self {
        Self {
            minute: 0,
            number: 0,
            address: 0,
            block: 0,
            callee: 0,
            family: 9,
            product: 5,
            access: CallerAccess::Unknown,
            ring_secs: 20,
            talk_secs: None,
            is_ended_by_caller: false,
        }
    }
}

impl World {
    /// A call from its INVITE to its end a second later. Returns its identity.
    fn call(&mut self, call: &Call) -> CallId {
        self.calls += 1;
        let id = CallId::new(self.calls);
        let at = |secs: i64| Timestamp::from_nanos((call.minute * 60 + secs) * 1_000_000_000);
        let start = CallStart {
            call: id,
            at: at(0),
            number: call.number,
            address: call.address,
            block: call.block,
            family: call.family,
            print: call.family,
            product: call.product,
            agent: call.product,
            callee: call.callee,
            access: call.access,
        };
        self.senders.begin(&start, &mut self.changes);
        let end = CallEnd {
            call: id,
            at: at(1),
            ring_secs: call.ring_secs,
            talk_secs: call.talk_secs,
            is_ended_by_caller: call.is_ended_by_caller,
        };
        self.senders.end(&end, &mut self.changes);
        id
    }

    /// Registered lines that call every hour.
    fn lines(&mut self, hour: i64) {
        self.senders.set_accounts(30);
        for line in 0..30 {
            let call = Call {
                minute: hour * 60 + line,
                number: 1000 + line.cast_unsigned(),
                address: 2000 + line.cast_unsigned(),
                callee: 3000 + line.cast_unsigned() * 7 + hour.cast_unsigned() % 3,
                product: 5,
                access: CallerAccess::Registered,
                talk_secs: (line % 3 > 0).then_some(60 + line.cast_unsigned() as u16),
                ..Call::default()
            };
            self.call(&call);
        }
    }

    /// A robocall from a new number and a new address on the lines' own platform.
    fn robocall(&mut self, minute: i64, n: u64) -> CallId {
        self.call(&Call {
            minute,
            number: 50_000 + n,
            address: 60_000 + n,
            callee: 70_000 + n,
            product: 5,
            access: CallerAccess::Unknown,
            talk_secs: n.is_multiple_of(3).then_some(7),
            ..Call::default()
        })
    }

    fn probability(&self, call: CallId) -> f64 {
        self.senders.verdict(call).map_or(f64::NAN, |of| of.probability)
    }
}

/// Six hours of lines, with a robocaller in the last four.
fn attacked() -> (World, Vec<CallId>) {
    let mut world = World::default();
    let mut robocalls = Vec::new();
    for hour in 0..6 {
        world.lines(hour);
        if hour >= 2 {
            for n in 0..20 {
                robocalls.push(world.robocall(hour * 60 + 35 + n, (hour * 20 + n).cast_unsigned()));
            }
        }
    }
    (world, robocalls)
}

#[test]
fn a_robocaller_on_a_copied_platform_is_found_and_its_owners_are_not() {
    let (mut world, robocalls) = attacked();
    assert!(robocalls.iter().all(|call| world.probability(*call) > 0.9));
    let first = robocalls.first().copied().unwrap_or_default();
    assert!(
        world.senders.verdict(first).is_some_and(|of| of.is_accused),
        "also the calls before the finding"
    );
    let owner = world.call(&Call {
        minute: 361,
        number: 1000,
        address: 2000,
        callee: 1,
        product: 5,
        access: CallerAccess::Registered,
        talk_secs: None,
        ..Call::default()
    });
    assert!(world.probability(owner) < 0.002);
}

#[test]
fn a_caller_that_comes_back_to_its_address_is_a_line_with_its_earlier_calls() {
    let (mut world, _) = attacked();
    let call = |minute| Call {
        minute,
        number: 77,
        address: 88,
        callee: 99,
        product: 5,
        access: CallerAccess::Unknown,
        talk_secs: Some(5),
        ..Call::default()
    };
    let first = world.call(&call(361));
    assert!(world.probability(first) > 0.5, "a stranger among robocalls");
    world.changes.clear();
    let second = world.call(&call(400));
    assert!(world.probability(first) < 0.005 && world.probability(second) < 0.005);
    assert!(world.changes.iter().any(|change| change.call == first), "the change is told");
}

/// Lines that call once before the sensor has seen their registrations.
#[test]
fn phones_whose_registrations_were_not_seen_yet_leave_the_census_when_they_are() {
    let mut world = World::default();
    for line in 0..30 {
        world.call(&Call {
            minute: line,
            number: 1000 + line.cast_unsigned(),
            address: 2000 + line.cast_unsigned(),
            callee: 3000 + line.cast_unsigned(),
            product: 5,
            access: CallerAccess::Unknown,
            talk_secs: Some(60),
            ..Call::default()
        });
    }
    let parties = |world: &World| {
        let family = world.senders.families.value(9).unwrap();
        let sample = &family.sample;
        (sample.addresses.parties(), sample.numbers.parties(), sample.conduct.calls, family.strangers.len())
    };
    assert_eq!(parties(&world), (30, 30, 30, 30));
    assert_eq!(world.senders.all.parties(), 30);
    // Half of them call again, and the REGISTERs of the others are seen.
    world.lines(2);
    assert_eq!(parties(&world), (0, 0, 0, 0));
    assert_eq!(world.senders.all.parties(), 0);
    let mut other = World::default();
    let call = other.robocall(1, 7);
    assert_eq!(parties(&other), (1, 1, 1, 1));
    other.senders.register(50_007, 60_007, Timestamp::from_nanos(7_200_000_000_000), &mut other.changes);
    assert_eq!(parties(&other), (0, 0, 0, 0));
    assert!(other.probability(call) < 0.005);
}

#[test]
fn other_numbers_at_the_address_of_a_registered_phone_are_judged() {
    let mut world = World::default();
    world.lines(0);
    let mut last = CallId::default();
    for n in 0..80 {
        last = world.call(&Call {
            minute: 60 + n,
            number: 90_000 + n.cast_unsigned(),
            address: 2000,
            callee: 95_000 + n.cast_unsigned(),
            product: 5 + n.cast_unsigned() % 40,
            access: CallerAccess::Unknown,
            talk_secs: (n % 4 == 0).then_some(6),
            ..Call::default()
        });
    }
    assert!(world.probability(last) > 0.8, "{:?}", world.senders.verdict(last));
}

#[test]
fn nothing_is_said_of_a_stranger_without_others() {
    let mut world = World::default();
    world.lines(0);
    let call = world.robocall(40, 1);
    assert_eq!(world.senders.verdict(call).map(|of| of.cluster), Some(Cluster::Nothing));
}

#[test]
fn a_flood_of_parties_stays_within_the_tables_and_spares_lines() {
    let mut world = World::default();
    world.lines(0);
    for n in 0..(ADDRESSES as u64 + 5_000) {
        world.robocall(60 + (n / 2_000).cast_signed(), n);
    }
    assert!(world.senders.addresses.len() <= ADDRESSES && world.senders.calls.len() <= CALLS);
    assert!(world.senders.numbers.slot(1000).is_some());
    let family = world.senders.families.value(9).unwrap();
    assert!(family.strangers.len() <= MAX_LISTED);
    assert!(family.sample.addresses.parties() as usize <= ADDRESSES);
}

/// Calls that begin in turn, `gap_ms` apart, and end by their length. Lines of one platform have them, none of which
/// registers. Returns the share of reported verdicts that accuse.
fn first_minutes(lines: u64, gap_ms: i64, minutes: i64) -> f64 {
    let mut world = World::default();
    let mut state = 7_u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / (1_u64 << 31) as f64
    };
    let time = |ms: i64| Timestamp::from_nanos(ms * 1_000_000);
    let mut ends: BTreeMap<(Timestamp, CallId), CallEnd> = Default::default();
    for n in 0..minutes * 60_000 / gap_ms {
        let at = time(n * gap_ms);
        while let Some(first) = ends.first_entry().filter(|first| first.key().0 <= at) {
            let end = first.remove();
            world.senders.end(&end, &mut world.changes);
        }
        let who = (random() * lines as f64) as u64;
        let call = CallId::new(n + 1);
        let start = CallStart {
            call,
            at,
            number: 1000 + who,
            address: 900_000 + who,
            block: 0,
            family: 9,
            print: 9,
            product: 5,
            agent: 5 + who % 3,
            callee: 5_000_000 + (random() * 60_000.0) as u64,
            access: CallerAccess::Unknown,
        };
        world.senders.begin(&start, &mut world.changes);
        let ring_secs = 3 + (random() * 15.0) as u16;
        // Half of the talks are shorter than 70 s.
        let talk_secs = (random() < 0.62).then(|| (-100.0 * (1.0 - random()).ln()) as u16);
        let until = at + Span::from_secs(i64::from(ring_secs + talk_secs.unwrap_or(0)));
        let is_ended_by_caller = random() < 0.5;
        ends.insert((until, call), CallEnd { call, at: until, ring_secs, talk_secs, is_ended_by_caller });
    }
    let accused = world.changes.iter().filter(|change| change.verdict.is_accused).count();
    accused as f64 / world.changes.len() as f64
}

/// Nobody can come back at once, and the calls that end first are short: the first minutes of a sensor are no campaign.
#[test]
fn a_site_that_is_seen_for_the_first_time_accuses_nobody() {
    for (lines, gap_ms, minutes) in
        [(30_000, 20, 6), (30_000, 100, 40), (3000, 200, 60), (300, 700, 60), (3000, 1000, 90)]
    {
        assert_eq!(first_minutes(lines, gap_ms, minutes), 0.0, "{lines} lines, a call each {gap_ms} ms");
    }
}

/// More strangers than a family lists, each of which calls again and again within its first session.
#[test]
fn a_family_counts_the_calls_of_its_strangers_whatever_their_number() {
    let mut world = World::default();
    world.lines(0);
    let strangers = MAX_LISTED as u64 + 900;
    for n in 0..4 * strangers {
        let who = n % strangers;
        world.call(&Call {
            minute: 60 + (n / 1000).cast_signed(),
            number: 50_000 + who,
            address: 60_000 + who,
            callee: 70_000 + n % 500,
            talk_secs: n.is_multiple_of(3).then_some(30),
            ..Call::default()
        });
    }
    let senders = &world.senders;
    let family = senders.families.value(9).unwrap();
    assert_eq!(family.strangers.len(), MAX_LISTED);
    let mut sum = Conduct::default();
    let mut prints = 0;
    let (mut listed, mut all) = (0, 0);
    senders.addresses.for_each(|_, address| {
        listed += usize::from(address.is_listed);
        if address.is_stranger() {
            all += 1;
            sum.extend(&address.conduct_in_family());
            prints += address.sample.prints.draws();
        }
    });
    assert_eq!((listed, all), (MAX_LISTED, strangers));
    assert_eq!((family.sample.conduct, family.sample.prints.draws()), (sum, prints));
    assert!(sum.calls == 4 * strangers as u32 && sum.repeated_callees <= sum.calls, "{sum:?}");
    // Each call costs a few reports, however many strangers there are.
    assert!(world.changes.len() < 8 * world.calls as usize, "{} of {}", world.changes.len(), world.calls);
}

#[test]
fn a_robocaller_with_more_addresses_than_are_listed_stays_accused() {
    let (mut world, robocalls) = attacked();
    let first = robocalls[0];
    for n in 0..MAX_LISTED as u64 + 500 {
        world.robocall(360 + (n / 100).cast_signed(), 10_000 + n);
    }
    let key = world.senders.calls.value(first.key()).unwrap().address;
    let address = world.senders.addresses.value(key).unwrap();
    assert!(address.is_stranger() && !address.is_listed);
    assert!(world.probability(first) > 0.8, "{:?}", world.senders.verdict(first));
}

#[test]
fn strangers_of_a_family_that_left_are_strangers_of_the_new_one() {
    let mut world = World::default();
    let mut call = |minute: i64, n: u64, family: u64| {
        world.call(&Call { minute, number: n, address: n, callee: n, family, ..Call::default() });
    };
    for n in 0..200 {
        call(1, n, 9);
    }
    // A family that was used is spared once.
    (0..2 * FAMILIES as u64 + 10).for_each(|n| call(2, 1000 + n, 100 + n));
    (0..10).for_each(|n| call(3, 500_000 + n, 9));
    (0..5).for_each(|n| call(4, n, 9));
    // The old addresses come back, and leave.
    (0..5).for_each(|n| call(60, n, 9));
    let family = world.senders.families.value(9).unwrap();
    assert_eq!((family.strangers.len(), family.sample.conduct.calls), (10, 10));
    let mut counted = 0;
    world.senders.addresses.for_each(|_, address| counted += u32::from(family.counts(address)));
    assert_eq!(counted, 10);
}

/// A telephone system with ten lines of one block that call for six hours. Returns their last call.
fn telephone_system(world: &mut World) -> CallId {
    let mut last = CallId::default();
    for hour in 0..6 {
        for line in 0..10 {
            last = world.call(&Call {
                minute: hour * 60 + 5 * line,
                number: 7_000 + line.cast_unsigned(),
                address: 7,
                block: 70,
                callee: 7_100 + line.cast_unsigned(),
                talk_secs: (line % 3 > 0).then_some(90),
                ..Call::default()
            });
        }
    }
    last
}

#[test]
fn robocalls_through_a_telephone_system_are_found_and_its_own_calls_are_not() {
    let mut world = World::default();
    world.lines(0);
    let own = telephone_system(&mut world);
    let through = |n: u64| Call {
        minute: 360 + n.cast_signed(),
        number: 80_000 + n,
        address: 7,
        block: 1_000 + n,
        callee: 90_000 + n,
        talk_secs: n.is_multiple_of(4).then_some(6),
        ..Call::default()
    };
    let robocalls: Vec<CallId> = (0..80).map(|n| world.call(&through(n))).collect();
    for call in &robocalls {
        let verdict = world.senders.verdict(*call).unwrap();
        assert!(verdict.is_accused && matches!(verdict.cluster, Cluster::Guests { .. }), "{verdict:?}");
    }
    assert!(world.probability(own) < 0.005);
    let new_extension =
        Call { minute: 441, number: 7_099, address: 7, block: 70, callee: 3, ..Call::default() };
    let new_extension = world.call(&new_extension);
    assert!(world.probability(new_extension) < 0.3, "its number is of the system's block");
}

#[test]
fn a_system_that_forwards_calls_to_its_people_is_no_campaign() {
    let mut world = World::default();
    world.lines(0);
    telephone_system(&mut world);
    let forwarded = |n: u64| Call {
        minute: 360 + n.cast_signed(),
        number: 80_000 + n,
        address: 7,
        block: 1_000 + n,
        callee: 90_000 + n % 6,
        talk_secs: n.is_multiple_of(2).then_some(60),
        ..Call::default()
    };
    let calls: Vec<CallId> = (0..80).map(|n| world.call(&forwarded(n))).collect();
    assert!(calls.iter().all(|call| world.probability(*call) < 0.3));
}

#[test]
fn a_number_that_a_line_uses_at_home_is_borrowed_elsewhere_and_no_line_there() {
    let mut world = World::default();
    let home = |minute| Call { minute, number: 4, address: 40, callee: 1, ..Call::default() };
    let foreign = |minute| Call { minute, number: 4, address: 41, callee: 2, family: 8, ..Call::default() };
    let alike = |minute| Call { minute, number: 4, address: 42, callee: 2, ..Call::default() };
    world.call(&home(0));
    let before = world.call(&foreign(10));
    assert!(world.senders.verdict(before).is_some_and(|of| !of.is_borrowed), "nobody owns the number yet");
    let at_home = world.call(&home(40));
    let (first, second) = (world.call(&foreign(50)), world.call(&foreign(100)));
    for call in [first, second] {
        let verdict = world.senders.verdict(call).unwrap();
        assert!(verdict.is_borrowed && !matches!(verdict.cluster, Cluster::Line(_)), "{verdict:?}");
    }
    assert!(world.probability(at_home) < 0.005, "nothing is held against the line");
    let gateways = [101, 140].map(|minute| world.call(&alike(minute)));
    assert!(world.probability(gateways[1]) < 0.005, "a line may pass several elements of one platform");
    // The line moved: it has not called at home for hours.
    let (moved, back) = (world.call(&foreign(300)), world.call(&foreign(340)));
    assert!(
        world.probability(back) < 0.005 && world.senders.verdict(moved).is_some_and(|of| !of.is_borrowed)
    );
}

#[test]
fn callers_that_give_up_at_once_are_looking_for_numbers_or_vote() {
    let mut world = World::default();
    let call = |hour: i64, n: u64, callee: u64, family: u64| Call {
        minute: hour * 60 + 35 + n.cast_signed(),
        number: 1_000_000 * family + hour.cast_unsigned() * 100 + n,
        address: 2_000_000 * family + hour.cast_unsigned() * 100 + n,
        callee,
        family,
        ring_secs: 3,
        talk_secs: (!n.is_multiple_of(4)).then_some(1),
        is_ended_by_caller: true,
        ..Call::default()
    };
    let (mut pings, mut votes) = (Vec::new(), Vec::new());
    for hour in 0..6 {
        world.lines(hour);
        for n in 0..15 {
            pings.push(world.call(&call(hour, n, 500_000 + hour.cast_unsigned() * 100 + n, 20)));
            votes.push(world.call(&call(hour, n, 5, 21)));
        }
    }
    assert!(pings.iter().all(|call| world.probability(*call) > 0.8));
    assert!(votes.iter().all(|call| world.probability(*call) <= 0.3));
}
