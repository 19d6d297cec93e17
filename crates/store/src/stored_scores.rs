//! The stored score of one call, for answers about calls that no engine follows any more.

use std::net::IpAddr;

use bellwether_base::{IncidentId, Timestamp};
use bellwether_enrich::{AuthorRow, FingerprintRow};
use bellwether_fingerprint::Claim;
use bellwether_scoring::PlatformFacts;
use rusqlite::{OptionalExtension, params};

use crate::{Reader, StoreError, StoredSignal};

/// A call with its stored score.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredScore {
    /// Time at which the score was computed.
    pub at: Timestamp,
    /// The score, 0 to 100. None for a call that is not scored.
    pub score: Option<f64>,
    /// The disposition.
    pub disposition: Option<String>,
    /// The probability of fraud.
    pub fraud_probability: Option<f64>,
    /// The amount of evidence.
    pub confidence: Option<String>,
    /// The fingerprint.
    pub fingerprint: String,
    /// The address that it came from.
    pub source: IpAddr,
    /// The signals.
    pub signals: Vec<StoredSignal>,
    /// The name of the campaign.
    pub campaign: Option<String>,
    /// The incident.
    pub incident: Option<IncidentId>,
}

/// The address of an endpoint as it is stored.
fn address_of(endpoint: &str) -> IpAddr {
    let known = endpoint.parse().map(|socket: std::net::SocketAddr| socket.ip().to_canonical());
    known.unwrap_or(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED))
}

impl Reader {
    /// The latest call with a Call-ID, which may be given as on the wire (by its token) or as reports print it, and its score.
    ///
    /// # Errors
    /// If the database fails.
    pub fn stored_score(
        &self,
        call_id: &str,
        wire_id: i64,
        from_tag: Option<&str>,
    ) -> Result<Option<StoredScore>, StoreError> {
        let mut select = self.db.prepare_cached(
            "SELECT coalesce(s.at, c.started_at), s.score, s.disposition, s.fraud_probability, s.confidence, c.fingerprint,
                    s.signals, iif(k.kind = 'campaign', k.name, NULL), c.call, c.source
             FROM calls AS c LEFT JOIN scores AS s ON s.id = c.id LEFT JOIN campaigns AS k ON k.campaign = s.campaign
             WHERE (c.call_id = ?1 OR c.wire_id = ?2) AND (?3 IS NULL OR c.from_tag = ?3)
             ORDER BY c.started_at DESC, c.call DESC LIMIT 1",
        )?;
        let found = select
            .query_row(params![call_id, wire_id, from_tag], |r| {
                let score = StoredScore {
                    at: Timestamp::from_nanos(r.get(0)?),
                    score: r.get(1)?,
                    disposition: r.get(2)?,
                    fraud_probability: r.get(3)?,
                    confidence: r.get(4)?,
                    fingerprint: r.get(5)?,
                    source: address_of(&r.get::<_, String>(9)?),
                    signals: Vec::new(),
                    campaign: r.get(7)?,
                    incident: None,
                };
                Ok((score, r.get::<_, Option<String>>(6)?, r.get::<_, i64>(8)?))
            })
            .optional()?;
        let Some((score, signals, call)) = found else { return Ok(None) };
        let signals = signals.map_or(Ok(Vec::new()), |signals| self.stored_signals(&signals))?;
        let incident = self
            .db
            .prepare_cached("SELECT incident FROM incident_members WHERE call = ?1")?
            .query_row([call], |r| r.get::<_, i64>(0))
            .optional()?;
        Ok(Some(StoredScore { signals, incident: incident.map(IncidentId::new), ..score }))
    }

    /// The facts about the platform of a message that may not be stored.
    #[must_use]
    pub fn facts_of_message(
        &self,
        print: &FingerprintRow,
        author: Option<&AuthorRow>,
        user_agent: Option<&str>,
    ) -> PlatformFacts {
        let habits = author.map(|of| of.habits.iter().map(|(key, value)| (key.clone(), value.to_string())));
        let identifiers =
            author.map(|of| of.identifiers.iter().map(|(name, grammar)| ((*name).to_owned(), *grammar)));
        let (platform, claim) = self.platforms.of_message(
            print.readable.to_string(),
            habits.into_iter().flatten().collect(),
            identifiers.into_iter().flatten().collect(),
            user_agent,
        );
        PlatformFacts {
            stack: platform.stack().map(str::to_owned),
            is_suspicious: platform.is_suspicious(),
            is_contradictory: claim == Claim::Contradictory,
        }
    }

    /// The number of calls, from the largest row number: calls that were pruned may count.
    ///
    /// # Errors
    /// If the database fails.
    pub fn call_count_estimate(&self) -> Result<u64, StoreError> {
        let span: i64 =
            self.db.query_row("SELECT coalesce(max(id) - min(id) + 1, 0) FROM calls", [], |r| r.get(0))?;
        Ok(span.cast_unsigned())
    }

    /// The platform family of a fingerprint that was seen.
    ///
    /// # Errors
    /// If the database fails.
    pub fn family_of(&self, fingerprint: &str) -> Result<Option<String>, StoreError> {
        let mut select = self.db.prepare_cached("SELECT family FROM fingerprints WHERE fingerprint = ?1")?;
        Ok(select.query_row([fingerprint], |r| r.get::<_, Option<String>>(0)).optional()?.flatten())
    }
}
