//! Platforms in reports: a description of each part, and related platforms.

use bellwether_fingerprint::{Comparison, Explained, Platform};
use bellwether_store::StoreError;
use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::cells::parsed;

/// The stacks that a message's structure shows, as columns.
pub(crate) struct Stacks {
    pub(crate) stack: Value,
    pub(crate) sdp_stack: Value,
    /// The agreement of the User-Agent with the structure.
    pub(crate) claim: Value,
    /// True if the fingerprint holds too little material to tell stacks apart.
    pub(crate) is_thin: Value,
}

impl Reports<'_> {
    /// The stacks of a call or registration, and the claim of its User-Agent.
    pub(crate) fn stacks(&self, fingerprint: &str, user_agent: Option<&str>) -> Result<Stacks, StoreError> {
        let platform = self.reader.platform(fingerprint)?;
        Ok(Stacks {
            stack: json!(platform.stack()),
            sdp_stack: json!(platform.sdp_stack()),
            claim: json!(self.reader.claim(fingerprint, user_agent)?.name()),
            is_thin: json!(platform.is_thin()),
        })
    }

    /// The stacks of a call's row.
    pub(crate) fn stacks_of(&self, row: &Row<'_>) -> Result<Stacks, StoreError> {
        let (fingerprint, agent): (String, Option<String>) =
            (row.get("fingerprint")?, row.get("user_agent")?);
        self.stacks(&fingerprint, agent.as_deref())
    }

    /// The stacks of a fingerprint, and the claims of its User-Agents in their order.
    pub(crate) fn all_claims(&self, row: &Row<'_>) -> Result<Stacks, StoreError> {
        let fingerprint: String = row.get("fingerprint")?;
        let platform = self.reader.platform(&fingerprint)?;
        let agents = parsed(row, "agents")?;
        let mut claims = Vec::new();
        for agent in agents.as_array().into_iter().flatten() {
            claims.push(self.reader.claim(&fingerprint, agent.as_str())?.name());
        }
        Ok(Stacks {
            stack: json!(platform.stack()),
            sdp_stack: json!(platform.sdp_stack()),
            claim: json!(claims),
            is_thin: json!(platform.is_thin()),
        })
    }

    /// Other platforms that may be the same as a fingerprint's, or are the nearest, with their deviations.
    pub(crate) fn relatives(&self, fingerprint: &str) -> Result<Value, StoreError> {
        let own = self.reader.platform(fingerprint)?;
        let mut select = self.db().prepare(
            "SELECT fingerprint, readable FROM fingerprints
             WHERE method = ?1 AND fingerprint <> ?2 AND readable LIKE 'sip2|%' ORDER BY fingerprint",
        )?;
        let mut failure = None;
        let others = select.query_map(params![own.message(), fingerprint], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let found = own.relatives(others.map_while(|other| other.map_err(|e| failure = Some(e)).ok()));
        if let Some(e) = failure {
            return Err(e.into());
        }
        let listed: Result<Vec<Value>, StoreError> = found
            .into_iter()
            .map(|(other, comparison)| {
                let stack = self.reader.platform(&other)?.stack().map(str::to_owned);
                let mut object = compared(&comparison);
                object.insert("fingerprint".to_owned(), json!(other));
                object.insert("stack".to_owned(), json!(stack));
                Ok(Value::Object(object))
            })
            .collect();
        Ok(Value::Array(listed?))
    }
}

/// Each field of a platform's readable form with its meaning.
pub(crate) fn explained(platform: &Platform) -> Value {
    Value::Array(platform.explained().map(with_meaning).collect())
}

/// Each habit of a platform with the values that it took.
pub(crate) fn habits(platform: &Platform) -> Value {
    Value::Array(platform.habits().map(with_meaning).collect())
}

/// The common form of a platform's identifiers.
pub(crate) fn identifiers(platform: &Platform) -> Value {
    let named = platform
        .identifiers()
        .map(|(name, grammar)| (name.to_owned(), json!(grammar.map(ToString::to_string))));
    Value::Object(named.collect())
}

fn with_meaning<V: Into<Value>>(field: Explained<'_, V>) -> Value {
    json!({
        "part": field.form,
        "key": field.key,
        "value": field.value.into(),
        "meaning": field.known.map(|t| t.title),
        "level": field.known.map(|t| t.level.name()),
        "survives": field.known.map(|t| t.survives),
    })
}

/// A comparison as reports show it.
pub(crate) fn compared(comparison: &Comparison) -> Map<String, Value> {
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

/// The number of origins of all calls and registrations.
pub(crate) fn origins_of_all(db: &Connection) -> Result<i64, StoreError> {
    Ok(db.query_row(
        "SELECT min(
            (SELECT count(*) FROM (SELECT caller FROM calls UNION SELECT aor FROM registrations)),
            (SELECT count(*) FROM (SELECT rtrim(source, '0123456789') FROM calls
                UNION SELECT rtrim(source, '0123456789') FROM registrations)))",
        [],
        |r| r.get(0),
    )?)
}
