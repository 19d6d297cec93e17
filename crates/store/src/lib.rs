//! The database: schema, migrations, one writer, and read-only queries for the reports.
//!
//! Rows are recognised by what they are, so that replaying a capture adds nothing. What was observed of a
//! thing that spans several inputs is merged so that the fuller observation wins.
//!
//! This crate must never know a packet or how a row is printed.

mod alerts;
mod blindness;
mod campaigns;
mod class_file;
mod classes;
mod clocks;
mod device_report;
mod devices;
mod error;
mod inventory;
mod label_evidence;
mod lock;
mod other_clocks;
mod platform_report;
mod platforms;
mod query;
mod reading;
mod reputation;
mod retention;
mod schema;
mod sensor_clock;
mod show;
mod spool;
mod sqlite_history;
mod teaching;
mod timelines;
mod upkeep;
mod values;
mod verdicts;
mod wording;
mod writer;

pub use alerts::Alert;
pub use bellwether_acoustics::Mode;
pub use bellwether_clock::Tolerance;
pub use bellwether_devices::Policy;
pub use bellwether_fingerprint::{SignatureError, Signatures};
pub use bellwether_scoring::{AlertKind, Listed, Severity};
pub use class_file::{export_classes, import_classes};
pub use classes::{CLASS_COLUMNS, Learned, Lesson};
pub use error::StoreError;
pub use inventory::{INVENTORY_COLUMNS, InventoryRow};
pub use label_evidence::Labels;
pub use lock::{LockNews, LockPatience};
pub use query::{Column, Kind, Query, Reader, Report, Values};
pub use reading::{check_existing, key_id};
pub use reputation::{Export, ListedSubject};
pub use retention::Retention;
pub use schema::VERSION;
pub use spool::{AlertSpool, SpooledAlert};
pub use sqlite_history::SqliteHistory;
pub use teaching::{Labelled, Telemetry};
pub use upkeep::Upkeep;
pub use verdicts::DeviceFinding;
pub use writer::Writer;
