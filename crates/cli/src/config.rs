use std::io::Write;
use std::net::IpAddr;
use std::path::Path;

use bellwether_base::{Ppm, Span};
use bellwether_judge::{Privacy, SensitiveNumbers, Site, Strictness, Trunk};
use bellwether_sensor::Retention;
use bellwether_shard::Limits;
use bellwether_store::Tolerance;
use bellwether_wire::{FragmentLimits, TcpLimits, TunnelPorts};
use ipnet::IpNet;
use serde::Deserialize;

use crate::args::{Common, ConfigAction, ConfigArgs};
use crate::outcome::{Exit, Failure};

/// The commented default configuration; a test holds it to [`Config::default`].
const DEFAULT: &str = include_str!("default.toml");

/// The configuration file.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    privacy: PrivacySetting,
    pub(crate) key_file: String,
    database: DatabaseSettings,
    analysis: Analysis,
    clocks: ClockSettings,
    authorisation: AuthorisationSettings,
    mirror: MirrorSettings,
    limits: LimitSettings,
    timeouts: Timeouts,
    site: SiteSettings,
}

#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PrivacySetting {
    #[default]
    Tokens,
    Clear,
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
            database: DatabaseSettings::default(),
            analysis: Analysis::default(),
            clocks: ClockSettings::default(),
            authorisation: AuthorisationSettings::default(),
            mirror: MirrorSettings::default(),
            limits: LimitSettings::default(),
            timeouts: Timeouts::default(),
            site: SiteSettings::default(),
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
        Self { keep_days: 90, max_mib: 20_480 }
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
        Self::parse(&text).map_err(|why| Failure::Usage(format!("{}: {why}", path.display())))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let t = &self.timeouts;
        for (name, value) in [
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
        let mut names: Vec<&str> = self.site.trunks.iter().map(|t| t.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|w| w.first() == w.last()).and_then(|w| w.first()) {
            return Err(format!("site.trunks names \"{twice}\" twice"));
        }
        Ok(())
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

    /// 0 means no bound, in either.
    pub(crate) fn retention(&self) -> Retention {
        let DatabaseSettings { keep_days, max_mib } = self.database;
        Retention {
            keep: (keep_days > 0).then(|| Span::from_secs(i64::from(keep_days) * 86_400)),
            max_bytes: (max_mib > 0).then_some(max_mib << 20),
        }
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

    pub(crate) fn site(&self) -> Site {
        let nets = |list: &[Network]| list.iter().map(|n| n.0).collect();
        Site {
            proxies: nets(&self.site.proxies),
            sbcs: nets(&self.site.sbcs),
            access: nets(&self.site.access),
            trunks: self
                .site
                .trunks
                .iter()
                .map(|t| Trunk { name: t.name.clone(), networks: nets(&t.networks) })
                .collect(),
        }
    }
}

fn span(secs: f64) -> Span {
    Span::from_nanos((secs * 1e9) as i64)
}

/// `bellwether config`.
pub(crate) fn run(common: &Common, args: &ConfigArgs) -> Result<Exit, Failure> {
    match &args.action {
        ConfigAction::Default => std::io::stdout().write_all(DEFAULT.as_bytes())?,
        ConfigAction::Check { file } => {
            Config::load(Some(file))?;
            if !common.quiet {
                writeln!(std::io::stdout(), "{} is sound", file.display())?;
            }
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_default_is_the_default() {
        assert_eq!(Config::parse(DEFAULT).unwrap(), Config::default());
        let limits = Config::default().limits();
        assert_eq!(limits, Limits::default());
    }

    #[test]
    fn every_setting_stands_in_the_printed_default() {
        let table: toml::Table = DEFAULT.parse().unwrap();
        let keys = |name: &str| table.get(name).and_then(toml::Value::as_table).unwrap().len();
        let counts = ["database", "analysis", "mirror", "limits", "timeouts", "site"].map(keys);
        assert_eq!(counts, [2, 2, 1, 10, 6, 3]);
    }

    #[test]
    fn a_site_is_read_with_addresses_and_networks() {
        let config = Config::parse(
            "[site]\naccess = [\"10.0.0.0/8\", \"192.0.2.1\"]\n[[site.trunks]]\nname = \"a\"\nnetworks = [\"2001:db8::/32\"]\n",
        )
        .unwrap();
        let site = config.site();
        assert_eq!(
            (site.access.len(), site.access[1].prefix_len(), site.trunks[0].name.as_str()),
            (2, 32, "a")
        );
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        for (text, expected) in [
            ("privcy = \"clear\"", "privcy"),
            ("privacy = \"none\"", "tokens"),
            ("[limits]\ncalls = 0", "limits.calls must lie between"),
            ("[timeouts]\nstream_s = -1", "timeouts.stream_s must lie above 0"),
            ("[site]\naccess = [\"10.0.0.0/99\"]", "neither an address nor a network"),
            (
                "[[site.trunks]]\nname=\"a\"\nnetworks=[]\n[[site.trunks]]\nname=\"a\"\nnetworks=[]",
                "\"a\" twice",
            ),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
