//! Signatures: known stacks by their structure, and the check of a User-Agent's claim against the structure.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::compare::{fields, members};
use crate::{Grammar, Rule};

/// Kind of the program that a signature names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    /// A stack under many products: any product name is possible.
    Library,
    /// A single product.
    Phone,
    Softphone,
    Pbx,
    Gateway,
    Sbc,
    Proxy,
    Server,
    /// A program that searches for targets.
    Scanner,
    /// A program that makes test calls or test messages.
    Tool,
}

/// The author that a signature describes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Author {
    Sip,
    Sdp,
}

/// One known stack. All its conditions must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Name of the stack in reports.
    pub name: String,
    kind: Kind,
    author: Author,
    /// Messages that it covers, by the field `m`; any message if empty.
    #[serde(default)]
    messages: Vec<String>,
    /// The headers in order; `?Name` is optional, `*` stands for any headers. Extension headers may always
    /// stand between.
    #[serde(default)]
    headers: Vec<String>,
    /// Fields of the readable form with their values; a `*` at the end stands for any rest.
    #[serde(default)]
    fields: BTreeMap<String, String>,
    /// Habits; each must have been observed in some message.
    #[serde(default)]
    habits: BTreeMap<String, String>,
    /// Rules for the identifiers `call_id`, `tag`, `branch`.
    #[serde(default)]
    identifiers: BTreeMap<String, RuleText>,
    /// Parts of User-Agents that are genuine for this stack, in any case; `^` marks the start and `$` the
    /// end. Other User-Agents are possible too.
    #[serde(default)]
    agents: Vec<String>,
    /// Parts of the User-Agents of products that use this stack only.
    #[serde(default)]
    only: Vec<String>,
    /// The capture from which the signature was written.
    pub source: String,
    /// The day on which it was written, as year, month and day.
    pub date: String,
}

impl Signature {
    /// Parts of User-Agents that are genuine for this stack.
    pub fn agents(&self) -> impl Iterator<Item = &str> {
        self.agents.iter().chain(&self.only).map(String::as_str)
    }

    /// True if a User-Agent in lower case is genuine for this stack.
    fn carries(&self, agent: &str) -> bool {
        self.agents().any(|part| is_part(part, agent))
    }

    /// True if a User-Agent in lower case belongs to a product that uses this stack only.
    fn is_all_of(&self, agent: &str) -> bool {
        self.only.iter().any(|part| is_part(part, agent))
    }
}

/// A rule in its form in the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct RuleText(Rule);

impl TryFrom<String> for RuleText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self)
    }
}

/// An error in a signature file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct SignatureError {
    /// The line of the error.
    pub line: usize,
    /// Description of the error.
    pub reason: String,
}

/// The observed structure of one platform.
#[derive(Clone, Debug, Default)]
pub struct Seen<'a> {
    /// Readable form of its SIP author or its SDP author.
    pub readable: &'a str,
    /// Habits, by key and value.
    pub habits: &'a [(String, String)],
    /// Grammars of its identifiers, by name.
    pub identifiers: &'a [(String, Grammar)],
}

/// A recognised stack.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Known<'s> {
    /// Name of the stack.
    pub name: &'s str,
    /// True if the stack scans for targets or makes test traffic.
    pub is_suspicious: bool,
}

/// Result of checking a platform's claimed name against its structure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// The name is genuine for this structure.
    Consistent,
    /// The name belongs to a product that is built differently, or the structure belongs to no product.
    Contradictory,
    /// No known fact supports or contradicts the name.
    Unverifiable,
    /// The platform gives no name.
    Nothing,
}

impl Claim {
    /// Lower-case name as printed in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consistent => "consistent",
            Self::Contradictory => "contradictory",
            Self::Unverifiable => "unverifiable",
            Self::Nothing => "nothing claimed",
        }
    }
}

/// All known signatures.
#[derive(Clone, Debug, Default)]
pub struct Signatures(Vec<Signature>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    signature: Vec<Signature>,
}

/// The built-in signatures.
const EMBEDDED: &str = include_str!("signatures.toml");

impl Signatures {
    /// The built-in signatures and the operator's own, which have precedence.
    ///
    /// # Errors
    /// [`SignatureError`] with line and reason if a text is no valid signature file.
    pub fn with(own: Option<&str>) -> Result<Self, SignatureError> {
        let mut all = own.map_or(Ok(Vec::new()), read)?;
        all.extend(read(EMBEDDED)?);
        Ok(Self(all))
    }

    /// All signatures, the operator's own first.
    pub fn iter(&self) -> impl Iterator<Item = &Signature> {
        self.0.iter()
    }

    /// Number of signatures.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are no signatures.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Recognises the stack of a platform: of the matching signatures, the one with the most conditions; of
    /// equals, the first.
    #[must_use]
    pub fn recognise(&self, seen: &Seen<'_>) -> Option<Known<'_>> {
        let found = self.best(seen)?;
        Some(Known { name: &found.name, is_suspicious: matches!(found.kind, Kind::Scanner | Kind::Tool) })
    }

    /// Checks a User-Agent against the structure.
    ///
    /// A contradiction needs a product that is known to be built differently: a brand may use several stacks,
    /// vendors wrap libraries, and an unknown name proves nothing. No product is built like a test tool, and
    /// no genuine program like a scanner.
    #[must_use]
    pub fn claim(&self, seen: &Seen<'_>, user_agent: Option<&str>) -> Claim {
        let Some(agent) = user_agent.filter(|agent| !agent.trim().is_empty()) else { return Claim::Nothing };
        let agent = agent.to_ascii_lowercase();
        let Some(found) = self.best(seen) else { return Claim::Unverifiable };
        if self.0.iter().filter(|s| s.name == found.name).any(|s| s.carries(&agent)) {
            Claim::Consistent
        } else if self.0.iter().any(|s| s.is_all_of(&agent)) || found.is_no_products(|| self.is_known(&agent))
        {
            Claim::Contradictory
        } else {
            Claim::Unverifiable
        }
    }

    /// True if a User-Agent in lower case belongs to a known product.
    fn is_known(&self, agent: &str) -> bool {
        self.0.iter().any(|s| s.carries(agent))
    }

    fn best(&self, seen: &Seen<'_>) -> Option<&Signature> {
        let met = self.0.iter().filter(|s| s.is_met(seen));
        // The maximum takes the last of equals, so the order is reversed.
        met.rev().max_by_key(|s| s.conditions())
    }
}

impl Signature {
    /// True if no genuine product has this structure.
    fn is_no_products(&self, is_known: impl FnOnce() -> bool) -> bool {
        match self.kind {
            Kind::Scanner => true,
            Kind::Tool => is_known(),
            _ => false,
        }
    }

    fn conditions(&self) -> usize {
        let headers = self.headers.iter().filter(|h| *h != "*").count();
        headers + self.fields.len() + self.habits.len() + self.identifiers.len()
    }

    fn is_met(&self, seen: &Seen<'_>) -> bool {
        let form = match self.author {
            Author::Sip => "sip",
            Author::Sdp => "sdp",
        };
        if !seen.readable.starts_with(form) {
            return false;
        }
        let value =
            |wanted: &str| fields(seen.readable).find(|(key, _)| *key == wanted).map(|(_, value)| value);
        let is_message =
            self.messages.is_empty() || value("m").is_some_and(|m| self.messages.iter().any(|w| w == m));
        is_message
            && (self.headers.is_empty()
                || value("h").is_some_and(|h| headers_fit(&self.headers, &members(h))))
            && self.fields.iter().all(|(key, wanted)| {
                fields(seen.readable).any(|(k, found)| k == key && text_fits(wanted, found))
            })
            && self.habits.iter().all(|(key, wanted)| {
                seen.habits.iter().any(|(k, found)| k == key && text_fits(wanted, found))
            })
            && self.identifiers.iter().all(|(key, rule)| {
                seen.identifiers.iter().any(|(k, grammar)| k == key && grammar.fits(&rule.0))
            })
    }
}

/// True if a part occurs in a User-Agent in lower case.
fn is_part(part: &str, agent: &str) -> bool {
    let part = part.to_ascii_lowercase();
    let (is_front, part) = part.strip_prefix('^').map_or((false, part.as_str()), |rest| (true, rest));
    let (is_back, part) = part.strip_suffix('$').map_or((false, part), |rest| (true, rest));
    match (is_front, is_back) {
        (true, true) => agent == part,
        (true, false) => agent.starts_with(part),
        (false, true) => agent.ends_with(part),
        (false, false) => agent.contains(part),
    }
}

fn text_fits(wanted: &str, found: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(beginning) => found.starts_with(beginning),
        None => wanted == found,
    }
}

/// True if headers match a pattern.
fn headers_fit(pattern: &[String], headers: &[&str]) -> bool {
    let mut pattern = pattern.iter().peekable();
    let mut is_open = false;
    for header in headers {
        loop {
            let Some(next) = pattern.peek() else {
                if is_open || is_extension(header) {
                    break;
                }
                return false;
            };
            if next.as_str() == "*" {
                is_open = true;
                pattern.next();
            } else if next.trim_start_matches('?') == *header {
                is_open = false;
                pattern.next();
                break;
            } else if is_extension(header) || is_open {
                break;
            } else if next.starts_with('?') {
                pattern.next();
            } else {
                return false;
            }
        }
    }
    pattern.all(|rest| rest.starts_with('?') || rest == "*")
}

/// Extension headers are in lower case in the readable form.
fn is_extension(header: &str) -> bool {
    header.starts_with(|c: char| c.is_ascii_lowercase())
}

fn read(text: &str) -> Result<Vec<Signature>, SignatureError> {
    let file: File = toml::from_str(text).map_err(|e| {
        let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        SignatureError {
            line: before.matches('\n').count() + 1,
            reason: e.message().lines().collect::<Vec<_>>().join(" "),
        }
    })?;
    Ok(file.signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = r#"
        [[signature]]
        name = "Acme"
        kind = "phone"
        author = "sip"
        messages = ["INVITE"]
        headers = ["Via", "From", "?Session-Expires", "To"]
        fields = { v = "branch,rport" }
        identifiers = { tag = "as 10 of 0-9 a-f" }
        agents = ["Acme App", "^A 3."]
        only = ["Acme Phone"]
        source = "made up"
        date = "2026-11-21"

        [[signature]]
        name = "Stack"
        kind = "library"
        author = "sip"
        headers = ["Via", "*"]
        source = "made up"
        date = "2026-11-21"
    "#;

    fn seen<'a>(readable: &'a str, identifiers: &'a [(String, Grammar)]) -> Seen<'a> {
        Seen { readable, habits: &[], identifiers }
    }

    #[test]
    fn the_signature_with_most_conditions_names_the_platform() {
        let signatures = Signatures(read(OWN).unwrap());
        let tags = [("tag".to_owned(), Grammar::of(b"as0123abcd"))];
        let name = |readable: &str, tags| signatures.recognise(&seen(readable, tags)).map(|k| k.name);
        let acme = "sip2|m=INVITE|h=Via,From,x-site,To|v=branch,rport";
        assert_eq!(name(acme, &tags), Some("Acme"));
        assert_eq!(name("sip2|m=INVITE|h=Via,From,Session-Expires,To|v=branch,rport", &tags), Some("Acme"));
        assert_eq!(name(acme, &[]), Some("Stack"), "what was not seen is not met");
        assert_eq!(name("sip2|m=INVITE|h=Via,To,From|v=branch,rport", &tags), Some("Stack"));
        assert_eq!(name("sip2|m=INVITE|h=Via,From,To,Expires|v=branch,rport", &tags), Some("Stack"));
        assert_eq!(name("sip2|m=INVITE|h=From,Via", &tags), None);
        assert_eq!(name("sdp2|h=Via", &tags), None);
    }

    #[test]
    fn claims_are_held_against_the_structure() {
        let signatures = Signatures(read(OWN).unwrap());
        let tags = [("tag".to_owned(), Grammar::of(b"as0123abcd"))];
        let acme = seen("sip2|m=INVITE|h=Via,From,To|v=branch,rport", &tags);
        let stack = seen("sip2|m=INVITE|h=Via,To,From|v=branch,rport", &tags);
        assert_eq!(signatures.claim(&acme, Some("ACME phone 7.1")), Claim::Consistent);
        assert_eq!(signatures.claim(&acme, Some("acme app 2")), Claim::Consistent);
        assert_eq!(signatures.claim(&acme, Some("a 3.9.3")), Claim::Consistent);
        assert_eq!(signatures.claim(&acme, Some("Data 3.9")), Claim::Unverifiable, "not at the beginning");
        assert_eq!(
            signatures.claim(&acme, Some("Other 1")),
            Claim::Unverifiable,
            "nobody knows how it is built"
        );
        assert_eq!(signatures.claim(&stack, Some("Acme Phone 7.1")), Claim::Contradictory);
        assert_eq!(
            signatures.claim(&stack, Some("Acme App 2")),
            Claim::Unverifiable,
            "an app may be built otherwise"
        );
        assert_eq!(signatures.claim(&stack, Some("Other 1")), Claim::Unverifiable);
        assert_eq!(signatures.claim(&seen("sip2|h=To", &[]), Some("Other 1")), Claim::Unverifiable);
        assert_eq!(signatures.claim(&acme, None), Claim::Nothing);
    }

    #[test]
    fn the_embedded_signatures_can_be_read_and_wrong_ones_are_refused_with_their_line() {
        assert!(Signatures::with(None).unwrap().len() > 10);
        let line = |text: &str| Signatures::with(Some(text)).unwrap_err().line;
        assert_eq!(line("\n[[signature]]\nname = 7\n"), 3);
        assert_eq!(line(&OWN.replace("as 10 of 0-9 a-f", "ten")), 9);
        assert_eq!(line(&OWN.replace("kind = \"phone\"", "kind = \"fone\"")), 4);
        assert_eq!(line(&OWN.replace("agents", "agent")), 10);
    }
}
