//! The operator's labels as evidence about subjects.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_base::{CallId, CampaignId, IncidentId, RecordingId, Timestamp};
use bellwether_scoring::{LabelEvidence, Layer, SenderLabels, Subject};
use rusqlite::{Connection, OptionalExtension};

use crate::StoreError;

/// Changes when the labels do.
pub(crate) fn state(db: &Connection) -> Result<String, StoreError> {
    let state = db.query_row("SELECT value FROM meta WHERE key = 'labels'", [], |r| r.get(0)).optional()?;
    Ok(state.unwrap_or_default())
}

/// Counts a change of the labels.
pub(crate) fn changed(db: &Connection) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO meta (key, value) VALUES ('labels', '1')
         ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)",
        [],
    )?;
    Ok(())
}

/// The operator's labels as evidence.
#[derive(Debug, Default)]
pub struct Labels {
    /// Evidence about subjects, by label.
    pub evidence: Vec<LabelEvidence>,
    /// Labels of calls, campaigns, recordings and incidents.
    pub senders: SenderLabels,
}

/// The evidence of all labels about subjects, and the labelled calls.
pub(crate) fn evidence(db: &Connection) -> Result<Labels, StoreError> {
    let mut all = Vec::new();
    let mut calls = Vec::new();
    let (mut campaigns, mut recordings, mut incidents) = (Vec::new(), Vec::new(), Vec::new());
    let mut select = db.prepare("SELECT kind, subject, label, at FROM labels ORDER BY kind, subject")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let (kind, subject): (String, String) = (row.get(0)?, row.get(1)?);
        let is_fraud = row.get::<_, String>(2)? == "fraud";
        let at = Timestamp::from_nanos(row.get(3)?);
        match kind.as_str() {
            "fingerprint" => {
                let subject = Subject { layer: Layer::Fingerprint, name: subject };
                all.push(LabelEvidence { subject, at, is_fraud, is_direct: true });
            }
            "call" => {
                let Ok(call) = subject.parse() else { continue };
                calls.push((call, is_fraud));
                for subject in subjects_of(db, call)? {
                    all.push(LabelEvidence { subject, at, is_fraud, is_direct: false });
                }
            }
            "campaign" => {
                let members = members_of(db, &subject)?;
                let identity = db
                    .prepare_cached("SELECT coalesce(merged_into, campaign) FROM campaigns WHERE name = ?1")?
                    .query_row([&subject], |r| r.get(0))
                    .optional()?;
                campaigns.extend(identity.map(|of| (CampaignId::new(of), is_fraud)));
                let mut subjects = BTreeSet::new();
                for call in &members {
                    subjects.extend(subjects_of(db, *call)?);
                }
                calls.extend(members.into_iter().map(|call| (call, is_fraud)));
                // One label says the same of each once, however many calls there are.
                let of = |subject| LabelEvidence { subject, at, is_fraud, is_direct: false };
                all.extend(subjects.into_iter().map(of));
            }
            "recording" => {
                let Some(recording) = RecordingId::named(&subject) else { continue };
                recordings.push((recording, is_fraud));
                let players = players_of(db, recording)?;
                calls.extend(players.into_iter().map(|call| (call, is_fraud)));
            }
            "incident" => {
                incidents.extend(IncidentId::named(&subject).map(|incident| (incident, is_fraud)));
            }
            _ => {}
        }
    }
    // A label of the call itself takes precedence over one of its campaign, and that over one of its recording.
    let mut own: BTreeMap<i64, bool> = BTreeMap::new();
    for (call, is_fraud) in calls {
        own.entry(call).or_insert(is_fraud);
    }
    Ok(Labels {
        evidence: all,
        senders: SenderLabels {
            calls: own.into_iter().map(|(call, is_fraud)| (CallId::new(call), is_fraud)).collect(),
            campaigns,
            recordings,
            incidents,
        },
    })
}

fn members_of(db: &Connection, name: &str) -> Result<BTreeSet<i64>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT m.call FROM campaign_members AS m JOIN campaigns AS c ON c.campaign = m.campaign WHERE c.name = ?1",
    )?;
    let rows = select.query_map([name], |r| r.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The calls whose caller plays a recording.
fn players_of(db: &Connection, recording: RecordingId) -> Result<BTreeSet<i64>, StoreError> {
    let mut select = db.prepare_cached(
        "SELECT call FROM streams WHERE recording = ?1 AND direction = 'caller' AND call IS NOT NULL",
    )?;
    let rows = select.query_map([recording.get()], |r| r.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The subjects that a call is evidence about.
fn subjects_of(db: &Connection, call: i64) -> Result<Vec<Subject>, StoreError> {
    let mut found = Vec::new();
    let mut select =
        db.prepare_cached("SELECT fingerprint, deployment, origin FROM calls WHERE call = ?1")?;
    let mut rows = select.query([call])?;
    let Some(row) = rows.next()? else { return Ok(found) };
    let fingerprint: String = row.get(0)?;
    for (layer, name) in [
        (Layer::Fingerprint, Some(fingerprint.clone())),
        (Layer::Deployment, row.get(1)?),
        (Layer::Origin, row.get(2)?),
    ] {
        found.extend(name.map(|name| Subject { layer, name }));
    }
    let mut select = db.prepare_cached(
        "SELECT kind, instance FROM instances WHERE subject = ?1 AND instance <> '' ORDER BY kind, instance",
    )?;
    let instances = select.query_map([call], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?;
    for instance in instances {
        let (kind, instance) = instance?;
        found.push(Subject { layer: Layer::Instance, name: format!("{kind}:{instance}:{fingerprint}") });
    }
    Ok(found)
}
