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
mod calls;
mod campaigns;
mod cells;
mod class_file;
mod classes;
mod columns;
mod devices;
mod find;
mod fingerprints;
mod incidents;
mod inventory;
mod names;
mod other_clocks;
mod platforms;
mod reach;
mod recordings;
mod reputation;
mod rows;
mod score_sum;
mod show;
mod streams;
mod summary;

use bellwether_store::Reader;
use rusqlite::Connection;

pub use bellwether_acoustics::recordings::Sound;
pub use class_file::{export_classes, import_classes};
pub use classes::CLASS_COLUMNS;
pub use columns::{Column, Kind, Query, Report, Values};
pub use find::Address;
pub use inventory::INVENTORY_COLUMNS;
pub use reach::{Leg, Reach, Reaching};
pub use reputation::Export;

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

    const fn db(&self) -> &'r Connection {
        self.reader.connection()
    }
}
