//! What a call, a campaign or an incident left in the network: Call-IDs, streams and times, by which its packets are found in captures.

use bellwether_base::{Endpoint, FlowKey, IncidentId, Timestamp};
use bellwether_store::StoreError;
use rusqlite::params;

use crate::Reports;

/// The calls and the streams of one thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Footprint {
    /// The calls, with all legs of their conversations, in order of time.
    pub calls: Vec<FootprintCall>,
    /// The streams of the calls.
    pub streams: Vec<FootprintStream>,
    /// Time of the first INVITE.
    pub from: Timestamp,
    /// Time of the last known message.
    pub to: Timestamp,
    /// Time of the last known message or packet of a stream.
    pub media_to: Timestamp,
}

/// A call of a footprint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FootprintCall {
    /// Identity.
    pub call: i64,
    /// The Call-ID in reports.
    pub call_id: String,
    /// The tag of From in reports. It tells legs with one Call-ID apart, unless it is masked.
    pub from_tag: String,
    /// The token of the Call-ID on the wire, if the Call-ID in reports is masked.
    pub wire_id: Option<i64>,
}

/// A stream of a footprint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FootprintStream {
    /// Source and destination.
    pub flow: FlowKey,
    /// The RTP source.
    pub ssrc: u32,
    /// The codec, if it is known.
    pub codec: Option<String>,
    /// Packets received.
    pub packets: u64,
    /// Time of the first packet.
    pub first: Timestamp,
    /// Time of the last packet.
    pub last: Timestamp,
}

/// A capture that the database was filled from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownInput {
    /// Its name: for a capture file the path as it was given to the replay.
    pub name: String,
    /// Times of the first and the last packet.
    pub span: (Timestamp, Timestamp),
}

/// The legs of all conversations of the calls that a query selects.
const LEGS: &str = "legs (call) AS (SELECT call FROM members
    UNION SELECT l.other FROM legs JOIN call_links AS l ON l.call = legs.call)";

impl Reports<'_> {
    /// The footprint of a call by its Call-ID in reports, of a campaign or of an incident by name; none for any other name.
    ///
    /// # Errors
    /// If the database fails.
    pub fn footprint(&self, name: &str) -> Result<Option<Footprint>, StoreError> {
        // Both parameters stand in each query.
        let members = [
            "SELECT call FROM calls WHERE call_id = ?1 AND ?2 IS NOT NULL",
            "SELECT m.call FROM campaigns AS k JOIN campaign_members AS m
                 ON m.campaign = coalesce(k.merged_into, k.campaign) WHERE k.name = ?1 AND ?2 IS NOT NULL",
            "SELECT m.call FROM incidents AS i JOIN incident_members AS m
                 ON m.incident = coalesce(i.merged_into, i.incident) WHERE i.incident = ?2 AND ?1 IS NOT NULL",
        ];
        // No incident has the number 0.
        let incident = IncidentId::named(name).map_or(0, IncidentId::get);
        for members in members {
            let found = self.footprint_of(members, name, incident)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    fn footprint_of(
        &self,
        members: &str,
        name: &str,
        incident: i64,
    ) -> Result<Option<Footprint>, StoreError> {
        let with = format!("WITH RECURSIVE members AS ({members}), {LEGS}");
        let mut select = self.db().prepare(&format!(
            "{with} SELECT c.call, c.call_id, c.wire_id, c.started_at, max(c.started_at, coalesce(c.answered_at, 0), coalesce(c.ended_at, 0)), c.from_tag
             FROM legs JOIN calls_now AS c USING (call) ORDER BY c.started_at, c.call"
        ))?;
        let (mut from, mut to) = (i64::MAX, i64::MIN);
        let calls: Result<Vec<FootprintCall>, rusqlite::Error> = select
            .query_map(params![name, incident], |r| {
                from = from.min(r.get(3)?);
                to = to.max(r.get(4)?);
                Ok(FootprintCall {
                    call: r.get(0)?,
                    call_id: r.get(1)?,
                    from_tag: r.get(5)?,
                    wire_id: r.get(2)?,
                })
            })?
            .collect();
        let calls = calls?;
        if calls.is_empty() {
            return Ok(None);
        }
        let mut select = self.db().prepare(&format!(
            "{with} SELECT DISTINCT s.src, s.dst, s.ssrc, s.codec, s.packets, s.first_seen, s.last_seen FROM streams AS s
             WHERE s.call IN legs OR EXISTS (SELECT 1 FROM stream_legs AS l
                 WHERE l.call IN legs AND l.first_seen = s.first_seen AND l.stream = s.stream)
             ORDER BY s.first_seen, s.stream"
        ))?;
        let mut rows = select.query(params![name, incident])?;
        let (mut streams, mut media_to) = (Vec::new(), to);
        while let Some(row) = rows.next()? {
            let (first, last): (i64, i64) = (row.get(5)?, row.get(6)?);
            media_to = media_to.max(last);
            let (src, dst) = (row.get::<_, String>(0)?, row.get::<_, String>(1)?);
            let Some((src, dst)) = endpoint(&src).zip(endpoint(&dst)) else { continue };
            streams.push(FootprintStream {
                flow: FlowKey { src, dst },
                ssrc: row.get(2)?,
                codec: row.get(3)?,
                packets: row.get::<_, i64>(4)?.cast_unsigned(),
                first: Timestamp::from_nanos(first),
                last: Timestamp::from_nanos(last),
            });
        }
        let [from, to, media_to] = [from, to, media_to].map(Timestamp::from_nanos);
        Ok(Some(Footprint { calls, streams, from, to, media_to }))
    }

    /// Inputs with packets of a time span, in order of time.
    ///
    /// # Errors
    /// If the database fails.
    pub fn inputs_between(&self, from: Timestamp, to: Timestamp) -> Result<Vec<KnownInput>, StoreError> {
        let mut select = self.db().prepare(
            "SELECT name, first_at, last_at FROM inputs WHERE first_at <= ?2 AND last_at >= ?1 ORDER BY first_at, name",
        )?;
        let stamp = |nanos: i64| Timestamp::from_nanos(nanos);
        let rows: Result<Vec<KnownInput>, rusqlite::Error> = select
            .query_map([from.as_nanos(), to.as_nanos()], |r| {
                Ok(KnownInput { name: r.get(0)?, span: (stamp(r.get(1)?), stamp(r.get(2)?)) })
            })?
            .collect();
        Ok(rows?)
    }
}

/// An endpoint as the database has it: `192.0.2.1:5060` or `[2001:db8::1]:5060`.
pub(crate) fn endpoint(text: &str) -> Option<Endpoint> {
    let address: std::net::SocketAddr = text.parse().ok()?;
    Some(Endpoint::new(address.ip(), address.port()))
}
