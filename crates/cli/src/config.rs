use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use bellwether_base::{Ppm, Shown, Span};
use bellwether_confine::{Part, Wish};
use bellwether_devices::Strictness;
use bellwether_enrich::{DialPlan, LocalNumbers, Privacy, SensitiveNumbers, Topology, Trunk, TrunkPolicy};
use bellwether_scoring::{CampaignSettings, DispositionThresholds, ReputationSettings, Settings, nearest};
use bellwether_sensor::Retention;
use bellwether_store::Tolerance;
use bellwether_tracker::Limits;
use bellwether_wire::{FragmentLimits, TcpLimits, TunnelPorts};
use ipnet::IpNet;
use serde::Deserialize;

use crate::args::{Common, ConfigAction, ConfigArgs};
use crate::out;
use crate::outcome::{Exit, Failure};

/// The commented default configuration; a test holds it to [`Config::default`].
const DEFAULT: &str = include_str!("default.toml");

/// The configuration file.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    privacy: PrivacySetting,
    pub(crate) key_file: String,
    pub(crate) sense: SenseSettings,
    confine: ConfineSettings,
    database: DatabaseSettings,
    analysis: Analysis,
    clocks: ClockSettings,
    authorisation: AuthorisationSettings,
    mirror: MirrorSettings,
    limits: LimitSettings,
    timeouts: Timeouts,
    site: SiteSettings,
    pub(crate) numbering: NumberingSettings,
    verdict: VerdictSettings,
    reputation: ReputationTable,
    campaigns: CampaignTable,
    signals: BTreeMap<String, BTreeMap<String, toml::Value>>,
    pub(crate) alerts: AlertSettings,
}

#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PrivacySetting {
    #[default]
    Tokens,
    Clear,
}

/// Which local numbers that are spelled alike are different parties.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LocalNumbersSetting {
    #[default]
    Domain,
    Context,
    Alike,
}

impl From<LocalNumbersSetting> for LocalNumbers {
    fn from(setting: LocalNumbersSetting) -> Self {
        match setting {
            LocalNumbersSetting::Domain => Self::ByDomain,
            LocalNumbersSetting::Context => Self::ByContext,
            LocalNumbersSetting::Alike => Self::Alike,
        }
    }
}

#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SenseSettings {
    pub(crate) interfaces: Vec<String>,
    pub(crate) user: String,
}

#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ConfineSettings {
    capabilities: ConfineSetting,
    dumps: ConfineSetting,
    landlock: ConfineSetting,
    seccomp: ConfineSetting,
}

#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ConfineSetting {
    Off,
    #[default]
    On,
    Required,
}

impl From<ConfineSetting> for Wish {
    fn from(setting: ConfineSetting) -> Self {
        match setting {
            ConfineSetting::Off => Self::Off,
            ConfineSetting::On => Self::On,
            ConfineSetting::Required => Self::Required,
        }
    }
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Analysis {
    window_s: f64,
    ends_early: bool,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ClockSettings {
    false_alarms: f64,
    drift_ppm: f64,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuthorisationSettings {
    false_alarms: f64,
    sensitive_prefixes: Vec<String>,
    sensitive_numbers: Vec<String>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct DatabaseSettings {
    keep_days: u32,
    max_mib: u64,
    lock_wait_s: f64,
    waiting_rows: usize,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct MirrorSettings {
    vxlan_ports: Vec<u16>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitSettings {
    calls: usize,
    transactions: usize,
    registrations: usize,
    timers: usize,
    streams: usize,
    media_endpoints: usize,
    fragments: usize,
    fragment_mib: usize,
    tcp_flows: usize,
    tcp_mib: usize,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Timeouts {
    fragments_s: f64,
    tcp_gap_s: f64,
    stream_s: f64,
    ringing_s: f64,
    call_s: f64,
    registration_s: f64,
}

#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SiteSettings {
    proxies: Vec<Network>,
    sbcs: Vec<Network>,
    access: Vec<Network>,
    trunks: Vec<TrunkSettings>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrunkSettings {
    name: String,
    networks: Vec<Network>,
    #[serde(default)]
    via_hosts: Vec<String>,
    #[serde(default)]
    trusted: bool,
    #[serde(default)]
    attestation: String,
    #[serde(default)]
    emergency: Vec<String>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NumberingSettings {
    pub(crate) country_code: String,
    pub(crate) international_prefixes: Vec<String>,
    pub(crate) national_prefix: String,
    pub(crate) emergency: Vec<String>,
    pub(crate) local_numbers: LocalNumbersSetting,
    pub(crate) high_risk_file: String,
    pub(crate) brands_file: String,
}

impl Default for NumberingSettings {
    fn default() -> Self {
        let DialPlan { country_code, international, national, emergency } = DialPlan::default();
        Self {
            country_code,
            international_prefixes: international,
            national_prefix: national,
            emergency,
            local_numbers: LocalNumbersSetting::default(),
            high_risk_file: String::new(),
            brands_file: String::new(),
        }
    }
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct VerdictSettings {
    quarantine_below: f64,
    standard_from: f64,
}

impl Default for VerdictSettings {
    fn default() -> Self {
        let DispositionThresholds { quarantine_below, standard_from } = DispositionThresholds::default();
        Self { quarantine_below, standard_from }
    }
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ReputationTable {
    fraud_half_life_days: f64,
    legit_half_life_days: f64,
    confirmed_fraud: f64,
    block_at: f64,
    block_until: f64,
    allow_at: f64,
    allow_until: f64,
}

impl Default for ReputationTable {
    fn default() -> Self {
        let r = ReputationSettings::default();
        Self {
            fraud_half_life_days: r.fraud_half_life.as_secs_f64() / 86_400.0,
            legit_half_life_days: r.legit_half_life.as_secs_f64() / 86_400.0,
            confirmed_fraud: r.confirmed_fraud,
            block_at: r.block.0,
            block_until: r.block.1,
            allow_at: r.allow.0,
            allow_until: r.allow.1,
        }
    }
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CampaignTable {
    fewest_calls: usize,
    window_h: f64,
    ends_after_days: f64,
    kinds: usize,
    kinds_on_shared: usize,
}

impl Default for CampaignTable {
    fn default() -> Self {
        let c = CampaignSettings::default();
        Self {
            fewest_calls: c.fewest_calls,
            window_h: c.window.as_secs_f64() / 3600.0,
            ends_after_days: c.ends_after.as_secs_f64() / 86_400.0,
            kinds: c.kinds.0,
            kinds_on_shared: c.kinds.1,
        }
    }
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct AlertSettings {
    pub(crate) quiet_s: u32,
    pub(crate) per_minute: u32,
    pub(crate) backlog: u32,
    pub(crate) least: String,
    pub(crate) host: String,
    pub(crate) receivers: Vec<ReceiverSettings>,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            quiet_s: 300,
            per_minute: 60,
            backlog: 100_000,
            least: "notice".into(),
            host: String::new(),
            receivers: Vec::new(),
        }
    }
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReceiverSettings {
    pub(crate) name: String,
    pub(crate) target: String,
    #[serde(default)]
    pub(crate) format: String,
    #[serde(default = "facility")]
    pub(crate) facility: String,
    #[serde(default = "yes")]
    pub(crate) confirm: bool,
    #[serde(default)]
    pub(crate) secret_file: String,
    #[serde(default)]
    pub(crate) ca_file: String,
    #[serde(default)]
    pub(crate) server_name: String,
    #[serde(default)]
    pub(crate) certificate_file: String,
    #[serde(default)]
    pub(crate) key_file: String,
}

fn facility() -> String {
    "local0".to_owned()
}

const fn yes() -> bool {
    true
}

/// A network in prefix notation, or a single address.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        net.map(Self).map_err(|_| format!("\"{text}\" is neither an address nor a network"))
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            privacy: PrivacySetting::Tokens,
            key_file: "bellwether.key".into(),
            sense: SenseSettings::default(),
            confine: ConfineSettings::default(),
            database: DatabaseSettings::default(),
            analysis: Analysis::default(),
            clocks: ClockSettings::default(),
            authorisation: AuthorisationSettings::default(),
            mirror: MirrorSettings::default(),
            limits: LimitSettings::default(),
            timeouts: Timeouts::default(),
            site: SiteSettings::default(),
            numbering: NumberingSettings::default(),
            verdict: VerdictSettings::default(),
            reputation: ReputationTable::default(),
            campaigns: CampaignTable::default(),
            signals: BTreeMap::new(),
            alerts: AlertSettings::default(),
        }
    }
}

impl Default for Analysis {
    fn default() -> Self {
        let limits = Limits::default();
        Self { window_s: limits.analysis_window.as_secs_f64(), ends_early: limits.analysis_ends_early }
    }
}

impl Default for ClockSettings {
    fn default() -> Self {
        let tolerance = Tolerance::default();
        Self { false_alarms: tolerance.false_alarms, drift_ppm: tolerance.drift.0 }
    }
}

impl Default for AuthorisationSettings {
    fn default() -> Self {
        let SensitiveNumbers { prefixes, numbers } = SensitiveNumbers::default();
        let false_alarms = Strictness::default().false_alarms;
        Self { false_alarms, sensitive_prefixes: prefixes, sensitive_numbers: numbers }
    }
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self { keep_days: 90, max_mib: 20_480, lock_wait_s: 600.0, waiting_rows: 100_000 }
    }
}

impl Default for MirrorSettings {
    fn default() -> Self {
        Self { vxlan_ports: TunnelPorts::default().vxlan }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        let (limits, fragments, tcp) = (Limits::default(), FragmentLimits::default(), TcpLimits::default());
        Self {
            calls: limits.calls,
            transactions: limits.transactions,
            registrations: limits.registrations,
            timers: limits.timers,
            streams: limits.streams,
            media_endpoints: limits.media_endpoints,
            fragments: fragments.datagrams,
            fragment_mib: fragments.bytes >> 20,
            tcp_flows: tcp.flows,
            tcp_mib: tcp.bytes >> 20,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            fragments_s: FragmentLimits::default().timeout.as_secs_f64(),
            tcp_gap_s: TcpLimits::default().patience.as_secs_f64(),
            stream_s: limits.stream_idle.as_secs_f64(),
            ringing_s: limits.ringing_timeout.as_secs_f64(),
            call_s: limits.call_idle.as_secs_f64(),
            registration_s: limits.registration_idle.as_secs_f64(),
        }
    }
}

impl Config {
    /// Reads the file, or gives the defaults where none is named.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::Usage(format!("cannot read the configuration {}: {e}", path.display())))?;
        Self::parse(&text).map_err(|why| Failure::Config(format!("{}: {why}", path.display())))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|e| explained(&e))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let t = &self.timeouts;
        for (name, value) in [
            ("database.lock_wait_s", self.database.lock_wait_s),
            ("analysis.window_s", self.analysis.window_s),
            ("timeouts.fragments_s", t.fragments_s),
            ("timeouts.tcp_gap_s", t.tcp_gap_s),
            ("timeouts.stream_s", t.stream_s),
            ("timeouts.ringing_s", t.ringing_s),
            ("timeouts.call_s", t.call_s),
            ("timeouts.registration_s", t.registration_s),
        ] {
            // A week is longer than any of them can mean.
            if !(value > 0.0 && value <= 604_800.0) {
                return Err(format!("{name} must lie above 0 and up to 604800, not {value}"));
            }
        }
        let ClockSettings { false_alarms, drift_ppm } = self.clocks;
        if !(false_alarms > 0.0 && false_alarms <= 0.5) {
            return Err(format!("clocks.false_alarms must lie above 0 and up to 0.5, not {false_alarms}"));
        }
        if !(0.0..=1000.0).contains(&drift_ppm) {
            return Err(format!("clocks.drift_ppm must lie between 0 and 1000, not {drift_ppm}"));
        }
        let false_alarms = self.authorisation.false_alarms;
        if !(false_alarms > 0.0 && false_alarms <= 0.5) {
            return Err(format!(
                "authorisation.false_alarms must lie above 0 and up to 0.5, not {false_alarms}"
            ));
        }
        let l = &self.limits;
        for (name, value) in [
            ("calls", l.calls),
            ("transactions", l.transactions),
            ("registrations", l.registrations),
            ("timers", l.timers),
            ("streams", l.streams),
            ("media_endpoints", l.media_endpoints),
            ("fragments", l.fragments),
            ("fragment_mib", l.fragment_mib),
            ("tcp_flows", l.tcp_flows),
            ("tcp_mib", l.tcp_mib),
        ] {
            if !(1..=100_000_000).contains(&value) {
                return Err(format!("limits.{name} must lie between 1 and 100000000, not {value}"));
            }
        }
        if !(self.database.max_mib == 0 || (16..=1 << 30).contains(&self.database.max_mib)) {
            return Err(format!("database.max_mib must be 0 or at least 16, not {}", self.database.max_mib));
        }
        if !(1..=10_000_000).contains(&self.database.waiting_rows) {
            let found = self.database.waiting_rows;
            return Err(format!("database.waiting_rows must lie between 1 and 10000000, not {found}"));
        }
        self.check_verdict()?;
        let mut names: Vec<&str> = self.site.trunks.iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|w| w.first() == w.last()).and_then(|w| w.first()) {
            return Err(format!("site.trunks names \"{twice}\" twice"));
        }
        Ok(())
    }

    fn check_verdict(&self) -> Result<(), String> {
        let v = &self.verdict;
        if !(0.0 <= v.quarantine_below && v.quarantine_below <= v.standard_from && v.standard_from <= 100.0) {
            return Err(
                "verdict.quarantine_below and verdict.standard_from must lie in order between 0 and 100"
                    .into(),
            );
        }
        let r = &self.reputation;
        for (name, value) in [
            ("reputation.fraud_half_life_days", r.fraud_half_life_days),
            ("reputation.legit_half_life_days", r.legit_half_life_days),
            ("reputation.confirmed_fraud", r.confirmed_fraud),
            ("campaigns.window_h", self.campaigns.window_h),
            ("campaigns.ends_after_days", self.campaigns.ends_after_days),
        ] {
            if !(value > 0.0 && value <= 10_000.0) {
                return Err(format!("{name} must lie above 0 and up to 10000, not {value}"));
            }
        }
        let order = [0.0, r.block_at, r.block_until, r.allow_until, r.allow_at, 100.0];
        if !order.windows(2).all(|pair| pair[0] <= pair[1]) {
            return Err("reputation.block_at, block_until, allow_until and allow_at must lie in order between 0 and 100".into());
        }
        let c = &self.campaigns;
        if !(3..=128).contains(&c.fewest_calls) || c.kinds == 0 || c.kinds_on_shared == 0 {
            return Err("campaigns.fewest_calls must lie between 3 and 128, and the kinds above 0".into());
        }
        for trunk in &self.site.trunks {
            if !["", "A", "B", "C"].contains(&trunk.attestation.as_str()) {
                return Err(format!("the attestation of trunk \"{}\" is A, B, C or empty", trunk.name));
            }
        }
        if !["notice", "warning", "critical"].contains(&self.alerts.least.as_str()) {
            return Err(format!(
                "alerts.least is notice, warning or critical, not \"{}\"",
                self.alerts.least
            ));
        }
        let mut names: Vec<&str> = self.alerts.receivers.iter().map(|r| r.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|w| w.first() == w.last()).and_then(|w| w.first()) {
            return Err(format!("alerts.receivers names \"{twice}\" twice"));
        }
        for receiver in &self.alerts.receivers {
            let target: Result<bellwether_alert::Target, _> = receiver.target.parse();
            target.map_err(|e| format!("receiver \"{}\": {e}", receiver.name))?;
        }
        self.tuned().map(|_| ())
    }

    /// How calls are judged.
    fn tuned(&self) -> Result<Settings, String> {
        let days = |days: f64| span(days * 86_400.0);
        let (v, r, c) = (&self.verdict, &self.reputation, &self.campaigns);
        let mut settings = Settings::default();
        settings.dispositions =
            DispositionThresholds { quarantine_below: v.quarantine_below, standard_from: v.standard_from };
        settings.reputation = ReputationSettings {
            fraud_half_life: days(r.fraud_half_life_days),
            legit_half_life: days(r.legit_half_life_days),
            confirmed_fraud: r.confirmed_fraud,
            block: (r.block_at, r.block_until),
            allow: (r.allow_at, r.allow_until),
        };
        settings.campaigns = CampaignSettings {
            fewest_calls: c.fewest_calls,
            window: span(c.window_h * 3600.0),
            ends_after: days(c.ends_after_days),
            kinds: (c.kinds, c.kinds_on_shared),
        };
        for (signal, keys) in &self.signals {
            for (key, value) in keys {
                let number = match value {
                    toml::Value::Boolean(is) if key == "on" => f64::from(u8::from(*is)),
                    toml::Value::Float(n) => *n,
                    toml::Value::Integer(n) => *n as f64,
                    other => {
                        return Err(format!(
                            "signals.{signal}.{key} is a {}, and no number",
                            other.type_str()
                        ));
                    }
                };
                settings.set(signal, key, number).map_err(|e| e.to_string())?;
            }
        }
        Ok(settings)
    }

    /// How calls are judged; what cannot be was refused when the file was read.
    pub(crate) fn verdict(&self) -> Settings {
        self.tuned().unwrap_or_default()
    }

    pub(crate) const fn privacy(&self) -> Privacy {
        match self.privacy {
            PrivacySetting::Tokens => Privacy::Tokens,
            PrivacySetting::Clear => Privacy::Clear,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        let (l, t) = (&self.limits, &self.timeouts);
        Limits {
            calls: l.calls,
            transactions: l.transactions,
            registrations: l.registrations,
            timers: l.timers,
            streams: l.streams,
            media_endpoints: l.media_endpoints,
            analysis_window: span(self.analysis.window_s),
            analysis_ends_early: self.analysis.ends_early,
            stream_idle: span(t.stream_s),
            ringing_timeout: span(t.ringing_s),
            call_idle: span(t.call_s),
            registration_idle: span(t.registration_s),
            tells_under_way: false,
        }
    }

    pub(crate) fn fragments(&self) -> FragmentLimits {
        FragmentLimits {
            datagrams: self.limits.fragments,
            bytes: self.limits.fragment_mib << 20,
            timeout: span(self.timeouts.fragments_s),
        }
    }

    pub(crate) fn tcp(&self) -> TcpLimits {
        TcpLimits {
            flows: self.limits.tcp_flows,
            bytes: self.limits.tcp_mib << 20,
            patience: span(self.timeouts.tcp_gap_s),
            ..TcpLimits::default()
        }
    }

    /// How much each part of the lock is wanted, in the order of [`Part::ALL`].
    pub(crate) fn confine(&self) -> [Wish; 4] {
        let c = &self.confine;
        Part::ALL.map(|part| {
            Wish::from(match part {
                Part::Capabilities => c.capabilities,
                Part::Dumps => c.dumps,
                Part::Landlock => c.landlock,
                Part::Seccomp => c.seccomp,
            })
        })
    }

    /// The user that `sense` becomes, if it does.
    pub(crate) fn user(&self) -> Option<&str> {
        (!self.sense.user.is_empty()).then_some(self.sense.user.as_str())
    }

    /// Whether a run that goes by `self` cannot go by `other` behind its lock, and why.
    pub(crate) fn needs_new_start(&self, other: &Self) -> Option<&'static str> {
        if self.sense.user != other.sense.user {
            Some("sense.user has changed, and becoming another user takes a right that was given up")
        } else if self.confine != other.confine {
            Some("confine has changed, and a lock that is closed is neither opened nor closed again")
        } else {
            None
        }
    }

    /// What differs and is looked at when a run begins only.
    pub(crate) fn waits_for_start(&self, other: &Self) -> Vec<&'static str> {
        [
            ("privacy", self.privacy == other.privacy),
            ("key_file", self.key_file == other.key_file),
            ("database", self.database == other.database),
            ("analysis", self.analysis == other.analysis),
            ("clocks", self.clocks == other.clocks),
            ("authorisation", self.authorisation == other.authorisation),
            ("limits", self.limits == other.limits),
            ("timeouts", self.timeouts == other.timeouts),
            ("numbering", self.numbering == other.numbering),
            ("verdict", self.verdict == other.verdict),
            ("reputation", self.reputation == other.reputation),
            ("campaigns", self.campaigns == other.campaigns),
            ("signals", self.signals == other.signals),
        ]
        .into_iter()
        .filter_map(|(name, is_same)| (!is_same).then_some(name))
        .collect()
    }

    /// 0 means no bound, in either.
    pub(crate) fn retention(&self) -> Retention {
        let DatabaseSettings { keep_days, max_mib, .. } = self.database;
        Retention {
            keep: (keep_days > 0).then(|| Span::from_secs(i64::from(keep_days) * 86_400)),
            max_bytes: (max_mib > 0).then_some(max_mib << 20),
        }
    }

    /// How long another program that holds the database locked is waited for.
    pub(crate) fn lock_wait(&self) -> Duration {
        Duration::from_secs_f64(self.database.lock_wait_s)
    }

    /// Rows that wait for it meanwhile.
    pub(crate) const fn waiting_rows(&self) -> usize {
        self.database.waiting_rows
    }

    pub(crate) const fn tolerance(&self) -> Tolerance {
        Tolerance { false_alarms: self.clocks.false_alarms, drift: Ppm(self.clocks.drift_ppm) }
    }

    pub(crate) const fn strictness(&self) -> Strictness {
        Strictness { false_alarms: self.authorisation.false_alarms }
    }

    pub(crate) fn sensitive(&self) -> SensitiveNumbers {
        let AuthorisationSettings { sensitive_prefixes, sensitive_numbers, .. } = &self.authorisation;
        SensitiveNumbers { prefixes: sensitive_prefixes.clone(), numbers: sensitive_numbers.clone() }
    }

    pub(crate) fn tunnels(&self) -> TunnelPorts {
        TunnelPorts { vxlan: self.mirror.vxlan_ports.clone() }
    }

    pub(crate) fn site(&self) -> Topology {
        let nets = |list: &[Network]| list.iter().map(|n| n.0).collect();
        Topology {
            proxies: nets(&self.site.proxies),
            sbcs: nets(&self.site.sbcs),
            access: nets(&self.site.access),
            trunks: self
                .site
                .trunks
                .iter()
                .map(|t| Trunk {
                    name: t.name.clone(),
                    networks: nets(&t.networks),
                    via_hosts: t.via_hosts.clone(),
                    emergency: t.emergency.clone(),
                    policy: TrunkPolicy { is_trusted: t.trusted, usual_attestation: t.attestation.clone() },
                })
                .collect(),
        }
    }
}

/// An error as it is told: of an unknown key, with the nearest that there is.
fn explained(error: &toml::de::Error) -> String {
    let text = error.to_string().trim_end().to_owned();
    let quoted: Vec<&str> = error.message().split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((unknown, known)) if error.message().starts_with("unknown field") && !known.is_empty() => {
            format!("{text}\nthe nearest known key is `{}`", nearest(unknown, known.iter().copied()))
        }
        _ => text,
    }
}

fn span(secs: f64) -> Span {
    Span::from_nanos((secs * 1e9) as i64)
}

/// `bellwether config`.
pub(crate) fn run(common: &Common, args: &ConfigArgs) -> Result<Exit, Failure> {
    match &args.action {
        ConfigAction::Default => out::page(&Shown::lines(DEFAULT))?,
        ConfigAction::Check { file } => {
            Config::load(Some(file))?;
            if !common.quiet {
                out::line(format!("{} is sound", file.display()))?;
            }
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests;
