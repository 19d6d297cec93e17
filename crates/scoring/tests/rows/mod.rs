//! Rows with default values, for tests that set only what matters to them.

use bellwether_base::{CallId, Endpoint, StreamId, Timestamp};
use bellwether_enrich::StreamRow;

/// One direction of a call, without loss and without measurements.
pub(crate) fn stream(call: i64, direction: &'static str, src: Endpoint, dst: Endpoint) -> StreamRow {
    StreamRow {
        stream: StreamId::new(call),
        call: Some(CallId::new(call)),
        direction,
        src,
        dst,
        ssrc: 1,
        codec: None,
        payload_type: 0,
        packets: 0,
        lost: 0,
        reordered: 0,
        duplicates: 0,
        restarts: 0,
        jitter_ms: None,
        telephone_events: 0,
        comfort_noise: 0,
        rtcp_packets: 0,
        quality: Default::default(),
        media_rate: None,
        report_rate: None,
        no_rates: Default::default(),
        beginning: String::new(),
        also: Vec::new(),
        heard: None,
        recording: None,
        first_seen: Timestamp::MIN,
        last_seen: Timestamp::MIN,
        silence: None,
        pauses: None,
        silence_reason: None,
    }
}
