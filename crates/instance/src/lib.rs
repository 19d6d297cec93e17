//! Identifies the process or device that made a SIP message. Many generators of identifiers embed a counter,
//! a clock, an address or a constant of their own.
//!
//! Each piece of evidence names its generator. Two messages with the same generator and identity come from
//! one instance, and their counters show its activity in between.
//!
//! This crate must never know the fingerprint or platform of a message, or the subscriber of a call.
//!
//! A UUID of version 1 in a Call-ID holds the MAC address of its maker and a reading of its clock (RFC 9562):
//!
//! ```
//! use bellwether_base::Timestamp;
//! use bellwether_instance::evidence;
//! use bellwether_sip::Message;
//!
//! let message = Message::parse(
//!     b"OPTIONS sip:example.org SIP/2.0\r\nCall-ID: C232AB00-9414-11EC-B3C8-9F6BDECED846\r\n\r\n",
//! );
//! let at = Timestamp::from_nanos(1_645_557_742_000_000_000);
//! let found = evidence(&message, None, [192, 0, 2, 1].into(), at);
//! assert_eq!((found[0].kind, &*found[0].instance), ("uuid1", "9f6bdeced846"));
//! assert!(found[0].clock.is_some_and(|clock| clock.at == at));
//! ```

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

/// One piece of evidence from one message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// The generator, by its name in `docs/fingerprint.md`.
    pub kind: &'static str,
    /// The value that is constant for the instance; empty if only a clock was found.
    pub instance: Cow<'static, str>,
    /// A counter of the instance.
    pub counter: Option<u64>,
    /// A reading of the instance's clock.
    pub clock: Option<Reading>,
}

/// One reading of a clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Time shown by the clock.
    pub at: Timestamp,
    /// Resolution of the clock.
    pub resolution: Span,
}

/// The kind of evidence that is a device's own address in a private network.
const LAN: &str = "lan";

/// Largest plausible clock error; a number further off is no clock reading.
const MAX_OFF: Span = Span::from_secs(86_400);

impl Evidence {
    const fn new(kind: &'static str, instance: String) -> Self {
        Self { kind, instance: Cow::Owned(instance), counter: None, clock: None }
    }

    const fn clock(kind: &'static str, clock: Reading) -> Self {
        Self { kind, instance: Cow::Borrowed(""), counter: None, clock: Some(clock) }
    }
}

/// All evidence that a request and its session description give about the instance that made them.
///
/// `source` is the source address of the request. A device's own address is evidence only if it differs from
/// the source, as behind NAT. `at` is the capture time; a number far from it is no clock reading.
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

/// Reads seconds since 1970 as a clock, if they are near the capture time.
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

/// Parses a number in the given base, without a sign.
fn number(text: &[u8], radix: u32) -> Option<u64> {
    let text = std::str::from_utf8(text).ok().filter(|t| !t.starts_with(['+', '-']))?;
    u64::from_str_radix(text, radix).ok()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
