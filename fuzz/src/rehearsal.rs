//! Runs frames through dispatcher, workers, merge and enrichment, and checks the laws of this pipeline.

use std::sync::Arc;

use bellwether_base::{HashKey, Loss, LossKind, Span};
use bellwether_capture::Record;
use bellwether_enrich::{Knowledge, Privacy, SensitiveNumbers, Tokeniser, Topology};
use bellwether_sensor::{Config, Patience, Rehearsal, rehearse};
use bellwether_tracker::Limits;
use bellwether_wire::{FragmentLimits, TcpLimits, TunnelPorts};

/// The installation's key, equal in every run, so that tokens are equal.
const KEY: [u8; 32] = [15; 32];

/// Counters of delivered frames. Their sum and the losses equal the number captured.
const DELIVERED: [&str; 5] = ["sip", "media", "tcp", "fragments", "other"];

/// The capacity of the tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Room {
    /// The operator's default.
    Ample,
    /// So small that nearly every entry is evicted.
    Scarce,
}

/// Runs frames through the pipeline and checks that each is delivered or counted as a named loss.
pub(crate) fn lead(frames: &[Record<'_>], workers: u16, room: Room) -> Option<Rehearsal> {
    let done = rehearse(frames.iter().copied(), &config(workers, room));
    assert!(done.is_ok(), "the pipeline ended early");
    let done = done.ok()?;
    let count = |name: &str| done.counters.get("frames", name);
    let delivered: u64 = DELIVERED.iter().map(|name| count(name)).sum();
    let is_frame = |loss: &&Loss| loss.kind() == LossKind::Frame;
    let lost: u64 =
        Loss::ALL.iter().filter(is_frame).map(|loss| done.counters.get("loss", loss.name())).sum();
    assert_eq!(count("captured"), frames.len() as u64, "every frame is captured");
    assert_eq!(count("captured"), delivered + lost, "captured = delivered + lost: {:?}", done.counters);
    Some(done)
}

/// The rows as text, for comparison.
pub(crate) fn rows_of(done: &Rehearsal) -> Vec<String> {
    done.rows.iter().map(|row| format!("{row:?}")).collect()
}

pub(crate) fn tokeniser() -> Tokeniser {
    Tokeniser::new(&KEY, Privacy::Tokens)
}

fn config(workers: u16, room: Room) -> Config {
    let scarce = Limits {
        calls: 64,
        transactions: 128,
        registrations: 64,
        timers: 64,
        streams: 64,
        media_endpoints: 2,
        listeners: 64,
        analysis_window: Span::from_secs(1),
        ..Limits::default()
    };
    let (limits, fragments, tcp) = match room {
        Room::Ample => (Limits::default(), FragmentLimits::default(), TcpLimits::default()),
        Room::Scarce => (
            scarce,
            FragmentLimits { datagrams: 2, bytes: 4096, timeout: Span::from_secs(1) },
            TcpLimits { flows: 2, bytes: 4096, flow_bytes: 2048, patience: Span::from_millis(100) },
        ),
    };
    Config {
        workers,
        limits,
        fragments,
        tcp,
        tunnels: TunnelPorts::default(),
        recordings: 1024,
        key: HashKey::new([7; 16]),
        tokeniser: tokeniser(),
        site: Topology::default(),
        sensitive: SensitiveNumbers::default(),
        knowledge: Arc::new(Knowledge::default()),
        retention: None,
        patience: Patience::without_database(),
        tap: None,
    }
}
