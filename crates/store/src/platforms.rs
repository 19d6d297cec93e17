//! What a fingerprint is: the stacks that its structure shows, its relatives, and how rare it is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_fingerprint::{Claim, Grammar, Identifiers, Known, Seen, Signatures, Trait, compare, fields};
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::{Map, Value, json};

use crate::StoreError;

/// Origins below which nothing can be said about how rare a platform is.
const MIN_ORIGINS: i64 = 10;

/// Platforms kept in memory while a report is read.
const MAX_KEPT: usize = 4096;

/// User-Agents of one platform whose claims are kept.
const MAX_AGENTS: usize = 64;

/// Relatives listed.
const MAX_RELATIVES: usize = 8;

/// Fields in which the nearest relatives may contradict, where none agrees.
const MAX_DIFFERENT: usize = 4;

/// A grammar from the columns shortest, longest, alphabet, prefix.
pub(crate) fn grammar(row: &Row<'_>) -> Result<Grammar, rusqlite::Error> {
    let prefix: String = row.get(3)?;
    Ok(Grammar::stored((row.get(0)?, row.get(1)?), row.get(2)?, &prefix))
}

/// One fingerprint with what was learned of its author.
pub(crate) struct Platform {
    readable: String,
    habits: Vec<(String, String)>,
    identifiers: Vec<(String, Grammar)>,
    /// The stack that wrote the headers, and whether it scans or tests.
    pub(crate) sip: Option<(String, bool)>,
    /// The stack that wrote the description.
    pub(crate) sdp: Option<String>,
}

/// Recognises platforms by signatures; what was looked up is kept.
#[derive(Default)]
pub(crate) struct Platforms {
    signatures: Signatures,
    known: RefCell<BTreeMap<String, Arc<Platform>>>,
    /// Claims by fingerprint and User-Agent: nearly every row has one that came before.
    claims: RefCell<BTreeMap<String, BTreeMap<Option<String>, Claim>>>,
}

impl Platforms {
    pub(crate) fn new(signatures: Signatures) -> Self {
        Self { signatures, ..Self::default() }
    }

    /// The platform of a fingerprint; one that is unknown is a platform of which nothing is known.
    pub(crate) fn of(&self, db: &Connection, fingerprint: &str) -> Result<Arc<Platform>, StoreError> {
        if let Some(known) = self.known.borrow().get(fingerprint) {
            return Ok(Arc::clone(known));
        }
        let mut select =
            db.prepare_cached("SELECT readable, sip_author FROM fingerprints WHERE fingerprint = ?1")?;
        let found = select.query_row([fingerprint], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        let (readable, author): (String, String) = found.unwrap_or_default();
        let mut select =
            db.prepare_cached("SELECT habit, value FROM habits WHERE author = ?1 ORDER BY habit, value")?;
        let habits: Result<Vec<_>, _> =
            select.query_map([&author], |r| Ok((r.get(0)?, r.get(1)?)))?.collect();
        let mut select = db.prepare_cached(
            "SELECT shortest, longest, alphabet, prefix, identifier FROM identifiers WHERE author = ?1",
        )?;
        let identifiers: Result<Vec<_>, _> =
            select.query_map([&author], |r| Ok((r.get(4)?, grammar(r)?)))?.collect();
        let mut platform =
            Platform { readable, habits: habits?, identifiers: identifiers?, sip: None, sdp: None };
        let sip: Option<Known<'_>> = self.signatures.recognise(&platform.seen(platform.sip_part()));
        let sdp: Option<Known<'_>> = self.signatures.recognise(&platform.seen(platform.sdp_part()));
        let names = (
            sip.map(|known| (known.name.to_owned(), known.is_suspicious)),
            sdp.map(|known| known.name.to_owned()),
        );
        (platform.sip, platform.sdp) = names;
        let platform = Arc::new(platform);
        let mut known = self.known.borrow_mut();
        // Whoever sends the traffic makes the platforms.
        if known.len() >= MAX_KEPT {
            known.clear();
        }
        known.insert(fingerprint.to_owned(), Arc::clone(&platform));
        Ok(platform)
    }

    /// Whether what a platform calls itself agrees with how it is built.
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
        let platform = self.of(db, fingerprint)?;
        let claim = self.signatures.claim(&platform.seen(platform.sip_part()), user_agent);
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

    /// Forgets what was looked up of one platform: more of it is known by now.
    pub(crate) fn forget(&self, fingerprint: &str) {
        self.known.borrow_mut().remove(fingerprint);
        self.claims.borrow_mut().remove(fingerprint);
    }

    /// Other platforms that may be the same, with the deviations that are allowed; where there is none, those that
    /// contradict in the fewest fields, with these.
    pub(crate) fn relatives(&self, db: &Connection, fingerprint: &str) -> Result<Value, StoreError> {
        let own = self.of(db, fingerprint)?;
        let message = fields(&own.readable).find(|(key, _)| *key == "m").map(|(_, m)| m.to_owned());
        let mut select = db.prepare(
            "SELECT fingerprint, readable FROM fingerprints
             WHERE method = ?1 AND fingerprint <> ?2 AND readable LIKE 'sip2|%' ORDER BY fingerprint",
        )?;
        let mut rows = select.query(rusqlite::params![message.unwrap_or_default(), fingerprint])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let (other, readable): (String, String) = (row.get(0)?, row.get(1)?);
            let comparison = compare(&own.readable, &readable);
            let weight = (comparison.different.len(), comparison.relaxed.len());
            if weight.0 <= MAX_DIFFERENT {
                found.push((weight, other, comparison));
            }
        }
        found.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
        if found.first().is_some_and(|(weight, ..)| weight.0 == 0) {
            found.retain(|(weight, ..)| weight.0 == 0);
        }
        let list: Result<Vec<Value>, StoreError> = found
            .into_iter()
            .take(MAX_RELATIVES)
            .map(|(_, other, comparison)| {
                let stack = self.of(db, &other)?.sip.as_ref().map(|(name, _)| name.clone());
                let mut object = compared(&comparison);
                object.insert("fingerprint".to_owned(), json!(other));
                object.insert("stack".to_owned(), json!(stack));
                Ok(Value::Object(object))
            })
            .collect();
        Ok(Value::Array(list?))
    }
}

impl Platform {
    pub(crate) fn sip_part(&self) -> &str {
        self.readable.find(" sdp").and_then(|at| self.readable.get(..at)).unwrap_or(&self.readable)
    }

    pub(crate) fn sdp_part(&self) -> &str {
        self.readable.find(" sdp").and_then(|at| self.readable.get(at + 1..)).unwrap_or_default()
    }

    fn seen<'a>(&'a self, readable: &'a str) -> Seen<'a> {
        Seen { readable, habits: &self.habits, identifiers: &self.identifiers }
    }

    /// Whether there is so little of the author's own in the message that quite different stacks may share it.
    pub(crate) fn is_thin(&self) -> bool {
        let value =
            |wanted: &str| fields(&self.readable).find(|(key, _)| *key == wanted).map_or("", |(_, v)| v);
        let headers = value("h").split(',').filter(|name| !name.is_empty()).count();
        let is_answer = value("m").contains('/');
        let lists = ["a", "k", "wa"].iter().filter(|key| !value(key).is_empty()).count();
        // An answer's first headers are its asker's, and every request has six.
        if is_answer { headers + 2 * lists < 5 } else { headers < 7 }
    }

    /// Each field of the readable form with what it means.
    pub(crate) fn explained(&self) -> Value {
        let explain = |form: &str, part: &str| -> Vec<Value> {
            let fields = fields(part).skip(1);
            fields.map(|(key, value)| explained(form, key, json!(value))).collect()
        };
        let mut all = explain("sip", self.sip_part());
        all.extend(explain("sdp", self.sdp_part()));
        Value::Array(all)
    }

    /// Each habit with the values that it took.
    pub(crate) fn habits(&self) -> Value {
        let groups = self.habits.chunk_by(|a, b| a.0 == b.0);
        let explain = |group: &[(String, String)]| {
            let values: Vec<&str> = group.iter().map(|(_, value)| value.as_str()).collect();
            group.first().map(|(key, _)| explained("habits", key, json!(values)))
        };
        Value::Array(groups.filter_map(explain).collect())
    }

    /// What its identifiers have in common.
    pub(crate) fn identifiers(&self) -> Value {
        let mut out = Map::new();
        for name in Identifiers::NAMES {
            let found = self.identifiers.iter().find(|(known, _)| known == name);
            // A branch of no length stands for an answer, which has none of its own.
            let found = found.filter(|(_, grammar)| grammar.lengths.1 > 0);
            out.insert(name.to_owned(), json!(found.map(|(_, grammar)| grammar.to_string())));
        }
        Value::Object(out)
    }
}

fn explained(form: &str, key: &str, value: Value) -> Value {
    let known = Trait::of(form, key);
    json!({
        "part": form,
        "key": key,
        "value": value,
        "meaning": known.map(|t| t.title),
        "level": known.map(|t| t.level.name()),
        "survives": known.map(|t| t.survives),
    })
}

/// A comparison as reports show it.
pub(crate) fn compared(comparison: &bellwether_fingerprint::Comparison) -> Map<String, Value> {
    let relation = match (comparison.relaxed.as_slice(), comparison.different.as_slice()) {
        ([], []) => "same",
        (_, []) => "compatible",
        _ => "different",
    };
    let relaxed: Vec<String> = comparison.relaxed.iter().map(ToString::to_string).collect();
    let different: Vec<Value> = comparison
        .different
        .iter()
        .map(|(field, a, b)| json!({"field": field, "first": a, "second": b}))
        .collect();
    let mut out = Map::new();
    out.insert("relation".to_owned(), json!(relation));
    out.insert("relaxed".to_owned(), json!(relaxed));
    out.insert("different".to_owned(), json!(different));
    out
}

/// How rare a platform is, in bits: of `all` origins that were seen, `own` have it. An origin is counted by callers or by
/// sources, whichever are fewer: numbers rotate, and so do addresses, but seldom both at the same pace. None where
/// too little was seen.
pub(crate) fn specificity(own: i64, all: i64) -> Option<f64> {
    (all >= MIN_ORIGINS && own > 0).then(|| ((all + 1) as f64 / (own + 1) as f64).log2().max(0.0))
}

/// Origins seen altogether.
pub(crate) fn origins(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.query_row(
        "SELECT min(
            (SELECT count(*) FROM (SELECT caller FROM calls UNION SELECT aor FROM registrations)),
            (SELECT count(*) FROM (SELECT rtrim(source, '0123456789') FROM calls
                UNION SELECT rtrim(source, '0123456789') FROM registrations)))",
        [],
        |r| r.get(0),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rarer_the_more_bits_and_nothing_is_said_of_few() {
        assert_eq!(specificity(1, 9), None);
        assert_eq!(specificity(0, 100), None);
        assert_eq!(specificity(1, 1023), Some(9.0));
        assert_eq!(specificity(1000, 1000), Some(0.0));
    }
}
