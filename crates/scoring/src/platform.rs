//! A platform with its User-Agent, as input for scoring.

use crate::PlatformFacts;

/// Names of scanners in User-Agents, in lower case.
const SCANNERS: [&str; 10] = [
    "friendly-scanner",
    "friendly-request",
    "sipvicious",
    "sundayddr",
    "sipcli",
    "pplsip",
    "vaxsipuseragent",
    "sipsak",
    "sip-scan",
    "smap",
];

/// Structural facts about a platform, and conclusions from its names, computed once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Platform {
    pub(crate) facts: PlatformFacts,
    /// True for a scanner. Its calls never join a campaign.
    pub(crate) is_scanner: bool,
    /// The reason for classification as a scanner or test traffic generator.
    pub(crate) tool: Option<String>,
}

impl Platform {
    pub(crate) fn new(facts: PlatformFacts, user_agent: Option<&str>) -> Self {
        let by_name = user_agent.and_then(scanner);
        let by_structure = facts.stack.as_deref().and_then(scanner);
        let tool = if facts.is_suspicious {
            Some(format!("the structure is that of {}", facts.stack.as_deref().unwrap_or("a scanner")))
        } else {
            by_name.map(|name| format!("the User-Agent contains {name}"))
        };
        Self { is_scanner: by_name.is_some() || by_structure.is_some(), tool, facts }
    }
}

/// The scanner that a name contains.
fn scanner(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    SCANNERS.into_iter().find(|scanner| name.contains(scanner))
}
