//! Answers to questions about calls: which score has this call, or would this INVITE get, and what does the operator decide.
//!
//! A [`Desk`] answers [`Question`]s. The [`LocalDesk`] stands beside a recorder in the same process and uses its scoring engine. The
//! [`RemoteDesk`] passes questions over a Unix socket to the [`Listener`] of a sensor. Both give the same answers.
//!
//! A question about a call changes nothing. A [`Change`] of the operator goes to the one writer of the database.
//!
//! This crate must never know HTTP, pages, or statements of SQL.
//!
//! ```
//! use bellwether_answers::ScoreRequest;
//!
//! let asked = serde_json::json!({"call_id": "a@b", "source_ip": "192.0.2.1", "colour": "unknown members are ignored"});
//! let request = ScoreRequest::parse(&asked)?;
//! assert_eq!(request.call_id.as_deref(), Some("a@b"));
//!
//! let wrong = ScoreRequest::parse(&serde_json::json!({"source_ip": 7})).unwrap_err();
//! assert_eq!(wrong.field, "source_ip");
//! # Ok::<(), bellwether_answers::FieldError>(())
//! ```

mod answer;
mod change;
mod desk;
mod fields;
mod invite;
mod request;
mod socket;

pub use answer::{Basis, Reason, ScoreAnswer};
pub use change::{Change, ChangeError, Done, Performer, When, sentences};
pub use desk::{Desk, DeskError, DeskOptions, LocalDesk, Question, Reply, Vitals};
pub use fields::{FieldError, Fields, has_number};
pub use invite::{AskedInvite, InviteError, InviteReader};
pub use request::{ScoreRequest, parse_telemetry};
pub use socket::{Listener, RemoteDesk, socket_path};
