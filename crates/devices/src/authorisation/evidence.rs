//! Evidence for and against an authorised device: each piece with its weight, and the verdict of all together.
//!
//! A weight is the logarithm (base 10) of a likelihood ratio: the observation from the authorised device, against the observation
//! from the device of a thief who has the password. Weights of independent observations add up. An observation that is missing
//! weighs nothing.

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Its subject.
    pub kind: EvidenceKind,
    /// The description, with numbers.
    pub words: String,
    /// Logarithm of the likelihood ratio; positive speaks for the authorised device.
    pub weight: f64,
}

/// The subject of a piece of evidence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EvidenceKind {
    /// The sound of silence against the classes that the inventory names.
    Class,
    /// The SIP author of the INVITE, against the authors of this subscriber and of this class.
    Structure,
    /// The refresh timer against that of the device that was there first.
    Clock,
    /// The instance of the device, and further subscribers at the same instance.
    Instance,
    /// More devices than the inventory allows at once.
    Number,
}

impl EvidenceKind {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Class => "class",
            Self::Structure => "structure",
            Self::Clock => "clock",
            Self::Instance => "instance",
            Self::Number => "number",
        }
    }

    /// The least and the greatest weight of one piece. Models are wrong more often than their own error rates say. A thief may also have
    /// the same model (one in five) or the same stack (one in two). Such a trait weighs at most as much for the subscriber.
    const fn bounds(self) -> (f64, f64) {
        match self {
            Self::Class => (-6.0, 0.7),
            Self::Structure => (-3.0, 0.3),
            Self::Clock => (-6.0, 2.0),
            Self::Instance => (-2.0, 3.0),
            Self::Number => (-1.0, 0.0),
        }
    }
}

impl Evidence {
    /// Limits the weight to the bounds of its kind.
    #[must_use]
    pub fn new(kind: EvidenceKind, words: String, weight: f64) -> Self {
        let (least, most) = kind.bounds();
        let weight = if weight.is_finite() { weight.clamp(least, most) } else { 0.0 };
        Self { kind, words, weight }
    }
}

/// The verdict about a device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeviceVerdict {
    /// The subscriber's own device.
    Authorised,
    /// Another one.
    Unauthorised,
    /// The evidence decides nothing.
    Unknown,
    /// The inventory does not say which device the subscriber should use.
    NotEnrolled,
}

impl DeviceVerdict {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authorised => "authorised",
            Self::Unauthorised => "unauthorised",
            Self::Unknown => "unknown",
            Self::NotEnrolled => "not_enrolled",
        }
    }
}

/// The strictness of a verdict, and of the claim of a device class.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Strictness {
    /// The share of honest calls that may be called unauthorised.
    pub false_alarms: f64,
    /// The share of calls by devices that nobody taught.
    pub strangers: f64,
}

impl Default for Strictness {
    fn default() -> Self {
        Self { false_alarms: 0.005, strangers: 0.2 }
    }
}

/// Logarithm of the odds for the authorised device before anything is observed. One call in a hundred is a thief's. Of the calls that
/// change forwarding or reach a voice portal, which a thief wants, one in ten is.
const USUAL_ODDS: f64 = 2.0;
const SENSITIVE_ODDS: f64 = 1.0;

/// The weight for a device from which it is called authorised.
const ENOUGH: f64 = 0.5;

/// The verdict that the evidence about a call or a device adds up to.
#[must_use]
pub fn weigh(evidence: &[Evidence], is_sensitive: bool, strictness: Strictness) -> DeviceVerdict {
    let speaks: f64 = evidence.iter().map(|e| e.weight).sum();
    let odds = speaks + if is_sensitive { SENSITIVE_ODDS } else { USUAL_ODDS };
    let alarm = strictness.false_alarms.clamp(1e-9, 0.5);
    if odds <= (alarm / (1.0 - alarm)).log10() {
        DeviceVerdict::Unauthorised
    } else if speaks >= ENOUGH {
        DeviceVerdict::Authorised
    } else {
        DeviceVerdict::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(weights: &[(EvidenceKind, f64)], is_sensitive: bool) -> DeviceVerdict {
        let evidence: Vec<Evidence> =
            weights.iter().map(|(kind, w)| Evidence::new(*kind, String::new(), *w)).collect();
        weigh(&evidence, is_sensitive, Strictness::default())
    }

    #[test]
    fn evidence_adds_up_and_none_is_no_verdict() {
        use EvidenceKind::{Class, Clock, Structure};
        assert_eq!(verdict(&[], false), DeviceVerdict::Unknown);
        assert_eq!(verdict(&[(Class, 2.0), (Structure, 0.4)], false), DeviceVerdict::Authorised);
        assert_eq!(verdict(&[(Class, -9.0)], false), DeviceVerdict::Unauthorised);
        assert_eq!(
            verdict(&[(Structure, -9.0)], false),
            DeviceVerdict::Unknown,
            "one stack more is no proof"
        );
        assert_eq!(verdict(&[(Structure, -9.0), (Clock, -2.0)], false), DeviceVerdict::Unauthorised);
        assert_eq!(verdict(&[(Class, -5.0), (Clock, 2.0)], false), DeviceVerdict::Unknown);
    }

    #[test]
    fn sensitive_calls_are_judged_strictly() {
        let weights = [(EvidenceKind::Structure, -3.0), (EvidenceKind::Number, -0.5)];
        assert_eq!(verdict(&weights, false), DeviceVerdict::Unknown);
        assert_eq!(verdict(&weights, true), DeviceVerdict::Unauthorised);
    }

    #[test]
    fn a_model_that_is_too_sure_is_not_believed() {
        assert_eq!(Evidence::new(EvidenceKind::Structure, String::new(), -80.0).weight, -3.0);
        assert_eq!(Evidence::new(EvidenceKind::Clock, String::new(), f64::NAN).weight, 0.0);
    }
}
