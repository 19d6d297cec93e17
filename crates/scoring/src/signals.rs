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
    /// The operator's own lists.
    Operator,
    /// Whether the sender's identities come back.
    Sender,
    /// Reputation of platform, deployment, instance and origin.
    Reputation,
    /// Campaign membership.
    Campaign,
    /// Membership of an incident.
    Incident,
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
            Self::Operator => (100.0, 20.0),
            Self::Sender => (50.0, 40.0),
            Self::Reputation => (50.0, 15.0),
            Self::Campaign => (45.0, 0.0),
            Self::Incident => (60.0, 0.0),
            Self::Platform => (45.0, 0.0),
            Self::Identity => (50.0, 14.0),
            Self::Account => (45.0, 30.0),
            Self::Conduct => (5.0, 0.0),
            Self::Evasion => (25.0, 0.0),
            Self::Destination => (15.0, 0.0),
            Self::Hygiene => (8.0, 0.0),
            Self::Media => (8.0, 10.0),
        }
    }

    /// True if the weight of a signal depends on how many lines of the site show it. The other groups state facts, or
    /// have learned already.
    pub(crate) const fn is_learned(self) -> bool {
        matches!(
            self,
            Self::Platform | Self::Identity | Self::Conduct | Self::Evasion | Self::Hygiene | Self::Media
        )
    }

    /// Name in the documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Sender => "sender",
            Self::Reputation => "reputation",
            Self::Campaign => "campaign",
            Self::Incident => "incident",
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
    /// Time of the first row.
    pub(crate) since: Timestamp,
    /// True if the call's destination has accepted a registration.
    pub(crate) is_registrar: bool,
    pub(crate) is_rooted: bool,
    /// True for a caller that is registered at its address or came back to it.
    pub(crate) is_line: bool,
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

pub(crate) use ending::{member, of_incident, of_listing, of_sender};
pub(crate) use platform::of_reputation;

use Rule::{Device, Later, Start, Token};

/// All signals, in the order of reports.
pub const SIGNALS: &[Signal] = signals! {
    // ------------------------------------------------------------------ operator
    operator_blocked: Operator, -100.0, [], Later(ending::operator_blocked),
        "The operator's block list has the caller's number, its address or network, or its fingerprint.", "`block add`";
    operator_allowed: Operator, 20.0, [], Later(ending::operator_allowed),
        "The operator's allow list has the caller's number, its address or network, or its fingerprint. The odds of the sender then start at 1 to 20,000 of what they were, and reputation says nothing.", "`allow add`";
    // ------------------------------------------------------------------ sender
    sender: Sender, -50.0, [], Later(ending::sender),
        "The log odds that the sender throws its identities away, times 6, beside the odds of a neutral score (1 to 7). ",
        "other calls of the sender";
    registered: Sender, 40.0, [], Later(ending::registered),
        "The caller is registered at the source address of the call. The odds of such a line are 1 to 600 and better, and improve with its sessions.",
        "the caller's REGISTER and its response";
    returning: Sender, 40.0, [], Later(ending::returning),
        "The caller came back to its address after half an hour and more, which makes it a line like a registered caller.",
        "earlier calls of the number from the address";
    // ------------------------------------------------------------------ reputation
    fingerprint_reputation: Reputation, -40.0, [], Start(platform::fingerprint_reputation),
        "The reputation of the platform, scaled by its specificity. Reputation 0 takes all the points, 50 takes none, and 100 adds a third of them. The signal is silent if the deployment has a bad reputation that is as low.",
        "a label, or observed calls of the platform";
    deployment_reputation: Reputation, -45.0, [], Start(platform::deployment_reputation),
        "The reputation of the deployment: platform, path, domain, and names in the session description.", "a label, or observed calls of the deployment";
    instance_reputation: Reputation, -45.0, [], Start(platform::instance_reputation),
        "The reputation of the process or device.", "identifiers that name the process or device";
    origin_reputation: Reputation, -30.0, [], Start(platform::origin_reputation),
        "The reputation of the origin: asserted identity and first Via host, without the User-Agent (docs/decisions/0036).", "a label";
    // ------------------------------------------------------------------ campaign
    campaign_member: Campaign, -40.0, [], Later(ending::campaign_member),
        "The call is a member of a campaign. Stronger links take more of the points, from two thirds to all.", "a campaign";
    prompt_repeated: Campaign, -12.0, [limit("calls", 3.0, "minimum number of calls that play the recording")], Later(ending::prompt_repeated),
        "The caller plays a recording that callers behind the same trunk, or members of a campaign, play too.", "two seconds of speech in unencrypted G.711";
    // ------------------------------------------------------------------ incident
    incident: Incident, -60.0, [], Later(ending::incident),
        "The call belongs to an incident: the log odds that the incident is fraud, times 6, beside the odds of a neutral score (1 to 7). 15 % of the points while the incident is a notice, which honest life explains as well. Trust that the account has earned is not added, unless the incident is a notice.",
        "`report incidents`";
    // ------------------------------------------------------------------ platform
    agent_contradicts: Platform, -10.0, [], Start(platform::contradicts),
        "The User-Agent names a product that the structure of the messages contradicts.", "a signature of the product or of the structure";
    agent_volatile: Platform, -15.0, [limit("agents", 3.0, "User-Agents of one platform from one address within the hour")],
        Start(platform::volatile), "One platform at one address changes its User-Agent from call to call (docs/decisions/0036).",
        "several calls from the address";
    scanner_tool: Platform, -45.0, [], Start(platform::scanner),
        "The structure or the User-Agent is that of a scanner or a test tool.", "a signature";
    scanning_source: Platform, -35.0, [limit("accounts", 8.0, "accounts that registrars refused within the hour"),
        limit("passwords", 10.0, "wrong credentials within the hour"), limit("numbers", 20.0, "calls to unassigned numbers within the hour")],
        Start(platform::scanning_source), "The source address scans for accounts or numbers, or guesses passwords.",
        "responses to REGISTERs or INVITEs of the address";
    // ------------------------------------------------------------------ identity
    attestation_full: Identity, 8.0, [], Token(identity::full),
        "The signer knows the caller and vouches for the number (attestation A). An unverified signature gives half the points, unless the trunk is trusted.",
        "a shaken PASSporT without a defect";
    attestation_partial: Identity, 3.0, [], Token(identity::partial),
        "The signer knows the caller but not the number (attestation B). Attestation C on a trusted trunk counts as B (docs/decisions/0037).",
        "a shaken PASSporT without a defect";
    attestation_gateway: Identity, -4.0, [], Token(identity::gateway),
        "The signer knows only the gateway of the call (attestation C), and the trunk is not marked as trusted.",
        "a shaken PASSporT without a defect";
    unsigned: Identity, -5.0, [limit("calls", 20.0, "minimum number of calls of the trunk or address"),
        limit("share", 0.9, "minimum share of signed calls among them")], Start(identity::unsigned),
        "The call has no PASSporT, although most calls of the same trunk have one. The source address takes the place of a missing trunk.", "`attestation` of the trunk in the configuration, or earlier calls";
    passport_valid: Identity, 6.0, [], Token(identity::valid),
        "The signature of the PASSporT is valid under a trusted certificate or key.", "--stir-certs";
    passport_malformed: Identity, -12.0, [], Token(identity::malformed),
        "The PASSporT violates RFC 8225 or RFC 8588, as signers of fraudsters do.", "a PASSporT";
    passport_stale: Identity, -12.0, [], Token(identity::stale), "The PASSporT was issued at least a minute before or after the call.",
        "a PASSporT";
    passport_mismatch: Identity, -18.0, [], Token(identity::mismatch),
        "The PASSporT names other parties than the call, and no div PASSporT explains the difference (RFC 8946).", "a PASSporT";
    passport_replay: Identity, -50.0, [], Token(identity::replay), "An earlier call had the same PASSporT.", "a PASSporT";
    passport_invalid: Identity, -50.0, [], Token(identity::invalid),
        "The signature of the PASSporT is invalid, or its certificate is not trusted.", "--stir-certs";
    passport_unusual: Identity, -2.0, [], Token(identity::unusual),
        "The PASSporT is not in canonical form (RFC 8225 section 9). Few signers deviate from this form.", "a PASSporT";
    verstat_spoofed: Identity, -12.0, [], Start(identity::verstat_spoofed),
        "A verstat parameter claims a verified caller, but the PASSporT of the call is bad, or the sender is a registered subscriber.",
        "a verstat parameter";
    verstat_failed: Identity, -10.0, [], Start(identity::verstat_failed), "A verstat parameter reports that verification of the caller's number failed.",
        "a verstat parameter";
    identity_differs: Identity, -5.0, [], Start(identity::differs),
        "From and P-Asserted-Identity name different callers, and the sender is not a trusted trunk.", "P-Asserted-Identity";
    remote_party_differs: Identity, -3.0, [], Start(identity::remote_party),
        "From and Remote-Party-ID name different callers, and the sender is not a trusted trunk.", "Remote-Party-ID";
    neighbour_number: Identity, -4.0, [], Start(identity::neighbour),
        "The numbers of caller and callee are equal but for the last four digits, and the caller is not established. People trust a number near their own.",
        "numbers of at least ten digits";
    number_impossible: Identity, -12.0, [], Start(identity::impossible), "The caller's number has a length or digits that no number of its country has (ITU-T E.164).",
        "a caller's number with a country code";
    number_unallocated: Identity, -8.0, [], Start(identity::unallocated), "The country code, area or range of the caller's number is not allocated.",
        "a caller's number with a country code";
    borrowed_name: Identity, -8.0, [], Start(identity::borrowed_name),
        "The display name contains the name of a bank, a public authority or a well-known company. No valid PASSporT vouches for the caller, and the caller is not established.", "a display name";
    borrowed_number: Identity, -6.0, [], Later(ending::borrowed_number),
        "The caller's number is a line's at another address, which called within the last two hours. The signal speaks against this call and not against the line.", "earlier calls of the line";
    anonymous: Identity, -3.0, [], Start(identity::anonymous), "The caller withholds the number.", "";
    // ------------------------------------------------------------------ account
    registered_elsewhere: Account, -8.0, [], Start(account::elsewhere),
        "The caller is registered, but not from the source address of the call. Calls from trunks and from the registrar are exempt, and so are conversations with another leg from a registered address.",
        "the caller's REGISTER and its response";
    not_registered: Account, -4.0, [limit("hours", 2.0, "minimum hours of traffic seen before the signal applies")],
        Start(account::not_registered), "The caller calls through a registrar, as subscribers do, but never registered.",
        "registrations of other subscribers at the registrar";
    stranger_abroad: Account, -12.0, [], Later(ending::stranger_abroad),
        "The call dials another country with an international prefix, as subscribers do. Its public source address has no registration, is no trunk, and showed no accepted credentials.",
        "a called number with an international prefix";
    account_moved: Account, -20.0, [], Start(account::moved),
        "Another platform uses the account from another address, while the owner's device is still registered.",
        "registrations of both devices";
    accounts_taken: Account, -20.0, [limit("accounts", 3.0, "accounts that another platform used before")], Start(account::taken),
        "One address uses several accounts that other platforms at other addresses used before.", "registrations of both devices";
    account_many_platforms: Account, -15.0, [limit("platforms", 3.0, "platform families of the account within the day")], Start(account::many_platforms),
        "Several platform families use one account.", "a caller that registers or has a history";
    first_country: Account, -10.0, [limit("calls", 10.0, "minimum number of earlier calls of the account")],
        Start(account::first_country), "The account calls a country for the first time after many calls.",
        "earlier calls of the account";
    odd_hours: Account, -5.0, [limit("calls", 40.0, "minimum number of earlier calls of the account")], Start(account::odd_hours),
        "The account calls at an hour of the day that is more than an hour from all earlier calls.", "earlier calls of the account";
    device_authorised: Account, 12.0, [], Device, "The device verdict is authorised: the subscriber may use the device.", "an inventory or an enrolled device";
    device_unauthorised: Account, -40.0, [], Device, "The device verdict is unauthorised: the subscriber may not use the device.",
        "an inventory or an enrolled device";
    device_shared: Account, -8.0, [], Device, "The device also registers other accounts.", "a recognised device";
    // ------------------------------------------------------------------ conduct
    call_velocity: Conduct, -8.0, [limit("per_hour", 60.0, "calls of one caller per hour")], Start(conduct::velocity),
        "The caller makes more calls per hour than a person does.", "";
    callee_spread: Conduct, -5.0, [limit("calls", 20.0, "calls within the hour"), limit("share", 0.95, "different numbers per call")],
        Start(conduct::spread), "Nearly every call of the caller goes to a different number.", "";
    call_pacing: Conduct, -6.0, [limit("calls", 8.0, "calls within the hour"),
        limit("unevenness", 0.25, "standard deviation of the gaps over their mean; people have about 1")],
        Start(conduct::pacing), "The gaps between the caller's calls are as even as those of a machine.", "";
    short_calls: Conduct, -8.0, [limit("calls", 8.0, "answered calls within the hour"),
        limit("secs", 15.0, "shorter calls are short calls, in seconds"), limit("share", 0.7, "minimum share of short calls")],
        Start(conduct::short), "Most answered calls of the caller end soon.", "the ends of earlier calls";
    answer_ratio: Conduct, -5.0, [limit("calls", 15.0, "ended calls within the hour"), limit("share", 0.2, "maximum share of answered calls")],
        Start(conduct::answer_ratio), "Few of the caller's calls are answered.", "the ends of earlier calls";
    concurrent_calls: Conduct, -8.0, [limit("calls", 10.0, "calls at the same time")], Start(conduct::concurrent),
        "The caller has more calls at the same time than a person has.", "";
    // ------------------------------------------------------------------ evasion
    sequential_dialling: Evasion, -15.0, [limit("calls", 5.0, "numbers in sequence")], Start(conduct::sequential),
        "The caller or the source address dials numbers in sequence.", "numbers of at least seven digits";
    // ------------------------------------------------------------------ destination
    risky_destination: Destination, -15.0, [], Start(identity::risky),
        "The called number is in a range of revenue share fraud or premium rates.", "a called number with a country code";
    // ------------------------------------------------------------------ hygiene
    malformed_message: Hygiene, -4.0, [limit("defects", 2.0, "different defects")], Start(platform::malformed),
        "The INVITE has several defects.", "";
    other_via: Hygiene, -4.0, [], Start(platform::other_via),
        "The sender's Via names another public address than the source of the packet. The INVITE passed an element that left no Via.", "";
    // ------------------------------------------------------------------ media
    conversation: Media, 5.0, [limit("secs", 30.0, "seconds of the answered call")], Later(ending::conversation),
        "The answered call was long. Its media flowed in both directions, if the sensor saw media.", "the end of the call";
    one_way_media: Media, -3.0, [limit("secs", 10.0, "seconds of the answered call")], Later(ending::one_way),
        "Only one side of an answered call sent media.", "media of the call";
    dead_air: Media, -5.0, [limit("share", 0.98, "share of quiet packets"), limit("secs", 10.0, "seconds of the answered call")],
        Later(ending::dead_air), "The caller was silent during an answered call.", "unencrypted G.711 from the caller";
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
pub(crate) const fn place(name: &str) -> usize {
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

pub(crate) const OPERATOR_BLOCKED: usize = place("operator_blocked");
pub(crate) const OPERATOR_ALLOWED: usize = place("operator_allowed");
pub(crate) const SENDER: usize = place("sender");
pub(crate) const REGISTERED_LINE: usize = place("registered");
pub(crate) const RETURNING: usize = place("returning");
pub(crate) const CAMPAIGN_MEMBER: usize = place("campaign_member");
pub(crate) const INCIDENT: usize = place("incident");
pub(crate) const FINGERPRINT_REPUTATION: usize = place("fingerprint_reputation");
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
        "# Signals\n\nThe definitions in `crates/scoring/src/signals.rs` are the source of this page. A test compares both; `INSTA_UPDATE=always` \
         updates the page. [judgement.md](judgement.md) explains scores and reputations.\n\nThe score of a call is 50 plus the points of its signals, limited to the range from 0 to 100. The \
         configuration can switch off a signal, and can set its points and thresholds:\n\n```toml\n[signals.call_velocity]\non = \
         true\npoints = -8.0\nper_hour = 60.0\n```\n\n- **Missing evidence is neutral:** a signal is silent without the data in the column \
         \"needs\".\n- **Emergency calls** have no score.\n- **Groups:** the points of one group count up to the limit of the group, the \
         largest first. Reports show the points that count, so the score is their sum plus 50.\n- **Learned weights:** signals \
         against a call of the groups platform, identity, conduct, evasion, hygiene and media lose points where the lines of the \
         site show them, too ([judgement.md](judgement.md)).\n\n## Limits of the groups\n\n| group | \
         against | for |\n|---|---:|---:|\n",
    );
    let mut groups: Vec<Group> = SIGNALS.iter().map(|s| s.group).collect();
    groups.dedup();
    for group in groups {
        let (against, towards) = group.limits();
        text.push_str(&format!("| {} | {against} | {towards} |\n", group.name()));
    }
    text.push_str("\n## Signals\n\n| signal | group | points | evaluated | thresholds | meaning | needs |\n|---|---|---:|---|---|---|---|\n");
    for signal in SIGNALS {
        let when = match signal.rule {
            Start(_) | Token(_) => "at the INVITE",
            Later(_) => "during the call and at its end",
            Device => "with the device verdict",
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
