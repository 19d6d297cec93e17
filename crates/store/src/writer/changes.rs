//! Results of scoring to rows.

use bellwether_base::CampaignId;
use bellwether_scoring::{Amendment, Changes, MembershipChange, Scorecard, Settings, Stage};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::incidents;
use crate::StoreError;
use crate::alerts::keep;
use crate::wording::{self, Wording};

/// Writes all changes. The rows that they refer to are in the same transaction or in an earlier one.
pub(super) fn write(tx: &Connection, changes: &Changes, settings: &Settings) -> Result<(), StoreError> {
    write_scores(tx, changes)?;
    write_amendments(tx, changes, settings)?;
    write_campaigns(tx, changes)?;
    write_recordings(tx, changes)?;
    incidents::write(tx, changes)?;
    write_reputations(tx, changes)?;
    write_lists(tx, changes)?;
    changes.alerts.iter().try_for_each(|alert| keep(tx, alert))
}

fn write_reputations(tx: &Connection, changes: &Changes) -> Result<(), StoreError> {
    for (subject, s) in &changes.reputations {
        let parties: Vec<u8> = s.parties.iter().flat_map(|word| word.to_le_bytes()).collect();
        tx.prepare_cached(
                "INSERT OR REPLACE INTO standings (layer, name, legit, fraud, as_of, hour, hour_legit, hour_fraud, calls,
                     parties, listed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                subject.layer.name(),
                subject.name,
                s.legit,
                s.fraud,
                s.as_of.map(|at| at.as_nanos()),
                s.hour,
                s.hour_legit,
                s.hour_fraud,
                s.calls.cast_signed(),
                parties,
                s.listed.name(),
            ])?;
    }
    Ok(())
}

/// Two engines may find the same change: the one that applies feedback to stored calls, and that of the run.
fn write_lists(tx: &Connection, changes: &Changes) -> Result<(), StoreError> {
    for change in &changes.lists {
        tx.prepare_cached(
            "INSERT OR IGNORE INTO list_changes (at, layer, name, from_list, to_list, standing, why)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?5 IS NOT
                     (SELECT to_list FROM list_changes WHERE layer = ?2 AND name = ?3 AND at <= ?1
                      ORDER BY at DESC, id DESC LIMIT 1)",
        )?
        .execute(params![
            change.at.as_nanos(),
            change.subject.layer.name(),
            change.subject.name,
            change.from.name(),
            change.to.name(),
            change.standing,
            change.why,
        ])?;
    }
    Ok(())
}

fn write_scores(tx: &Connection, changes: &Changes) -> Result<(), StoreError> {
    let mut wording = Wording::new(tx);
    for row in changes.scores.values() {
        tx.prepare_cached(
                "INSERT INTO scores (id, stage, at, score, disposition, signals, campaign, fraud_probability, confidence, sender)
                 SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10 FROM calls WHERE call = ?1
                 ON CONFLICT (id) DO UPDATE SET stage = excluded.stage, at = excluded.at, score = excluded.score,
                     disposition = excluded.disposition, signals = excluded.signals, campaign = excluded.campaign,
                     fraud_probability = excluded.fraud_probability, confidence = excluded.confidence, sender = excluded.sender",
            )?
            .execute(params![
                row.call.get(),
                row.stage.number(),
                row.at.as_nanos(),
                row.score,
                row.disposition.name(),
                wording.pack(&row.findings)?,
                row.campaign.map(CampaignId::get),
                row.fraud_probability,
                row.confidence.name(),
                row.sender.number(),
            ])?;
    }
    for (call, at) in &changes.closed {
        tx.prepare_cached(
            "UPDATE scores SET stage = ?2, at = ?3 WHERE id = (SELECT id FROM calls WHERE call = ?1)",
        )?
        .execute(params![call.get(), Stage::Closed.number(), at.as_nanos()])?;
    }
    Ok(())
}

/// Adds signals to closed calls or removes them, and computes the score again.
fn write_amendments(tx: &Connection, changes: &Changes, settings: &Settings) -> Result<(), StoreError> {
    let mut wording = Wording::new(tx);
    for Amendment { call, signal, finding, campaign } in &changes.amendments {
        let mut select = tx.prepare_cached(
            "SELECT s.id, s.signals, s.campaign FROM scores AS s JOIN calls AS c ON c.id = s.id WHERE c.call = ?1",
        )?;
        let found: Option<(i64, String, Option<i64>)> =
            select.query_row([call.get()], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional()?;
        let Some((id, signals, before)) = found else { continue };
        let mut findings = wording::findings(tx, &signals)?;
        let had = findings.len();
        findings.retain(|f| f.signal != *signal);
        let is_same_campaign = campaign.map(CampaignId::get) == before;
        if finding.is_none() && findings.len() == had && is_same_campaign {
            continue;
        }
        findings.extend(finding.clone());
        let card = Scorecard::new(findings);
        tx.prepare_cached(
            "UPDATE scores SET score = ?2, disposition = ?3, signals = ?4, campaign = ?5, fraud_probability = ?6, confidence = ?7
             WHERE id = ?1",
        )?
        .execute(params![
            id,
            card.score(),
            card.disposition(settings).name(),
            wording.pack(card.findings())?,
            campaign.map(CampaignId::get),
            card.fraud_probability(),
            card.confidence().name(),
        ])?;
    }
    Ok(())
}

fn write_campaigns(tx: &Connection, changes: &Changes) -> Result<(), StoreError> {
    for c in changes.campaigns.values() {
        let links: Value =
            c.links.iter().map(|l| json!({"kind": l.kind.name(), "evidence": l.evidence})).collect();
        tx.prepare_cached(
                "INSERT INTO campaigns (campaign, name, found_at, first_seen, last_seen, calls, is_confirmed, told, links,
                     parted_from, kind)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
                 ON CONFLICT (campaign) DO UPDATE SET found_at = excluded.found_at, first_seen = excluded.first_seen, last_seen = excluded.last_seen,
                     calls = excluded.calls, is_confirmed = excluded.is_confirmed, told = excluded.told, links = excluded.links,
                     parted_from = excluded.parted_from, kind = excluded.kind",
            )?
            .execute(params![
                c.campaign.get(),
                c.name,
                c.found_at.as_nanos(),
                c.first_seen.as_nanos(),
                c.last_seen.as_nanos(),
                c.calls,
                c.is_confirmed,
                c.told,
                links.to_string(),
                c.parted_from.map(CampaignId::get),
                c.kind.name(),
            ])?;
    }
    let event = |campaign: CampaignId, at: i64, what: &str| -> Result<(), StoreError> {
        tx.prepare_cached("INSERT INTO campaign_events (campaign, at, what) VALUES (?1, ?2, ?3)")?
            .execute(params![campaign.get(), at, what])?;
        Ok(())
    };
    let name = |campaign: CampaignId| -> Result<String, StoreError> {
        let name = tx
            .prepare_cached("SELECT name FROM campaigns WHERE campaign = ?1")?
            .query_row([campaign.get()], |r| r.get(0))
            .optional()?;
        Ok(name.unwrap_or_default())
    };
    for change in &changes.memberships {
        match change {
            MembershipChange::Joined(m) => {
                tx.prepare_cached(
                        "INSERT OR REPLACE INTO campaign_members (campaign, call, at, strength, why, kind) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    )?
                    .execute(params![m.campaign.get(), m.call.get(), m.at.as_nanos(), m.strength, m.why, m.kind.name()])?;
            }
            MembershipChange::Left { campaign, call, why } => {
                tx.prepare_cached("DELETE FROM campaign_members WHERE campaign = ?1 AND call = ?2")?
                    .execute([campaign.get(), call.get()])?;
                if why.is_empty() {
                    continue;
                }
                let mut at = tx.prepare_cached("SELECT call_id, started_at FROM calls WHERE call = ?1")?;
                let found: Option<(String, i64)> =
                    at.query_row([call.get()], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
                if let Some((call_id, at)) = found {
                    event(*campaign, at, &format!("the call {call_id} left: {why}"))?;
                }
            }
            MembershipChange::Split { from, into, at, why } => {
                event(*from, at.as_nanos(), &format!("{} was parted from it: {why}", name(*into)?))?;
                event(*into, at.as_nanos(), &format!("was taken for {}: {why}", name(*from)?))?;
            }
            MembershipChange::Merged { from, into, at, why } => {
                let name = name(*from)?;
                for sql in [
                    "UPDATE OR REPLACE campaign_members SET campaign = ?2 WHERE campaign = ?1",
                    "UPDATE campaign_events SET campaign = ?2 WHERE campaign = ?1",
                    "UPDATE campaign_keys SET campaign = ?2 WHERE campaign = ?1",
                    "UPDATE recordings SET campaign = ?2 WHERE campaign = ?1",
                    "UPDATE scores SET campaign = ?2 WHERE campaign = ?1",
                    "UPDATE campaigns SET merged_into = ?2 WHERE campaign = ?1",
                ] {
                    tx.prepare_cached(sql)?.execute([from.get(), into.get()])?;
                }
                event(*into, at.as_nanos(), &format!("took over {name}: {why}"))?;
            }
        }
    }
    for (key, campaign) in &changes.keys {
        tx.prepare_cached("INSERT OR REPLACE INTO campaign_keys (key, campaign) VALUES (?1, ?2)")?
            .execute([*key, campaign.get()])?;
    }
    Ok(())
}

fn write_recordings(tx: &Connection, changes: &Changes) -> Result<(), StoreError> {
    for row in changes.recordings.values() {
        let recording = row.recording.get();
        tx.prepare_cached(
            "INSERT INTO recordings (recording, player, print, last_seen, commonplace, stock)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (recording) DO UPDATE SET print = excluded.print, last_seen = max(last_seen, excluded.last_seen),
                 commonplace = max(commonplace, excluded.commonplace)",
        )?
        .execute(params![
            recording,
            row.player.name(),
            row.print.to_octets(),
            row.last_seen.as_nanos(),
            row.is_commonplace,
            row.is_stock,
        ])?;
        // A recording has the identity of the stream that was the first to play it.
        tx.prepare_cached(
            "UPDATE streams SET recording = ?2 WHERE call = ?1 AND stream = ?2 AND recording IS NULL",
        )?
        .execute(params![row.first_call.get(), recording])?;
    }
    for (recording, campaign) in &changes.recordings_of {
        tx.prepare_cached("UPDATE recordings SET campaign = ?2 WHERE recording = ?1")?
            .execute([recording.get(), campaign.get()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bellwether_base::Timestamp;
    use bellwether_scoring::{Layer, ListChange, Listed, Subject};

    use super::*;
    use crate::Writer;

    #[test]
    fn a_change_of_list_that_two_engines_find_is_written_once() {
        let room = tempfile::tempdir().unwrap();
        let writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
        let db = &writer.reader().db;
        let write = |second: i64, from: Listed, to: Listed| {
            let subject = Subject { layer: Layer::Fingerprint, name: "f2-1".to_owned() };
            let at = Timestamp::from_nanos(second * 1_000_000_000);
            let change = ListChange { at, subject, from, to, standing: 1.0, why: String::new() };
            write_lists(db, &Changes { lists: vec![change], ..Changes::default() }).unwrap();
        };
        write(1, Listed::No, Listed::Blocked);
        write(2, Listed::No, Listed::Blocked);
        write(3, Listed::Blocked, Listed::No);
        write(3, Listed::Blocked, Listed::No);
        write(4, Listed::No, Listed::Blocked);
        let mut select = db.prepare("SELECT at / 1000000000, to_list FROM list_changes ORDER BY id").unwrap();
        let rows = select.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap();
        let rows: Vec<(i64, String)> = rows.collect::<Result<_, _>>().unwrap();
        assert_eq!(
            rows.iter().map(|(at, to)| (*at, to.as_str())).collect::<Vec<_>>(),
            [(1, "block"), (3, "none"), (4, "block")]
        );
    }
}
