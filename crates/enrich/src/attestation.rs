//! Tokens held against their call: freshness, parties, replay and signature (RFC 8224 section 6.2,
//! RFC 8588, RFC 8946).

use bellwether_base::{CallId, Endpoint, HashKey, LruTable, Span, Timestamp, percent_decoded};
use bellwether_stir::{Certificates, Coverage, Identity, Passport, Signature};
use bellwether_tracker::{CallStarted, Claims, Clear};

use crate::Masked;
use crate::number::canonical;

/// Most seconds between a token's signing and its call, before or after (RFC 8224 section 6.2.2 asks for 60 s).
const FRESH_FOR: u64 = 60;

/// Tokens remembered, so that a second use shows.
const REMEMBERED: usize = 65_536;

/// Most provider codes told of one certificate.
const MAX_CODES: usize = 4;

/// A B2BUA sends the token of the incoming leg on this soon, one that forwards unanswered calls when it has rung for long.
const PASSED_ON_WITHIN: Span = Span::from_secs(200);

/// The verdict on a call's tokens; in the order of the contract.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PassportStatus {
    /// There is none.
    None,
    /// All is well, and the signature holds.
    Valid,
    /// All is well as far as can be told without the signer's certificate.
    Unverified,
    /// Issued too long before the call, or after it.
    Stale,
    /// For other parties than the call's.
    Mismatch,
    /// Used for another call before.
    Replay,
    /// The signature does not hold.
    Invalid,
    /// Not of the form that the standards ask for.
    Malformed,
}

impl PassportStatus {
    /// All of them, from the best to the worst.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::Valid,
        Self::Unverified,
        Self::Stale,
        Self::Mismatch,
        Self::Replay,
        Self::Invalid,
        Self::Malformed,
    ];

    /// By its name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Valid => "valid",
            Self::Unverified => "unverified",
            Self::Stale => "stale",
            Self::Mismatch => "mismatch",
            Self::Replay => "replay",
            Self::Invalid => "invalid",
            Self::Malformed => "malformed",
        }
    }
}

/// The result of a call's tokens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attested<T = Masked> {
    /// The worst of its tokens'.
    pub status: PassportStatus,
    /// A, B or C, as its shaken token claims.
    pub attestation: Option<&'static str>,
    /// The signer: the host of the certificate's address.
    pub signer: Option<T>,
    /// The signer's identifier for the origin.
    pub origid: Option<T>,
    /// The certificate's address: an operator's script may fetch what is missing.
    pub x5u: Option<T>,
    /// Seconds from signing to the call.
    pub age_s: Option<i64>,
    /// Faults in words. For a valid token: the numbers or the provider that its certificate stands for.
    pub reasons: Vec<String>,
    /// Departures from the canonical form, which tell one signer's program from another's.
    pub slips: Vec<&'static str>,
}

/// Judges tokens; remembers those that were used.
pub(crate) struct Tokens {
    used: LruTable<u64, Use, 1>,
    hash_key: HashKey,
}

/// The surroundings of a call.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Calls that it belongs with.
    pub(crate) legs: &'a [CallId],
    /// True if one of the site's own servers sends it.
    pub(crate) is_own: bool,
    pub(crate) certificates: &'a Certificates,
}

/// True if a div token says that the call is forwarded, and to its present destination (RFC 8946).
fn has_div(call: &CallStarted) -> bool {
    let claims = call.claims.as_deref();
    claims.is_some_and(|claims| {
        claims.passports.iter().any(|p| p.ppt.starts_with("div") && mismatch(p, call, claims).is_none())
    })
}

/// The first use of a token.
struct Use {
    call: CallId,
    at: Timestamp,
    /// Destination of its INVITE.
    destination: Endpoint,
}

impl Tokens {
    pub(crate) fn new(hash_key: HashKey) -> Self {
        Self { used: LruTable::new(REMEMBERED), hash_key }
    }

    /// Judges the tokens of a call.
    pub(crate) fn judge(&mut self, call: &CallStarted, context: &Context<'_>) -> Option<Attested<Clear>> {
        let claims = call.claims.as_deref().filter(|claims| !claims.passports.is_empty())?;
        let shaken = claims.passports.iter().find(|p| p.ppt == "shaken");
        let first = shaken.or(claims.passports.first())?;
        let mut attested = Attested {
            status: PassportStatus::Valid,
            attestation: first.attest.map(|a| a.letter()),
            signer: Some(first.signer().to_owned()).filter(|s| !s.is_empty()).map(Clear::from),
            origid: first.origid.clone().map(Clear::from),
            x5u: Some(first.x5u.clone()).filter(|x| !x.is_empty()).map(Clear::from),
            age_s: first.iat.and_then(|iat| seconds(call.started_at).checked_sub(iat)),
            reasons: Vec::new(),
            slips: Vec::new(),
        };
        let mut seen: Vec<&[u8]> = Vec::new();
        for passport in &claims.passports {
            // The same token twice in one message is one token.
            if seen.contains(&passport.signature.as_slice()) {
                continue;
            }
            seen.push(&passport.signature);
            let (status, reason) = self.one(passport, call, claims, context);
            attested.status = attested.status.max(status);
            attested.reasons.extend(reason.filter(|reason| !attested.reasons.contains(reason)));
            attested.slips.extend(passport.slips.iter().filter(|s| !s.is_fatal()).map(|s| s.name()));
        }
        Some(attested)
    }

    fn one(
        &mut self,
        passport: &Passport,
        call: &CallStarted,
        claims: &Claims,
        context: &Context<'_>,
    ) -> (PassportStatus, Option<String>) {
        if passport.is_malformed() {
            let slips: Vec<&str> = passport.slips.iter().filter(|s| s.is_fatal()).map(|s| s.name()).collect();
            return (PassportStatus::Malformed, Some(format!("malformed: {}", slips.join(", "))));
        }
        let completed;
        let passport = match completed_from(passport, call) {
            Some(whole) => {
                completed = whole;
                &completed
            }
            None => passport,
        };
        let signature = context.certificates.verify(passport, call.started_at);
        let invalid = match signature {
            Signature::Valid | Signature::NoCertificate => None,
            Signature::Wrong => Some("the signature does not fit the token"),
            Signature::Expired => Some("the certificate was not valid at the time of the call"),
            Signature::Untrusted(distrust) => Some(distrust.reason()),
        };
        let (outside, authority) = match signature {
            Signature::Valid => authority(passport, context.certificates),
            _ => (None, None),
        };
        let invalid = invalid.or(outside);
        let is_replay = self.is_replay(passport, call, context);
        if let Some(reason) = invalid {
            return (PassportStatus::Invalid, Some(reason.to_owned()));
        }
        if is_replay {
            return (PassportStatus::Replay, Some("the token was used for another call before".to_owned()));
        }
        if let Some(reason) = mismatch(passport, call, claims) {
            return (PassportStatus::Mismatch, Some(reason));
        }
        if let Some(iat) = passport.iat {
            // A difference that overflows is stale too.
            let age = seconds(call.started_at).checked_sub(iat).unwrap_or(i64::MAX);
            if age.unsigned_abs() > FRESH_FOR {
                let words = if age > 0 { "before" } else { "after" };
                let reason = format!("issued {} s {words} the call", age.unsigned_abs());
                return (PassportStatus::Stale, Some(reason));
            }
        }
        let status =
            if signature == Signature::Valid { PassportStatus::Valid } else { PassportStatus::Unverified };
        (status, authority)
    }

    /// True if the token, or its claims under another signature, came with another call that this one is no leg of.
    fn is_replay(&mut self, passport: &Passport, call: &CallStarted, context: &Context<'_>) -> bool {
        let Context { legs, is_own, .. } = *context;
        let mut keys = vec![self.hash_key.parts(&[b"signature", &passport.signature])];
        if let (Some(origid), Some(iat), Some(orig)) = (&passport.origid, passport.iat, &passport.orig) {
            let dest: Vec<&str> = passport.dest.iter().map(Identity::user).collect();
            let iat = iat.to_le_bytes();
            let dest = dest.join(",");
            let parts: [&[u8]; 5] =
                [b"claims", origid.as_bytes(), &iat, orig.user().as_bytes(), dest.as_bytes()];
            keys.push(self.hash_key.parts(&parts));
        }
        let mut is_replay = false;
        for key in keys {
            let Some(slot) = self.used.find(key, &key) else {
                let first = Use { call: call.call, at: call.started_at, destination: call.flow.dst };
                self.used.insert(key, key, first, 0, call.started_at);
                continue;
            };
            self.used.touch(slot, 0, call.started_at);
            let Some((_, first)) = self.used.get(slot) else { continue };
            // A B2BUA with two addresses is known as one of the site's own; a div token says that somebody forwards.
            let is_from_there = first.destination.ip() == call.flow.src.ip() || is_own || has_div(call);
            let is_passed_on = is_from_there && call.started_at.since(first.at) <= PASSED_ON_WITHIN;
            is_replay |= first.call != call.call && !legs.contains(&first.call) && !is_passed_on;
        }
        is_replay
    }
}

/// The certificate's authority over the number that a token speaks for (RFC 8226 section 9): a reason against the token, or words
/// for the report.
///
/// A list of numbers without this one speaks against a token only under a trusted authority, which has asked who owns numbers.
/// If the operator vouches for each file, the list is told and counts for nothing.
fn authority(passport: &Passport, certificates: &Certificates) -> (Option<&'static str>, Option<String>) {
    match certificates.coverage(passport) {
        Coverage::NoList => (None, None),
        Coverage::Number => (None, Some("the certificate is for this number".to_owned())),
        Coverage::Provider(codes) => {
            let told: Vec<&str> =
                codes.iter().map(String::as_str).filter(|code| is_code(code)).take(MAX_CODES).collect();
            let words = if told.is_empty() { String::new() } else { format!(" {}", told.join(", ")) };
            (None, Some(format!("the certificate is for the provider{words}")))
        }
        Coverage::Outside => {
            let words = "the certificate is for other numbers";
            if certificates.has_authorities() { (Some(words), None) } else { (None, Some(words.to_owned())) }
        }
    }
}

/// True if a provider's code can be shown: it is short, and no telephone number.
fn is_code(code: &str) -> bool {
    (1..=6).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric())
}

fn seconds(at: Timestamp) -> i64 {
    at.as_nanos().div_euclid(1_000_000_000)
}

/// A compact token with what the message says.
fn completed_from(passport: &Passport, call: &CallStarted) -> Option<Passport> {
    // The claims of an extension do not follow from the message: ATIS-1000074 asks for the full form.
    if !passport.is_compact || !passport.ppt.is_empty() {
        return None;
    }
    let date = call.instances.iter().find(|e| e.kind == "date").and_then(|e| e.clock)?;
    let identity = |user: &str, host: &str| {
        let number = canonical(user);
        let digits = number.trim_start_matches('+');
        if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
            Identity::Number(digits.to_owned())
        } else {
            Identity::Uri(format!("sip:{user}@{host}"))
        }
    };
    let caller = call.asserted.as_ref().unwrap_or(&call.from);
    let mut whole = passport.clone();
    whole.complete(
        identity(&caller.user, &caller.host),
        identity(&call.to.user, &call.to.host),
        seconds(date.at),
    );
    Some(whole)
}

/// The difference between a token's parties and the call's.
fn mismatch(passport: &Passport, call: &CallStarted, claims: &Claims) -> Option<String> {
    let asserted = call.asserted.as_ref().filter(|a| !a.user.is_empty());
    if let Some(orig) = &passport.orig {
        let is_caller = asserted.is_some_and(|a| is_same(orig, &a.user))
            || (asserted.is_none() && is_same(orig, &call.from.user));
        if !is_caller {
            return Some("orig is not the caller".to_owned());
        }
    }
    let is_called = |who: &Identity| is_same(who, &call.to.user) || is_same(who, &call.request_user);
    if passport.is_compact || passport.dest.iter().any(is_called) {
        return None;
    }
    // A call that was diverted has a div token from whom the shaken token names to whom it goes now (RFC 8946 section 4).
    let divs: Vec<&Passport> = claims.passports.iter().filter(|p| p.ppt.starts_with("div")).collect();
    let leads_on = |from: &Identity| {
        let mut at = from.clone();
        for _ in 0..divs.len() {
            let step = divs.iter().find(|p| p.div.as_ref().is_some_and(|d| is_same(d, at.user())));
            match step.and_then(|p| p.dest.first()) {
                Some(next) => at = next.clone(),
                None => return false,
            }
            if is_called(&at) {
                return true;
            }
        }
        false
    };
    if passport.dest.iter().any(leads_on) {
        return None;
    }
    Some(if claims.is_diverted {
        "dest is not the called: the call was diverted, and no div token says so".to_owned()
    } else {
        "dest is not the called".to_owned()
    })
}

/// True if a token's name and a user part are one number, one of them perhaps in national form, or one name.
fn is_same(identity: &Identity, user: &str) -> bool {
    let bare = |text: &str| canonical(text).trim_start_matches(['+', '0']).to_owned();
    let named = percent_decoded(identity.user().as_bytes());
    let (a, b) = (bare(&String::from_utf8_lossy(&named)), bare(user));
    if a.is_empty() || b.is_empty() {
        return false;
    }
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    let is_number = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    a == b
        || (short.len() >= 7
            && long.len() - short.len() <= 3
            && is_number(short)
            && is_number(long)
            && long.ends_with(short.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificates(files: &[(&str, &[u8])]) -> Certificates {
        let mut all = Certificates::default();
        for (name, pem) in files {
            all.add(name, pem).unwrap();
        }
        all
    }

    /// A token for a caller, whose certificate is the file `c.pem`. Nobody signed it.
    fn token(orig: &str) -> Passport {
        Passport {
            x5u: "https://c.example/c.pem".to_owned(),
            orig: Some(Identity::Number(orig.to_owned())),
            ..Passport::default()
        }
    }

    #[test]
    fn a_list_of_other_numbers_speaks_against_a_token_only_under_an_authority() {
        let root = include_bytes!("../../../fixtures/stir/numbers/authority.pem").as_slice();
        let signer = include_bytes!("../../../fixtures/stir/numbers/signer.pem").as_slice();
        let (trusted, vouched) =
            (certificates(&[("root.pem", root), ("c.pem", signer)]), certificates(&[("c.pem", signer)]));
        let (inside, outside) = (token("12155551212"), token("12155551312"));
        let told = |words: &str| (None, Some(words.to_owned()));
        assert_eq!(authority(&inside, &trusted), told("the certificate is for this number"));
        assert_eq!(authority(&outside, &trusted), (Some("the certificate is for other numbers"), None));
        assert_eq!(authority(&outside, &vouched), told("the certificate is for other numbers"));
    }

    #[test]
    fn a_providers_certificate_is_told_by_its_code() {
        let signer = include_bytes!("../../../fixtures/stir/signer.pem").as_slice();
        let all = certificates(&[("c.pem", signer)]);
        let (_, words) = authority(&token("12155551212"), &all);
        assert_eq!(words.as_deref(), Some("the certificate is for the provider 709J"));
        assert!(is_code("709J") && !is_code("12155551212") && !is_code("\u{1b}[2J"));
    }
}
