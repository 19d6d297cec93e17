//! Finds fraud that is no robocall campaign, and holds it together as incidents.
//!
//! A [`Watch`] takes calls in order of time: their begin, answer and end, and what registrations show. Detectors watch
//! accounts, sources, platforms, networks, called numbers and the site. Each is a Shiryaev-Roberts e-detector against
//! named honest families, so that the rate of false incidents is bounded by the threshold alone. An alarm opens an
//! [`Incident`], or joins one. Later calls become members, and the incident tells of its growth and of its end.
//!
//! This crate must never know the text of a number, a packet, a stored row or the points of a score. Time comes with
//! the calls.
//!
//! ```
//! use std::net::IpAddr;
//! use bellwether_base::{CallId, HashKey, Timestamp};
//! use bellwether_incidents::{CallStart, IncidentSettings, Number, NumberClass, Readings, Watch};
//!
//! let mut watch = Watch::new(IncidentSettings::default(), HashKey::new([7; 16]));
//! let abroad = |country| Number { country, class: NumberClass::Risky, range: country.into() };
//! for n in 0..30_u16 {
//!     watch.begin(&CallStart {
//!         call: CallId::new(n.into()),
//!         at: Timestamp::from_nanos(i64::from(n) * 60_000_000_000),
//!         account: 1,
//!         name: "sip:1@pbx.example",
//!         devices: &[],
//!         caller: Readings::default(),
//!         callee: 100 + u64::from(n),
//!         called: Readings {
//!             told: Some(abroad(200 + n)), is_dialled: true, is_number: true, ..Readings::default()
//!         },
//!         source: IpAddr::from([192, 0, 2, 1]),
//!         platform: 7,
//!         is_registered: true,
//!         is_from_trunk: false,
//!     });
//! }
//! let incident = watch.of_call(CallId::new(29)).expect("a new account calls costly countries only");
//! assert!(watch.incident(incident).is_some_and(|incident| incident.calls > 10));
//! ```

mod account;
mod alarm;
mod collection;
mod detector;
mod gateway;
mod home;
mod incident;
mod novelty;
mod number;
mod pool;
mod pooled;
mod pumping;
mod rate;
mod ring;
mod settings;
mod sketch;
mod source;
mod toll;
mod watch;
mod words;

pub use incident::{Incident, IncidentKind, IncidentLabel};
pub use number::{Number, NumberClass, RateClass, Readings};
pub use settings::{Exempt, Exemption, IncidentSettings, Limits, Rates};
pub use watch::{CallEnd, CallStart, Change, Device, RegistrationAnswer, Watch};
