//! Answers about scores.

use bellwether_scoring::{Forecast, Settings};
use bellwether_store::StoredScore;
use serde::{Deserialize, Serialize};

/// The source of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// The engine's present judgement of the call, or of the INVITE.
    Live,
    /// Earlier knowledge: a stored score, or what is known of the parties.
    Cached,
    /// Nothing is known.
    Neutral,
}

impl Basis {
    /// Its name in answers and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Cached => "cached",
            Self::Neutral => "neutral",
        }
    }
}

/// One piece of evidence.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reason {
    /// The name of the signal.
    pub signal: String,
    /// Its points. Negative points count against the call.
    pub points: f64,
    /// The evidence as text.
    pub evidence: String,
}

/// The answer to a question about a score.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ScoreAnswer {
    /// The score as a whole number, 0 (worst) to 100; 50 is neutral. It is rounded down, so that it lies on the same side of a
    /// threshold as the score itself. None for a call that is not judged.
    pub score: Option<u8>,
    /// quarantine, monitor, standard, or `not_judged`.
    pub disposition: String,
    /// The source of the answer.
    pub basis: Basis,
    /// True if the subject is known.
    pub known: bool,
    /// The probability of fraud.
    pub fraud_probability: Option<f64>,
    /// none, low, medium or high.
    pub confidence: String,
    /// The fingerprint of the platform.
    pub fingerprint: Option<String>,
    /// The software of the platform.
    pub stack: Option<String>,
    /// The campaign.
    pub campaign: Option<String>,
    /// The incident.
    pub incident: Option<String>,
    /// The evidence, the strongest first.
    pub reasons: Vec<String>,
    /// The names of the signals, in the same order.
    pub reason_codes: Vec<String>,
    /// The evidence as one line.
    pub reasons_text: String,
    /// Seconds for which a switch may use the answer again for the same subject.
    pub ttl_s: u32,
    /// Age of the knowledge in milliseconds.
    pub age_ms: u64,
}

/// Seconds for which an answer about a call or a party may be used again, and one without knowledge.
const TTL_LIVE: u32 = 5;
const TTL_CACHED: u32 = 60;
const TTL_NEUTRAL: u32 = 5;

impl ScoreAnswer {
    /// The answer about a subject of which nothing is known.
    #[must_use]
    pub fn neutral() -> Self {
        Self {
            score: Some(50),
            disposition: "monitor".to_owned(),
            basis: Basis::Neutral,
            known: false,
            fraud_probability: None,
            confidence: "none".to_owned(),
            fingerprint: None,
            stack: None,
            campaign: None,
            incident: None,
            reasons: Vec::new(),
            reason_codes: Vec::new(),
            reasons_text: "nothing is known of this subject".to_owned(),
            ttl_s: TTL_NEUTRAL,
            age_ms: 0,
        }
    }

    /// The neutral answer, with the disposition that the site's thresholds give it.
    pub(crate) fn neutral_by(settings: &Settings) -> Self {
        Self { disposition: settings.dispositions.of(50.0).name().to_owned(), ..Self::neutral() }
    }

    /// The answer about an emergency call, which is never judged.
    pub(crate) fn not_judged() -> Self {
        Self {
            score: None,
            disposition: "not_judged".to_owned(),
            basis: Basis::Live,
            known: true,
            reasons_text: "emergency calls are not judged".to_owned(),
            ..Self::neutral()
        }
    }

    pub(crate) fn of_forecast(forecast: &Forecast, basis: Basis) -> Self {
        let reasons = forecast.findings.iter().map(|finding| Reason {
            signal: finding.name().to_owned(),
            points: finding.points,
            evidence: finding.to_string(),
        });
        Self {
            score: Some(whole(forecast.score)),
            disposition: forecast.disposition.name().to_owned(),
            basis,
            known: !forecast.findings.is_empty(),
            fraud_probability: forecast.fraud_probability,
            confidence: forecast.confidence.name().to_owned(),
            campaign: forecast.campaign.as_deref().map(str::to_owned),
            incident: forecast.incident.map(bellwether_base::IncidentId::name),
            ttl_s: if basis == Basis::Live { TTL_LIVE } else { TTL_CACHED },
            ..Self::neutral()
        }
        .with_reasons(reasons.collect())
    }

    pub(crate) fn of_stored(stored: &StoredScore, age_ms: u64) -> Self {
        let reasons = stored.signals.iter().map(|signal| Reason {
            signal: signal.name.clone(),
            points: signal.points,
            evidence: signal.words.clone(),
        });
        Self {
            score: stored.score.map(whole),
            disposition: stored.disposition.clone().unwrap_or_else(|| "not_judged".to_owned()),
            basis: Basis::Cached,
            known: true,
            fraud_probability: stored.fraud_probability,
            confidence: stored.confidence.clone().unwrap_or_else(|| "none".to_owned()),
            fingerprint: Some(stored.fingerprint.clone()),
            campaign: stored.campaign.clone(),
            incident: stored.incident.map(bellwether_base::IncidentId::name),
            ttl_s: TTL_CACHED,
            age_ms,
            ..Self::neutral()
        }
        .with_reasons(reasons.collect())
    }

    fn with_reasons(self, mut reasons: Vec<Reason>) -> Self {
        reasons.sort_by(|a, b| b.points.abs().total_cmp(&a.points.abs()));
        let text: Vec<&str> = reasons.iter().map(|reason| reason.evidence.as_str()).collect();
        let reasons_text = if text.is_empty() { "no evidence".to_owned() } else { text.join("; ") };
        Self {
            reasons_text,
            reason_codes: reasons.iter().map(|reason| reason.signal.clone()).collect(),
            reasons: reasons.into_iter().map(|reason| reason.evidence).collect(),
            ..self
        }
    }
}

/// A score as a whole number, rounded down.
fn whole(score: f64) -> u8 {
    score.clamp(0.0, 100.0).floor() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_score_stays_on_its_side_of_the_threshold() {
        assert_eq!([whole(29.9), whole(30.0), whole(69.9), whole(70.0), whole(-3.0)], [29, 30, 69, 70, 0]);
    }
}
