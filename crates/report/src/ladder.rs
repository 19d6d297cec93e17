//! The course of a call as a ladder: hosts as columns, messages and streams as steps between them.
//!
//! A ladder is made of messages that were found in captures. Without captures a poorer one follows from the database: the first INVITE,
//! the answer, the end, and the streams.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bellwether_base::{Endpoint, FlowKey, Timestamp};
use bellwether_store::StoreError;
use rusqlite::Row;
use serde_json::{Value, json};

use crate::cells::time;
use crate::footprint::endpoint;
use crate::{Footprint, FootprintStream, Reports};

/// A ladder, ready for a renderer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ladder {
    /// What the ladder was made of.
    pub source: LadderSource,
    /// The calls, which steps name by number.
    pub calls: Vec<LadderCall>,
    /// Columns from left to right, in order of appearance.
    pub hosts: Vec<String>,
    /// Steps in order of time.
    pub steps: Vec<LadderStep>,
}

/// What a ladder was made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LadderSource {
    /// All messages of captures.
    Captures,
    /// The few events that the database keeps.
    Database,
}

/// A call of a ladder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LadderCall {
    /// The Call-ID in reports.
    pub call_id: String,
    /// The caller in reports.
    pub caller: Option<String>,
    /// The callee in reports.
    pub callee: Option<String>,
}

/// A step between two columns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LadderStep {
    /// Its time.
    pub at: Timestamp,
    /// Column of the sender.
    pub from: usize,
    /// Column of the receiver.
    pub to: usize,
    /// Number of the call; none for media.
    pub call: Option<usize>,
    /// What happened.
    pub event: LadderEvent,
}

/// What a step shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LadderEvent {
    /// A request.
    Request {
        /// Its method.
        method: String,
        /// Number of its CSeq.
        cseq: Option<u32>,
        /// True if the same octets passed between these endpoints before: a retransmission, or a copy by a mirror.
        is_repeated: bool,
    },
    /// An answer.
    Answer {
        /// Its status.
        status: u16,
        /// Method of the request that it answers.
        method: String,
        /// Number of its CSeq.
        cseq: Option<u32>,
        /// True for the same octets again.
        is_repeated: bool,
    },
    /// The end of a call, by an unknown side.
    End,
    /// A stream.
    Media {
        /// The codec.
        codec: Option<String>,
        /// Packets received.
        packets: u64,
        /// Time of the last packet.
        until: Timestamp,
    },
}

/// An event before it has columns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LadderMessage {
    /// Its time.
    pub at: Timestamp,
    /// Sender and receiver.
    pub flow: FlowKey,
    /// Number of the call; none for media.
    pub call: Option<usize>,
    /// What happened.
    pub event: LadderEvent,
}

impl Ladder {
    /// A ladder of events in any order, and of streams.
    #[must_use]
    pub fn new(
        source: LadderSource,
        calls: Vec<LadderCall>,
        mut events: Vec<LadderMessage>,
        streams: &[FootprintStream],
    ) -> Self {
        events.extend(streams.iter().map(LadderMessage::of_stream));
        // Events of one moment stay in their order.
        events.sort_by_key(|event| event.at);
        let mut columns = Columns::new(&events);
        let step = |event: LadderMessage| LadderStep {
            at: event.at,
            from: columns.of(event.flow.src),
            to: columns.of(event.flow.dst),
            call: event.call,
            event: event.event,
        };
        let steps = events.into_iter().map(step).collect();
        Self { source, calls, hosts: columns.hosts, steps }
    }

    /// The ladder as JSON: the members of the type, with times in RFC 3339 and offsets from the first step.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let start = self.start();
        let steps = self.steps.iter().map(|step| {
            let (kind, method, status, cseq, is_repeated) = match &step.event {
                LadderEvent::Request { method, cseq, is_repeated } => {
                    ("request", Some(method), None, *cseq, Some(*is_repeated))
                }
                LadderEvent::Answer { status, method, cseq, is_repeated } => {
                    ("answer", Some(method), Some(*status), *cseq, Some(*is_repeated))
                }
                LadderEvent::End => ("end", None, None, None, None),
                LadderEvent::Media { .. } => ("media", None, None, None, None),
            };
            let (codec, packets, until) = match &step.event {
                LadderEvent::Media { codec, packets, until } => (codec.as_ref(), Some(packets), Some(*until)),
                _ => (None, None, None),
            };
            json!({
                "at": time(Some(step.at.as_nanos())),
                "offset_s": step.at.since(start).as_secs_f64(),
                "from": self.hosts.get(step.from),
                "to": self.hosts.get(step.to),
                "call_id": step.call.and_then(|call| self.calls.get(call)).map(|call| &call.call_id),
                "kind": kind,
                "method": method,
                "status": status,
                "cseq": cseq,
                "is_repeated": is_repeated,
                "codec": codec,
                "packets": packets,
                "until": time(until.map(Timestamp::as_nanos)),
            })
        });
        let calls = self.calls.iter();
        let calls = calls.map(|c| json!({"call_id": c.call_id, "caller": c.caller, "callee": c.callee}));
        json!({
            "source": match self.source {
                LadderSource::Captures => "captures",
                LadderSource::Database => "database",
            },
            "calls": calls.collect::<Vec<_>>(),
            "hosts": self.hosts,
            "steps": steps.collect::<Vec<_>>(),
        })
    }

    /// Time of the first step.
    #[must_use]
    pub fn start(&self) -> Timestamp {
        self.steps.first().map(|step| step.at).unwrap_or_default()
    }
}

impl LadderMessage {
    fn of_stream(stream: &FootprintStream) -> Self {
        let FootprintStream { codec, packets, last, .. } = stream.clone();
        let event = LadderEvent::Media { codec, packets, until: last };
        Self { at: stream.first, flow: stream.flow, call: None, event }
    }
}

/// Columns by address. An address that talks to itself has a column for each port.
struct Columns {
    hosts: Vec<String>,
    by_name: BTreeMap<String, usize>,
    with_ports: BTreeSet<IpAddr>,
}

impl Columns {
    fn new(events: &[LadderMessage]) -> Self {
        let talks_to_itself = events.iter().map(|event| event.flow).filter(|f| f.src.ip() == f.dst.ip());
        let with_ports = talks_to_itself.map(|flow| flow.src.ip()).collect();
        Self { hosts: Vec::new(), by_name: BTreeMap::new(), with_ports }
    }

    fn of(&mut self, end: Endpoint) -> usize {
        let ip = end.ip();
        let name = if self.with_ports.contains(&ip) { end.to_string() } else { ip.to_string() };
        let next = self.hosts.len();
        let column = *self.by_name.entry(name.clone()).or_insert(next);
        if column == next {
            self.hosts.push(name);
        }
        column
    }
}

impl Reports<'_> {
    /// The calls of a footprint with their parties.
    ///
    /// # Errors
    /// If the database fails.
    pub fn ladder_calls(&self, footprint: &Footprint) -> Result<Vec<LadderCall>, StoreError> {
        let mut select = self.db().prepare("SELECT caller, callee FROM calls WHERE call = ?1")?;
        let mut out = Vec::new();
        for call in &footprint.calls {
            let (caller, callee) = select.query_row([call.call], |r| Ok((r.get(0)?, r.get(1)?)))?;
            out.push(LadderCall { call_id: call.call_id.clone(), caller, callee });
        }
        Ok(out)
    }

    /// The ladder of a footprint by the database alone.
    ///
    /// # Errors
    /// If the database fails.
    pub fn ladder(&self, footprint: &Footprint) -> Result<Ladder, StoreError> {
        let mut select = self.db().prepare(
            "SELECT started_at, source, destination, last_destination, answered_at, ended_at, ended_by, final_status
             FROM calls_now WHERE call = ?1",
        )?;
        let mut events = Vec::new();
        for (number, call) in footprint.calls.iter().enumerate() {
            let mut rows = select.query([call.call])?;
            while let Some(row) = rows.next()? {
                course(row, number, &mut events)?;
            }
        }
        Ok(Ladder::new(LadderSource::Database, self.ladder_calls(footprint)?, events, &footprint.streams))
    }
}

/// The events of one call that its row keeps.
fn course(row: &Row<'_>, call: usize, events: &mut Vec<LadderMessage>) -> Result<(), StoreError> {
    let end = |column: &str| -> Result<Option<Endpoint>, StoreError> {
        Ok(row.get::<_, Option<String>>(column)?.as_deref().and_then(endpoint))
    };
    let Some((src, dst)) = end("source")?.zip(end("destination")?) else { return Ok(()) };
    let (there, back) = (FlowKey { src, dst }, FlowKey { src: dst, dst: src });
    // Where another hop led on. Its time is that of the first hop, as the row has no other.
    let onward =
        end("last_destination")?.filter(|last| *last != dst).map(|last| FlowKey { src: dst, dst: last });
    let mut push = |at: i64, flow, event| {
        events.push(LadderMessage { at: Timestamp::from_nanos(at), flow, call: Some(call), event });
    };
    let request =
        |method: &str| LadderEvent::Request { method: method.to_owned(), cseq: None, is_repeated: false };
    let answer = |status: u16| LadderEvent::Answer {
        status,
        method: "INVITE".to_owned(),
        cseq: None,
        is_repeated: false,
    };
    let started: i64 = row.get("started_at")?;
    push(started, there, request("INVITE"));
    if let Some(onward) = onward {
        push(started, onward, request("INVITE"));
    }
    let (answered, ended): (Option<i64>, Option<i64>) = (row.get("answered_at")?, row.get("ended_at")?);
    let status: Option<u16> = row.get("final_status")?;
    if let Some(at) = answered {
        push(at, back, answer(status.filter(|status| (200..300).contains(status)).unwrap_or(200)));
    }
    let ended_by: Option<String> = row.get("ended_by")?;
    match (answered, ended, ended_by.as_deref(), status) {
        (_, None, ..) => {}
        (Some(_), Some(at), Some("caller"), _) => push(at, there, request("BYE")),
        (Some(_), Some(at), Some("callee"), _) => push(at, back, request("BYE")),
        (Some(_), Some(at), ..) => push(at, there, LadderEvent::End),
        (None, Some(at), _, Some(status)) => push(at, back, answer(status)),
        (None, Some(at), _, None) => push(at, there, LadderEvent::End),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(at: i64, src: ([u8; 4], u16), dst: ([u8; 4], u16), method: &str) -> LadderMessage {
        let flow = FlowKey { src: Endpoint::v4(src.0, src.1), dst: Endpoint::v4(dst.0, dst.1) };
        let event = LadderEvent::Request { method: method.into(), cseq: Some(1), is_repeated: false };
        LadderMessage { at: Timestamp::from_nanos(at), flow, call: Some(0), event }
    }

    #[test]
    fn hosts_are_columns_in_order_of_appearance_and_steps_are_in_order_of_time() {
        let (a, b, c) = (([10, 0, 0, 1], 5060), ([10, 0, 0, 2], 5060), ([10, 0, 0, 3], 5062));
        let events =
            vec![message(2, b, c, "INVITE"), message(1, a, b, "INVITE"), message(3, (c.0, 9), a, "BYE")];
        let ladder = Ladder::new(LadderSource::Captures, Vec::new(), events, &[]);
        assert_eq!(ladder.hosts, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
        let places: Vec<_> = ladder.steps.iter().map(|step| (step.from, step.to)).collect();
        assert_eq!(places, [(0, 1), (1, 2), (2, 0)]);
        assert_eq!(ladder.to_json()["steps"][1]["offset_s"], 1e-9);
    }

    #[test]
    fn a_host_that_talks_to_itself_has_a_column_for_each_port() {
        let (a, b) = (([127, 0, 0, 1], 5060), ([127, 0, 0, 1], 5070));
        let ladder = Ladder::new(LadderSource::Captures, Vec::new(), vec![message(1, a, b, "INVITE")], &[]);
        assert_eq!(ladder.hosts, ["127.0.0.1:5060", "127.0.0.1:5070"]);
    }
}
