//! The database as the scoring engine's history.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use bellwether_base::{
    CallId, CampaignId, Endpoint, IncidentId, RecordingId, RegistrationId, Span, Timestamp,
};
use bellwether_enrich::{CallRow, PassportStatus, Side, Validity};
use bellwether_fingerprint::{Claim, Part, PrintHash};
use bellwether_scoring::{
    Account, CampaignKind, CampaignRow, Changes, History, Judged, LinkKind, LinkRow, Listed, MembershipKind,
    PartyHistory, PastCall, PastIncident, PastMember, PastPassport, PastRecording, PastSender, PastWatched,
    PlatformFacts, RegisteredDevice, ReputationRecord, SenderMarks, Stage, Subject,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use crate::reader::Reader;
use crate::{StoreError, wording};

/// Calls of an account that are looked at: the latest before its next one.
const MAX_OF_AN_ACCOUNT: i64 = 256;

/// Platforms of an account that are remembered, the latest.
const MAX_PLATFORMS: usize = 8;

/// Registrations of an account that are looked at, the latest. A phone that roams leaves one at each address.
const MAX_REGISTRATIONS: i64 = 64;

/// Devices of an account that are remembered.
const MAX_DEVICES: usize = 8;

/// Calls of the window before a run that are looked at, the latest.
const MAX_RECENT: i64 = 50_000;

/// A registration is over after this time without a message.
const REGISTERED_FOR: Span = Span::from_secs(86_400);

/// Earlier runs as the database holds them, overlaid with the changes that wait for the next commit.
///
/// The engine's questions have no error: a failure of the database is kept for the next commit, and the answer is empty.
pub struct SqliteHistory<'a> {
    pub(crate) reader: &'a Reader,
    pub(crate) pending: &'a Changes,
    /// Start times of the calls of earlier runs. Scores of other calls are not in the database and need no query.
    pub(crate) earlier: &'a Option<RangeInclusive<Timestamp>>,
    pub(crate) failure: &'a mut Option<StoreError>,
}

impl Reader {
    /// The committed rows as the scoring engine's history, with changes on top. It knows no stored score. A failure of the database
    /// goes to `failure`.
    pub const fn history<'a>(
        &'a self,
        pending: &'a Changes,
        failure: &'a mut Option<StoreError>,
    ) -> SqliteHistory<'a> {
        SqliteHistory { reader: self, pending, earlier: &None, failure }
    }
}

impl SqliteHistory<'_> {
    /// The result of a query, or an empty value after an error. The next commit reports the error.
    fn or_nothing<T: Default>(&mut self, found: Result<T, StoreError>) -> T {
        found.unwrap_or_else(|e| {
            self.failure.get_or_insert(e);
            T::default()
        })
    }

    fn find_account(&self, caller: &str, before: Timestamp) -> Result<Account, StoreError> {
        let mut account = Account::default();
        let db = &self.reader.db;
        let mut select = db.prepare_cached(
            "SELECT c.started_at, c.callee_country, o.answered_at, o.ended_at, coalesce(f.family, c.fingerprint)
             FROM calls AS c LEFT JOIN outcomes AS o ON o.id = c.id LEFT JOIN fingerprints AS f ON f.fingerprint = c.fingerprint
             WHERE c.caller = ?1 AND c.started_at < ?2 ORDER BY c.started_at DESC LIMIT ?3",
        )?;
        let mut rows = select.query(params![caller, before.as_nanos(), MAX_OF_AN_ACCOUNT])?;
        while let Some(row) = rows.next()? {
            let at = Timestamp::from_nanos(row.get(0)?);
            account.first_call = Some(at);
            account.calls += 1;
            if let Some(hour) = account.hours.get_mut(at.hour_of_day()) {
                *hour += 1;
            }
            let country: Option<String> = row.get(1)?;
            if let Some(country) = country.and_then(|c| c.parse().ok())
                && !account.countries.contains(&country)
                && account.countries.len() < 32
            {
                account.countries.push(country);
            }
            let (answered, ended): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
            let talked = answered.zip(ended).is_some_and(|(a, e)| e - a >= 30_000_000_000);
            account.conversations += u32::from(talked);
            let family: String = row.get(4)?;
            if let Some(family) = PrintHash::stored(&family)
                && account.platforms.len() < MAX_PLATFORMS
                && !account.platforms.iter().any(|(known, _)| *known == family)
            {
                account.platforms.push((family, at));
            }
        }
        // The calls came latest first.
        account.platforms.reverse();
        let from = format!("sip:{caller}@");
        // The address behind all that begin so: '@' and the sign behind it.
        let to = format!("sip:{caller}A");
        let mut select = db.prepare_cached(
            "SELECT coalesce((SELECT m.source FROM moves AS m WHERE m.registration = r.id AND m.at < ?4
                     ORDER BY m.at DESC LIMIT 1), r.source),
                 r.fingerprint, min(o.first_at), max(o.last_at),
                 coalesce((SELECT l.registered_by FROM observations AS l
                     WHERE l.registration = r.id AND l.registered_by IS NOT NULL AND l.first_at < ?4
                     ORDER BY l.first_at DESC LIMIT 1), r.registrar),
                 r.registration,
                 (SELECT coalesce(l.ended_at, l.last_at + (l.expires_s + 32) * 1000000000)
                     FROM observations AS l
                     WHERE l.registration = r.id AND l.first_at < ?4 ORDER BY l.first_at DESC LIMIT 1) AS until
             FROM registrations AS r JOIN observations AS o ON o.registration = r.id
             WHERE r.aor >= ?1 AND r.aor < ?2 AND (o.registered_by IS NOT NULL OR o.last_status BETWEEN 200 AND 299) AND o.first_at < ?4 AND o.last_at >= ?3
                 AND coalesce(until, ?4) >= ?4
             GROUP BY r.id ORDER BY 4 DESC LIMIT ?5",
        )?;
        let since = (before - REGISTERED_FOR).as_nanos();
        let mut rows = select.query(params![from, to, since, before.as_nanos(), MAX_REGISTRATIONS])?;
        while let Some(row) = rows.next()? {
            let (source, print, registrar): (String, String, String) =
                (row.get(0)?, row.get(1)?, row.get(4)?);
            if let (Some(source), Some(registrar), Some(platform)) =
                (endpoint(&source), endpoint(&registrar), PrintHash::stored(&print))
            {
                account.devices.push(RegisteredDevice {
                    registrations: std::iter::once(RegistrationId::new(row.get(5)?)).collect(),
                    source: source.ip(),
                    registrar: registrar.ip(),
                    platform,
                    first: Timestamp::from_nanos(row.get(2)?),
                    last: Timestamp::from_nanos(row.get(3)?).min(before),
                    until: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_nanos),
                });
            }
        }
        account.devices.sort_by_key(|device| device.first);
        // The owner's first device and the latest ones, as the engine keeps them.
        let surplus = account.devices.len().saturating_sub(MAX_DEVICES);
        if surplus > 0 {
            account.devices.drain(1..=surplus);
        }
        Ok(account)
    }

    fn find_judged(&self, call: CallId) -> Result<Option<Judged>, StoreError> {
        let mut select = self.reader.db.prepare_cached(
            "SELECT s.stage, s.signals, s.campaign, m.strength, m.why, m.kind FROM scores AS s JOIN calls AS c ON c.id = s.id
                 LEFT JOIN campaign_members AS m ON m.campaign = s.campaign AND m.call = c.call
             WHERE c.call = ?1",
        )?;
        let found = select.query_row([call.get()], |r| {
            let (stage, signals): (i64, String) = (r.get(0)?, r.get(1)?);
            let campaign: Option<i64> = r.get(2)?;
            let member = match campaign {
                Some(campaign) => {
                    let kind: Option<String> = r.get(5)?;
                    Some(PastMember {
                        campaign: CampaignId::new(campaign),
                        kind: kind.and_then(|name| MembershipKind::of(&name)).unwrap_or_default(),
                        strength: r.get::<_, Option<f64>>(3)?.unwrap_or_default(),
                        why: r.get::<_, Option<String>>(4)?.unwrap_or_default(),
                    })
                }
                None => None,
            };
            Ok((stage, signals, member))
        });
        let Some((stage, signals, member)) = found.optional()? else { return Ok(None) };
        let findings = wording::findings(&self.reader.db, &signals)?;
        Ok(Some(Judged { stage: Stage::of(stage), findings, member }))
    }

    fn find_standing(&self, subject: &Subject) -> Result<Option<ReputationRecord>, StoreError> {
        let mut select = self.reader.db.prepare_cached(
            "SELECT legit, fraud, as_of, hour, hour_legit, hour_fraud, calls, parties, listed FROM standings
             WHERE layer = ?1 AND name = ?2",
        )?;
        Ok(select.query_row(params![subject.layer.name(), subject.name], standing).optional()?)
    }

    fn find_platform(
        &self,
        fingerprint: &str,
        agent: Option<&str>,
    ) -> Result<Option<PlatformFacts>, StoreError> {
        let platforms = &self.reader.platforms;
        platforms.forget(fingerprint);
        let Some(platform) = platforms.find(&self.reader.db, fingerprint)? else { return Ok(None) };
        let claim = platforms.claim(&self.reader.db, fingerprint, agent)?;
        Ok(Some(PlatformFacts {
            stack: platform.stack().map(str::to_owned),
            is_suspicious: platform.is_suspicious(),
            is_contradictory: claim == Claim::Contradictory,
        }))
    }

    fn find_leads(&self, since: Timestamp, most: usize) -> Result<Vec<(i64, CampaignId)>, StoreError> {
        let mut select = self.reader.db.prepare(
            "SELECT k.key, k.campaign FROM campaigns AS c JOIN campaign_keys AS k USING (campaign)
             WHERE c.last_seen >= ?1 ORDER BY c.last_seen DESC, k.key LIMIT ?2",
        )?;
        let rows = select.query_map(params![since.as_nanos(), most as i64], |r| {
            Ok((r.get(0)?, CampaignId::new(r.get(1)?)))
        })?;
        let mut leads = rows.collect::<Result<Vec<_>, _>>()?;
        leads.reverse();
        Ok(leads)
    }

    fn find_recent(&self, since: Timestamp, before: Timestamp) -> Result<Vec<PastCall>, StoreError> {
        let mut select = self.reader.db.prepare(
            "SELECT c.*, s.campaign, m.kind, f.family FROM calls_now AS c LEFT JOIN scores AS s ON s.id = c.id
                 LEFT JOIN campaign_members AS m ON m.campaign = s.campaign AND m.call = c.call
                 LEFT JOIN fingerprints AS f ON f.fingerprint = c.fingerprint
             WHERE c.started_at >= ?1 AND c.started_at < ?2 ORDER BY c.started_at DESC, c.call DESC LIMIT ?3",
        )?;
        let rows = select.query_and_then(
            params![since.as_nanos(), before.as_nanos(), MAX_RECENT],
            |row| -> Result<PastCall, StoreError> { past_call(row) },
        )?;
        let mut calls = rows.collect::<Result<Vec<_>, _>>()?;
        calls.reverse();
        Ok(calls)
    }
}

/// Latest calls of a recording that are read again.
const MAX_CALLS_OF_A_RECORDING: i64 = 48;

impl SqliteHistory<'_> {
    fn find_senders(
        &self,
        since: Timestamp,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<PastSender>, StoreError> {
        let mut select = self.reader.db.prepare(
            "SELECT c.call, c.started_at, o.answered_at, o.ended_at, c.caller, coalesce(c.dialled_otherwise, c.callee) AS dialled,
                 c.source, c.user_agent, c.fingerprint, c.marks, s.sender, f.family, c.caller_neighbourhood, o.ended_by, s.signals, s.campaign,
                 c.first_trunk_id, (SELECT x.recording FROM streams AS x WHERE x.call = c.call AND x.direction = 'caller'
                     AND x.recording IS NOT NULL LIMIT 1) AS recording
             FROM calls AS c JOIN scores AS s ON s.id = c.id LEFT JOIN outcomes AS o ON o.id = c.id
                 LEFT JOIN fingerprints AS f ON f.fingerprint = c.fingerprint
             WHERE c.started_at >= ?1 AND c.started_at < ?2 ORDER BY c.started_at DESC, c.call DESC LIMIT ?3",
        )?;
        let limits = params![since.as_nanos(), before.as_nanos(), most as i64];
        let phrases = wording::signals_of_phrases(&self.reader.db)?;
        let rows = select.query_and_then(limits, |row| past_sender(row, &phrases))?;
        let mut senders = rows.collect::<Result<Vec<_>, _>>()?;
        senders.reverse();
        Ok(senders)
    }

    fn find_recordings(&self, since: Timestamp) -> Result<Vec<PastRecording>, StoreError> {
        let mut select = self.reader.db.prepare(
            "SELECT recording, player, length(print) / 10, last_seen, campaign, commonplace FROM recordings
             ORDER BY last_seen, recording",
        )?;
        let recordings = select.query_map([], |r| {
            Ok(PastRecording {
                recording: RecordingId::new(r.get(0)?),
                player: Side::of(&r.get::<_, String>(1)?).unwrap_or(Side::Caller),
                words: usize::try_from(r.get::<_, i64>(2)?).unwrap_or(0),
                last_seen: Timestamp::from_nanos(r.get(3)?),
                campaign: r.get::<_, Option<i64>>(4)?.map(CampaignId::new),
                is_commonplace: r.get(5)?,
                calls: Vec::new(),
            })
        })?;
        let mut recordings = recordings.collect::<Result<Vec<_>, _>>()?;
        let mut select = self.reader.db.prepare(
            "SELECT c.call, c.caller FROM streams AS s JOIN calls AS c ON c.call = s.call
             WHERE s.recording = ?1 AND c.started_at >= ?2 ORDER BY c.started_at DESC, c.call DESC LIMIT ?3",
        )?;
        // The time of the last call is known to the hour. Recordings that nobody played since have no calls to read.
        let is_recent = |of: &&mut PastRecording| of.last_seen + Span::from_secs(3600) >= since;
        for recording in recordings.iter_mut().filter(is_recent) {
            let limits = params![recording.recording.get(), since.as_nanos(), MAX_CALLS_OF_A_RECORDING];
            let calls = select.query_map(limits, |r| Ok((CallId::new(r.get(0)?), r.get(1)?)))?;
            recording.calls = calls.collect::<Result<Vec<_>, _>>()?;
        }
        Ok(recordings)
    }
}

impl PartyHistory for SqliteHistory<'_> {
    fn account(&mut self, caller: &str, before: Timestamp) -> Account {
        let found = self.find_account(caller, before);
        self.or_nothing(found)
    }

    fn standing(&mut self, subject: &Subject) -> Option<ReputationRecord> {
        if let Some(standing) = self.pending.reputations.get(subject) {
            return Some((**standing).clone());
        }
        let found = self.find_standing(subject);
        self.or_nothing(found)
    }

    fn platform(&mut self, fingerprint: &str, user_agent: Option<&str>) -> Option<PlatformFacts> {
        let found = self.find_platform(fingerprint, user_agent);
        self.or_nothing(found)
    }
}

impl History for SqliteHistory<'_> {
    fn judged(&mut self, call: CallId, started_at: Timestamp) -> Option<Judged> {
        if !self.earlier.as_ref().is_some_and(|earlier| earlier.contains(&started_at)) {
            return None;
        }
        let found = self.find_judged(call);
        self.or_nothing(found)
    }

    fn leads(&mut self, since: Timestamp, most: usize) -> Vec<(i64, CampaignId)> {
        let found = self.find_leads(since, most);
        self.or_nothing(found)
    }

    fn campaign(&mut self, campaign: CampaignId) -> Option<CampaignRow> {
        if self.pending.merged.contains(&campaign) {
            return None;
        }
        if let Some(row) = self.pending.campaigns.get(&campaign) {
            return Some((**row).clone());
        }
        let found = self
            .reader
            .db
            .prepare_cached("SELECT * FROM campaigns WHERE campaign = ?1 AND merged_into IS NULL")
            .and_then(|mut select| select.query_row([campaign.get()], campaign_row).optional())
            .map_err(StoreError::from);
        self.or_nothing(found)
    }

    fn recordings(&mut self, since: Timestamp) -> Vec<PastRecording> {
        let found = self.find_recordings(since);
        self.or_nothing(found)
    }

    fn recent(&mut self, since: Timestamp, before: Timestamp) -> Vec<PastCall> {
        let found = self.find_recent(since, before);
        self.or_nothing(found)
    }

    fn senders(&mut self, since: Timestamp, before: Timestamp, most: usize) -> Vec<PastSender> {
        let found = self.find_senders(since, before, most);
        self.or_nothing(found)
    }

    fn watched(&mut self, since: Timestamp, before: Timestamp, most: usize) -> Vec<PastWatched> {
        let found = self.find_watched(since, before, most);
        self.or_nothing(found)
    }

    fn incident(&mut self, incident: IncidentId) -> Option<PastIncident> {
        let found = self.find_incident(incident);
        self.or_nothing(found)
    }
}

/// The time after the start of a call from an earlier run in which a re-INVITE may show the call again.
const SEEN_AGAIN: Span = Span::from_secs(4 * 3600);

/// The time span of the calls in a database, from the first start to [`SEEN_AGAIN`] after the last start.
pub(crate) fn span_of_calls(db: &Connection) -> Result<Option<RangeInclusive<Timestamp>>, StoreError> {
    let ends: (Option<i64>, Option<i64>) = db.query_row(
        "SELECT (SELECT min(started_at) FROM calls), (SELECT max(started_at) FROM calls)",
        [],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )?;
    let at = Timestamp::from_nanos;
    Ok(ends.0.zip(ends.1).map(|(first, last)| at(first)..=at(last) + SEEN_AGAIN))
}

/// A standing from the columns legit, fraud, as_of, hour, hour_legit, hour_fraud, calls, parties, listed.
pub(crate) fn standing(row: &Row<'_>) -> Result<ReputationRecord, rusqlite::Error> {
    let parties: Vec<u8> = row.get("parties")?;
    let (words, _) = parties.as_chunks::<8>();
    let mut bitmap = [0; 4];
    for (place, word) in bitmap.iter_mut().zip(words) {
        *place = u64::from_le_bytes(*word);
    }
    let listed: String = row.get("listed")?;
    Ok(ReputationRecord {
        legit: row.get("legit")?,
        fraud: row.get("fraud")?,
        as_of: row.get::<_, Option<i64>>("as_of")?.map(Timestamp::from_nanos),
        hour: row.get("hour")?,
        hour_legit: row.get("hour_legit")?,
        hour_fraud: row.get("hour_fraud")?,
        calls: row.get::<_, i64>("calls")?.cast_unsigned(),
        parties: bitmap,
        listed: Listed::of(&listed),
    })
}

fn campaign_row(row: &Row<'_>) -> Result<CampaignRow, rusqlite::Error> {
    let links: String = row.get("links")?;
    let links: Vec<Value> = serde_json::from_str(&links).unwrap_or_default();
    let link = |value: &Value| {
        let kind = LinkKind::of(value["kind"].as_str()?)?;
        Some(LinkRow { kind, evidence: value["evidence"].as_str()?.to_owned() })
    };
    let at = |column: &str| row.get(column).map(Timestamp::from_nanos);
    Ok(CampaignRow {
        campaign: CampaignId::new(row.get("campaign")?),
        name: row.get("name")?,
        found_at: at("found_at")?,
        first_seen: at("first_seen")?,
        last_seen: at("last_seen")?,
        calls: row.get("calls")?,
        is_confirmed: row.get("is_confirmed")?,
        told: row.get("told")?,
        parted_from: row.get::<_, Option<i64>>("parted_from")?.map(CampaignId::new),
        kind: CampaignKind::of(&row.get::<_, String>("kind")?),
        links: links.iter().filter_map(link).collect(),
    })
}

/// The words of `marks` for what a call's INVITE showed.
pub(crate) fn marks(row: &CallRow) -> Option<String> {
    let t = &row.traits;
    let words: Vec<&str> = [
        (t.is_neighbour, "neighbour"),
        (t.is_emergency, "emergency"),
        (t.is_anonymous, "anonymous"),
        (t.trunk.is_some(), "trunk"),
        (row.caller_number.validity == Some(Validity::Impossible), "impossible"),
        (row.caller_number.validity == Some(Validity::Unallocated), "unallocated"),
    ]
    .into_iter()
    .filter_map(|(is, word)| is.then_some(word))
    .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn past_call(row: &Row<'_>) -> Result<PastCall, StoreError> {
    let marks: Option<String> = row.get("marks")?;
    let marks = marks.unwrap_or_default();
    let has = |word: &str| marks.split(' ').any(|w| w == word);
    let text = |column: &str| -> Result<String, StoreError> {
        Ok(row.get::<_, Option<String>>(column)?.unwrap_or_default())
    };
    let address = |column: &str| -> Result<IpAddr, StoreError> {
        Ok(endpoint(&text(column)?).map_or(IpAddr::from([0; 4]), |end| end.ip()))
    };
    let at = |column: &str| -> Result<Option<Timestamp>, StoreError> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_nanos))
    };
    let validity = [("impossible", Validity::Impossible), ("unallocated", Validity::Unallocated)];
    let fingerprint = PrintHash::stored(&text("fingerprint")?);
    let kind: Option<String> = row.get("kind")?;
    let kind = kind.and_then(|name| MembershipKind::of(&name)).unwrap_or_default();
    Ok(PastCall {
        call: CallId::new(row.get("call")?),
        started_at: at("started_at")?.unwrap_or(Timestamp::MIN),
        answered_at: at("answered_at")?,
        ended_at: at("ended_at")?,
        final_status: row.get("final_status")?,
        ended_by: ended_by(row)?,
        caller: text("caller")?,
        caller_host: text("caller_host")?,
        dialled: text("dialled")?,
        callee_country: row.get("callee_country")?,
        callee_block: row.get("callee_neighbourhood")?,
        caller_block: row.get("caller_neighbourhood")?,
        caller_validity: validity.into_iter().find(|(word, _)| has(word)).map(|(_, validity)| validity),
        source: address("source")?,
        destination: address("destination")?,
        user_agent: row.get("user_agent")?,
        family: family(row, fingerprint)?,
        is_anonymous: has("anonymous"),
        fingerprint: fingerprint.unwrap_or_else(|| PrintHash::of(Part::Combined, "")),
        deployment: text("deployment")?,
        origin: text("origin")?,
        passport: past_passport(row)?,
        is_neighbour: has("neighbour"),
        is_emergency: has("emergency"),
        is_from_trunk: has("trunk"),
        campaign: row.get::<_, Option<i64>>("campaign")?.map(|id| (CampaignId::new(id), kind)),
    })
}

/// The family of a call's fingerprint. A fingerprint of an earlier version is a family of its own.
fn family(row: &Row<'_>, fingerprint: Option<PrintHash>) -> Result<PrintHash, StoreError> {
    let family: Option<String> = row.get("family")?;
    let family = family.as_deref().and_then(PrintHash::stored).or(fingerprint);
    Ok(family.unwrap_or_else(|| PrintHash::of(Part::Family, "")))
}

fn past_sender(row: &Row<'_>, phrases: &BTreeMap<i64, usize>) -> Result<PastSender, StoreError> {
    let marks: Option<String> = row.get("marks")?;
    let has = |word: &str| marks.as_deref().is_some_and(|marks| marks.split(' ').any(|w| w == word));
    let at = |column: &str| -> Result<Option<Timestamp>, StoreError> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_nanos))
    };
    let source: String = row.get("source")?;
    let fingerprint = PrintHash::stored(&row.get::<_, String>("fingerprint")?);
    Ok(PastSender {
        recording: row.get::<_, Option<i64>>("recording")?.map(RecordingId::new),
        call: CallId::new(row.get("call")?),
        started_at: at("started_at")?.unwrap_or(Timestamp::MIN),
        answered_at: at("answered_at")?,
        ended_at: at("ended_at")?,
        ended_by: ended_by(row)?,
        caller: row.get("caller")?,
        caller_block: row.get("caller_neighbourhood")?,
        dialled: row.get::<_, Option<String>>("dialled")?.unwrap_or_default(),
        source: endpoint(&source).map_or(IpAddr::from([0; 4]), |end| end.ip()),
        user_agent: row.get("user_agent")?,
        family: family(row, fingerprint)?,
        fingerprint: fingerprint.unwrap_or_else(|| PrintHash::of(Part::Combined, "")),
        is_anonymous: has("anonymous"),
        is_from_trunk: has("trunk"),
        trunk: row.get("first_trunk_id")?,
        campaign: row.get::<_, Option<i64>>("campaign")?.map(CampaignId::new),
        marks: SenderMarks::of(row.get("sender")?),
        shown: wording::shown(phrases, &row.get::<_, String>("signals")?),
    })
}

fn ended_by(row: &Row<'_>) -> Result<Option<Side>, StoreError> {
    let name: Option<String> = row.get("ended_by")?;
    Ok(name.and_then(|name| Side::of(&name)))
}

fn past_passport(row: &Row<'_>) -> Result<Option<PastPassport>, StoreError> {
    let Some(status) = row.get::<_, Option<String>>("passport")? else { return Ok(None) };
    let Some(status) = PassportStatus::of(&status).filter(|s| *s != PassportStatus::None) else {
        return Ok(None);
    };
    let letter: Option<String> = row.get("attestation")?;
    let identity: Option<String> = row.get("identity")?;
    let identity: Value = identity.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default();
    Ok(Some(PastPassport {
        status,
        attestation: letter.filter(|l| ["A", "B", "C"].contains(&l.as_str())),
        signer: identity["signer"].as_str().map(str::to_owned),
        origid: identity["origid"].as_str().map(str::to_owned),
    }))
}

/// An endpoint as it is written: `address:port`, IPv6 in brackets.
pub(crate) fn endpoint(text: &str) -> Option<Endpoint> {
    let (ip, port) = text.rsplit_once(':')?;
    let ip: IpAddr = ip.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(Endpoint::new(ip, port.parse().ok()?))
}
