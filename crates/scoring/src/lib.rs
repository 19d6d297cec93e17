//! Rows in order in; signals, scores, reputations, campaigns and what an operator should look at out.
//!
//! An [`ScoringEngine`] takes the rows that the judge makes, in their order, and tells what they amount to. What must outlive a run it asks
//! of a [`History`] and hands out to be kept; everything else stands in tables of fixed size, over a window of hours, and is made anew from
//! the calls of that window when a run begins. So a replay that was cut off goes on where it was.
//!
//! Each call has a score from 0 (worst) to 100, 50 where nothing speaks for or against it: the sum of its [`Signal`]s, each with its points
//! and its evidence in words. What is not known is never held against anybody.
//!
//! This crate must never know a clear number, a packet, or SQL. Time comes with the rows.

mod account;
mod alerts;
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
mod outcome;
mod platform;
mod prompt_index;
mod reputation_record;
mod score;
mod settings;
mod signals;
mod source;
mod stack_index;
mod write_back;

pub use account::{Account, RegisteredDevice};
pub use alerts::{AlertKind, Severity};
pub use campaign::LinkKind;
pub use campaign_state::CampaignState;
pub use changes::{Amendment, Changes, MembershipChange};
pub use engine::ScoringEngine;
pub use evidence::Evidence;
pub use history::{History, Judged, NoHistory, PastCall, PastPassport, PlatformFacts, Stage};
pub use label::is_fraud_label;
pub use outcome::{AlertRow, CampaignRow, LinkRow, ListChange, Listed, MemberRow, Outcome, ScoreRow};
pub use reputation_record::{LabelEvidence, Layer, ReputationRecord, Subject, reputation};
pub use score::{Disposition, DispositionThresholds, Finding, Scorecard};
pub use settings::{CampaignSettings, ReputationSettings, SettingError, Settings, nearest};
pub use signals::{Group, SIGNALS, Signal, Threshold, signals_document};
