//! The operator's network and its spelling of numbers.

use std::net::IpAddr;

use bellwether_enrich::{DialPlan, LocalNumbers, Topology, Trunk, TrunkPolicy};
use ipnet::IpNet;
use serde::Deserialize;

use super::{Config, distinct};

/// `[site]`
#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SiteSettings {
    proxies: Vec<Network>,
    sbcs: Vec<Network>,
    access: Vec<Network>,
    trunks: Vec<TrunkSettings>,
}

/// `[[site.trunks]]`
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
    attestation: AttestationSetting,
    #[serde(default)]
    emergency: Vec<String>,
}

/// The attestation that a trunk's calls usually have.
#[derive(Clone, Copy, PartialEq, Debug, Default, Deserialize)]
enum AttestationSetting {
    #[default]
    #[serde(rename = "")]
    None,
    A,
    B,
    C,
}

impl AttestationSetting {
    const fn letter(self) -> &'static str {
        match self {
            Self::None => "",
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

/// A network in prefix notation, or a single address.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        network(&text).map(Self)
    }
}

/// Reads a network in prefix notation, or a single address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    net.map_err(|_| format!("\"{text}\" is neither an address nor a network"))
}

/// `[numbering]`
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

/// The rule for equal local numbers of different domains or contexts.
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

impl SiteSettings {
    /// Checks that trunks have different names.
    pub(super) fn check(&self) -> Result<(), String> {
        distinct("site.trunks", self.trunks.iter().map(|trunk| trunk.name.as_str()))
    }
}

impl Config {
    /// The operator's topology.
    pub(crate) fn site(&self) -> Topology {
        let nets = |list: &[Network]| list.iter().map(|n| n.0).collect();
        let trunk = |t: &TrunkSettings| Trunk {
            name: t.name.clone(),
            networks: nets(&t.networks),
            via_hosts: t.via_hosts.clone(),
            emergency: t.emergency.clone(),
            policy: TrunkPolicy {
                is_trusted: t.trusted,
                usual_attestation: t.attestation.letter().to_owned(),
            },
        };
        Topology {
            proxies: nets(&self.site.proxies),
            sbcs: nets(&self.site.sbcs),
            access: nets(&self.site.access),
            trunks: self.site.trunks.iter().map(trunk).collect(),
        }
    }
}
