//! The signals: each is small, has a name, and gives its evidence as text.

mod account;
mod conduct;
mod ending;
mod identity;
mod platform;
#[cfg(test)]
mod tests;

use bellwether_base::Timestamp;
use bellwether_enrich::CallRow;

use crate::account::{Account, RegisteredDevice};
use crate::call_history::CallHistory;
use crate::open::OpenCall;
use crate::platform::Platform;
use crate::reputation_record::{Layer, Reputed};
use crate::settings::Tuned;
use crate::source::Source;
use crate::{Evidence, Settings};

/// Groups of signals that may express the same fact. The sum of each group is limited.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Group {
    /// Reputation of platform, deployment, instance and origin.
    Reputation,
    /// Campaign membership.
    Campaign,
    /// Structure of the messages.
    Platform,
    /// The claimed identity of the caller, and attestation of it.
    Identity,
    /// Earlier behaviour of the caller's account, and its devices.
    Account,
    /// Calling patterns of mass callers, including honest ones.
    Conduct,
    /// Calling patterns that serve to avoid recognition.
    Evasion,
    /// The destination.
    Destination,
    /// Correctness of the messages.
    Hygiene,
    /// Media.
    Media,
}

impl Group {
    /// Number of groups.
    pub(crate) const COUNT: usize = Self::Media as usize + 1;

    /// The maximum points that a group subtracts from a call's score, and the maximum that it adds.
    #[must_use]
    pub const fn limits(self) -> (f64, f64) {
        match self {
            Self::Reputation => (50.0, 15.0),
            Self::Campaign => (45.0, 0.0),
            Self::Platform => (45.0, 0.0),
            Self::Identity => (40.0, 14.0),
            Self::Account => (45.0, 30.0),
            Self::Conduct => (18.0, 0.0),
            Self::Evasion => (25.0, 0.0),
            Self::Destination => (15.0, 0.0),
            Self::Hygiene => (8.0, 0.0),
            Self::Media => (8.0, 10.0),
        }
    }

    /// Name in the documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reputation => "reputation",
            Self::Campaign => "campaign",
            Self::Platform => "platform",
            Self::Identity => "identity",
            Self::Account => "account",
            Self::Conduct => "conduct",
            Self::Evasion => "evasion",
            Self::Destination => "destination",
            Self::Hygiene => "hygiene",
            Self::Media => "media",
        }
    }
}

/// A threshold of a signal.
#[derive(Clone, Copy, Debug)]
pub struct Threshold {
    /// Its name in the configuration.
    pub name: &'static str,
    /// Its default.
    pub value: f64,
    /// Its meaning and unit.
    pub about: &'static str,
}

/// One piece of evidence for or against a call.
pub struct Signal {
    /// Its name.
    pub name: &'static str,
    /// Its group, whose total is limited.
    pub group: Group,
    /// Its points. Negative points count against a call.
    pub points: f64,
    /// Its thresholds.
    pub thresholds: &'static [Threshold],
    /// Its condition, and the reason for its weight.
    pub about: &'static str,
    /// The data that it needs. Without that data it stays silent.
    pub needs: &'static str,
    pub(crate) rule: Rule,
}

/// Evaluates a signal at the INVITE.
type AtInvite = fn(&AtStart<'_>, &Tuned) -> Option<Found>;

/// Evaluates a signal during a call and at its end.
type UntilEnd = fn(&OpenCall, &Tuned) -> Option<Found>;

/// The time at which a signal is evaluated.
pub(crate) enum Rule {
    /// At the INVITE.
    Start(AtInvite),
    /// At the INVITE of a call with a PASSporT.
    Token(AtInvite),
    /// After each change of the call, and at its end.
    Later(UntilEnd),
    /// With a device verdict, from which the signal follows.
    Device,
}

/// The active signals, each with its index in [`SIGNALS`] and its settings.
pub(crate) struct Rules {
    start: Vec<(usize, AtInvite, Tuned)>,
    token: Vec<(usize, AtInvite, Tuned)>,
    later: Vec<(usize, UntilEnd, Tuned)>,
}

impl Rules {
    pub(crate) fn of(settings: &Settings) -> Self {
        let mut rules = Self { start: Vec::new(), token: Vec::new(), later: Vec::new() };
        for (place, signal) in SIGNALS.iter().enumerate() {
            let Some(tuned) = settings.signals.get(place).filter(|tuned| tuned.is_on).cloned() else {
                continue;
            };
            match signal.rule {
                Start(look) => rules.start.push((place, look, tuned)),
                Token(look) => rules.token.push((place, look, tuned)),
                Later(look) => rules.later.push((place, look, tuned)),
                Device => {}
            }
        }
        rules
    }

    /// Evaluates the signals at the INVITE and reports each with its index.
    pub(crate) fn at_invite(&self, at: &AtStart<'_>, mut found: impl FnMut(usize, Found)) {
        let token: &[_] = if at.row.attested.is_some() { &self.token } else { &[] };
        for (place, look, tuned) in self.start.iter().chain(token) {
            if let Some(shown) = look(at, tuned) {
                found(*place, shown);
            }
        }
    }

    /// Evaluates the signals of the call's progress and reports each with its index.
    pub(crate) fn until_end(&self, call: &OpenCall, mut found: impl FnMut(usize, Found)) {
        for (place, look, tuned) in &self.later {
            if let Some(shown) = look(call, tuned) {
                found(*place, shown);
            }
        }
    }
}

/// The result of a signal.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Found {
    /// Share of the points; limited to the range from -1 to 1.
    pub(crate) share: f64,
    pub(crate) evidence: Evidence,
}

impl Found {
    pub(crate) fn whole(evidence: impl Into<Evidence>) -> Option<Self> {
        Some(Self { share: 1.0, evidence: evidence.into() })
    }
}

/// The registration state of a caller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Registration {
    /// Registered from the source address of the call.
    Here,
    /// The call comes from the server that holds the registration.
    ByServer,
    /// Registered from another address.
    Elsewhere,
    /// No registration was seen.
    No,
}

/// The knowledge at a call's INVITE.
pub(crate) struct AtStart<'a> {
    pub(crate) row: &'a CallRow,
    pub(crate) platform: &'a Platform,
    pub(crate) account: &'a Account,
    /// The caller's recent calls; this one is the latest.
    pub(crate) caller: &'a CallHistory,
    pub(crate) source: &'a Source,
    /// Calls with and without a PASSporT, of the trunk, or else of the source address.
    pub(crate) signed: (u32, u32),
    pub(crate) registration: Registration,
    /// The owner's device, if the call comes from another one that registered later: see [`Account::moved`].
    pub(crate) moved: Option<&'a RegisteredDevice>,
    /// Reputation by layer, in the order of [`Layer::ALL`]; `None` without a record.
    pub(crate) standings: [Option<Reputed>; 4],
    /// Total number of calls seen.
    pub(crate) calls_seen: u64,
    /// Time of the first row.
    pub(crate) since: Timestamp,
    /// True if the call's destination has accepted a registration.
    pub(crate) is_registrar: bool,
    /// Number of earlier calls of the platform.
    pub(crate) platform_calls: u64,
    pub(crate) is_rooted: bool,
}

impl AtStart<'_> {
    pub(crate) fn now(&self) -> Timestamp {
        self.row.started_at
    }

    pub(crate) fn standing(&self, layer: Layer) -> Option<Reputed> {
        Layer::ALL.iter().position(|l| *l == layer).and_then(|place| *self.standings.get(place)?)
    }

    /// Returns true if the call comes from a trunk.
    pub(crate) fn is_from_trunk(&self) -> bool {
        self.row.traits.trunk.is_some()
    }
}

const fn limit(name: &'static str, value: f64, about: &'static str) -> Threshold {
    Threshold { name, value, about }
}

macro_rules! signals {
    ($($name:ident: $group:ident, $points:expr, [$($t:expr),*], $rule:expr, $about:expr, $needs:expr;)*) => {
        &[$(Signal {
            name: stringify!($name), group: Group::$group, points: $points, thresholds: &[$($t),*],
            about: $about, needs: $needs, rule: $rule,
        },)*]
    };
}

pub(crate) use ending::member;

use Rule::{Device, Later, Start, Token};

/// All signals, in the order of reports.
pub const SIGNALS: &[Signal] = signals! {
    // ------------------------------------------------------------------ reputation
    fingerprint_reputation: Reputation, -40.0, [], Start(platform::fingerprint_reputation),
        "The platform's standing, from all (0) of the points to a third for the call (100): what its calls turned out to be, scaled by how specific it is. Silent where its deployment stands no better.",
        "a label, or calls that were observed";
    deployment_reputation: Reputation, -45.0, [], Start(platform::deployment_reputation),
        "The same of the deployment: platform, path, domain and names in the description.", "a label, or calls that were observed";
    instance_reputation: Reputation, -45.0, [], Start(platform::instance_reputation),
        "The same of the process or device, where its identifiers name it.", "a generator that names its process";
    origin_reputation: Reputation, -30.0, [], Start(platform::origin_reputation),
        "The same of who claims to call from which first hop; the User-Agent is left out (docs/decisions/0036).", "a label";
    // ------------------------------------------------------------------ campaign
    campaign_member: Campaign, -40.0, [], Later(ending::campaign_member),
        "The call is linked to a campaign; the share of the points follows from the strength of the links.", "a campaign";
    prompt_repeated: Campaign, -12.0, [limit("calls", 3.0, "calls that begin with the same recording")], Later(ending::prompt_repeated),
        "The caller's voice begins as in calls of other callers: a recording.", "G.711 that can be read, two seconds of speech";
    // ------------------------------------------------------------------ platform
    platform_rare: Platform, -3.0, [limit("calls", 500.0, "calls seen before rarity means anything")], Start(platform::rare),
        "Nobody honest is known to use the platform, and it was hardly seen before.", "enough calls of other platforms";
    agent_contradicts: Platform, -10.0, [], Start(platform::contradicts),
        "The User-Agent names a product that is built differently.", "a signature for the product or for the structure";
    agent_volatile: Platform, -15.0, [limit("agents", 3.0, "User-Agents of one platform from one address within the hour")],
        Start(platform::volatile), "One platform at one address calls itself by ever other names (docs/decisions/0036).",
        "several calls from the address";
    scanner_tool: Platform, -45.0, [], Start(platform::scanner),
        "The structure or the name is that of a program that looks for victims or makes test calls.", "a signature";
    scanning_source: Platform, -35.0, [limit("accounts", 8.0, "accounts that were turned away within the hour"),
        limit("passwords", 10.0, "wrong credentials within the hour"), limit("numbers", 20.0, "calls to numbers that nobody has")],
        Start(platform::scanning_source), "The address scans for accounts or numbers, or guesses passwords.",
        "answers to its REGISTERs or INVITEs";
    // ------------------------------------------------------------------ identity
    attestation_full: Identity, 8.0, [], Token(identity::full),
        "The signer knows the caller and vouches for the number (A). A claim unless the signature was verified: half the points then.",
        "a shaken PASSporT with nothing wrong in it";
    attestation_partial: Identity, 3.0, [], Token(identity::partial),
        "The signer knows the caller (B), or only the gateway (C) on a trunk that is trusted (docs/decisions/0037).",
        "a shaken PASSporT with nothing wrong in it";
    attestation_gateway: Identity, -4.0, [], Token(identity::gateway),
        "The signer knows only where the call came in (C), and nobody says that the trunk is to be trusted.",
        "a shaken PASSporT with nothing wrong in it";
    unsigned: Identity, -5.0, [limit("calls", 20.0, "calls of the trunk or address before a habit is one"),
        limit("share", 0.9, "share of them that are signed")], Start(identity::unsigned),
        "There is no PASSporT, though the trunk's calls, or where there is none the address's, have one.", "a trunk's usual attestation, or a habit";
    passport_valid: Identity, 6.0, [], Token(identity::valid),
        "The token's signature holds under a certificate that leads to a trusted authority.", "--stir-certs";
    passport_malformed: Identity, -12.0, [], Token(identity::malformed),
        "The token breaks RFC 8225 or RFC 8588: a home-made signer.", "a PASSporT";
    passport_stale: Identity, -12.0, [], Token(identity::stale), "The token was issued a minute and more before or after the call.",
        "a PASSporT";
    passport_mismatch: Identity, -18.0, [], Token(identity::mismatch),
        "The token is for other parties than the call's, and no div token explains it (RFC 8946).", "a PASSporT";
    passport_replay: Identity, -35.0, [], Token(identity::replay), "The token was used for another call before.", "a PASSporT";
    passport_invalid: Identity, -35.0, [], Token(identity::invalid),
        "The token's signature does not hold, or nobody trusted vouches for its certificate.", "--stir-certs";
    passport_unusual: Identity, -2.0, [], Token(identity::unusual),
        "The token departs from the canonical form (RFC 8225 section 9), as few signers' programs do.", "a PASSporT";
    verstat_spoofed: Identity, -12.0, [], Start(identity::verstat_spoofed),
        "Somebody says that the caller was verified: a token in the same message says otherwise, or the sender is no trunk.",
        "a verstat parameter";
    verstat_failed: Identity, -10.0, [], Start(identity::verstat_failed), "A verifier on the way says that the caller's number failed.",
        "a verstat parameter";
    identity_differs: Identity, -5.0, [], Start(identity::differs),
        "From names somebody else than P-Asserted-Identity, and the sender is not a trusted trunk.", "P-Asserted-Identity";
    remote_party_differs: Identity, -3.0, [], Start(identity::remote_party),
        "From names somebody else than Remote-Party-ID, and the sender is not a trusted trunk.", "Remote-Party-ID";
    neighbour_number: Identity, -6.0, [], Start(identity::neighbour),
        "Caller and called share all but four digits, and the caller is not known: numbers near one's own are trusted.",
        "numbers of ten digits and more";
    number_impossible: Identity, -18.0, [], Start(identity::impossible), "No number of that country looks like the caller's (ITU-T E.164).",
        "a caller's number with a country code";
    number_unallocated: Identity, -10.0, [], Start(identity::unallocated), "Nobody has the caller's country code or area.",
        "a caller's number with a country code";
    borrowed_name: Identity, -8.0, [], Start(identity::borrowed_name),
        "The display name is that of a bank, an office or a well-known company, and nothing vouches for the caller.", "a display name";
    anonymous: Identity, -3.0, [], Start(identity::anonymous), "The caller withholds the number.", "";
    // ------------------------------------------------------------------ account
    registered: Account, 12.0, [], Start(account::registered),
        "The caller is registered, and calls from the address that it registered from.", "its REGISTER and the answer";
    registered_elsewhere: Account, -8.0, [], Start(account::elsewhere),
        "The caller's account is registered at other addresses than the call comes from: neither by a trunk, nor by the server that it is registered with, and no other leg of the conversation comes from there.",
        "its REGISTER and the answer";
    established: Account, 8.0, [], Start(account::established),
        "The caller has called before, over an hour and more, and talked to people.", "its earlier calls";
    not_registered: Account, -4.0, [limit("hours", 2.0, "hours of traffic seen before a registration is missed")],
        Start(account::not_registered), "It calls like a subscriber, through a registrar, and never registered.",
        "other subscribers that register there";
    stranger_abroad: Account, -12.0, [], Later(ending::stranger_abroad),
        "A public address that nobody registered from and that is no trunk dials another country as subscribers do, with an international prefix, and no credentials of it were taken.",
        "a number that is dialled with an international prefix";
    account_moved: Account, -20.0, [], Start(account::moved),
        "The account is used by another platform at another address than its own, which is registered still.",
        "registrations of both";
    accounts_taken: Account, -20.0, [limit("accounts", 3.0, "accounts that had another home before")], Start(account::taken),
        "One address uses several accounts that others, with other platforms, had before.", "registrations of both";
    account_many_platforms: Account, -15.0, [limit("platforms", 3.0, "platforms within the day")], Start(account::many_platforms),
        "One account is used from several platforms.", "a caller that registers or has a history";
    first_country: Account, -8.0, [limit("calls", 10.0, "calls of the account before a country is unusual")],
        Start(account::first_country), "The account calls a country that it never called, and it has called enough to tell.",
        "its earlier calls";
    odd_hours: Account, -5.0, [limit("calls", 40.0, "calls of the account before hours tell anything")], Start(account::odd_hours),
        "The account calls at an hour of the day at which it never calls, nor within an hour of it.", "its earlier calls";
    device_authorised: Account, 12.0, [], Device, "The device is one that its subscriber may use.", "an inventory or an enrolled device";
    device_unauthorised: Account, -40.0, [], Device, "The device is not one that its subscriber may use.",
        "an inventory or an enrolled device";
    device_shared: Account, -8.0, [], Device, "The device registers other accounts too.", "a device that can be told";
    // ------------------------------------------------------------------ conduct
    call_velocity: Conduct, -8.0, [limit("per_hour", 60.0, "calls of one caller in an hour")], Start(conduct::velocity),
        "The caller makes calls faster than people do.", "";
    callee_spread: Conduct, -5.0, [limit("calls", 20.0, "calls within the hour"), limit("share", 0.95, "share of different numbers")],
        Start(conduct::spread), "The caller calls ever other numbers.", "";
    call_pacing: Conduct, -6.0, [limit("calls", 8.0, "calls within the hour"),
        limit("unevenness", 0.25, "deviation of the gaps over their mean; people have 1")],
        Start(conduct::pacing), "The gaps between the caller's calls are those of a machine.", "";
    short_calls: Conduct, -8.0, [limit("calls", 8.0, "calls within the hour that were answered"),
        limit("secs", 15.0, "seconds below which a call is short"), limit("share", 0.7, "share of short ones")],
        Start(conduct::short), "Who answers the caller hangs up soon.", "ends of earlier calls";
    answer_ratio: Conduct, -5.0, [limit("calls", 15.0, "calls within the hour that ended"), limit("share", 0.2, "share that were answered")],
        Start(conduct::answer_ratio), "Hardly anybody answers the caller.", "ends of earlier calls";
    concurrent_calls: Conduct, -8.0, [limit("calls", 10.0, "calls under way at once")], Start(conduct::concurrent),
        "The caller has more calls under way than people have.", "";
    // ------------------------------------------------------------------ evasion
    number_rotation: Evasion, -15.0, [limit("numbers", 10.0, "numbers of one address within the hour"),
        limit("share", 0.5, "numbers over calls")], Start(conduct::rotation),
        "One address, which is no trunk, calls under ever other numbers that do not come back.", "";
    sequential_dialling: Evasion, -15.0, [limit("calls", 5.0, "calls in a row")], Start(conduct::sequential),
        "The caller, or the address, dials numbers one after the other.", "numbers of seven digits and more";
    // ------------------------------------------------------------------ destination
    risky_destination: Destination, -10.0, [], Start(identity::risky),
        "The number called is one of those that earn money for whoever arranged the call.", "a called number with a country code";
    // ------------------------------------------------------------------ hygiene
    malformed_message: Hygiene, -4.0, [limit("defects", 2.0, "kinds of defects")], Start(platform::malformed),
        "The INVITE breaks the grammar in several ways.", "";
    other_via: Hygiene, -4.0, [], Start(platform::other_via),
        "The sender's Via names a public address that is not its own: it came through something that it does not show.", "";
    // ------------------------------------------------------------------ media
    conversation: Media, 10.0, [limit("secs", 30.0, "seconds of talk")], Later(ending::conversation),
        "Both sides talked for a while.", "the end of the call";
    one_way_media: Media, -3.0, [limit("secs", 10.0, "seconds of talk")], Later(ending::one_way),
        "Only one side sent media.", "media of the call on the mirror";
    dead_air: Media, -5.0, [limit("share", 0.98, "share of quiet packets"), limit("secs", 10.0, "seconds of talk")],
        Later(ending::dead_air), "The caller said nothing.", "G.711 of the caller that can be read";
};

/// The group of each signal. The array fits in one cache line.
static GROUPS: [Group; SIGNALS.len()] = {
    let mut groups = [Group::Hygiene; SIGNALS.len()];
    let mut place = 0;
    while place < SIGNALS.len() {
        groups[place] = SIGNALS[place].group;
        place += 1;
    }
    groups
};

/// The group of a signal. An unknown signal falls into the group with the smallest limit.
pub(crate) fn group(signal: usize) -> Group {
    GROUPS.get(signal).copied().unwrap_or(Group::Hygiene)
}

/// The index of a signal in [`SIGNALS`], or the length of the list for an unknown name.
const fn place(name: &str) -> usize {
    let mut place = 0;
    while place < SIGNALS.len() {
        if is_same(SIGNALS[place].name.as_bytes(), name.as_bytes()) {
            break;
        }
        place += 1;
    }
    place
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    match (a, b) {
        ([], []) => true,
        ([x, a @ ..], [y, b @ ..]) => *x == *y && is_same(a, b),
        _ => false,
    }
}

pub(crate) const CAMPAIGN_MEMBER: usize = place("campaign_member");
pub(crate) const PASSPORT_REPLAY: usize = place("passport_replay");
pub(crate) const SCANNING_SOURCE: usize = place("scanning_source");
pub(crate) const REGISTERED_ELSEWHERE: usize = place("registered_elsewhere");
pub(crate) const DEVICE_AUTHORISED: usize = place("device_authorised");
pub(crate) const DEVICE_UNAUTHORISED: usize = place("device_unauthorised");
pub(crate) const DEVICE_SHARED: usize = place("device_shared");

/// Renders `docs/signals.md` from the definitions.
#[must_use]
pub fn signals_document() -> String {
    let mut text = String::from(
        "# Signals\n\nWritten from the definitions in `crates/scoring/src/signals.rs`; a test holds it to them, `INSTA_UPDATE=always` writes \
         it anew.\n\nA call's score is 50 and the points of its signals, within 0 and 100. Each can be switched off, and its points and thresholds \
         set, in the configuration:\n\n```toml\n[signals.call_velocity]\non = true\npoints = -8.0\nper_hour = 60.0\n```\n\nWhat a signal needs and does \
         not have leaves it silent: missing evidence is neutral. Emergency calls are not judged at all. The points of a group's signals count up to \
         its limit, the strongest first; what is left of each is what reports show, so that they add up.\n\n## Limits of the groups\n\n| group | \
         against | for |\n|---|---:|---:|\n",
    );
    let mut groups: Vec<Group> = SIGNALS.iter().map(|s| s.group).collect();
    groups.dedup();
    for group in groups {
        let (against, towards) = group.limits();
        text.push_str(&format!("| {} | {against} | {towards} |\n", group.name()));
    }
    text.push_str("\n## Signals\n\n| signal | group | points | looked for | thresholds | meaning | needs |\n|---|---|---:|---|---|---|---|\n");
    for signal in SIGNALS {
        let when = match signal.rule {
            Start(_) | Token(_) => "at the INVITE",
            Later(_) => "until the end",
            Device => "when devices are judged",
        };
        let thresholds: Vec<String> =
            signal.thresholds.iter().map(|t| format!("`{}` {}: {}", t.name, t.value, t.about)).collect();
        text.push_str(&format!(
            "| `{}` | {} | {} | {when} | {} | {} | {} |\n",
            signal.name,
            signal.group.name(),
            signal.points,
            thresholds.join("; "),
            signal.about,
            if signal.needs.is_empty() { "-" } else { signal.needs }
        ));
    }
    text
}
