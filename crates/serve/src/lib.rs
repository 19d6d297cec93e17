//! HTTP for switches, people and monitoring: score API, console, metrics, lists and events.
//!
//! [`Server`] answers on one TCP address. Questions about calls go to desks ([`bellwether_answers::Desk`]), one thread each. Pages and
//! metrics read the database on threads of their own. All queues are bounded, and a full one is answered with 503 at once.
//!
//! Agents use the reports as tools of the Model Context Protocol, under `/mcp` or on standard input and output ([`serve_stdio`]).
//!
//! The runtime of tokio runs on one thread inside this crate, and nothing else of the program is asynchronous.
//!
//! This crate must never know packets, statements of SQL, arguments or configuration text.
//!
//! A token is stored as its hash, with the scopes that it opens:
//!
//! ```
//! use bellwether_serve::{NewToken, Scope, Scopes};
//!
//! let token = NewToken::random();
//! assert_eq!(token.sha256.len(), 64);
//! let scopes: Scopes = "score,read".parse()?;
//! assert!(scopes.has(Scope::Score) && !scopes.has(Scope::Label));
//! # Ok::<(), bellwether_serve::ServeError>(())
//! ```

#![expect(clippy::disallowed_types, reason = "an edge paces itself by the clock")]

mod api;
mod auth;
mod counters;
mod desks;
mod guard;
mod headers;
mod mcp;
mod metrics;
mod options;
mod pages;
mod patient;
mod problem;
mod readers;
mod redirect;
mod server;
mod state;
mod tls;

pub use auth::{NewToken, Scope, Scopes};
pub use mcp::{McpOptions, serve_stdio};
pub use options::{
    Access, IsOwn, MakeDesk, OpenReader, Renew, Renewed, ServeError, ServeOptions, TlsFiles, TokensIn, TryOut,
};
pub use redirect::{RedirectDoor, RedirectRules};
pub use server::Server;
