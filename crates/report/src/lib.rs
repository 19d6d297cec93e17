//! Reports: the contents of the database as rows and objects for output.
//!
//! [`Reports`] reads over a [`Reader`] and answers with JSON values: the rows of a [`Report`] in the order of its columns, or one
//! thing with all its evidence as an object. The program prints them as a table, JSON or CSV.
//!
//! This crate must never change the database, decide anything, or know a terminal.
//!
//! An empty database has no calls:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::ops::ControlFlow;
//!
//! use bellwether_report::{Query, Report, Reports};
//! use bellwether_store::Writer;
//!
//! # let room = tempfile::tempdir()?;
//! # let path = room.path().join("x.db");
//! let reader = Writer::open(&path, "key")?.close()?;
//! let reports = Reports::of(&reader);
//! let mut calls = 0;
//! reports.rows(&Query { report: Report::Calls, since: None, until: None }, &mut |_| {
//!     calls += 1;
//!     ControlFlow::Continue(())
//! })?;
//! assert_eq!(calls, 0);
//! assert_eq!(reports.summary()?["calls"], 0);
//! # Ok(())
//! # }
//! ```

mod blindness;
mod call_list;
mod calls;
mod campaigns;
mod cases;
mod cells;
mod class_file;
mod classes;
mod columns;
mod devices;
mod feed;
mod find;
mod find_name;
mod fingerprints;
mod finished;
mod footprint;
mod health;
mod incidents;
mod inventory;
mod ladder;
mod metric_counts;
mod names;
mod other_clocks;
mod pages;
mod platform_summary;
mod platforms;
mod quality;
mod reach;
mod recent;
mod recordings;
mod reputation;
mod rows;
mod score_sum;
mod show;
mod streams;
mod summary;
mod switch_lists;

use bellwether_store::Reader;
use rusqlite::Connection;

pub use bellwether_acoustics::recordings::Sound;
pub use call_list::{CallCursor, CallFilter, CallLine, CallPage};
pub use calls::DISPOSITIONS;
pub use cases::{Case, CaseKind};
pub use cells::{parse_time, rfc3339};
pub use class_file::{export_classes, import_classes};
pub use classes::CLASS_COLUMNS;
pub use columns::{Column, Kind, Query, Report, Values, object};
pub use feed::{EntriesBySubject, Numbered, RowsAfter};
pub use find::Address;
pub use find_name::Found;
pub use finished::Place;
pub use footprint::{Footprint, FootprintCall, FootprintStream, KnownInput};
pub use health::{Health, ReceiverLine, RunLine};
pub use inventory::INVENTORY_COLUMNS;
pub use ladder::{Ladder, LadderCall, LadderEvent, LadderMessage, LadderSource, LadderStep};
pub use metric_counts::MetricCounts;
pub use pages::{DeviceLine, PlatformLine};
pub use reach::{Leg, Reach, Reaching};
pub use recent::{Figures, Recent};
pub use reputation::Export;
pub use switch_lists::{SwitchEntry, SwitchList};

/// The reports over one database.
#[derive(Clone, Copy)]
pub struct Reports<'r> {
    reader: &'r Reader,
}

impl<'r> Reports<'r> {
    /// Reports over a reader, with its caches.
    #[must_use]
    pub const fn of(reader: &'r Reader) -> Self {
        Self { reader }
    }

    /// The score below which a call is quarantined, and the one from which it is treated as usual.
    #[must_use]
    pub const fn score_limits(&self) -> (f64, f64) {
        let limits = &self.reader.settings().dispositions;
        (limits.quarantine_below, limits.standard_from)
    }

    const fn db(&self) -> &'r Connection {
        self.reader.connection()
    }
}
