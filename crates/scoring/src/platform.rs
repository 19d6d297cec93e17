//! A platform together with what it calls itself, as calls are judged by it.

use crate::PlatformFacts;

/// Names by which scanners call themselves, in lower case.
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

/// What structure shows of a platform, and what follows from its names: both are worked out once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Platform {
    pub(crate) facts: PlatformFacts,
    /// Whether it looks for victims: such calls are no campaign's, whoever makes them all.
    pub(crate) is_scanner: bool,
    /// Why it is taken for something that looks for victims or makes test traffic.
    pub(crate) tool: Option<String>,
}

impl Platform {
    pub(crate) fn new(facts: PlatformFacts, user_agent: Option<&str>) -> Self {
        let by_name = user_agent.and_then(scanner);
        let by_structure = facts.stack.as_deref().and_then(scanner);
        let tool = if facts.is_suspicious {
            Some(format!("it is built like {}", facts.stack.as_deref().unwrap_or("a scanner")))
        } else {
            by_name.map(|name| format!("it calls itself {name}"))
        };
        Self { is_scanner: by_name.is_some() || by_structure.is_some(), tool, facts }
    }
}

/// The scanner that a name is of.
fn scanner(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    SCANNERS.into_iter().find(|scanner| name.contains(scanner))
}
