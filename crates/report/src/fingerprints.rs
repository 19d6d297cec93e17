//! Fingerprints as reports show them.

use bellwether_fingerprint::specificity;
use bellwether_store::StoreError;
use rusqlite::Row;
use serde_json::json;

use crate::cells::{int, parsed, round, text, time};
use crate::columns::Values;
use crate::platforms::Stacks;
use crate::reputation::Reputed;

/// A source is an address: the port is cut off behind its colon. The times of a fingerprint follow from its rows, so a
/// second replay of a part changes nothing.
pub(crate) const FINGERPRINTS: &str = "SELECT * FROM (SELECT f.*,
        (SELECT count(*) FROM calls AS c WHERE c.fingerprint = f.fingerprint) AS calls,
        (SELECT count(*) FROM registrations AS r WHERE r.fingerprint = f.fingerprint) AS registrations,
        (SELECT count(*) FROM (
            SELECT caller FROM calls AS c WHERE c.fingerprint = f.fingerprint
            UNION SELECT aor FROM registrations AS r WHERE r.fingerprint = f.fingerprint)) AS callers,
        (SELECT count(*) FROM (
            SELECT rtrim(source, '0123456789') FROM calls AS c WHERE c.fingerprint = f.fingerprint
            UNION SELECT rtrim(source, '0123456789') FROM registrations AS r
                WHERE r.fingerprint = f.fingerprint
            UNION SELECT rtrim(source, '0123456789') FROM sightings AS s
                WHERE s.fingerprint = f.fingerprint)) AS sources,
        (SELECT count(DISTINCT trunk_id) FROM calls_now AS c WHERE c.fingerprint = f.fingerprint) AS trunks,
        (SELECT json_group_array(agent ORDER BY agent) FROM (
            SELECT user_agent AS agent FROM calls AS c
                WHERE c.fingerprint = f.fingerprint AND user_agent IS NOT NULL
            UNION SELECT user_agent FROM registrations AS r
                WHERE r.fingerprint = f.fingerprint AND user_agent IS NOT NULL
            UNION SELECT user_agent FROM sightings AS s
                WHERE s.fingerprint = f.fingerprint AND user_agent <> '')) AS agents,
        (SELECT min(at) FROM (
            SELECT min(started_at) AS at FROM calls AS c WHERE c.fingerprint = f.fingerprint
            UNION ALL SELECT min(o.first_at) FROM registrations AS r JOIN observations AS o
                ON o.registration = r.id WHERE r.fingerprint = f.fingerprint
            UNION ALL SELECT min(first_seen) FROM sightings AS s WHERE s.fingerprint = f.fingerprint)) AS first_seen,
        (SELECT max(at) FROM (
            SELECT max(started_at) AS at FROM calls AS c WHERE c.fingerprint = f.fingerprint
            UNION ALL SELECT max(o.last_at) FROM registrations AS r JOIN observations AS o
                ON o.registration = r.id WHERE r.fingerprint = f.fingerprint
            UNION ALL SELECT max(last_seen) FROM sightings AS s WHERE s.fingerprint = f.fingerprint)) AS last_seen
    FROM fingerprints AS f)";

/// `origins` is how many were seen altogether.
pub(crate) fn fingerprint(
    row: &Row<'_>,
    stacks: Stacks,
    origins: i64,
    reputed: &Reputed,
) -> Result<Values, StoreError> {
    let (callers, sources): (i64, i64) = (row.get("callers")?, row.get("sources")?);
    Ok(vec![
        text(row, "fingerprint")?,
        text(row, "readable")?,
        stacks.stack,
        parsed(row, "agents")?,
        int(row, "calls")?,
        int(row, "registrations")?,
        int(row, "callers")?,
        int(row, "sources")?,
        time(row.get("first_seen")?),
        time(row.get("last_seen")?),
        json!(reputed.score),
        json!(reputed.label),
        json!(specificity(callers.min(sources), origins).map(|bits| round(bits, 2))),
        text(row, "method")?,
        text(row, "sip_author")?,
        text(row, "sdp_author")?,
        stacks.sdp_stack,
        stacks.claim,
        stacks.is_thin,
        int(row, "trunks")?,
        json!(reputed.listed.name()),
        json!(reputed.parties),
        text(row, "family")?,
    ])
}
