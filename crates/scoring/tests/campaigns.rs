//! Campaigns from rows: recordings of one party, and of different parties.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod rows;

use std::collections::{BTreeMap, BTreeSet};

use bellwether_acoustics::recordings::{Found, Print};
use bellwether_base::{
    CallId, CampaignId, Endpoint, HashKey, RecordingId, RegistrationId, Span, Timestamp, Transport,
};
use bellwether_enrich::{
    AccessSide, CallRow, CallTraits, CallUpdate, Masked, NumberFacts, NumberKind, RegistrationAttempt,
    RegistrationRow, Row, StreamRow, Validity,
};
use bellwether_fingerprint::{Part, PrintHash};
use bellwether_scoring::{NoHistory, Outcome, ScoringEngine, Settings};

const START: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);
const REGISTRAR: Endpoint = Endpoint::v4([192, 0, 2, 10], 5060);

/// SplitMix64.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// What is found of a call that plays a recording.
fn recording(number: u64) -> Found {
    Found {
        recording: RecordingId::from_key(mix(number) >> 1),
        known_by: None,
        print: Some(Print::default()),
        is_stock: false,
    }
}

/// A call on one widely shared platform, with its result.
struct Planned {
    number: u64,
    secs: i64,
    caller: u64,
    source: u64,
    /// The recording that it plays, if it is answered.
    plays: Option<u64>,
    talks: i64,
    /// True for neighbour spoofing.
    is_neighbour: bool,
}

fn facts() -> NumberFacts {
    NumberFacts {
        kind: NumberKind::International,
        digits: 11,
        country: Some("1".to_owned()),
        place: None,
        validity: Some(Validity::Possible),
    }
}

fn rows(planned: &Planned) -> Vec<(Timestamp, Row)> {
    let Planned { number, secs, caller, source, plays, talks, is_neighbour } = *planned;
    let call = (mix(number) >> 1).cast_signed();
    let at = START + Span::from_secs(secs);
    let platform = PrintHash::of(Part::Combined, "softphone");
    let callee = format!("{:032x}", mix(number * 7 + 1));
    let address = Endpoint::v4([10, (source >> 8) as u8, source as u8, 1], 5060);
    let begin = Row::Call(Box::new(CallRow {
        call: CallId::new(call),
        call_id: Masked::stored(format!("call-{number}")),
        wire_id: None,
        from_tag: Masked::stored("t".to_owned()),
        started_at: at,
        caller: Masked::stored(format!("{:032x}", mix(caller))),
        caller_host: Masked::stored("voice.example.net".to_owned()),
        is_sensitive: false,
        dialled: Masked::stored(callee.clone()),
        callee: Masked::stored(callee),
        caller_number: facts(),
        callee_number: facts(),
        callee_neighbourhood: None,
        source: address,
        destination: REGISTRAR,
        transport: Transport::Udp,
        user_agent: Some(Masked::stored("Softphone 1".to_owned())),
        fingerprint: platform,
        sip_author: platform,
        sdp_author: None,
        family: platform,
        path: None,
        origin: Masked::stored(format!("origin-{caller}")),
        access_side: AccessSide::Outbound,
        trunk_id: None,
        attested: None,
        deployment: Masked::stored("everybody's".to_owned()),
        traits: CallTraits { is_neighbour, ..CallTraits::default() },
        defects: Vec::new(),
        hep_agent: None,
        mirror: None,
    }));
    let (answered, ended) = (at + Span::from_secs(5), at + Span::from_secs(5 + talks));
    let end = Row::CallUpdate(Box::new(CallUpdate {
        call: CallId::new(call),
        started_at: at,
        answered_at: (talks > 0).then_some(answered),
        ended_at: Some(ended),
        final_status: Some(if talks > 0 { 200 } else { 486 }),
        duplicates: 0,
        retransmissions: 0,
        hops: 1,
        last_destination: REGISTRAR,
        access_side: AccessSide::Outbound,
        trunk_id: None,
        forks: 0,
        reinvites: 0,
        cancelled: false,
        ended_by: None,
        is_let_in: false,
    }));
    let mut all = vec![(at, begin)];
    if talks > 0 {
        let stream = StreamRow {
            codec: Some(Masked::stored("PCMU".to_owned())),
            packets: 50 * talks.unsigned_abs(),
            recording: Some(Box::new(recording(plays.unwrap_or(1_000_000 + number)))),
            first_seen: answered,
            last_seen: ended,
            ..rows::stream(call, "caller", address, REGISTRAR)
        };
        all.push((ended, Row::Stream(Box::new(stream))));
    }
    all.push((ended, end));
    all
}

/// The rows of an accepted registration.
fn registers(caller: u64, source: u64, secs: i64) -> Vec<(Timestamp, Row)> {
    let at = START + Span::from_secs(secs);
    let user = format!("{:032x}", mix(caller));
    let source = Endpoint::v4([10, (source >> 8) as u8, source as u8, 1], 5060);
    let (registration, aor) = (caller.cast_signed(), format!("sip:{user}@voice.example.net"));
    let row = RegistrationRow {
        registration: RegistrationId::new(registration),
        aor: Masked::stored(aor.clone()),
        contact: Masked::stored(format!("sip:{user}@{source}")),
        instance_id: None,
        source,
        registrar: REGISTRAR,
        transport: Transport::Udp,
        user_agent: None,
        fingerprint: PrintHash::of(Part::Combined, "softphone's REGISTER"),
        first_seen: at,
        hep_agent: None,
        mirror: None,
    };
    let attempt = RegistrationAttempt {
        registration: RegistrationId::new(registration),
        aor: Masked::stored(aor),
        user: Masked::stored(user),
        source,
        registrar: REGISTRAR,
        fingerprint: row.fingerprint,
        status: 200,
        had_credentials: true,
        at,
    };
    vec![(at, Row::Registration(Box::new(row))), (at, Row::Attempt(Box::new(attempt)))]
}

fn in_order(planned: &[Planned], others: Vec<(Timestamp, Row)>) -> Vec<Row> {
    let mut all: Vec<(Timestamp, Row)> = planned.iter().flat_map(rows).chain(others).collect();
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, row)| row).collect()
}

/// The outcomes of rows, with `ahead` called before each.
fn judged(all: &[Row], ahead: impl Fn(&mut ScoringEngine, usize)) -> Vec<Outcome> {
    let mut assessor = ScoringEngine::new(Settings::default(), HashKey::new([5; 16]));
    let mut out = Vec::new();
    for (place, row) in all.iter().enumerate() {
        ahead(&mut assessor, place);
        assessor.row(row, &mut NoHistory, &mut out);
    }
    assessor.finish(&mut NoHistory, &mut out);
    out
}

/// The final campaigns, as sets of call numbers.
fn campaigns(planned: &[Planned]) -> (Vec<BTreeSet<u64>>, Vec<Outcome>) {
    campaigns_with(planned, Vec::new())
}

/// The same with additional rows in between.
fn campaigns_with(planned: &[Planned], others: Vec<(Timestamp, Row)>) -> (Vec<BTreeSet<u64>>, Vec<Outcome>) {
    let out = judged(&in_order(planned, others), |_, _| {});
    let numbers: BTreeMap<CallId, u64> =
        planned.iter().map(|p| (CallId::from_key(mix(p.number) >> 1), p.number)).collect();
    let mut of: BTreeMap<CallId, CampaignId> = BTreeMap::new();
    for outcome in &out {
        match outcome {
            Outcome::Member(row) => {
                assert_eq!(of.insert(row.call, row.campaign), None, "a call is in one campaign");
            }
            Outcome::Left { campaign, call, .. } => assert_eq!(of.remove(call), Some(*campaign)),
            Outcome::Merged { from, into, .. } => {
                of.values_mut().filter(|c| *c == from).for_each(|c| *c = *into);
            }
            _ => {}
        }
    }
    // A campaign is found after some of its calls, even if these are over.
    for outcome in &out {
        if let Outcome::Campaign(row) = outcome {
            assert!(row.calls == 0 || row.first_seen <= row.found_at, "{row:?}");
        }
    }
    let mut found: BTreeMap<CampaignId, BTreeSet<u64>> = BTreeMap::new();
    for (call, campaign) in of {
        found.entry(campaign).or_default().insert(*numbers.get(&call).unwrap());
    }
    (found.into_values().collect(), out)
}

/// Honest callers on the platform: one address and number each, with conversations.
fn people(planned: &mut Vec<Planned>) {
    for i in 0..300_u64 {
        let who = i % 20;
        let secs = (i * 60 + mix(i) % 50).cast_signed();
        planned.push(Planned {
            number: 50_000 + i,
            secs,
            caller: 9_000 + who,
            source: 1_000 + who,
            plays: None,
            talks: 70,
            is_neighbour: false,
        });
    }
}

/// A robocaller: two calls per number, several addresses in turn, random recordings.
fn robot(
    planned: &mut Vec<Planned>,
    first: u64,
    calls: u64,
    sources: (u64, u64),
    recordings: &[u64],
    from: i64,
    neighbours: bool,
) {
    for i in 0..calls {
        let dice = mix(first + i);
        let secs = from + (i * 50 + dice % 20).cast_signed();
        planned.push(Planned {
            number: first + i,
            secs,
            caller: first * 10 + i / 2,
            source: sources.0 + (dice >> 20) % sources.1,
            plays: Some(recordings[(dice >> 40) as usize % recordings.len()]),
            talks: if dice % 10 < 7 { 8 } else { 0 },
            is_neighbour: neighbours,
        });
    }
}

#[test]
fn two_robocallers_on_one_shared_platform_are_two_campaigns_in_the_end() {
    let mut planned = Vec::new();
    people(&mut planned);
    robot(&mut planned, 1, 150, (1, 6), &[1, 2], 4000, false);
    robot(&mut planned, 500, 150, (40, 6), &[3], 4010, false);
    let (found, out) = campaigns(&planned);
    let mut kinds: Vec<(usize, usize, usize)> = found
        .iter()
        .map(|calls| {
            let of = |range: std::ops::Range<u64>| calls.iter().filter(|call| range.contains(call)).count();
            (of(1..151), of(500..650), of(50_000..60_000))
        })
        .collect();
    kinds.sort_unstable();
    assert_eq!(found.len(), 2, "{kinds:?}");
    assert!(kinds.iter().all(|(_, _, honest)| *honest == 0), "{kinds:?}");
    // Seven calls in ten are answered and have media.
    assert!(kinds[0].1 > 95 && kinds[0].0 == 0 && kinds[1].0 > 95 && kinds[1].1 == 0, "{kinds:?}");
    // Equal rows give equal outcomes.
    assert_eq!(campaigns(&planned).1, out);
}

/// The second robocaller begins when the shared platform already leads to the campaign of the first.
#[test]
fn a_later_robocaller_on_the_platform_of_another_is_a_campaign_of_its_own() {
    let mut planned = Vec::new();
    people(&mut planned);
    robot(&mut planned, 1, 150, (1, 6), &[1, 2], 9000, true);
    robot(&mut planned, 500, 150, (40, 6), &[3, 4], 12_800, true);
    let (found, _) = campaigns(&planned);
    assert_eq!(found.len(), 2, "{:?}", found.iter().map(BTreeSet::len).collect::<Vec<_>>());
    for calls in &found {
        let first = calls.iter().filter(|call| **call < 500).count();
        let purity = first.max(calls.len() - first) as f64 / calls.len() as f64;
        assert!(purity > 0.95 && calls.len() > 100, "{first} of {}", calls.len());
    }
    assert!(found.iter().map(BTreeSet::len).sum::<usize>() > 285);
}

#[test]
fn one_robocaller_with_several_recordings_stays_one_campaign() {
    let mut planned = Vec::new();
    people(&mut planned);
    robot(&mut planned, 1, 200, (1, 6), &[1, 2, 3, 4], 4000, false);
    let (found, out) = campaigns(&planned);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].len() > 125 && found[0].iter().all(|call| *call < 1000));
    assert!(!out.iter().any(|outcome| matches!(outcome, Outcome::Parted { .. })));
}

#[test]
fn who_never_uses_an_address_again_is_known_by_numbers_that_play_several_recordings() {
    let mut planned = Vec::new();
    people(&mut planned);
    robot(&mut planned, 1, 200, (1, 60_000), &[1, 2, 3], 4000, false);
    let (found, _) = campaigns(&planned);
    assert_eq!(found.len(), 1, "{:?}", found.iter().map(BTreeSet::len).collect::<Vec<_>>());
}

/// A sensor that has just started has not seen the registrations.
#[test]
fn who_turns_out_to_be_registered_where_it_called_from_leaves_though_its_call_is_long_over() {
    let mut planned = Vec::new();
    people(&mut planned);
    robot(&mut planned, 1, 200, (1, 60_000), &[1, 2], 4000, true);
    // A subscriber with the robocaller's user agent, and a short call.
    let (caller, source, number) = (77_000, 900, 70_000);
    planned.push(Planned { number, secs: 9000, caller, source, plays: None, talks: 5, is_neighbour: false });
    let is_accused = |others| campaigns_with(&planned, others).0.iter().any(|calls| calls.contains(&number));
    assert!(is_accused(Vec::new()), "no evidence about the caller");
    let twice =
        |source| [13_500, 15_400].into_iter().flat_map(|secs| registers(caller, source, secs)).collect();
    assert!(!is_accused(twice(source)));
    assert!(is_accused(twice(source + 1)), "registered at another address");
    assert!(is_accused(registers(caller, source, 13_500)), "an account may be registered for one call");
}

#[test]
fn what_was_prefetched_changes_nothing() {
    let mut planned = Vec::new();
    people(&mut planned);
    robot(&mut planned, 10_000, 200, (3, 4), &[1, 2], 3_600, true);
    let others: Vec<_> = (0..20).flat_map(|caller| registers(caller, caller, 60)).collect();
    let all = in_order(&planned, others);
    let plain = judged(&all, |_, _| {});
    assert!(plain.iter().any(|outcome| matches!(outcome, Outcome::Member(_))));
    let by_the_batch = judged(&all, |assessor, place| {
        if place.is_multiple_of(ScoringEngine::AHEAD) {
            assessor.prefetch(&all[place..]);
        }
    });
    assert_eq!(by_the_batch, plain);
    // The prefetch predicts the wrong rows.
    let wrong = judged(&all, |assessor, place| {
        if place.is_multiple_of(10) {
            assessor.prefetch(&all[(place * 7) % all.len()..]);
        }
    });
    assert_eq!(wrong, plain);
}

/// The signals of each score reported for a call. Its streams follow its end, the callee's first.
fn told_of_streams(directions: &[&'static str]) -> Vec<Vec<&'static str>> {
    let planned =
        Planned { number: 1, secs: 0, caller: 1, source: 1, plays: None, talks: 60, is_neighbour: false };
    let mut all: Vec<Row> = Vec::new();
    let mut heard = None;
    for (_, row) in rows(&planned) {
        match row {
            Row::Stream(stream) => heard = Some(*stream),
            row => all.push(row),
        }
    }
    let heard = StreamRow { recording: None, ..heard.unwrap() };
    all.extend(
        directions.iter().map(|direction| Row::Stream(Box::new(StreamRow { direction, ..heard.clone() }))),
    );
    let out = judged(&all, |_, _| {});
    let names = |outcome: &Outcome| match outcome {
        Outcome::Score(row) => Some(row.findings.iter().map(|finding| finding.name()).collect()),
        _ => None,
    };
    out.iter().filter_map(names).collect()
}

#[test]
fn one_of_two_streams_is_not_told_as_the_only_one() {
    let both = told_of_streams(&["callee", "caller"]);
    assert!(both.iter().all(|names| !names.contains(&"one_way_media")), "{both:?}");
    assert!(both.last().unwrap().contains(&"conversation"), "{both:?}");
    // A direction without a counterpart is one-way media once the call is closed.
    let one = told_of_streams(&["callee"]);
    assert!(one.last().unwrap().contains(&"one_way_media"), "{one:?}");
    assert_eq!(one.iter().filter(|names| names.contains(&"one_way_media")).count(), 1);
}
