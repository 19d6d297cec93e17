//! Calls page by page, the newest first, in bounded time over any number of calls.

use bellwether_base::{IncidentId, RecordingId, Timestamp};
use bellwether_store::StoreError;
use rusqlite::types::Value as Sql;
use rusqlite::{OptionalExtension, Row, params_from_iter};

use crate::Reports;

/// Calls that one page reads at most while it looks for calls that pass its filter.
const MAX_SCANNED: usize = 10_000;

/// The conditions of a list of calls; all of them hold for each call.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CallFilter {
    /// Calls from this time on.
    pub since: Option<Timestamp>,
    /// Calls before this time.
    pub until: Option<Timestamp>,
    /// Token of the caller.
    pub caller: Option<String>,
    /// Token of the dialled number.
    pub dialled: Option<String>,
    /// Source address, with or without a port.
    pub source: Option<String>,
    /// Fingerprint.
    pub fingerprint: Option<String>,
    /// Disposition, or `not_judged`.
    pub disposition: Option<String>,
    /// The largest score.
    pub max_score: Option<f64>,
    /// Final status.
    pub status: Option<u16>,
    /// Answered calls, or calls without an answer.
    pub is_answered: Option<bool>,
    /// Direction at the site.
    pub access_side: Option<String>,
    /// Trunk.
    pub trunk: Option<String>,
    /// Country calling code of the dialled number.
    pub country: Option<String>,
    /// Part of the User-Agent.
    pub user_agent: Option<String>,
    /// Name of a campaign.
    pub campaign: Option<String>,
    /// Name of an incident.
    pub incident: Option<String>,
    /// Name of a recording.
    pub recording: Option<String>,
    /// Call-ID as in reports.
    pub call_id: Option<String>,
}

/// The place of a call in the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallCursor {
    started_at: i64,
    id: i64,
}

impl CallCursor {
    /// Reads a cursor from its text.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (started_at, id) = text.split_once('.')?;
        Some(Self { started_at: started_at.parse().ok()?, id: id.parse().ok()? })
    }
}

impl std::fmt::Display for CallCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.started_at, self.id)
    }
}

/// A call in a list.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields, named as the columns of the report")]
pub struct CallLine {
    pub call_id: String,
    pub started_at: Timestamp,
    /// Time from the answer to the end, in seconds.
    pub duration_s: Option<f64>,
    pub final_status: Option<i64>,
    pub is_cancelled: bool,
    pub caller: String,
    pub dialled: String,
    pub source: String,
    pub user_agent: Option<String>,
    pub fingerprint: String,
    pub stack: Option<String>,
    pub access_side: String,
    pub trunk_id: Option<String>,
    /// Country calling code of the dialled number.
    pub country: Option<String>,
    pub score: Option<f64>,
    pub disposition: Option<String>,
    /// Name of the campaign, and true for a notification.
    pub campaign: Option<(String, bool)>,
    pub incident: Option<String>,
    pub label: Option<String>,
}

/// A page of calls.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CallPage {
    /// The calls.
    pub lines: Vec<CallLine>,
    /// The cursor of the next page; none at the end.
    pub next: Option<CallCursor>,
    /// The time up to which calls were read, if the page ended because it had read enough calls.
    pub cut_at: Option<Timestamp>,
}

/// The condition of a SELECT with its values.
#[derive(Default)]
struct Conditions {
    /// Conditions that an index or the order of the calls answers.
    indexed: Vec<String>,
    /// Conditions that each call is read for.
    scanned: Vec<String>,
    values: Vec<Sql>,
}

impl Conditions {
    /// Adds a value, and returns its parameter.
    fn value(&mut self, value: impl Into<Sql>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    fn of(filter: &CallFilter) -> Self {
        let mut all = Self::default();
        let indexed: [(&Option<String>, &str); 3] = [
            (&filter.call_id, "c.call_id = {}"),
            (&filter.caller, "c.caller = {}"),
            (&filter.fingerprint, "c.fingerprint = {}"),
        ];
        for (value, condition) in indexed {
            let Some(value) = value else { continue };
            let place = all.value(value.clone());
            // One index is walked; further conditions are read from the calls.
            let into = if all.indexed.is_empty() { &mut all.indexed } else { &mut all.scanned };
            into.push(condition.replace("{}", &place));
        }
        for (at, condition) in [(filter.since, "c.started_at >= {}"), (filter.until, "c.started_at < {}")] {
            let Some(at) = at else { continue };
            let place = all.value(at.as_nanos());
            all.indexed.push(condition.replace("{}", &place));
        }
        let scanned: [(&Option<String>, &str); 6] = [
            (&filter.dialled, "coalesce(c.dialled_otherwise, c.callee) = {}"),
            (&filter.access_side, "coalesce(o.access_side, c.first_access_side) = {}"),
            (&filter.trunk, "iif(o.id IS NULL, c.first_trunk_id, o.trunk_id) = {}"),
            (&filter.country, "c.callee_country = {}"),
            (&filter.user_agent, "instr(lower(c.user_agent), lower({})) > 0"),
            (&filter.source, "(c.source = {} OR substr(c.source, 1, length({}) + 1) = {} || ':')"),
        ];
        for (value, condition) in scanned {
            let Some(value) = value else { continue };
            let place = all.value(value.clone());
            all.scanned.push(condition.replace("{}", &place));
        }
        match filter.disposition.as_deref() {
            None => {}
            Some(crate::calls::NOT_JUDGED) => all.scanned.push("s.id IS NULL".to_owned()),
            Some(name) => {
                let place = all.value(name.to_owned());
                all.scanned.push(format!("s.disposition = {place}"));
            }
        }
        if let Some(score) = filter.max_score {
            let place = all.value(score);
            all.scanned.push(format!("s.score <= {place}"));
        }
        if let Some(status) = filter.status {
            let place = all.value(i64::from(status));
            all.scanned.push(format!("o.final_status = {place}"));
        }
        if let Some(is_answered) = filter.is_answered {
            let not = if is_answered { "NOT " } else { "" };
            all.scanned.push(format!("o.answered_at IS {not}NULL"));
        }
        all
    }
}

impl Reports<'_> {
    /// A page of calls, the newest first. The page reads a bounded number of calls: a rare filter may give a short page with a cursor
    /// that goes on.
    ///
    /// # Errors
    /// If the database fails.
    pub fn call_page(
        &self,
        filter: &CallFilter,
        after: Option<CallCursor>,
        limit: usize,
    ) -> Result<CallPage, StoreError> {
        let mut all = Conditions::of(filter);
        let mut from = "calls AS c".to_owned();
        // Members of a group are few beside all calls: they are read from their group and sorted.
        let group = self.group_of(filter)?;
        match group {
            Group::None => {}
            Group::Unknown => return Ok(CallPage::default()),
            Group::Of(table, column, key) => {
                let place = all.value(key);
                from = format!(
                    "(SELECT DISTINCT call FROM {table} WHERE {column} = {place}) AS m JOIN calls AS c ON c.call = m.call"
                );
            }
        }
        if let Some(cursor) = after {
            let at = all.value(cursor.started_at);
            let id = all.value(cursor.id);
            all.indexed.push(format!("c.started_at <= {at}"));
            all.indexed.push(format!("(c.started_at < {at} OR c.id < {id})"));
        }
        let and = |conditions: &[String]| {
            if conditions.is_empty() { "1".to_owned() } else { conditions.join(" AND ") }
        };
        let sql = format!(
            "SELECT c.id, c.started_at, {} FROM {from} LEFT JOIN outcomes AS o ON o.id = c.id
                 LEFT JOIN scores AS s ON s.id = c.id
             WHERE {} ORDER BY c.started_at DESC, c.id DESC",
            and(&all.scanned),
            and(&all.indexed),
        );
        let mut select = self.db().prepare(&sql)?;
        let mut rows = select.query(params_from_iter(all.values))?;
        let (mut ids, mut last, mut scanned) = (Vec::new(), None, 0);
        let mut page = CallPage::default();
        while let Some(row) = rows.next()? {
            if ids.len() == limit || scanned == MAX_SCANNED {
                page.next = last;
                page.cut_at = last
                    .filter(|_| ids.len() < limit)
                    .map(|cursor: CallCursor| Timestamp::from_nanos(cursor.started_at));
                break;
            }
            scanned += 1;
            let id = row.get(0)?;
            last = Some(CallCursor { started_at: row.get(1)?, id });
            if row.get::<_, Option<bool>>(2)?.unwrap_or(false) {
                ids.push(id);
            }
        }
        drop(rows);
        for id in ids {
            page.lines.extend(self.call_line(id)?);
        }
        Ok(page)
    }

    /// The group that a filter names.
    fn group_of(&self, filter: &CallFilter) -> Result<Group, StoreError> {
        if let Some(name) = &filter.incident {
            let Some(id) = IncidentId::named(name) else { return Ok(Group::Unknown) };
            return Ok(Group::Of("incident_members", "incident", id.get()));
        }
        if let Some(name) = &filter.campaign {
            let mut select = self.db().prepare_cached("SELECT campaign FROM campaigns WHERE name = ?1")?;
            let found: Option<i64> = select.query_row([name], |r| r.get(0)).optional()?;
            return Ok(found.map_or(Group::Unknown, |id| Group::Of("campaign_members", "campaign", id)));
        }
        if let Some(name) = &filter.recording {
            let is_known = self.reader.has_subject("recording", name)?;
            let id = RecordingId::named(name).filter(|_| is_known);
            return Ok(id.map_or(Group::Unknown, |id| Group::Of("streams", "recording", id.get())));
        }
        Ok(Group::None)
    }

    fn call_line(&self, id: i64) -> Result<Option<CallLine>, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT c.call_id, c.started_at, c.caller, c.dialled, c.source, c.user_agent, c.fingerprint, c.access_side,
                 c.trunk_id, c.callee_country, c.answered_at, c.ended_at, c.final_status, c.cancelled, s.score, s.disposition,
                 k.name AS campaign, k.kind = 'notification' AS is_notification,
                 (SELECT incident FROM incident_members AS m WHERE m.call = c.call) AS incident,
                 (SELECT label FROM labels AS l WHERE l.kind = 'call' AND l.subject = CAST(c.call AS TEXT)) AS label
             FROM calls_now AS c LEFT JOIN scores AS s ON s.id = c.id LEFT JOIN campaigns AS k ON k.campaign = s.campaign
             WHERE c.id = ?1",
        )?;
        let mut line = select.query_row([id], line).optional()?;
        if let Some(line) = &mut line {
            line.stack = self.reader.platform(&line.fingerprint)?.stack().map(str::to_owned);
        }
        Ok(line)
    }
}

/// The group of calls that a list shows: its table, the column of the group, and the group.
enum Group {
    None,
    Unknown,
    Of(&'static str, &'static str, i64),
}

fn line(row: &Row<'_>) -> Result<CallLine, rusqlite::Error> {
    let answered: Option<i64> = row.get("answered_at")?;
    let ended: Option<i64> = row.get("ended_at")?;
    let campaign: Option<String> = row.get("campaign")?;
    let is_notification = row.get::<_, Option<bool>>("is_notification")?.unwrap_or(false);
    Ok(CallLine {
        call_id: row.get("call_id")?,
        started_at: Timestamp::from_nanos(row.get("started_at")?),
        duration_s: answered.zip(ended).map(|(from, to)| to.saturating_sub(from) as f64 / 1e9),
        final_status: row.get("final_status")?,
        is_cancelled: row.get("cancelled")?,
        caller: row.get("caller")?,
        dialled: row.get("dialled")?,
        source: row.get("source")?,
        user_agent: row.get("user_agent")?,
        fingerprint: row.get("fingerprint")?,
        stack: None,
        access_side: row.get("access_side")?,
        trunk_id: row.get("trunk_id")?,
        country: row.get("callee_country")?,
        score: row.get("score")?,
        disposition: row.get("disposition")?,
        campaign: campaign.map(|name| (name, is_notification)),
        incident: row.get::<_, Option<i64>>("incident")?.map(|id| IncidentId::new(id).name()),
        label: row.get("label")?,
    })
}

#[cfg(test)]
mod tests {
    use bellwether_store::Writer;

    use super::*;

    /// Calls `c0`, `c1` and so on, two of each second; every tenth is from another caller.
    fn calls(room: &tempfile::TempDir, count: i64) -> Writer {
        let writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
        let db = writer.reader().connection();
        db.execute(
            "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1)
             INSERT INTO calls (id, call, call_id, from_tag, started_at, caller, callee, caller_kind, callee_kind, source,
                 destination, transport, fingerprint, sip_author, origin, first_access_side, has_identity, is_sensitive)
             SELECT i + 1, i, 'c' || i, 't', i / 2 * 1000000000, iif(i % 10 = 0, 'rare', 'usual'), 'b', 'k', 'k',
                 '192.0.2.' || (i % 100) || ':5060', 'd', 'udp', 'f', 'a', 'o', 'unknown', 0, 0 FROM n",
            [count],
        )
        .unwrap();
        writer
    }

    fn all(reports: Reports<'_>, filter: &CallFilter, limit: usize) -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let page = reports.call_page(filter, cursor, limit).unwrap();
            ids.extend(page.lines.into_iter().map(|line| line.call_id));
            match page.next {
                // The text of a cursor is the cursor.
                Some(next) => cursor = CallCursor::read(&next.to_string()),
                None => return ids,
            }
        }
    }

    #[test]
    fn pages_hold_each_call_once_and_the_newest_first() {
        let room = tempfile::tempdir().unwrap();
        let writer = calls(&room, 101);
        let reports = Reports::of(writer.reader());
        let expected: Vec<String> = (0..101).rev().map(|i| format!("c{i}")).collect();
        for limit in [7, 50, 200] {
            assert_eq!(all(reports, &CallFilter::default(), limit), expected, "{limit}");
        }
        let since = Some(Timestamp::from_nanos(45_000_000_000));
        let late = CallFilter { since, ..CallFilter::default() };
        assert_eq!(all(reports, &late, 7), expected[..11]);
    }

    #[test]
    fn a_rare_filter_reads_a_bounded_number_of_calls_and_goes_on_from_there() {
        let room = tempfile::tempdir().unwrap();
        let writer = calls(&room, 25_000);
        let reports = Reports::of(writer.reader());
        let filter = CallFilter { source: Some("192.0.2.3".to_owned()), ..CallFilter::default() };
        let page = reports.call_page(&filter, None, 1000).unwrap();
        assert_eq!(page.lines.len(), MAX_SCANNED / 100);
        assert_eq!(page.cut_at, Some(Timestamp::from_nanos(7_500_000_000_000)));
        assert_eq!(all(reports, &filter, 1000).len(), 250);
        let by_index = CallFilter { caller: Some("rare".to_owned()), ..CallFilter::default() };
        let page = reports.call_page(&by_index, None, 5000).unwrap();
        assert_eq!((page.lines.len(), page.next), (2500, None), "the index gives them alone");
    }
}
