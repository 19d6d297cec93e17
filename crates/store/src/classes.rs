//! Device classes in the database: learned, listed, exchanged, and held against every stream when it is reported.

use std::sync::Arc;

use bellwether_acoustics::{Classes, Coding, FEATURES, Mode, Pauses, feature_name};
use bellwether_devices::{Lessons, StreamSilence, can_teach, class_of_agent, stream_class};
use rusqlite::{Connection, Row, params};
use serde_json::{Map, Value, json};

use crate::query::{Column, Kind, Reader, Values};
use crate::values::{int, round, text};
use crate::{StoreError, Writer};

/// Columns of the list of classes.
pub const CLASS_COLUMNS: &[Column] = &[
    Column { name: "class", kind: Kind::Text },
    Column { name: "mode", kind: Kind::Text },
    Column { name: "law", kind: Kind::Text },
    Column { name: "calls", kind: Kind::Real },
    Column { name: "origin", kind: Kind::Text },
];

/// A call whose device somebody told.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// The call.
    pub call_id: String,
    /// Its caller's class.
    pub class: String,
    /// The mode; none where it is to be found.
    pub mode: Option<String>,
}

/// What learning came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    /// Modes of classes, with what each was learned from.
    pub modes: Vec<Mode>,
    /// Calls of lessons that the database does not hold, or holds without a noise of the caller's.
    pub without_noise: Vec<String>,
}

impl Reader {
    /// The classes that are known: read once.
    pub(crate) fn known_classes(&self) -> Result<Arc<Classes>, StoreError> {
        if let Some(known) = self.classes.get() {
            return Ok(Arc::clone(known));
        }
        let known = Arc::new(Classes::new(&self.class_modes()?));
        Ok(Arc::clone(self.classes.get_or_init(|| known)))
    }

    /// All modes of all classes.
    ///
    /// # Errors
    /// If the database fails.
    pub fn class_modes(&self) -> Result<Vec<Mode>, StoreError> {
        modes(&self.db)
    }

    /// Learns classes from calls whose device is known.
    ///
    /// # Errors
    /// If the database fails.
    pub fn learn_from(&self, lessons: &[Lesson]) -> Result<Learned, StoreError> {
        let mut select = self.db.prepare(
            "SELECT s.pauses FROM calls AS c JOIN streams AS s ON s.call = c.call
             WHERE c.call_id = ?1 AND s.direction = 'caller' AND s.pauses IS NOT NULL ORDER BY s.first_seen, s.stream",
        )?;
        let (mut known, mut without_noise) = (Lessons::default(), Vec::new());
        for lesson in lessons {
            let found: Vec<Vec<u8>> =
                select.query_map([&lesson.call_id], |r| r.get(0))?.collect::<Result<_, rusqlite::Error>>()?;
            let heard: Vec<Pauses> = found.iter().filter_map(|octets| usable(octets)).collect();
            if heard.is_empty() {
                without_noise.push(lesson.call_id.clone());
            }
            for pauses in &heard {
                known.add_told(&lesson.class, lesson.mode.as_deref(), pauses);
            }
        }
        Ok(Learned { modes: known.learn(), without_noise })
    }

    /// Learns classes from the calls of subscribers to whom the inventory gives one class of device only.
    ///
    /// # Errors
    /// If the database fails.
    pub fn learn_from_inventory(&self) -> Result<Learned, StoreError> {
        let inventory = self.known_inventory()?;
        self.learn_by(
            "SELECT c.caller, s.pauses, c.caller_host FROM calls AS c JOIN streams AS s ON s.call = c.call
             WHERE s.direction = 'caller' AND s.pauses IS NOT NULL ORDER BY s.first_seen, s.stream",
            |row, pauses, known| {
                let (caller, host): (String, Option<String>) = (row.get(0)?, row.get(2)?);
                if let Some(class) = inventory.class_of(&caller, host.as_deref()) {
                    known.add_told(class, None, pauses);
                }
                Ok(())
            },
        )
    }

    /// Learns classes from what agents call themselves, where their structure agrees; that weighs less.
    ///
    /// # Errors
    /// If the database fails.
    pub fn learn_from_agents(&self) -> Result<Learned, StoreError> {
        self.learn_by(
            "SELECT c.user_agent, s.pauses, c.fingerprint FROM calls AS c JOIN streams AS s ON s.call = c.call
             WHERE s.direction = 'caller' AND s.pauses IS NOT NULL AND c.user_agent IS NOT NULL
             ORDER BY s.first_seen, s.stream",
            |row, pauses, known| {
                let (agent, print): (String, String) = (row.get(0)?, row.get(2)?);
                let claim = self.platforms.claim(&self.db, &print, Some(&agent))?;
                if let Some(class) = class_of_agent(&agent, claim) {
                    known.add_self_labelled(class, pauses);
                }
                Ok(())
            },
        )
    }

    /// Learns from rows whose second column is a stream's noise.
    fn learn_by(
        &self,
        sql: &str,
        add: impl Fn(&Row<'_>, &Pauses, &mut Lessons) -> Result<(), StoreError>,
    ) -> Result<Learned, StoreError> {
        let mut select = self.db.prepare(sql)?;
        let mut rows = select.query([])?;
        let mut known = Lessons::default();
        while let Some(row) = rows.next()? {
            let octets: Vec<u8> = row.get(1)?;
            if let Some(pauses) = usable(&octets) {
                add(row, &pauses, &mut known)?;
            }
        }
        Ok(Learned { modes: known.learn(), without_noise: Vec::new() })
    }

    /// The classes as a table: a row for each mode and law, in the order of [`CLASS_COLUMNS`].
    ///
    /// # Errors
    /// If the database fails.
    pub fn class_list(&self) -> Result<Vec<Values>, StoreError> {
        let mut select = self
            .db
            .prepare("SELECT class, mode, law, calls, origin FROM class_modes ORDER BY class, mode, law")?;
        let rows: Result<Vec<_>, StoreError> = select
            .query_and_then([], |row| {
                let calls = json!(round(row.get("calls")?, 1));
                Ok(vec![
                    text(row, "class")?,
                    text(row, "mode")?,
                    text(row, "law")?,
                    calls,
                    text(row, "origin")?,
                ])
            })?
            .collect();
        rows
    }

    /// A class with what it sounds like, mode by mode; none if there is no such class.
    ///
    /// # Errors
    /// If the database fails.
    pub fn show_class(&self, class: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let modes: Vec<Value> =
            self.class_modes()?.iter().filter(|mode| mode.class == class).map(shown_mode).collect();
        let streams = self.streams_of_class(class)?;
        let object = json!({ "class": class, "modes": modes, "streams": streams });
        Ok(object.as_object().cloned().filter(|_| !modes.is_empty()))
    }

    /// How many streams are recognised as of a class.
    fn streams_of_class(&self, class: &str) -> Result<u64, StoreError> {
        let classes = self.known_classes()?;
        let mut select = self.db.prepare("SELECT pauses FROM streams WHERE pauses IS NOT NULL")?;
        let mut rows = select.query([])?;
        let mut count = 0;
        while let Some(row) = rows.next()? {
            let octets: Vec<u8> = row.get(0)?;
            let found = Pauses::from_octets(&octets).map(|pauses| classes.compare(&pauses));
            count += u64::from(found.is_some_and(|c| c.result.is_ok_and(|found| found.class == class)));
        }
        Ok(count)
    }

    /// The noise of the streams of a call, with who sends each, for a picture.
    ///
    /// # Errors
    /// If the database fails.
    pub fn silence_of(&self, call_id: &str) -> Result<Vec<Map<String, Value>>, StoreError> {
        let classes = self.known_classes()?;
        let mut select = self.db.prepare(
            "SELECT s.direction, s.src, s.ssrc, s.pauses FROM calls AS c JOIN streams AS s ON s.call = c.call
             WHERE c.call_id = ?1 AND s.pauses IS NOT NULL ORDER BY s.direction <> 'caller', s.first_seen, s.stream",
        )?;
        let mut rows = select.query([call_id])?;
        let mut out = Vec::new();
        while let Some(row) = rows.next()? {
            let octets: Vec<u8> = row.get("pauses")?;
            let Some(pauses) = Pauses::from_octets(&octets) else { continue };
            let mut shown = Map::new();
            shown.insert("direction".to_owned(), text(row, "direction")?);
            shown.insert("src".to_owned(), text(row, "src")?);
            shown.insert("ssrc".to_owned(), int(row, "ssrc")?);
            shown.extend(shown_pauses(&pauses));
            let class = classes.compare(&pauses).result.ok().map(|found| found.class);
            shown.insert("class".to_owned(), json!(class));
            out.push(shown);
        }
        Ok(out)
    }
}

/// What is known of a stream's class, as columns: class, mode, confidence, reason.
pub(crate) fn class_columns(row: &Row<'_>, classes: &Classes) -> Result<[Value; 4], StoreError> {
    let octets: Option<Vec<u8>> = row.get("pauses")?;
    let silence = StreamSilence {
        pauses: octets.and_then(|octets| Pauses::from_octets(&octets)),
        reason: row.get("silence_reason")?,
        codec: row.get("codec")?,
        has_quiet_packets: row.get::<_, Option<i64>>("silence_packets")?.is_some(),
    };
    Ok(match stream_class(silence, classes) {
        Ok(found) => {
            let mode = (!found.mode.is_empty()).then_some(found.mode);
            [json!(found.class), json!(mode), json!(round(found.confidence, 4)), Value::Null]
        }
        Err(reason) => [Value::Null, Value::Null, Value::Null, json!(reason.words())],
    })
}

/// The noise as reports show it.
pub(crate) fn shown_pauses(pauses: &Pauses) -> Map<String, Value> {
    let codes: Map<String, Value> =
        pauses.codes.iter().map(|(code, n)| (code.to_string(), json!(n))).collect();
    let shown = json!({
        "law": pauses.coding.name(),
        "packets": pauses.packets,
        "observed_packets": pauses.observed_packets,
        "energy": pauses.energy + pauses.dc_offset * pauses.dc_offset,
        "noise": pauses.energy,
        "dc_offset": pauses.dc_offset,
        "lag1": round(pauses.lag1, 4),
        "lag2": round(pauses.lag2, 4),
        "crossings": round(pauses.crossings, 4),
        "hum": round(pauses.hum, 4),
        "digital": pauses.is_digital,
        "constant_packets": pauses.constant.0,
        "transcoded": pauses.is_transcoded(),
        "codes": codes,
    });
    shown.as_object().cloned().unwrap_or_default()
}

fn shown_mode(mode: &Mode) -> Value {
    // On the diagonal of a lower triangle.
    let square = |i: usize| mode.scatter.get(i * (i + 3) / 2);
    let spread = |i: usize| square(i).map(|s| (s / (mode.calls - 1.0).max(1.0)).sqrt());
    let features: Map<String, Value> = (0..FEATURES)
        .map(|i| {
            let mean = mode.mean.get(i).copied().unwrap_or(0.0);
            (feature_name(i), json!([round(mean, 4), spread(i).map(|s| round(s, 4))]))
        })
        .collect();
    json!({
        "mode": mode.mode,
        "law": mode.coding.name(),
        "calls": round(mode.calls, 1),
        "features_mean_sd": features,
    })
}

impl Writer {
    /// Puts in what was learned or imported: the classes named in it are known by that alone from now on.
    ///
    /// # Errors
    /// If the database refuses.
    pub fn put_classes(&mut self, modes: &[Mode], origin: &str) -> Result<(), StoreError> {
        let tx = self.reader.db.transaction()?;
        for mode in modes {
            tx.execute("DELETE FROM class_modes WHERE class = ?1", [&mode.class])?;
        }
        for mode in modes {
            tx.execute(
                "INSERT OR REPLACE INTO class_modes (class, mode, law, calls, mean, scatter, origin)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    mode.class,
                    mode.mode,
                    mode.coding.name(),
                    mode.calls,
                    packed(&mode.mean),
                    packed(&mode.scatter),
                    origin
                ],
            )?;
        }
        tx.commit()?;
        Ok(())
    }
}

/// A stream's noise, if it can teach a class.
fn usable(octets: &[u8]) -> Option<Pauses> {
    Pauses::from_octets(octets).filter(can_teach)
}

fn modes(db: &Connection) -> Result<Vec<Mode>, StoreError> {
    let mut select = db.prepare(
        "SELECT class, mode, law, calls, mean, scatter FROM class_modes ORDER BY class, mode, law",
    )?;
    let mut rows = select.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let law: String = row.get(2)?;
        let mean: Option<[f64; FEATURES]> = unpacked(&row.get::<_, Vec<u8>>(4)?).try_into().ok();
        // Of a later version's features: not comparable.
        let (Some(coding), Some(mean)) = (Coding::of(&law), mean) else { continue };
        out.push(Mode {
            class: row.get(0)?,
            mode: row.get(1)?,
            coding,
            calls: row.get(3)?,
            mean,
            scatter: unpacked(&row.get::<_, Vec<u8>>(5)?),
        });
    }
    Ok(out)
}

fn packed(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|n| n.to_le_bytes()).collect()
}

fn unpacked(octets: &[u8]) -> Vec<f64> {
    octets.as_chunks().0.iter().map(|n| f64::from_le_bytes(*n)).collect()
}
