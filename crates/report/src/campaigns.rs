//! Campaigns as reports show them.

use bellwether_base::Timestamp;
use bellwether_scoring::CampaignState;
use bellwether_store::StoreError;
use rusqlite::Row;
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::cells::{int, parsed, round, text, time};
use crate::columns::{Report, Values, object};
use crate::feed::Numbered;

/// Call-IDs, fingerprints and User-Agents listed of one campaign.
const MAX_LISTED: i64 = 100_000;

/// The rows of the report. The counts of a campaign come from the current rows of its calls, so they are never stale.
pub(crate) const CAMPAIGNS: &str = "SELECT * FROM (SELECT k.*,
        (SELECT count(*) FROM campaign_members AS m WHERE m.campaign = k.campaign) AS members,
        (SELECT label FROM labels WHERE kind = 'campaign' AND subject = k.name) AS label
    FROM campaigns AS k WHERE k.merged_into IS NULL AND k.calls > 0) AS k";

impl Reports<'_> {
    /// A campaign's row, in the report's columns' order.
    pub(crate) fn campaign_values(&self, row: &Row<'_>) -> Result<Values, StoreError> {
        let campaign: i64 = row.get("campaign")?;
        let mut select = self.db().prepare_cached(
            "SELECT count(DISTINCT c.caller), count(DISTINCT c.dialled), count(DISTINCT rtrim(c.source, '0123456789')),
                 avg(s.score), count(c.answered_at)
             FROM campaign_members AS m JOIN calls_now AS c ON c.call = m.call LEFT JOIN scores AS s ON s.id = c.id
             WHERE m.campaign = ?1",
        )?;
        let (callers, callees, sources, score, answered): (i64, i64, i64, Option<f64>, i64) =
            select.query_row([campaign], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?)))?;
        let list = |column: &str| -> Result<Value, StoreError> {
            let mut select = self.db().prepare_cached(&format!(
                "SELECT DISTINCT c.{column} FROM campaign_members AS m JOIN calls AS c ON c.call = m.call
                 WHERE m.campaign = ?1 AND c.{column} IS NOT NULL ORDER BY 1 LIMIT ?2"
            ))?;
            let rows: Result<Vec<String>, _> =
                select.query_map([campaign, MAX_LISTED], |r| r.get(0))?.collect();
            Ok(json!(rows?))
        };
        let mut calls = self.db().prepare_cached(
            "SELECT c.call_id FROM campaign_members AS m JOIN calls AS c ON c.call = m.call
             WHERE m.campaign = ?1 ORDER BY c.started_at, c.call LIMIT ?2",
        )?;
        let call_ids: Result<Vec<String>, _> =
            calls.query_map([campaign, MAX_LISTED], |r| r.get(0))?.collect();
        let idle = self.reader.moment()?.since(Timestamp::from_nanos(row.get("last_seen")?));
        Ok(vec![
            text(row, "name")?,
            list("fingerprint")?,
            int(row, "members")?,
            json!(callers),
            json!(callees),
            json!(sources),
            time(row.get("first_seen")?),
            time(row.get("last_seen")?),
            json!(score.map(|score| round(score, 1))),
            parsed(row, "links")?,
            json!(call_ids?),
            time(row.get("found_at")?),
            json!(row.get::<_, bool>("is_confirmed")?),
            json!(CampaignState::after(idle).name()),
            list("user_agent")?,
            json!(answered),
            text(row, "label")?,
            text(row, "kind")?,
        ])
    }

    /// A campaign by name: its row, its course by the hour, its events, and the reason for the membership of each call. The name of a
    /// merged campaign leads to the campaign that took its calls.
    ///
    /// # Errors
    /// If the database fails.
    pub fn show_campaign(&self, name: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let Some((campaign, mut shown)) = self.campaign_row(name)? else { return Ok(None) };
        let mut put = |name: &str, value: Value| {
            shown.insert(name.to_owned(), value);
        };
        put("timeline", self.campaign_timeline(campaign)?);
        put("members", self.campaign_members(campaign)?);
        put("events", self.campaign_events(campaign)?);
        Ok(Some(shown))
    }

    /// The number and the row of a campaign by name, or of the campaign that took its calls.
    pub(crate) fn campaign_row(&self, name: &str) -> Result<Option<Numbered>, StoreError> {
        let Some(name) = self.current_campaign(name)? else { return Ok(None) };
        let mut select = self.db().prepare(&format!("{CAMPAIGNS} WHERE k.name = ?1"))?;
        let mut rows = select.query([&name])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some((row.get("campaign")?, object(Report::Campaigns, self.campaign_values(row)?))))
    }

    pub(crate) fn campaign_timeline(&self, campaign: i64) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(
            "SELECT c.started_at / 3600000000000 * 3600000000000, count(*), count(o.answered_at), count(DISTINCT c.caller),
                 count(DISTINCT rtrim(c.source, '0123456789'))
             FROM campaign_members AS m JOIN calls AS c ON c.call = m.call LEFT JOIN outcomes AS o ON o.id = c.id
             WHERE m.campaign = ?1 GROUP BY 1 ORDER BY 1",
        )?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map([campaign], |r| {
                Ok(json!({
                    "hour": time(r.get(0)?),
                    "calls": r.get::<_, i64>(1)?,
                    "answered": r.get::<_, i64>(2)?,
                    "callers": r.get::<_, i64>(3)?,
                    "sources": r.get::<_, i64>(4)?,
                }))
            })?
            .collect();
        Ok(Value::Array(rows?))
    }

    fn campaign_members(&self, campaign: i64) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(
            "SELECT c.call_id, c.started_at, c.caller, c.dialled, c.source, m.strength, m.why, s.score
             FROM campaign_members AS m JOIN calls_now AS c ON c.call = m.call LEFT JOIN scores AS s ON s.id = c.id
             WHERE m.campaign = ?1 ORDER BY c.started_at, c.call LIMIT ?2",
        )?;
        let rows: Result<Vec<Value>, rusqlite::Error> =
            select.query_map([campaign, MAX_LISTED], |row| Ok(Value::Object(member(row)?)))?.collect();
        Ok(Value::Array(rows?))
    }

    pub(crate) fn campaign_events(&self, campaign: i64) -> Result<Value, StoreError> {
        let mut select =
            self.db().prepare("SELECT at, what FROM campaign_events WHERE campaign = ?1 ORDER BY at, id")?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map([campaign], |r| Ok(json!({"at": time(r.get(0)?), "what": r.get::<_, String>(1)?})))?
            .collect();
        Ok(Value::Array(rows?))
    }
}

/// A member of a campaign from its row: the Call-ID, start, caller, dialled number, source, strength, reason and score, in this order.
pub(crate) fn member(row: &Row<'_>) -> Result<Map<String, Value>, rusqlite::Error> {
    let members: [(&str, Value); 8] = [
        ("call_id", json!(row.get::<_, String>(0)?)),
        ("started_at", time(row.get(1)?)),
        ("caller", json!(row.get::<_, String>(2)?)),
        ("callee", json!(row.get::<_, String>(3)?)),
        ("source", json!(row.get::<_, String>(4)?)),
        ("strength", json!(row.get::<_, f64>(5)?)),
        ("why", json!(row.get::<_, String>(6)?)),
        ("score", json!(row.get::<_, Option<f64>>(7)?)),
    ];
    Ok(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}
