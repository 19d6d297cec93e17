//! One platform: a fingerprint with what was learned of its author, and the stacks that it is recognised as.

use crate::{Claim, Comparison, Grammar, Identifiers, Known, Seen, Signatures, Trait, compare, fields};

/// Origins below which nothing can be said about how rare a platform is.
const MIN_ORIGINS: i64 = 10;

/// Relatives that are listed.
const MAX_RELATIVES: usize = 8;

/// Fields in which the nearest relatives may contradict, where none agrees.
const MAX_DIFFERENT: usize = 4;

/// One fingerprint with what was learned of its author.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Platform {
    readable: String,
    /// Habits by key and value, in order.
    habits: Vec<(String, String)>,
    identifiers: Vec<(String, Grammar)>,
    /// The stack that wrote the headers, and true if it scans or tests.
    sip: Option<(String, bool)>,
    /// The stack that wrote the session description.
    sdp: Option<String>,
}

/// A field of the readable form, or a habit, with its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained<'a, V> {
    /// The form that it stands in, see [`Trait::form`].
    pub form: &'static str,
    /// Its key there.
    pub key: &'a str,
    /// Its value, or the values that it took.
    pub value: V,
    /// Its entry in the catalogue of traits.
    pub known: Option<&'static Trait>,
}

impl Platform {
    /// Recognises the stacks of a fingerprint. Habits are in order of their keys.
    #[must_use]
    pub fn recognised(
        readable: String,
        habits: Vec<(String, String)>,
        identifiers: Vec<(String, Grammar)>,
        signatures: &Signatures,
    ) -> Self {
        let mut platform = Self { readable, habits, identifiers, sip: None, sdp: None };
        let sip: Option<Known<'_>> = signatures.recognise(&platform.seen(platform.sip_part()));
        let sdp: Option<Known<'_>> = signatures.recognise(&platform.seen(platform.sdp_part()));
        let sip = sip.map(|known| (known.name.to_owned(), known.is_suspicious));
        let sdp = sdp.map(|known| known.name.to_owned());
        (platform.sip, platform.sdp) = (sip, sdp);
        platform
    }

    /// Whether the name that a platform gives itself agrees with how it is built.
    #[must_use]
    pub fn claim(&self, signatures: &Signatures, user_agent: Option<&str>) -> Claim {
        signatures.claim(&self.seen(self.sip_part()), user_agent)
    }

    fn seen<'a>(&'a self, readable: &'a str) -> Seen<'a> {
        Seen { readable, habits: &self.habits, identifiers: &self.identifiers }
    }

    /// The name of the stack that wrote the headers.
    #[must_use]
    pub fn stack(&self) -> Option<&str> {
        self.sip.as_ref().map(|(name, _)| name.as_str())
    }

    /// The name of the stack that wrote the session description.
    #[must_use]
    pub fn sdp_stack(&self) -> Option<&str> {
        self.sdp.as_deref()
    }

    /// True if the stack that wrote the headers looks for victims or makes test traffic.
    #[must_use]
    pub fn is_suspicious(&self) -> bool {
        self.sip.as_ref().is_some_and(|(_, is_suspicious)| *is_suspicious)
    }

    /// The readable form of both authors.
    #[must_use]
    pub fn readable(&self) -> &str {
        &self.readable
    }

    /// The readable form of the SIP author.
    #[must_use]
    pub fn sip_part(&self) -> &str {
        self.readable.find(" sdp").and_then(|at| self.readable.get(..at)).unwrap_or(&self.readable)
    }

    /// The readable form of the SDP author; empty where there is no session description.
    #[must_use]
    pub fn sdp_part(&self) -> &str {
        self.readable.find(" sdp").and_then(|at| self.readable.get(at + 1..)).unwrap_or_default()
    }

    /// The message that the fingerprint is of: the method of a request, method and status of an answer.
    #[must_use]
    pub fn message(&self) -> &str {
        self.field("m")
    }

    fn field(&self, wanted: &str) -> &str {
        fields(&self.readable).find(|(key, _)| *key == wanted).map_or("", |(_, value)| value)
    }

    /// True if the message holds so little of the author's own that different stacks may share the fingerprint.
    #[must_use]
    pub fn is_thin(&self) -> bool {
        let headers = self.field("h").split(',').filter(|name| !name.is_empty()).count();
        let is_answer = self.message().contains('/');
        let lists = ["a", "k", "wa"].iter().filter(|key| !self.field(key).is_empty()).count();
        // An answer's first headers are its asker's, and every request has six.
        if is_answer { headers + 2 * lists < 5 } else { headers < 7 }
    }

    /// Each field of the readable form with its meaning.
    pub fn explained(&self) -> impl Iterator<Item = Explained<'_, &str>> {
        let of_part = |form: &'static str, part| {
            let explain = move |(key, value)| Explained { form, key, value, known: Trait::of(form, key) };
            fields(part).skip(1).map(explain)
        };
        of_part("sip", self.sip_part()).chain(of_part("sdp", self.sdp_part()))
    }

    /// Each habit with the values that it took.
    pub fn habits(&self) -> impl Iterator<Item = Explained<'_, Vec<&str>>> {
        self.habits.chunk_by(|a, b| a.0 == b.0).filter_map(|group| {
            let (key, _) = group.first()?;
            let value = group.iter().map(|(_, value)| value.as_str()).collect();
            Some(Explained { form: "habits", key, value, known: Trait::of("habits", key) })
        })
    }

    /// What its identifiers have in common, by the name of each; none where nothing was learned.
    pub fn identifiers(&self) -> impl Iterator<Item = (&'static str, Option<&Grammar>)> {
        Identifiers::NAMES.into_iter().map(|name| {
            let found = self.identifiers.iter().find(|(known, _)| known == name).map(|(_, grammar)| grammar);
            // A branch of no length stands for an answer, which has none of its own.
            (name, found.filter(|grammar| grammar.lengths.1 > 0))
        })
    }

    /// Those of some platforms that may be the same, with the deviations that are allowed. Where there is none, those that
    /// contradict in the fewest fields, with these. Each platform is a fingerprint and its readable form.
    #[must_use]
    pub fn relatives(&self, others: impl Iterator<Item = (String, String)>) -> Vec<(String, Comparison)> {
        let mut found: Vec<((usize, usize), String, Comparison)> = others
            .map(|(other, readable)| {
                let comparison = compare(&self.readable, &readable);
                ((comparison.different.len(), comparison.relaxed.len()), other, comparison)
            })
            .filter(|((different, _), ..)| *different <= MAX_DIFFERENT)
            .collect();
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        if found.first().is_some_and(|((different, _), ..)| *different == 0) {
            found.retain(|((different, _), ..)| *different == 0);
        }
        found.truncate(MAX_RELATIVES);
        found.into_iter().map(|(_, other, comparison)| (other, comparison)).collect()
    }
}

/// How rare a platform is, in bits: of `all` origins that were seen, `own` have it. None where too little was seen.
///
/// An origin is counted by callers or by sources, whichever are fewer: numbers rotate, and so do addresses, but seldom both at
/// the same pace.
#[must_use]
pub fn specificity(own: i64, all: i64) -> Option<f64> {
    (all >= MIN_ORIGINS && own > 0).then(|| ((all + 1) as f64 / (own + 1) as f64).log2().max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str =
        "sip2|m=INVITE|h=Via,From,To,Call-ID,CSeq,Contact,Max-Forwards|a=INVITE,ACK sdp2|o=-|s=x";

    fn platform(readable: &str) -> Platform {
        let habits = [("uri", "a"), ("uri", "b"), ("port", "x")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        Platform::recognised(readable.to_owned(), habits.into(), Vec::new(), &Signatures::default())
    }

    #[test]
    fn the_rarer_the_more_bits_and_nothing_is_said_of_few() {
        assert_eq!(specificity(1, 9), None);
        assert_eq!(specificity(0, 100), None);
        assert_eq!(specificity(1, 1023), Some(9.0));
        assert_eq!(specificity(1000, 1000), Some(0.0));
    }

    #[test]
    fn a_readable_form_falls_into_its_two_authors() {
        let both = platform(INVITE);
        assert!(both.sip_part().ends_with("a=INVITE,ACK") && both.sdp_part().starts_with("sdp2|"));
        assert_eq!(platform("sip2|m=BYE").sdp_part(), "");
        let keys: Vec<(&str, &str)> = both.explained().map(|e| (e.form, e.key)).collect();
        assert_eq!(keys, [("sip", "m"), ("sip", "h"), ("sip", "a"), ("sdp", "o"), ("sdp", "s")]);
    }

    #[test]
    fn a_request_with_only_the_headers_that_all_have_is_thin() {
        assert!(!platform(INVITE).is_thin());
        assert!(platform("sip2|m=INVITE|h=Via,From,To,Call-ID,CSeq,Max-Forwards").is_thin());
        assert!(platform("sip2|m=INVITE/200|h=Contact|a=INVITE").is_thin());
        assert!(!platform("sip2|m=INVITE/200|h=Contact|a=INVITE|k=100rel").is_thin());
    }

    #[test]
    fn a_habit_has_all_the_values_that_it_took() {
        let found: Vec<(String, Vec<String>)> = platform(INVITE)
            .habits()
            .map(|h| (h.key.to_owned(), h.value.iter().map(|v| (*v).to_owned()).collect()))
            .collect();
        let wanted = [("uri", vec!["a", "b"]), ("port", vec!["x"])];
        assert!(found.iter().zip(&wanted).all(|(f, w)| f.0 == w.0 && f.1 == w.1), "{found:?}");
    }

    #[test]
    fn relatives_that_agree_come_alone_and_else_the_nearest_come() {
        let own = platform("sip2|m=INVITE|h=Via,From|a=INVITE,ACK|k=100rel");
        let of = |list: &[(&str, &str)]| {
            let others = list.iter().map(|(name, readable)| ((*name).to_owned(), (*readable).to_owned()));
            own.relatives(others).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        let same = ("same", "sip2|m=INVITE|h=Via,From|a=INVITE,ACK|k=100rel");
        let near = ("near", "sip2|m=INVITE|h=Via,From|a=BYE|k=100rel");
        let far = ("far", "sip2|m=INVITE|h=To|a=BYE|k=timer");
        assert_eq!(of(&[far, near, same]), ["same"]);
        assert_eq!(of(&[far, near]), ["near", "far"]);
    }
}
