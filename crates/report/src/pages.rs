//! Lists page by page: members of a campaign, devices, platforms; and the subjects that a search finds.

use bellwether_base::Timestamp;
use bellwether_devices::DeviceVerdict;
use bellwether_store::StoreError;
use rusqlite::{OptionalExtension, params};
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::campaigns::member;

/// The end of all texts with a prefix: no character sorts behind it.
const END: char = '\u{10ffff}';

/// A platform in a list.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields, named as the columns of the report")]
pub struct PlatformLine {
    pub fingerprint: String,
    pub method: String,
    pub stack: Option<String>,
    pub user_agents: Vec<String>,
    pub family: Option<String>,
    pub calls: i64,
    pub reputation: Option<f64>,
    /// `none`, `allow`, `block` and so on.
    pub list: String,
    pub label: Option<String>,
    pub seen_at: Option<Timestamp>,
}

/// A subscriber with a device in a list.
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "plain fields, named as the columns of the report")]
pub struct DeviceLine {
    pub aor: String,
    pub device: String,
    pub class: Option<String>,
    pub stack: Option<String>,
    pub fingerprint: Option<String>,
    pub skew_ppm: Option<f64>,
    pub skew_ci95_ppm: Option<(f64, f64)>,
    pub verdict: DeviceVerdict,
    pub sources: usize,
    pub calls: u64,
    pub last_seen: Timestamp,
    pub is_enrolled: bool,
}

impl Reports<'_> {
    /// A campaign by name, without its members: its row without `call_ids`, its course by the hour, and its events. The name of a
    /// merged campaign leads to the campaign that took its calls.
    ///
    /// # Errors
    /// If the database fails.
    pub fn campaign_overview(&self, name: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let Some((campaign, mut shown)) = self.campaign_row(name)? else { return Ok(None) };
        shown.remove("call_ids");
        shown.insert("timeline".to_owned(), self.campaign_timeline(campaign)?);
        shown.insert("events".to_owned(), self.campaign_events(campaign)?);
        shown.insert("shared".to_owned(), self.shared_by_members(campaign)?);
        Ok(Some(shown))
    }

    /// Members of a campaign in order of time, with the reason of their membership, from the number `skip` on.
    ///
    /// # Errors
    /// If the database fails.
    pub fn campaign_member_page(
        &self,
        name: &str,
        skip: usize,
        limit: usize,
    ) -> Result<Vec<Value>, StoreError> {
        // A campaign is bounded, and its members have to be sorted for any page: a cursor would save nothing.
        let mut select = self.db().prepare_cached(
            "SELECT c.call_id, c.started_at, c.caller, c.dialled, c.source, m.strength, m.why, s.score,
                 c.answered_at IS NOT NULL
             FROM campaigns AS k JOIN campaign_members AS m ON m.campaign = k.campaign JOIN calls_now AS c ON c.call = m.call
                 LEFT JOIN scores AS s ON s.id = c.id
             WHERE k.name = ?1 ORDER BY c.started_at, c.call LIMIT ?2 OFFSET ?3",
        )?;
        let rows = select.query_map(params![name, limit as i64, skip as i64], |r| {
            let mut shown = member(r)?;
            shown.insert("answered".to_owned(), json!(r.get::<_, bool>(8)?));
            Ok(Value::Object(shown))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Properties that members of a campaign share, with the number of calls of each, the most frequent first: fingerprints, addresses,
    /// deployments and recordings.
    fn shared_by_members(&self, campaign: i64) -> Result<Value, StoreError> {
        let mut select = self.db().prepare(
            "WITH members AS (SELECT c.* FROM campaign_members AS m JOIN calls AS c ON c.call = m.call WHERE m.campaign = ?1)
             SELECT kind, name, n FROM (
                 SELECT 'fingerprint' AS kind, fingerprint AS name, count(*) AS n FROM members GROUP BY fingerprint
                 UNION ALL SELECT 'address', rtrim(rtrim(source, '0123456789'), ':'), count(*) FROM members GROUP BY 2
                 UNION ALL SELECT 'origin', origin, count(*) FROM members GROUP BY origin HAVING count(*) > 1
                 UNION ALL SELECT 'recording', format('%016x', s.recording), count(DISTINCT s.call)
                     FROM members JOIN streams AS s ON s.call = members.call
                         JOIN recordings AS r ON r.recording = s.recording GROUP BY s.recording)
             ORDER BY n DESC, kind, name LIMIT 24",
        )?;
        let rows: Result<Vec<Value>, rusqlite::Error> = select
            .query_map([campaign], |r| {
                Ok(json!({
                    "kind": r.get::<_, String>(0)?,
                    "name": r.get::<_, String>(1)?,
                    "calls": r.get::<_, i64>(2)?,
                }))
            })?
            .collect();
        Ok(Value::Array(rows?))
    }

    /// Platforms, those with most calls first, from the number `skip` on.
    ///
    /// # Errors
    /// If the database fails.
    pub fn platform_page(&self, skip: usize, limit: usize) -> Result<Vec<PlatformLine>, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT f.fingerprint, f.method, f.family, f.seen_at, coalesce(t.calls, 0), coalesce(t.listed, 'none'),
                 (SELECT label FROM labels AS l WHERE l.kind = 'fingerprint' AND l.subject = f.fingerprint),
                 (SELECT json_group_array(DISTINCT agent) FROM (
                     SELECT agent FROM (SELECT user_agent AS agent FROM calls AS c WHERE c.fingerprint = f.fingerprint
                         AND user_agent IS NOT NULL ORDER BY started_at DESC LIMIT 50)
                     UNION SELECT user_agent FROM (SELECT user_agent FROM registrations AS r WHERE r.fingerprint = f.fingerprint
                         AND user_agent IS NOT NULL LIMIT 50)
                     ORDER BY 1))
             FROM fingerprints AS f LEFT JOIN standings AS t ON t.layer = 'fingerprint' AND t.name = f.fingerprint
             ORDER BY coalesce(t.calls, 0) DESC, f.fingerprint LIMIT ?1 OFFSET ?2",
        )?;
        let mut rows = select.query(params![limit as i64, skip as i64])?;
        let mut lines = Vec::new();
        while let Some(row) = rows.next()? {
            let fingerprint: String = row.get(0)?;
            let agents: String = row.get(7)?;
            let subject = bellwether_scoring::Subject {
                layer: bellwether_scoring::Layer::Fingerprint,
                name: fingerprint.clone(),
            };
            lines.push(PlatformLine {
                stack: self.reader.platform(&fingerprint)?.stack().map(str::to_owned),
                reputation: self.reader.reputation(&subject)?,
                fingerprint,
                method: row.get(1)?,
                user_agents: serde_json::from_str(&agents).unwrap_or_default(),
                family: row.get(2)?,
                calls: row.get(4)?,
                list: row.get(5)?,
                label: row.get(6)?,
                seen_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_nanos),
            });
        }
        Ok(lines)
    }

    /// Devices of subscribers in the order of their addresses of record, behind `after`: those of `limit` subscribers, and the address
    /// of record that the next page begins behind.
    ///
    /// # Errors
    /// If the database fails.
    pub fn device_page(
        &self,
        after: &str,
        limit: usize,
    ) -> Result<(Vec<DeviceLine>, Option<String>), StoreError> {
        let mut select = self
            .db()
            .prepare_cached("SELECT DISTINCT aor FROM registrations WHERE aor > ?1 ORDER BY aor LIMIT ?2")?;
        let aors: Vec<String> = select
            .query_map(params![after, limit as i64], |r| r.get(0))?
            .collect::<Result<_, rusqlite::Error>>()?;
        let mut lines = Vec::new();
        for aor in &aors {
            let subscriber = self.reader.subscriber(aor)?;
            for device in &subscriber.verdict.devices {
                let steadiest =
                    device.steadiest.and_then(|registration| subscriber.registration(registration));
                let skew = steadiest.and_then(|r| r.clock.skew);
                let stack = match steadiest {
                    Some(r) => self.reader.platform(&r.fingerprint)?.stack().map(str::to_owned),
                    None => None,
                };
                lines.push(DeviceLine {
                    aor: aor.clone(),
                    device: device.name.clone(),
                    class: device.class.clone(),
                    stack,
                    fingerprint: steadiest.map(|r| r.fingerprint.clone()),
                    skew_ppm: skew.map(|s| s.skew.0),
                    skew_ci95_ppm: skew.map(|s| (s.ci95.0.0, s.ci95.1.0)),
                    verdict: device.step.verdict,
                    sources: device.sources.len(),
                    calls: u64::try_from(device.calls).unwrap_or_default(),
                    last_seen: device.last_seen,
                    is_enrolled: device.is_enrolled,
                });
            }
            self.reader.forget_subscriber(aor);
        }
        let next = aors.last().filter(|_| aors.len() == limit).cloned();
        Ok((lines, next))
    }

    /// Addresses of record that a text names: the address itself, or those of a user part.
    ///
    /// # Errors
    /// If the database fails.
    pub fn find_aors(&self, text: &str) -> Result<Vec<String>, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT DISTINCT aor FROM registrations WHERE aor = ?1 OR (aor >= ?2 AND aor < ?3) OR (aor >= ?4 AND aor < ?5)
             ORDER BY aor LIMIT 20",
        )?;
        let (sip, sips) = (format!("sip:{text}@"), format!("sips:{text}@"));
        let (sip_end, sips_end) = (format!("{sip}{END}"), format!("{sips}{END}"));
        let rows = select.query_map([text, &sip, &sip_end, &sips, &sips_end], |r| r.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// True if a fingerprint, or the hash of one of its authors, is known.
    ///
    /// # Errors
    /// If the database fails.
    pub fn has_fingerprint(&self, hash: &str) -> Result<bool, StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT 1 FROM fingerprints WHERE fingerprint = ?1 OR sip_author = ?1 OR sdp_author = ?1",
        )?;
        Ok(select.exists([hash])?)
    }

    /// The name of the campaign that a name stands for; none for an unknown name.
    ///
    /// # Errors
    /// If the database fails.
    pub fn current_campaign(&self, name: &str) -> Result<Option<String>, StoreError> {
        let mut name = name.to_owned();
        let mut find = self.db().prepare_cached(
            "SELECT into_.name FROM campaigns AS k JOIN campaigns AS into_ ON into_.campaign = k.merged_into WHERE k.name = ?1",
        )?;
        // Each takeover leads to an older one.
        for _ in 0..64 {
            match find.query_row([&name], |r| r.get(0)).optional()? {
                Some(next) => name = next,
                None => break,
            }
        }
        let mut select = self.db().prepare_cached("SELECT 1 FROM campaigns WHERE name = ?1")?;
        Ok(select.exists([&name])?.then_some(name))
    }

    /// The reader that the reports are made over.
    #[must_use]
    pub const fn reader(&self) -> &bellwether_store::Reader {
        self.reader
    }
}
