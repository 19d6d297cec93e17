//! Names of the program in words.

use bellwether_base::Shown;

/// The kind of an incident in words.
pub(crate) fn fraud(kind: &str) -> &str {
    match kind {
        "toll_fraud" => "Toll fraud",
        "account_takeover" => "Account takeover",
        "one_ring" => "One ring",
        "gateway" => "Gateway",
        "pumping" => "Traffic pumping",
        "scan" => "Scan",
        "two_places" => "Use from two places",
        other => other,
    }
}

/// A name with underscores as words.
pub(crate) fn spaced(name: &str) -> Shown {
    Shown::of(&name.replace('_', " "))
}

/// The class of a level of alarm: severities, dispositions, verdicts, labels, states, lists.
pub(crate) fn tone(name: &str) -> &'static str {
    match name {
        "critical" | "quarantine" | "fraud" | "unauthorised" | "block" | "contradicted" | "invalid"
        | "mismatch" | "replay" => "bad",
        "warning" | "monitor" | "unknown" | "stale" | "malformed" | "disguised" | "tool" => "warn",
        "standard" | "legit" | "authorised" | "allow" | "consistent" | "valid" => "good",
        _ => "plain",
    }
}

/// The tone of a score by the usual limits of dispositions, for a score without its call.
pub(crate) fn score_tone(score: f64) -> &'static str {
    tone_within(score, (30.0, 70.0))
}

/// The tone of a score by the score below which a call is quarantined, and the one from which it is treated as usual.
pub(crate) fn tone_within(score: f64, (quarantine_below, standard_from): (f64, f64)) -> &'static str {
    if score < quarantine_below {
        "bad"
    } else if score < standard_from {
        "warn"
    } else {
        "good"
    }
}

/// The rank of a severity, for sorting: the most urgent is the largest.
pub(crate) fn rank(severity: Option<&str>) -> u8 {
    match severity {
        Some("critical") => 3,
        Some("warning") => 2,
        Some(_) => 1,
        None => 0,
    }
}
