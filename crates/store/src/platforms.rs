//! Platforms in the database: fingerprints, learned features of their authors, and recognised stacks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_fingerprint::{Claim, Grammar, Platform, Signatures};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::StoreError;

/// Platforms kept in memory while a report is read.
const MAX_KEPT: usize = 4096;

/// User-Agents of one platform whose claims are kept.
const MAX_AGENTS: usize = 64;

/// A grammar from the columns shortest, longest, alphabet, prefix.
pub(crate) fn grammar(row: &Row<'_>) -> Result<Grammar, rusqlite::Error> {
    let prefix: String = row.get(3)?;
    Ok(Grammar::stored((row.get(0)?, row.get(1)?), row.get(2)?, &prefix))
}

/// Recognises platforms by signatures, with a cache.
pub(crate) struct Platforms {
    signatures: Signatures,
    /// The platform of an unknown fingerprint.
    unknown: Arc<Platform>,
    known: RefCell<BTreeMap<String, Arc<Platform>>>,
    /// Claims by fingerprint and User-Agent: nearly every row has one that came before.
    claims: RefCell<BTreeMap<String, BTreeMap<Option<String>, Claim>>>,
}

impl Platforms {
    pub(crate) fn new(signatures: Signatures) -> Self {
        let unknown = Platform::recognised(String::new(), Vec::new(), Vec::new(), &signatures);
        Self { signatures, unknown: Arc::new(unknown), known: RefCell::default(), claims: RefCell::default() }
    }

    /// The platform of a fingerprint: an empty one for an unknown fingerprint.
    pub(crate) fn of(&self, db: &Connection, fingerprint: &str) -> Result<Arc<Platform>, StoreError> {
        let found = self.find(db, fingerprint)?;
        Ok(found.unwrap_or_else(|| Arc::clone(&self.unknown)))
    }

    /// The platform of a fingerprint that a message had.
    pub(crate) fn find(
        &self,
        db: &Connection,
        fingerprint: &str,
    ) -> Result<Option<Arc<Platform>>, StoreError> {
        if let Some(known) = self.known.borrow().get(fingerprint) {
            return Ok(Some(Arc::clone(known)));
        }
        // A fingerprint that is unknown now may be stored a moment later.
        let Some(platform) = self.load(db, fingerprint)? else { return Ok(None) };
        let platform = Arc::new(platform);
        let mut known = self.known.borrow_mut();
        // The senders of traffic make the platforms.
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        known.insert(fingerprint.to_owned(), Arc::clone(&platform));
        Ok(Some(platform))
    }

    /// The platform of a message that may not be stored, and the agreement of its name with its structure.
    pub(crate) fn of_message(
        &self,
        readable: String,
        habits: Vec<(String, String)>,
        identifiers: Vec<(String, Grammar)>,
        user_agent: Option<&str>,
    ) -> (Platform, Claim) {
        let platform = Platform::recognised(readable, habits, identifiers, &self.signatures);
        let claim = platform.claim(&self.signatures, user_agent);
        (platform, claim)
    }

    /// Loads a platform.
    fn load(&self, db: &Connection, fingerprint: &str) -> Result<Option<Platform>, StoreError> {
        let mut select =
            db.prepare_cached("SELECT readable, sip_author FROM fingerprints WHERE fingerprint = ?1")?;
        let found: Option<(String, String)> =
            select.query_row([fingerprint], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        let Some((readable, author)) = found else { return Ok(None) };
        let mut select =
            db.prepare_cached("SELECT habit, value FROM habits WHERE author = ?1 ORDER BY habit, value")?;
        let habits: Result<Vec<_>, _> =
            select.query_map([&author], |r| Ok((r.get(0)?, r.get(1)?)))?.collect();
        let mut select = db.prepare_cached(
            "SELECT shortest, longest, alphabet, prefix, identifier FROM identifiers WHERE author = ?1",
        )?;
        let identifiers: Result<Vec<_>, _> =
            select.query_map([&author], |r| Ok((r.get(4)?, grammar(r)?)))?.collect();
        Ok(Some(Platform::recognised(readable, habits?, identifiers?, &self.signatures)))
    }

    /// The agreement of a platform's own name with its structure.
    pub(crate) fn claim(
        &self,
        db: &Connection,
        fingerprint: &str,
        user_agent: Option<&str>,
    ) -> Result<Claim, StoreError> {
        let agent = user_agent.map(str::to_owned);
        if let Some(known) = self.claims.borrow().get(fingerprint).and_then(|claims| claims.get(&agent)) {
            return Ok(*known);
        }
        let claim = self.of(db, fingerprint)?.claim(&self.signatures, user_agent);
        if !self.known.borrow().contains_key(fingerprint) {
            return Ok(claim);
        }
        let mut claims = self.claims.borrow_mut();
        if claims.len() >= MAX_KEPT {
            claims.clear();
        }
        let of_platform = claims.entry(fingerprint.to_owned()).or_default();
        if of_platform.len() >= MAX_AGENTS {
            of_platform.clear();
        }
        of_platform.insert(agent, claim);
        Ok(claim)
    }

    /// Drops the cached lookup of one platform after new knowledge about the platform.
    pub(crate) fn forget(&self, fingerprint: &str) {
        self.known.borrow_mut().remove(fingerprint);
        self.claims.borrow_mut().remove(fingerprint);
    }
}
