//! Compares two fingerprints field by field, and names each allowed deviation.

use std::fmt;

/// An allowed deviation between two messages that may come from one platform (like p0f: a list instead of a
/// distance).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Relaxation {
    /// Only one message has these headers; the others are in the same order.
    Headers(Vec<String>),
    /// One message allows more methods; the others are in the same order.
    Allow(Vec<String>),
    /// One message supports more extensions; the others are in the same order.
    Supported(Vec<String>),
    /// One message lists more parameters, types or events; the others are in the same order.
    Members(&'static str, Vec<String>),
    /// One message offers more codecs; the others are in the same order.
    Codecs(Vec<String>),
    /// The codecs are the same in another order: another configuration of one stack.
    CodecOrder,
}

impl fmt::Display for Relaxation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Headers(names) => write!(f, "optional headers: {}", names.join(", ")),
            Self::Allow(names) => write!(f, "Allow subset: {}", names.join(", ")),
            Self::Supported(names) => write!(f, "Supported subset: {}", names.join(", ")),
            Self::Members(title, names) => write!(f, "{title} subset: {}", names.join(", ")),
            Self::Codecs(names) => write!(f, "codec subset: {}", names.join(", ")),
            Self::CodecOrder => f.write_str("codec order"),
        }
    }
}

/// Relation of two readable forms.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// Allowed deviations.
    pub relaxed: Vec<Relaxation>,
    /// Contradicting fields: key, first value, second value. A key occurs several times if a description has
    /// several sections.
    pub different: Vec<(String, String, String)>,
}

impl Comparison {
    /// True if both may come from one platform.
    #[must_use]
    pub const fn is_compatible(&self) -> bool {
        self.different.is_empty()
    }
}

/// The fields of a readable form in order, as key and value. The first field has the name of the form as its
/// key and an empty value.
pub fn fields(readable: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = Some(readable);
    std::iter::from_fn(move || {
        let text = rest?;
        let end = unescaped(text, b"| ").unwrap_or(text.len());
        let field = text.get(..end)?;
        rest = text.get(end + 1..);
        Some(field.split_once('=').unwrap_or((field, "")))
    })
}

/// The members of a field's list.
pub(crate) fn members(value: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let end = unescaped(rest, b",").unwrap_or(rest.len());
        out.extend(rest.get(..end));
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    out
}

/// The first of the wanted octets without a backslash before it.
fn unescaped(text: &str, wanted: &[u8]) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(octet) = bytes.get(at) {
        match octet {
            b'\\' => at += 1,
            octet if wanted.contains(octet) => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Compares two readable forms of one kind (SIP author, SDP author, or both with a space between).
#[must_use]
pub fn compare(a: &str, b: &str) -> Comparison {
    let mut comparison = Comparison::default();
    let (mut left, mut right) = (fields(a), fields(b));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return comparison,
            (Some((key, one)), Some((other_key, two))) if key == other_key => {
                if one != two {
                    field(key, one, two, &mut comparison);
                }
            }
            // A different number of sections or another kind of form: the remaining fields have no
            // counterpart.
            (one, two) => {
                let text =
                    |field: Option<(&str, &str)>| field.map(|(k, v)| format!("{k}={v}")).unwrap_or_default();
                comparison.different.push(("form".to_owned(), text(one), text(two)));
                return comparison;
            }
        }
    }
}

fn field(key: &str, one: &str, two: &str, comparison: &mut Comparison) {
    let difference = || (key.to_owned(), one.to_owned(), two.to_owned());
    let ((marks, one), (other_marks, two)) = (marked(key, one), marked(key, two));
    // The style of a list is a habit of the author; an empty list shows none.
    if marks != other_marks && !one.is_empty() && !two.is_empty() {
        return comparison.different.push(difference());
    }
    let (a, b) = (members(one), members(two));
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    let extra = subsequence(short, long);
    let relaxation = match (key, extra) {
        ("h", Some(extra)) => Relaxation::Headers(extra),
        ("a", Some(extra)) => Relaxation::Allow(extra),
        ("k", Some(extra)) => Relaxation::Supported(extra),
        ("ac", Some(extra)) => Relaxation::Members("Accept", extra),
        ("ae", Some(extra)) => Relaxation::Members("Allow-Events", extra),
        ("v", Some(extra)) => Relaxation::Members("Via parameter", extra),
        ("c", Some(extra)) => Relaxation::Members("Contact parameter", extra),
        ("s" | "w", Some(extra)) => Relaxation::Members("header spelling", extra),
        ("p" | "r" | "f", Some(extra)) => Relaxation::Codecs(extra),
        ("p" | "r" | "f", None) if is_reordered(&a, &b) => Relaxation::CodecOrder,
        _ => return comparison.different.push(difference()),
    };
    if !comparison.relaxed.contains(&relaxation) {
        comparison.relaxed.push(relaxation);
    }
}

/// The marks before a list, and the list.
fn marked<'v>(key: &str, value: &'v str) -> (&'v str, &'v str) {
    if !matches!(key, "a" | "k" | "ac" | "ae" | "v") {
        return ("", value);
    }
    let list = value.trim_start_matches(['^', '+']);
    value.split_at(value.len() - list.len())
}

/// The additional members of `long`, if its other members are `short` in order. An empty list on one side
/// proves nothing.
fn subsequence(short: &[&str], long: &[&str]) -> Option<Vec<String>> {
    let mut wanted = short.iter().peekable();
    let mut extra = Vec::new();
    for member in long {
        if wanted.next_if(|w| *w == member).is_none() {
            extra.push((*member).to_owned());
        }
    }
    wanted.peek().is_none().then_some(extra)
}

fn is_reordered(a: &[&str], b: &[&str]) -> bool {
    let sorted = |list: &[&str]| {
        let mut list: Vec<String> = list.iter().map(|m| (*m).to_owned()).collect();
        list.sort_unstable();
        list
    };
    sorted(a) == sorted(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "sip2|m=INVITE|h=Via,From,To,Allow|a=INVITE,ACK|k=timer|b= sdp2|o=dash|p=8,0,101|l=v,o";

    #[test]
    fn fields_end_at_separators_that_are_not_escaped() {
        let all: Vec<_> = fields("sip2|s=a\\|b\\ c|k= sdp2|o=x").collect();
        assert_eq!(all, [("sip2", ""), ("s", "a\\|b\\ c"), ("k", ""), ("sdp2", ""), ("o", "x")]);
    }

    #[test]
    fn allowed_deviations_are_named() {
        let two = ONE
            .replace("To,Allow", "To,Session-Expires,Allow")
            .replace("INVITE,ACK|", "INVITE,ACK,INFO|")
            .replace("8,0,101", "0,8,101");
        let found = compare(ONE, &two);
        assert!(found.is_compatible());
        let said: Vec<String> = found.relaxed.iter().map(ToString::to_string).collect();
        assert_eq!(said, ["optional headers: Session-Expires", "Allow subset: INFO", "codec order"]);
        assert_eq!(compare(&two, ONE).relaxed, found.relaxed, "either way round");
        assert_eq!(compare(ONE, ONE), Comparison::default());
    }

    #[test]
    fn contradictions_are_named_with_both_values() {
        let found = compare(ONE, &ONE.replace("From,To", "To,From").replace("b= ", "b=f "));
        assert!(!found.is_compatible());
        let keys: Vec<&str> = found.different.iter().map(|(key, ..)| key.as_str()).collect();
        assert_eq!(keys, ["h", "b"]);
        let tight = compare(ONE, &ONE.replace("INVITE,ACK|", "^INVITE,ACK,INFO|"));
        assert_eq!(tight.different[0].0, "a", "another way of writing lists is another author");
        let found = compare(ONE, "sip2|m=INVITE|h=Via,From,To,Allow|a=INVITE,ACK|k=timer|b=");
        assert_eq!(found.different[0].0, "form");
    }
}
