//! Each signal alone: silent without evidence, and active with its evidence.

use std::collections::BTreeSet;

use bellwether_base::{CallId, CampaignId, Endpoint, IncidentId, RegistrationId, SlotId, Span, Transport};
use bellwether_enrich::{
    AccessSide, Attested, CallTraits, Masked, NumberFacts, NumberKind, PassportStatus, TrunkPolicy, Validity,
    Verstat,
};
use bellwether_fingerprint::{Part, PrintHash};

use super::*;
use smallvec::{SmallVec, smallvec};

use crate::Settings;
use crate::account::RegisteredDevice;
use crate::call_history::{CallEvent, CallResult, LOOKS_BACK};
use crate::open::{Heard, Membership};

/// All inputs of the signals.
struct Scene {
    row: CallRow,
    platform: crate::PlatformFacts,
    account: Account,
    caller: CallHistory,
    source: Source,
    registration: Registration,
    standings: [Option<Reputed>; 4],
    since: Timestamp,
    is_registrar: bool,
    is_line: bool,
    is_rooted: bool,
    open: OpenCall,
}

const NOW: Timestamp = Timestamp::from_nanos(1_790_000_000_000_000_000);

fn before(secs: i64) -> Timestamp {
    NOW - Span::from_secs(secs)
}

fn number(kind: NumberKind) -> NumberFacts {
    NumberFacts { kind, digits: 11, country: None, place: None, validity: None }
}

fn row() -> CallRow {
    let print = PrintHash::of(Part::Combined, "x");
    CallRow {
        call: CallId::new(1),
        call_id: Masked::stored("id"),
        wire_id: None,
        from_tag: Masked::stored("tag"),
        started_at: NOW,
        caller: Masked::stored("a"),
        caller_host: Masked::stored("h"),
        is_sensitive: false,
        callee: Masked::stored("b"),
        dialled: Masked::stored("b"),
        caller_number: number(NumberKind::International),
        callee_number: number(NumberKind::International),
        callee_neighbourhood: None,
        source: Endpoint::v4([192, 0, 2, 1], 5060),
        destination: Endpoint::v4([192, 0, 2, 2], 5060),
        transport: Transport::Udp,
        user_agent: Some(Masked::stored("Phone")),
        fingerprint: print,
        sip_author: print,
        sdp_author: None,
        family: print,
        path: None,
        origin: Masked::stored("o"),
        access_side: AccessSide::Unknown,
        trunk_id: None,
        attested: None,
        deployment: Masked::stored("d"),
        traits: CallTraits::default(),
        defects: Vec::new(),
        hep_agent: None,
        mirror: None,
    }
}

fn deed(call: i64, secs_ago: i64) -> CallEvent {
    CallEvent {
        call: CallId::new(call),
        at: before(secs_ago),
        caller: 1,
        callee: 100,
        agent: 1,
        platform: 1,
        neighbourhood: 0,
        line: 0,
        secs: 120,
        fate: CallResult::Answered,
    }
}

impl Scene {
    fn listed(&mut self, list: crate::OperatorList) {
        self.open.listing = Some(crate::open::Listing { list, words: "known".into() });
    }

    fn line(&mut self, kind: bellwether_senders::LineKind) {
        self.open.sender = Some(verdict(bellwether_senders::Cluster::Line(kind)));
    }

    /// A call without any evidence.
    fn unknown() -> Self {
        Self {
            row: row(),
            platform: crate::PlatformFacts::default(),
            account: Account::default(),
            caller: CallHistory::default(),
            source: Source::default(),
            registration: Registration::No,
            standings: [None; 4],
            since: NOW,
            is_registrar: false,
            is_line: false,
            is_rooted: false,
            open: OpenCall {
                peers: crate::signal_rates::Peers::default(),
                call: CallId::new(1),
                started_at: NOW,
                caller: 1,
                callee: 2,
                source: 3,
                places: (0, 0),
                caller_at: SlotId::default(),
                source_at: SlotId::default(),
                pools: crate::open::GroupMemberships::default(),
                fate: CallResult::Open,
                is_over: false,
                secs: 0,
                heard: Heard::default(),
                heard_of_legs: Heard::default(),
                prompt: None,
                recording: None,
                announcement: None,
                membership: None,
                sender: None,
                sender_marks: crate::SenderMarks::default(),
                is_vouched_for: false,
                listing: None,
                is_contested: false,
                at_start: SmallVec::new(),
                of_device: Vec::new(),
                is_known: false,
                is_recalled: false,
                is_from_trunk: false,
                is_rooted: false,
                is_risky: false,
                incident: None,
                legs: SmallVec::new(),
                stranger_to: None,
                is_let_in: false,
                subjects: SmallVec::new(),
                party: SmallVec::new(),
                is_news: true,
                told: None,
                is_alerted: false,
            },
        }
    }

    /// The active signals, with the share of their points.
    fn speak(&self) -> Vec<(&'static str, f64)> {
        let at = AtStart {
            row: &self.row,
            platform: &Platform::new(self.platform.clone(), self.row.user_agent.as_deref()),
            account: &self.account,
            caller: &self.caller,
            source: &self.source,
            signed: self.source.signed,
            registration: self.registration,
            moved: self.account.moved(self.row.source.ip(), self.row.started_at),
            standings: self.standings,
            since: self.since,
            is_registrar: self.is_registrar,
            is_line: self.is_line,
            is_rooted: self.is_rooted,
        };
        let settings = Settings::default();
        let of = |(place, signal): (usize, &Signal)| {
            let tuned = settings.signals.get(place)?;
            let found = match signal.rule {
                Start(look) | Token(look) => look(&at, tuned),
                Later(look) => look(&self.open, tuned),
                Device => None,
            }?;
            assert!(!found.evidence.to_string().is_empty(), "{} says nothing", signal.name);
            Some((signal.name, found.share))
        };
        SIGNALS.iter().enumerate().filter_map(of).collect()
    }

    fn attested(&mut self, status: PassportStatus, letter: Option<&'static str>) {
        self.row.attested = Some(Box::new(Attested {
            status,
            attestation: letter,
            signer: Some(Masked::stored("c.example")),
            origid: None,
            x5u: None,
            age_s: Some(1),
            reasons: Vec::new(),
            slips: Vec::new(),
        }));
    }

    /// Adds calls of the caller, one per minute, each modified by `change`.
    fn calls(&mut self, count: i64, change: impl Fn(i64, &mut CallEvent)) {
        for i in 0..count {
            // Uneven gaps, as people make them.
            let mut deed = deed(i, 60 * (count - i) - (i * i * 13) % 50);
            change(i, &mut deed);
            self.caller.begin(deed, LOOKS_BACK);
            self.source.actor.begin(deed, LOOKS_BACK);
        }
    }

    fn reputed(&mut self, layer: Layer, score: f64) {
        let place = Layer::ALL.iter().position(|l| *l == layer).unwrap();
        self.standings[place] =
            Some(Reputed { score, fraud: 1.0, legit: 1.0, specificity: 1.0, labels: (1, 0) });
    }

    fn home(&mut self, n: u8, platform: &str, since: i64) {
        self.account.add_device(RegisteredDevice {
            registrations: std::iter::once(RegistrationId::new(1)).collect(),
            source: [192, 0, 2, n].into(),
            registrar: [192, 0, 2, 250].into(),
            platform: PrintHash::of(Part::Combined, platform),
            first: before(since),
            last: before(10),
            until: None,
        });
    }
}

type Change = fn(&mut Scene);

/// The judgement of an honest sender.
fn verdict(cluster: bellwether_senders::Cluster) -> bellwether_senders::Verdict {
    bellwether_senders::Verdict {
        probability: 0.001,
        share: 1.0,
        calls: 4,
        cluster,
        kind: bellwether_senders::SenderKind::Line,
        is_accused: false,
        notifies_from: None,
        terms: bellwether_senders::Terms::default(),
        once: (0, 4),
        is_borrowed: false,
    }
}

/// The evidence for each signal.
const CASES: &[(&str, Change)] = &[
    ("fingerprint_reputation", |s| s.reputed(Layer::Fingerprint, 5.0)),
    ("deployment_reputation", |s| s.reputed(Layer::Deployment, 5.0)),
    ("instance_reputation", |s| s.reputed(Layer::Instance, 5.0)),
    ("origin_reputation", |s| s.reputed(Layer::Origin, 5.0)),
    ("sender", |s| {
        let strangers = verdict(bellwether_senders::Cluster::Strangers { family: 1 });
        s.open.sender = Some(bellwether_senders::Verdict { probability: 0.9, is_accused: true, ..strangers });
    }),
    ("borrowed_number", |s| {
        let nothing = verdict(bellwether_senders::Cluster::Nothing);
        s.open.sender = Some(bellwether_senders::Verdict { is_borrowed: true, ..nothing });
    }),
    ("registered", |s| s.line(bellwether_senders::LineKind::Registered)),
    ("returning", |s| s.line(bellwether_senders::LineKind::Returning)),
    ("operator_blocked", |s| s.listed(crate::OperatorList::Block)),
    ("operator_allowed", |s| s.listed(crate::OperatorList::Allow)),
    ("campaign_member", |s| {
        s.open.membership = Some(Membership::by_evidence(CampaignId::new(1), "c".into(), 1.0, "x"));
    }),
    ("incident", |s| {
        let kind = bellwether_incidents::IncidentKind::TollFraud;
        s.open.incident = Some(crate::open::OfIncident::new(IncidentId::new(1), kind, 2.0, false));
    }),
    ("prompt_repeated", |s| (s.open.prompt, s.open.is_from_trunk) = (Some((4, 4)), true)),
    ("agent_contradicts", |s| s.platform.is_contradictory = true),
    ("agent_volatile", |s| s.calls(4, |i, d| d.agent = i as u32)),
    ("scanner_tool", |s| s.row.user_agent = Some(Masked::stored("friendly-scanner"))),
    ("scanning_source", |s| s.source.refused = (0..9).collect()),
    ("attestation_full", |s| s.attested(PassportStatus::Valid, Some("A"))),
    ("attestation_partial", |s| s.attested(PassportStatus::Unverified, Some("B"))),
    ("attestation_gateway", |s| s.attested(PassportStatus::Unverified, Some("C"))),
    ("unsigned", |s| s.source.signed = (40, 1)),
    ("passport_valid", |s| s.attested(PassportStatus::Valid, None)),
    ("passport_malformed", |s| s.attested(PassportStatus::Malformed, Some("A"))),
    ("passport_stale", |s| s.attested(PassportStatus::Stale, Some("A"))),
    ("passport_mismatch", |s| s.attested(PassportStatus::Mismatch, Some("A"))),
    ("passport_replay", |s| s.attested(PassportStatus::Replay, Some("A"))),
    ("passport_invalid", |s| s.attested(PassportStatus::Invalid, Some("A"))),
    ("passport_unusual", |s| {
        s.attested(PassportStatus::Unverified, None);
        s.row.attested.as_mut().unwrap().slips = vec!["padded"];
    }),
    ("verstat_spoofed", |s| {
        s.row.traits.verstat = Some(Verstat::Passed);
        s.row.traits.verstat = Some(Verstat::Passed);
        s.attested(PassportStatus::Stale, None);
    }),
    ("verstat_failed", |s| s.row.traits.verstat = Some(Verstat::Failed)),
    ("identity_differs", |s| s.row.traits.differs_from_asserted = true),
    ("remote_party_differs", |s| s.row.traits.differs_from_remote_party = true),
    ("neighbour_number", |s| s.row.traits.is_neighbour = true),
    ("number_impossible", |s| s.row.caller_number.validity = Some(Validity::Impossible)),
    ("number_unallocated", |s| s.row.caller_number.validity = Some(Validity::Unallocated)),
    ("borrowed_name", |s| s.row.traits.brand = Some("bank".into())),
    ("anonymous", |s| s.row.traits.is_anonymous = true),
    ("registered_elsewhere", |s| s.registration = Registration::Elsewhere),
    ("not_registered", |s| (s.is_registrar, s.since) = (true, before(9000))),
    ("account_moved", |s| {
        s.home(9, "desk phone", 9000);
        s.home(1, "dialler", 60);
    }),
    ("accounts_taken", |s| s.source.taken = smallvec![1, 2, 3]),
    ("account_many_platforms", |s| {
        s.account.calls = 9;
        let print = |name| PrintHash::of(Part::Combined, name);
        s.account.platforms =
            smallvec![(print("1"), before(50)), (print("2"), before(40)), (print("3"), before(30))];
    }),
    ("first_country", |s| {
        s.row.callee_number.country = Some("53".into());
        (s.account.calls, s.account.countries) = (20, smallvec![49]);
    }),
    ("odd_hours", |s| {
        (s.account.calls, s.account.first_call) = (50, Some(before(9 * 86_400)));
        let now = NOW.hour_of_day();
        s.account.hours[(now + 6) % 24] = 50;
    }),
    ("stranger_abroad", |s| s.open.stranger_to = Some(48)),
    ("call_velocity", |s| {
        s.calls(60, |i, d| (d.at, d.callee) = (before(1200 - i * 20 - (i * 7) % 13), (i % 9) as u32));
    }),
    ("callee_spread", |s| s.calls(24, |i, d| d.callee = i as u32)),
    ("call_pacing", |s| s.calls(10, |i, d| d.at = before(1000 - i * 100))),
    ("short_calls", |s| s.calls(10, |_, d| d.secs = 4)),
    ("answer_ratio", |s| s.calls(16, |_, d| d.fate = CallResult::Unanswered)),
    ("concurrent_calls", |s| s.calls(12, |_, d| d.fate = CallResult::Open)),
    ("sequential_dialling", |s| s.calls(6, |i, d| (d.neighbourhood, d.line) = (7, 100 + i as u16))),
    ("risky_destination", |s| s.row.traits.risk = Some("satellite".into())),
    ("malformed_message", |s| s.row.defects = vec!["a", "b"]),
    ("other_via", |s| s.row.traits.has_other_via = true),
    ("conversation", |s| (s.open.fate, s.open.secs) = (CallResult::Answered, 90)),
    ("one_way_media", |s| {
        (s.open.fate, s.open.secs, s.open.heard.caller_packets) = (CallResult::Answered, 20, 900);
    }),
    ("dead_air", |s| {
        (s.open.fate, s.open.secs, s.open.heard.quiet_share) = (CallResult::Answered, 20, Some(1.0));
        (s.open.heard.caller_packets, s.open.heard.callee_packets) = (900, 900);
    }),
];

#[test]
fn of_a_call_of_which_nothing_is_known_every_signal_is_silent() {
    assert_eq!(Scene::unknown().speak(), []);
}

#[test]
fn each_signal_speaks_where_its_evidence_is_and_only_there() {
    let mut shown = BTreeSet::new();
    for (name, change) in CASES {
        let mut scene = Scene::unknown();
        change(&mut scene);
        let spoken = scene.speak();
        let share = spoken.iter().find(|(n, _)| n == name).map(|(_, share)| *share);
        assert!(share.is_some_and(|share| share > 0.0), "{name} is silent: {spoken:?}");
        // Evidence for one signal may activate others of its group, but none of another group.
        let group = |name: &str| SIGNALS.iter().find(|s| s.name == name).unwrap().group;
        let akin = |other: &str| match group(name) {
            Group::Conduct | Group::Evasion => {
                matches!(group(other), Group::Conduct | Group::Evasion | Group::Platform)
            }
            of => group(other) == of,
        };
        assert!(spoken.iter().all(|(other, _)| akin(other)), "{name}: {spoken:?}");
        shown.insert(*name);
    }
    let without: Vec<&str> = SIGNALS
        .iter()
        .filter(|s| !matches!(s.rule, Device) && !shown.contains(s.name))
        .map(|s| s.name)
        .collect();
    assert_eq!(without, Vec::<&str>::new(), "signals without a case");
}

#[test]
fn there_are_enough_signals_and_each_has_a_name_of_its_own() {
    let names: BTreeSet<&str> = SIGNALS.iter().map(|s| s.name).collect();
    assert_eq!(names.len(), SIGNALS.len());
    assert!(SIGNALS.len() >= 30);
    assert!(SIGNALS.iter().all(|s| !s.about.is_empty() && s.points != 0.0 && s.points.abs() <= 100.0));
}

#[test]
fn a_trunk_is_not_judged_as_one_caller() {
    let mut scene = Scene::unknown();
    scene.row.traits.trunk = Some(TrunkPolicy::default());
    scene.calls(30, |i, d| (d.caller, d.agent, d.secs) = (i as u32, i as u32, 4));
    scene.caller = CallHistory::default();
    scene.source.refused = (0..9).collect();
    assert_eq!(scene.speak(), []);
}

#[test]
fn c_from_an_approved_carrier_counts_as_b() {
    let mut scene = Scene::unknown();
    scene.attested(PassportStatus::Unverified, Some("C"));
    scene.row.traits.trunk = Some(TrunkPolicy { is_trusted: true, usual_attestation: "C".into() });
    assert_eq!(scene.speak(), [("attestation_partial", 1.0)]);
    scene.row.attested = None;
    assert_eq!(scene.speak(), [("unsigned", 1.0)]);
}

#[test]
fn a_trunk_that_always_signs_is_missed_whatever_address_its_calls_come_from() {
    let mut scene = Scene::unknown();
    scene.row.traits.trunk = Some(TrunkPolicy { is_trusted: false, usual_attestation: String::new() });
    scene.row.trunk_id = Some("carrier-1".into());
    scene.source.signed = (19, 1);
    assert_eq!(scene.speak(), [("unsigned", 1.0)]);
    scene.source.signed = (10, 10);
    assert_eq!(scene.speak(), []);
}

#[test]
fn an_attestation_that_nobody_verified_counts_half() {
    let mut scene = Scene::unknown();
    scene.attested(PassportStatus::Unverified, Some("A"));
    assert_eq!(scene.speak(), [("attestation_full", 0.5)]);
    // A defective token is no evidence of honesty.
    scene.attested(PassportStatus::Replay, Some("A"));
    assert_eq!(scene.speak(), [("passport_replay", 1.0)]);
}

#[test]
fn a_good_standing_speaks_for_a_call_and_weighs_a_third() {
    let mut scene = Scene::unknown();
    scene.reputed(Layer::Fingerprint, 100.0);
    assert_eq!(scene.speak(), [], "the good name of others on a platform is nobody's own");
    if let Some(reputed) = &mut scene.standings[Layer::Fingerprint as usize] {
        reputed.labels = (0, 1);
    }
    assert_eq!(scene.speak(), [], "a label of one honest user is no name for strangers");
    scene.row.traits.trunk = Some(TrunkPolicy::default());
    let spoken = scene.speak();
    assert!((spoken[0].1 + 1.0 / 3.0).abs() < 1e-9, "{spoken:?}");
    scene.is_line = true;
    assert_eq!(scene.speak(), [], "a line stands for itself");
}

#[test]
fn a_contested_account_is_no_line() {
    let mut scene = Scene::unknown();
    scene.line(bellwether_senders::LineKind::Registered);
    assert_eq!(scene.speak().len(), 1);
    scene.open.is_contested = true;
    assert_eq!(scene.speak(), []);
}

#[test]
fn who_shares_an_account_with_its_owner_gets_nothing_of_its_name() {
    let mut scene = Scene::unknown();
    scene.home(9, "desk phone", 9000);
    scene.home(1, "dialler", 60);
    scene.registration = Registration::Here;
    (scene.account.calls, scene.account.conversations) = (9, 5);
    scene.account.first_call = Some(before(90_000));
    assert_eq!(scene.speak(), [("account_moved", 1.0)]);
}
