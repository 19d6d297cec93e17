//! Rows in the form of the enrichment's output, for benchmarks of later stages, and measurements of processor time
//! and memory.

use std::fmt::Write;

use bellwether_base::{CallId, Endpoint, Timestamp, Transport};
use bellwether_enrich::{AccessSide, CallRow, CallTraits, Masked, NumberFacts, NumberKind, Validity};
use bellwether_fingerprint::{Part, PrintHash};
use bellwether_testkit::Rng;

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Destination of all calls.
pub(crate) const REGISTRAR: Endpoint = Endpoint::v4([192, 0, 2, 10], 5060);

/// A token: 32 hexadecimal digits derived from the subject.
pub(crate) fn token(of: &str, number: u64) -> String {
    let seed = of.bytes().fold(number, |seed, byte| Rng::new(seed ^ u64::from(byte)).bits());
    let mut rng = Rng::new(seed);
    let mut out = String::with_capacity(32);
    // Writing to a string cannot fail.
    let _ = write!(out, "{:016x}{:016x}", rng.bits(), rng.bits());
    out
}

/// Identity of a call or registration: positive, and spread over the range.
pub(crate) fn identity(number: u64) -> i64 {
    (Rng::new(number).bits() >> 1).cast_signed()
}

/// The fingerprint of a platform.
pub(crate) fn platform(number: u64) -> PrintHash {
    PrintHash::of(Part::Combined, &format!("platform {number}"))
}

/// An address in 10.0.0.0/8.
pub(crate) fn address(number: u64) -> Endpoint {
    Endpoint::v4([10, (number >> 16) as u8, (number >> 8) as u8, number as u8], 5060)
}

/// An ordinary call.
pub(crate) fn call(
    number: u64,
    at: Timestamp,
    caller: String,
    callee: String,
    fingerprint: PrintHash,
) -> CallRow {
    let facts = || NumberFacts {
        kind: NumberKind::International,
        digits: 11,
        country: Some("1".to_owned()),
        place: Some("North America"),
        validity: Some(Validity::Possible),
    };
    CallRow {
        call: CallId::new(identity(number)),
        call_id: Masked::stored(token("call", number)),
        wire_id: None,
        from_tag: Masked::stored(&token("tag", number)[..10]),
        started_at: at,
        caller: Masked::stored(caller),
        caller_host: Masked::stored("voice.example.net"),
        is_sensitive: false,
        dialled: Masked::stored(callee.clone()),
        callee: Masked::stored(callee),
        caller_number: facts(),
        callee_number: facts(),
        callee_neighbourhood: None,
        source: REGISTRAR,
        destination: REGISTRAR,
        transport: Transport::Udp,
        user_agent: None,
        fingerprint,
        sip_author: fingerprint,
        sdp_author: Some(fingerprint),
        family: fingerprint,
        path: None,
        origin: Masked::default(),
        access_side: AccessSide::Outbound,
        trunk_id: None,
        attested: None,
        deployment: Masked::default(),
        traits: CallTraits::default(),
        defects: Vec::new(),
        hep_agent: None,
        mirror: None,
    }
}

/// A line of `/proc/self/status` in MiB: `VmRSS`, or `VmHWM` for the peak.
pub(crate) fn memory_mib(line: &str) -> Result<f64, Box<dyn std::error::Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let found = status.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(':')).ok_or("no such line")?;
    Ok(found.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
