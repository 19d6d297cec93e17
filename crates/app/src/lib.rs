//! The composition of one running program: sensor threads, delivery of alerts, provisioning system, start and stop.
//!
//! A [`Run`] owns what a run needs. It starts a thread for each receiver of alerts, runs the sensor on the caller's thread, and ends the delivery
//! after it. The writer's commit wakes the delivery through a signal; the table of alerts stays the durable source.
//!
//! ```
//! use bellwether_app::{AlertOptions, Deliveries};
//!
//! // A database in memory has no receivers: nothing would outlive the run.
//! let deliveries = Deliveries::open(&AlertOptions::default(), ":memory:".as_ref(), "key")?;
//! assert!(deliveries.is_empty());
//! # Ok::<(), bellwether_app::AppError>(())
//! ```
//!
//! This crate must never know the text of a configuration, an argument or the form of output. It takes option structs and
//! returns values.

mod answering;
mod clock;
mod delivery;
mod error;
mod hold;
mod installation;
mod key;
mod lockdown;
pub mod private;
mod provisioning;
mod run;
mod service;
mod stop;

pub use answering::{Answering, Desks, OpenReader};
pub use clock::now;
pub use delivery::{AlertOptions, Deliveries, Exchange, ReceiverOptions};
pub use error::AppError;
pub use hold::{DatabaseHold, SENSOR_SUFFIX};
pub use installation::{Installation, InstallationOptions, check_folder};
pub use key::{InstallationKey, key_path};
pub use lockdown::{LockOptions, Walls, close_lock};
pub use provisioning::{Provisioning, inventory_rows};
pub use run::{Operator, Run};
pub use service::ready as tell_ready;
pub use stop::{Hangup, Stop};
