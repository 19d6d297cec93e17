//! Scores calls: rows in, signals, scores, reputation records, campaigns and alerts out.
//!
//! A [`ScoringEngine`] takes the rows of the enrichment in order. It reads knowledge of earlier runs from a
//! [`History`], and returns new knowledge as [`Outcome`]s. All other state is in tables of fixed size over a
//! window of hours. A new run rebuilds this state from the calls of the window, so that an interrupted replay
//! continues without a difference.
//!
//! Each call has a score from 0 (worst) to 100; 50 is neutral. The score is the sum of the call's
//! [`Signal`]s, each with points and evidence. Missing evidence is neutral.
//!
//! This crate must never know clear numbers, packets or SQL. Time comes with the rows.
//!
//! A call without signals is neutral:
//!
//! ```
//! use bellwether_scoring::{Disposition, Scorecard, Settings};
//!
//! let card = Scorecard::new(Vec::new());
//! assert_eq!(card.score(), 50.0);
//! assert_eq!(card.disposition(&Settings::default()), Disposition::Monitor);
//! ```

mod account;
mod call_history;
mod campaign;
mod campaign_state;
mod candidate_group;
mod changes;
mod clocks;
mod engine;
mod evidence;
mod history;
mod invite;
mod keys;
mod label;
mod open;
mod operator_list;
mod outcome;
mod platform;
mod reputation_record;
mod score;
mod settings;
mod signal_rates;
mod signals;
mod source;
mod stack_index;
mod write_back;

pub use account::{Account, RegisteredDevice};
pub use bellwether_incidents::{
    Exempt, Exemption, Incident, IncidentKind, IncidentLabel, IncidentSettings, Limits as IncidentLimits,
    Rates as IncidentRates,
};
pub use campaign::LinkKind;
pub use campaign_state::{CampaignKind, CampaignState, MembershipKind};
pub use changes::{Amendment, Changes, IncidentChange, MembershipChange};
pub use engine::{Forecast, KnownParties, ScoringEngine, SenderLabels};
pub use evidence::Evidence;
pub use history::{
    History, Judged, NoHistory, PartyHistory, PastCall, PastIncident, PastMember, PastPassport,
    PastRecording, PastSender, PastWatched, PlatformFacts, SenderMarks, Stage,
};
pub use label::is_fraud_label;
pub use operator_list::{OperatorEntry, OperatorList, OperatorSubject};
pub use outcome::{CampaignRow, LinkRow, ListChange, Listed, MemberRow, Outcome, RecordingRow, ScoreRow};
pub use reputation_record::{LabelEvidence, Layer, ReputationRecord, Subject, reputation};
pub use score::{Confidence, Disposition, DispositionThresholds, Finding, Scorecard};
pub use settings::{AccountExemption, CampaignSettings, ReputationSettings, SettingError, Settings, nearest};
pub use signal_rates::SignalSet;
pub use signals::{Group, SIGNALS, Signal, Threshold, signals_document};
