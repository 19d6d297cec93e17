//! Incidents and campaigns as lines: what an operator decides about.

use bellwether_base::{IncidentId, Timestamp};
use bellwether_store::{Acknowledgement, StoreError};
use rusqlite::{Row, params};

use crate::Reports;

/// Scores that the mean of a campaign is taken of.
const MAX_SCORES: i64 = 1000;

/// The kind of a case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CaseKind {
    /// An incident.
    Incident,
    /// A campaign.
    Campaign,
    /// A campaign of kind notification.
    Notification,
}

impl CaseKind {
    /// The kind of subject for labels, acknowledgements and comments.
    #[must_use]
    pub const fn subject(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Campaign | Self::Notification => "campaign",
        }
    }
}

/// An incident or a campaign.
#[derive(Clone, PartialEq, Debug)]
pub struct Case {
    /// Its kind.
    pub kind: CaseKind,
    /// Its name.
    pub name: String,
    /// The kind of fraud of an incident.
    pub fraud: Option<String>,
    /// The severity of an incident.
    pub severity: Option<String>,
    /// The subject of an incident, or the links of a campaign.
    pub subject: String,
    /// Time of the first observation.
    pub opened_at: Timestamp,
    /// Time of the last observation.
    pub updated_at: Timestamp,
    /// State of an incident.
    pub state: Option<String>,
    /// Number of calls.
    pub calls: i64,
    /// Exposed minutes of an incident.
    pub minutes: Option<f64>,
    /// Exposed money of an incident.
    pub money: Option<f64>,
    /// Probability of fraud of an incident.
    pub probability: Option<f64>,
    /// Mean score of the calls of a campaign, if it was asked for.
    pub score: Option<f64>,
    /// Evidence in sentences.
    pub evidence: Vec<String>,
    /// The operator's label.
    pub label: Option<String>,
    /// The operator's acknowledgement.
    pub acknowledgement: Option<Acknowledgement>,
    /// Number of comments.
    pub comments: i64,
}

impl Case {
    /// True if an operator has to decide: there is no label, and no acknowledgement since the last change.
    #[must_use]
    pub fn is_undecided(&self) -> bool {
        self.label.is_none() && self.acknowledgement.as_ref().is_none_or(|of| of.at < self.updated_at)
    }
}

/// The columns that both kinds share.
const SHARED: &str = "a.at AS acknowledged_at, a.by AS acknowledged_by,
    (SELECT label FROM labels AS l WHERE l.kind = {kind} AND l.subject = x.name) AS label,
    (SELECT count(*) FROM comments AS t WHERE t.kind = {kind} AND t.id = x.name) AS comments";

impl Reports<'_> {
    /// Incidents, the latest first. `before` is the time of the last incident of the page before.
    ///
    /// # Errors
    /// If the database fails.
    pub fn incident_cases(&self, before: Option<Timestamp>, limit: usize) -> Result<Vec<Case>, StoreError> {
        let mut select = self.db().prepare_cached(&format!(
            "SELECT x.*, {} FROM (SELECT *, format('inc-%016x', incident) AS name FROM incidents
                 WHERE merged_into IS NULL AND updated_at < ?1 ORDER BY updated_at DESC, incident DESC LIMIT ?2) AS x
             LEFT JOIN acknowledgements AS a ON a.kind = 'incident' AND a.id = x.name
             ORDER BY x.updated_at DESC, x.incident DESC",
            SHARED.replace("{kind}", "'incident'")
        ))?;
        let before = before.unwrap_or(Timestamp::MAX).as_nanos();
        let rows = select.query_map(params![before, limit as i64], incident)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Campaigns without their mean scores, the latest first. `before` is the time of the last campaign of the page before.
    ///
    /// # Errors
    /// If the database fails.
    pub fn campaign_cases(&self, before: Option<Timestamp>, limit: usize) -> Result<Vec<Case>, StoreError> {
        let mut select = self.db().prepare_cached(&format!(
            "SELECT x.*, {} FROM (SELECT * FROM campaigns WHERE merged_into IS NULL AND calls > 0 AND last_seen < ?1
                 ORDER BY last_seen DESC, campaign DESC LIMIT ?2) AS x
             LEFT JOIN acknowledgements AS a ON a.kind = 'campaign' AND a.id = x.name
             ORDER BY x.last_seen DESC, x.campaign DESC",
            SHARED.replace("{kind}", "'campaign'")
        ))?;
        let before = before.unwrap_or(Timestamp::MAX).as_nanos();
        let rows = select.query_map(params![before, limit as i64], campaign)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Adds the mean scores of campaigns.
    ///
    /// # Errors
    /// If the database fails.
    pub fn add_mean_scores<'a>(
        &self,
        campaigns: impl Iterator<Item = &'a mut Case>,
    ) -> Result<(), StoreError> {
        let mut select = self.db().prepare_cached(
            "SELECT avg(score) FROM (SELECT score FROM scores
                 WHERE campaign = (SELECT campaign FROM campaigns WHERE name = ?1) LIMIT ?2)",
        )?;
        for case in campaigns {
            case.score = select.query_row(params![case.name, MAX_SCORES], |r| r.get(0))?;
        }
        Ok(())
    }
}

fn acknowledgement(row: &Row<'_>) -> Result<Option<Acknowledgement>, rusqlite::Error> {
    let at: Option<i64> = row.get("acknowledged_at")?;
    let by: Option<String> = row.get("acknowledged_by")?;
    Ok(at.zip(by).map(|(at, by)| Acknowledgement { at: Timestamp::from_nanos(at), by }))
}

fn incident(row: &Row<'_>) -> Result<Case, rusqlite::Error> {
    let evidence: String = row.get("evidence")?;
    Ok(Case {
        kind: CaseKind::Incident,
        name: IncidentId::new(row.get("incident")?).name(),
        fraud: Some(row.get("kind")?),
        severity: Some(row.get("severity")?),
        subject: row.get("subject")?,
        opened_at: Timestamp::from_nanos(row.get("opened_at")?),
        updated_at: Timestamp::from_nanos(row.get("updated_at")?),
        state: Some(row.get("state")?),
        calls: row.get("calls")?,
        minutes: Some(row.get("exposed_minutes")?),
        money: Some(row.get("exposed_money")?),
        probability: Some(row.get("fraud_probability")?),
        score: None,
        evidence: serde_json::from_str(&evidence).unwrap_or_default(),
        label: row.get("label")?,
        acknowledgement: acknowledgement(row)?,
        comments: row.get("comments")?,
    })
}

fn campaign(row: &Row<'_>) -> Result<Case, rusqlite::Error> {
    let links: String = row.get("links")?;
    let links: Vec<serde_json::Value> = serde_json::from_str(&links).unwrap_or_default();
    let evidence: Vec<String> =
        links.iter().filter_map(|link| link.get("evidence")?.as_str().map(str::to_owned)).collect();
    let kind: String = row.get("kind")?;
    Ok(Case {
        kind: if kind == "notification" { CaseKind::Notification } else { CaseKind::Campaign },
        name: row.get("name")?,
        fraud: None,
        severity: None,
        subject: evidence.first().cloned().unwrap_or_default(),
        opened_at: Timestamp::from_nanos(row.get("first_seen")?),
        updated_at: Timestamp::from_nanos(row.get("last_seen")?),
        state: None,
        calls: row.get("calls")?,
        minutes: None,
        money: None,
        probability: None,
        score: None,
        evidence,
        label: row.get("label")?,
        acknowledgement: acknowledgement(row)?,
        comments: row.get("comments")?,
    })
}

#[cfg(test)]
mod tests {
    use bellwether_store::{Comment, Writer};

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_nanos(second * 1_000_000_000)
    }

    #[test]
    fn a_case_is_decided_by_a_label_or_an_acknowledgement_until_it_changes() {
        let room = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(&room.path().join("x.db"), "key").unwrap();
        let db = writer.reader().connection();
        for (incident, updated) in [(1, 10), (2, 20), (3, 30)] {
            db.execute(
                "INSERT INTO incidents (incident, kind, severity, subject, opened_at, updated_at, state, calls, exposed_minutes,
                     exposed_money, fraud_probability, evidence)
                 VALUES (?1, 'scan', 'warning', 's', 5, ?2, 'opened', 1, 0, 0, 0.5, '[\"e\"]')",
                [incident, at(updated).as_nanos()],
            )
            .unwrap();
        }
        db.execute("UPDATE incidents SET merged_into = 3 WHERE incident = 1", []).unwrap();
        let undecided = |writer: &Writer| -> Vec<String> {
            let cases = Reports::of(writer.reader()).incident_cases(None, 10).unwrap();
            cases.into_iter().filter(Case::is_undecided).map(|case| case.name).collect()
        };
        let name = |incident: i64| IncidentId::new(incident).name();
        assert_eq!(undecided(&writer), [name(3), name(2)], "the latest first, and no alias");
        let acknowledgement = Acknowledgement { at: at(25), by: "ada".to_owned() };
        for incident in [2, 3] {
            writer.acknowledge("incident", &name(incident), &acknowledgement).unwrap();
        }
        assert_eq!(undecided(&writer), [name(3)], "it changed afterwards");
        writer.label("incident", &name(3), None, Some("fraud"), "operator").unwrap();
        assert!(undecided(&writer).is_empty());
        let comment = Comment { at: at(26), by: "ada".to_owned(), text: "x".to_owned() };
        writer.add_comment("incident", &name(2), &comment).unwrap();
        let cases = Reports::of(writer.reader()).incident_cases(Some(at(30)), 10).unwrap();
        assert_eq!(
            cases.iter().map(|case| (case.comments, case.evidence.len())).collect::<Vec<_>>(),
            [(1, 1)]
        );
    }
}
