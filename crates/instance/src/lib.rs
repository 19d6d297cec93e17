//! Which process or device made a SIP message: generators of identifiers that carry a counter, a clock, an address or a
//! constant of their own. Each piece of evidence names its generator; two messages with the same generator and identity
//! come from one instance, and their counters tell what it did in between.
//!
//! This crate must never know what platform a message fingerprints as, or whose call it is.

mod call_id;
mod dates;
mod media;
mod sofia;
mod tools;
mod uuid;

use std::borrow::Cow;
use std::net::IpAddr;

use bellwether_base::{Span, Timestamp};
use bellwether_sip::Message;

/// One piece of evidence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// The generator, by its name in `docs/fingerprint.md`.
    pub kind: &'static str,
    /// What is constant for the instance; empty where only a clock shows.
    pub instance: Cow<'static, str>,
    /// A count that the instance keeps.
    pub counter: Option<u64>,
    /// What the instance's clock said.
    pub clock: Option<Reading>,
}

/// A clock as read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// What it showed.
    pub at: Timestamp,
    /// Its step.
    pub resolution: Span,
}

/// The kind of a device's own address in a private network.
const LAN: &str = "lan";

/// A clock that is further off than this is taken for a number of another kind.
const MAX_OFF: Span = Span::from_secs(86_400);

impl Evidence {
    const fn new(kind: &'static str, instance: String) -> Self {
        Self { kind, instance: Cow::Owned(instance), counter: None, clock: None }
    }

    const fn clock(kind: &'static str, clock: Reading) -> Self {
        Self { kind, instance: Cow::Borrowed(""), counter: None, clock: Some(clock) }
    }
}

/// Everything that a request and its session description show of the instance that made them. `source` is the address that sent
/// the request: a device's own address tells nothing beside it, and tells a device behind NAT. `at` is when it was
/// captured: a number that is far from it is no clock.
#[must_use]
pub fn evidence(message: &Message<'_>, body: Option<&[u8]>, source: IpAddr, at: Timestamp) -> Vec<Evidence> {
    let mut found = Vec::new();
    sofia::read(message, at, &mut found);
    call_id::read(message, at, &mut found);
    tools::read(message, &mut found);
    dates::read(message, at, &mut found);
    if let Some(body) = body {
        media::read(body, at, &mut found);
    }
    if found.is_empty() {
        return found;
    }
    let own = source.to_canonical().to_string();
    found.retain(|evidence| evidence.kind != LAN || evidence.instance != own);
    found
}

/// Seconds since 1970 as a clock, if they are near the time of capture.
fn unix_seconds(seconds: u64, at: Timestamp) -> Option<Reading> {
    reading(i64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?, Span::from_secs(1), at)
}

/// Seconds from 1900 to 1970 (RFC 5905 section 6).
const NTP_TO_UNIX: u64 = 2_208_988_800;

fn reading(nanos: i64, resolution: Span, at: Timestamp) -> Option<Reading> {
    let clock = Timestamp::from_nanos(nanos);
    let off = clock.since(at).max(at.since(clock));
    (off <= MAX_OFF).then_some(Reading { at: clock, resolution })
}

/// The number that some octets spell, in a base.
fn number(text: &[u8], radix: u32) -> Option<u64> {
    let text = std::str::from_utf8(text).ok().filter(|t| !t.starts_with(['+', '-']))?;
    u64::from_str_radix(text, radix).ok()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
