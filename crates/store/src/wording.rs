//! Storage form of the signals of a score. Common phrases are stored once, and each row has only the differing parts.
//!
//! A row is a JSON array with an array for each signal: `[PHRASE, POINTS, NUMBER, ...]`, where `PHRASE` is a row of `phrases` with `#` in
//! place of each number, or `["NAME", POINTS, "WORDS"]` where the words come from the traffic. Rows of earlier versions have an object
//! for each signal instead.

use std::collections::BTreeMap;

use bellwether_scoring::{Finding, SIGNALS, SignalSet};
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::StoreError;
use crate::reader::Reader;

/// The most phrases that are stored. The program has some two hundred; more would come from a fault.
const MAX_PHRASES: i64 = 4096;

/// The place of a number in a phrase.
const NUMBER: char = '#';

/// Writes the signals of many scores, and looks each phrase up once.
pub(super) struct Wording<'c> {
    db: &'c Connection,
    known: BTreeMap<(usize, String), i64>,
}

impl<'c> Wording<'c> {
    /// Over the connection of the open transaction.
    pub(super) fn new(db: &'c Connection) -> Self {
        Self { db, known: BTreeMap::new() }
    }

    /// The text that a row keeps of these signals.
    pub(super) fn pack(&mut self, findings: &[Finding]) -> Result<String, StoreError> {
        let mut all = Vec::with_capacity(findings.len());
        for finding in findings {
            let words = finding.to_string();
            let packed = match self.phrase_of(finding, &words)? {
                Some((phrase, numbers)) => {
                    let mut packed = vec![json!(phrase), points(finding.points)];
                    packed.extend(numbers);
                    packed
                }
                None => vec![json!(finding.name()), points(finding.points), json!(words)],
            };
            all.push(Value::Array(packed));
        }
        Ok(Value::Array(all).to_string())
    }

    /// The phrase and its numbers. `None` if the row has the text itself.
    fn phrase_of(&mut self, finding: &Finding, words: &str) -> Result<Option<(i64, Vec<Value>)>, StoreError> {
        let Some((phrase, numbers)) = parted(words) else { return Ok(None) };
        let key = (finding.signal, phrase);
        if let Some(id) = self.known.get(&key) {
            return Ok(Some((*id, numbers)));
        }
        // Evidence from the database has lost its origin. A stored phrase with the same text serves.
        let Some(id) = self.look_up(finding.name(), &key.1, finding.evidence.is_phrased())? else {
            return Ok(None);
        };
        self.known.insert(key, id);
        Ok(Some((id, numbers)))
    }

    fn look_up(&self, name: &str, phrase: &str, may_add: bool) -> Result<Option<i64>, StoreError> {
        let known = self
            .db
            .prepare_cached("SELECT id FROM phrases WHERE signal = ?1 AND words = ?2")?
            .query_row([name, phrase], |r| r.get(0))
            .optional()?;
        if known.is_some() || !may_add {
            return Ok(known);
        }
        let added = self
            .db
            .prepare_cached(
                "INSERT INTO phrases (signal, words) SELECT ?1, ?2 WHERE (SELECT count(*) FROM phrases) < ?3 RETURNING id",
            )?
            .query_row(params![name, phrase, MAX_PHRASES], |r| r.get(0))
            .optional()?;
        Ok(added)
    }
}

/// A signal of a score as it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredSignal {
    /// The signal's name.
    pub name: String,
    /// The points that it gave.
    pub points: f64,
    /// The evidence as text.
    pub words: String,
}

/// Restores signals from their storage form, without signals of unknown names.
pub(crate) fn findings(db: &Connection, text: &str) -> Result<Vec<Finding>, StoreError> {
    let known = |stored: StoredSignal| {
        let signal = signal_of(&stored.name)?;
        Some(Finding::kept(signal, stored.points, &stored.words))
    };
    Ok(unpacked(db, text)?.into_iter().filter_map(known).collect())
}

/// The index of a signal in [`SIGNALS`].
fn signal_of(name: &str) -> Option<usize> {
    SIGNALS.iter().position(|signal| signal.name == name)
}

/// The signal of each stored phrase.
pub(crate) fn signals_of_phrases(db: &Connection) -> Result<BTreeMap<i64, usize>, StoreError> {
    let mut select = db.prepare("SELECT id, signal FROM phrases")?;
    let rows = select.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, String>(1)?)))?;
    let mut known = BTreeMap::new();
    for row in rows {
        let (id, name) = row?;
        known.extend(signal_of(&name).map(|signal| (id, signal)));
    }
    Ok(known)
}

/// The signals in the column `signals` of a score, without their words.
pub(crate) fn shown(phrases: &BTreeMap<i64, usize>, text: &str) -> SignalSet {
    let Ok(Value::Array(all)) = serde_json::from_str(text) else { return SignalSet::default() };
    let signal = |value: &Value| match value {
        Value::Array(packed) => match packed.first()? {
            Value::String(name) => signal_of(name),
            phrase => phrases.get(&phrase.as_i64()?).copied(),
        },
        stored => signal_of(stored["name"].as_str()?),
    };
    all.iter().filter_map(signal).collect()
}

impl Reader {
    /// The signals of a score's column `signals`.
    ///
    /// # Errors
    /// If the database fails.
    pub fn stored_signals(&self, packed: &str) -> Result<Vec<StoredSignal>, StoreError> {
        unpacked(&self.db, packed)
    }
}

fn unpacked(db: &Connection, text: &str) -> Result<Vec<StoredSignal>, StoreError> {
    let Ok(Value::Array(all)) = serde_json::from_str(text) else { return Ok(Vec::new()) };
    let mut signals = Vec::with_capacity(all.len());
    for value in &all {
        signals.extend(match value {
            Value::Array(packed) => signal(db, packed)?,
            Value::Object(_) => spelled_out(value),
            _ => None,
        });
    }
    Ok(signals)
}

/// A signal of a row that was written by version 12 of the schema, or earlier.
fn spelled_out(value: &Value) -> Option<StoredSignal> {
    Some(StoredSignal {
        name: value["name"].as_str()?.to_owned(),
        points: value["points"].as_f64()?,
        words: value["evidence"].as_str().unwrap_or_default().to_owned(),
    })
}

fn signal(db: &Connection, packed: &[Value]) -> Result<Option<StoredSignal>, StoreError> {
    let [subject, points, rest @ ..] = packed else { return Ok(None) };
    let Some(points) = points.as_f64() else { return Ok(None) };
    if let Some(name) = subject.as_str() {
        let words = rest.first().and_then(Value::as_str).unwrap_or_default().to_owned();
        return Ok(Some(StoredSignal { name: name.to_owned(), points, words }));
    }
    let phrase = db
        .prepare_cached("SELECT signal, words FROM phrases WHERE id = ?1")?
        .query_row([subject.as_i64()], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))
        .optional()?;
    Ok(phrase.map(|(name, phrase)| StoredSignal { name, points, words: joined(&phrase, rest) }))
}

/// Points without a fraction are written without one.
fn points(points: f64) -> Value {
    if points.fract() == 0.0 && points.abs() < 1e6 { json!(points as i64) } else { json!(points) }
}

/// Words with [`NUMBER`] in place of each run of digits, and these runs; none if the words have the mark themselves.
fn parted(words: &str) -> Option<(String, Vec<Value>)> {
    let (mut phrase, mut numbers) = (String::with_capacity(words.len()), Vec::new());
    let mut rest = words;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit() || c == NUMBER) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        if digits.is_empty() {
            return None;
        }
        phrase.push_str(before);
        phrase.push(NUMBER);
        // A number that would lose a zero, or a digit, is kept as it is spelled.
        let is_plain = digits.len() <= 15 && (digits == "0" || !digits.starts_with('0'));
        numbers.push(match digits.parse::<u64>() {
            Ok(number) if is_plain => json!(number),
            _ => json!(digits),
        });
        rest = after;
    }
    phrase.push_str(rest);
    Some((phrase, numbers))
}

/// The inverse of [`parted`]; where a number is missing the mark stays.
fn joined(phrase: &str, numbers: &[Value]) -> String {
    let mut words = String::with_capacity(phrase.len() + numbers.len() * 2);
    let mut numbers = numbers.iter();
    for (i, part) in phrase.split(NUMBER).enumerate() {
        if i > 0 {
            match numbers.next() {
                Some(Value::String(digits)) => words.push_str(digits),
                Some(number) => words.push_str(&number.to_string()),
                None => words.push(NUMBER),
            }
        }
        words.push_str(part);
    }
    words
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bellwether_scoring::Evidence;
    use proptest::prelude::*;

    use super::*;

    fn database() -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        crate::schema::migrate(&mut db, Path::new(":memory:")).unwrap();
        db
    }

    fn finding(signal: usize, points: f64, evidence: impl Into<Evidence>) -> Finding {
        Finding { signal, points, is_limited: false, evidence: evidence.into() }
    }

    #[test]
    fn words_that_calls_share_are_stored_once() {
        let db = database();
        let mut wording = Wording::new(&db);
        let fixed = [finding(0, -3.0, "nobody answered"), finding(1, 2.5, "it was seen before")];
        let first = wording.pack(&fixed).unwrap();
        assert_eq!(first, "[[1,-3],[2,2.5]]");
        assert_eq!(wording.pack(&fixed).unwrap(), first);
        assert_eq!(Wording::new(&db).pack(&fixed).unwrap(), first, "a later batch finds them");
        assert_eq!(findings(&db, &first).unwrap(), fixed);
    }

    #[test]
    fn words_of_the_traffic_stand_in_the_row_alone() {
        let db = database();
        let from_traffic = [finding(0, -45.0, String::from("it calls itself #1 \"dialler\""))];
        let packed = Wording::new(&db).pack(&from_traffic).unwrap();
        assert_eq!(findings(&db, &packed).unwrap(), from_traffic);
        let phrases: i64 = db.query_row("SELECT count(*) FROM phrases", [], |r| r.get(0)).unwrap();
        assert_eq!(phrases, 0);
    }

    #[test]
    fn rows_of_earlier_versions_are_read() {
        let db = database();
        let name = SIGNALS[0].name;
        let old = json!([{"name": name, "points": -3.0, "evidence": "3 of 5"}]).to_string();
        assert_eq!(findings(&db, &old).unwrap(), [finding(0, -3.0, String::from("3 of 5"))]);
        let packed = Wording::new(&db).pack(&findings(&db, &old).unwrap()).unwrap();
        assert_eq!(unpacked(&db, &old).unwrap(), unpacked(&db, &packed).unwrap());
    }

    #[test]
    fn a_damaged_row_has_the_signals_that_can_be_read() {
        let db = database();
        let text = r#"[[99,1],[null,1],[],7,["SIGNAL",-1,"words"]]"#.replace("SIGNAL", SIGNALS[0].name);
        assert_eq!(findings(&db, &text).unwrap(), [finding(0, -1.0, String::from("words"))]);
        assert!(findings(&db, "[[").unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn words_come_out_as_they_went_in(words in "([a-z %.,]{0,4}(0|00|[0-9]{1,20})?){0,5}#?") {
            match parted(&words) {
                Some((phrase, numbers)) => {
                    prop_assert!(!phrase.contains(|c: char| c.is_ascii_digit()));
                    prop_assert_eq!(joined(&phrase, &numbers), words);
                }
                None => prop_assert!(words.contains(NUMBER)),
            }
        }
    }
}
