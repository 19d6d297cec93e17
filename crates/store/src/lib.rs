//! The database: schema, migrations, one writer, and typed reads.
//!
//! Rows are recognised by their identities, so that replaying a capture again adds nothing. Observations of one thing
//! in several inputs are merged, and the fuller observation wins.
//!
//! This crate must never know a packet, a report's columns or how a row is printed.
//!
//! A database belongs to the key that made its tokens:
//!
//! ```
//! use bellwether_store::{Reader, Writer, key_id};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("x.db");
//! Writer::open(&path, "key")?.close()?;
//! assert!(Writer::open(&path, "another key").is_err());
//! assert!(Reader::open(&path).is_ok());
//! # Ok(())
//! # }
//! ```

mod alert_signal;
mod alerts;
mod blindness;
mod classes;
mod clocks;
mod devices;
mod effects;
mod error;
mod incidents;
mod inventory;
mod label_evidence;
mod lock;
mod operator_acts;
mod operator_lists;
mod platforms;
mod reader;
mod reading;
mod recordings;
mod registration;
mod reputation;
mod retention;
mod schema;
mod sensor_clock;
mod spool;
mod sqlite_history;
mod stored_scores;
mod subscriber;
mod teaching;
mod timelines;
mod upkeep;
mod verdicts;
mod wording;
mod writer;

pub use alert_signal::AlertSignal;
pub use bellwether_acoustics::Mode;
pub use bellwether_clock::Tolerance;
pub use bellwether_devices::Policy;
pub use bellwether_fingerprint::{SignatureError, Signatures};
pub use bellwether_scoring::Listed;
pub use blindness::{BlindSpan, Blindness, SpansOfLoss, Stretch};
pub use classes::{Learned, Lesson};
pub use devices::MADE_BY;
pub use effects::Effects;
pub use error::StoreError;
pub use inventory::InventoryRow;
pub use label_evidence::Labels;
pub use lock::{LockNews, LockPatience};
pub use operator_acts::{Acknowledgement, AuditEntry, Comment};
pub use reader::Reader;
pub use reading::{check_existing, key_id};
pub use recordings::StoredRecording;
pub use registration::{LatestObservation, Registration, RegistrationTimeline};
pub use reputation::{ListedSubject, SubjectReputation};
pub use retention::Retention;
pub use schema::VERSION;
pub use spool::AlertSpool;
pub use sqlite_history::SqliteHistory;
pub use stored_scores::StoredScore;
pub use subscriber::Subscriber;
pub use teaching::{Labelled, Telemetry};
pub use upkeep::Upkeep;
pub use verdicts::DeviceFinding;
pub use wording::StoredSignal;
pub use writer::{Writer, unpack_codes};
