//! Device classes as reports show them, and the noise of streams.

use std::collections::BTreeMap;

use bellwether_acoustics::{Classes, Coding, FEATURES, Mode, Pauses, Unsteady, feature_name};
use bellwether_devices::{StreamSilence, stream_class};
use bellwether_store::StoreError;
use rusqlite::Row;
use serde_json::{Map, Value, json};

use crate::Reports;
use crate::cells::{int, round, text};
use crate::columns::{Column, Kind, Values};

/// Columns of the list of classes.
pub const CLASS_COLUMNS: &[Column] = &[
    Column { name: "class", kind: Kind::Text },
    Column { name: "mode", kind: Kind::Text },
    Column { name: "law", kind: Kind::Text },
    Column { name: "calls", kind: Kind::Real },
    Column { name: "level_spread_db", kind: Kind::Real },
    Column { name: "calls_wanted", kind: Kind::Int },
    Column { name: "origin", kind: Kind::Text },
];

impl Reports<'_> {
    /// The classes as a table: a row for each mode and law, in the order of [`CLASS_COLUMNS`].
    ///
    /// # Errors
    /// If the database fails.
    pub fn class_list(&self) -> Result<Vec<Values>, StoreError> {
        let modes = self.reader.class_modes()?;
        let key = |mode: &Mode| (mode.class.clone(), mode.mode.clone(), mode.coding.name().to_owned());
        let modes: BTreeMap<_, &Mode> = modes.iter().map(|mode| (key(mode), mode)).collect();
        let mut select = self
            .db()
            .prepare("SELECT class, mode, law, calls, origin FROM class_modes ORDER BY class, mode, law")?;
        let mut rows = select.query([])?;
        let mut list = Vec::new();
        while let Some(row) = rows.next()? {
            let (class, name, law): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let mode = modes.get(&(class.clone(), name.clone(), law.clone()));
            let spread = mode.and_then(|mode| mode.level_spread_db()).map(|spread| round(spread, 1));
            list.push(vec![
                json!(class),
                json!(name),
                json!(law),
                json!(round(row.get(3)?, 1)),
                json!(spread),
                json!(mode.map(|mode| mode.calls_wanted())),
                text(row, "origin")?,
            ]);
        }
        Ok(list)
    }

    /// A class with its noise, mode by mode. `None` for an unknown class.
    ///
    /// # Errors
    /// If the database fails.
    pub fn show_class(&self, class: &str) -> Result<Option<Map<String, Value>>, StoreError> {
        let modes: Vec<Value> =
            self.reader.class_modes()?.iter().filter(|mode| mode.class == class).map(shown_mode).collect();
        let streams = self.streams_of_class(class)?;
        let object = json!({ "class": class, "modes": modes, "streams": streams });
        Ok(object.as_object().cloned().filter(|_| !modes.is_empty()))
    }

    /// The number of streams that are recognised as of a class.
    fn streams_of_class(&self, class: &str) -> Result<u64, StoreError> {
        let classes = self.reader.known_classes()?;
        let mut select = self.db().prepare("SELECT pauses FROM streams WHERE pauses IS NOT NULL")?;
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
        let classes = self.reader.known_classes()?;
        let mut select = self.db().prepare(
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
            shown.insert("samples".to_owned(), samples(&shown));
            let class = classes.compare(&pauses).result.ok().map(|found| found.class);
            shown.insert("class".to_owned(), json!(class));
            out.push(shown);
        }
        Ok(out)
    }
}

/// The values of the samples behind code words, 16 bits, each with its number. Both zeros of mu-law are one value.
fn samples(shown: &Map<String, Value>) -> Value {
    let law = shown.get("law").and_then(Value::as_str).and_then(Coding::of).map(Coding::law);
    let codes = shown.get("codes").and_then(Value::as_object);
    let (Some(law), Some(codes)) = (law, codes) else { return json!([]) };
    let mut counts: BTreeMap<i16, u64> = BTreeMap::new();
    for (code, count) in codes {
        let sample = code.parse::<u8>().ok().and_then(|code| law.linear().get(usize::from(code)).copied());
        if let (Some(sample), Some(count)) = (sample, count.as_u64()) {
            *counts.entry(sample).or_default() += count;
        }
    }
    json!(counts.into_iter().collect::<Vec<_>>())
}

/// The device class of a stream, as columns: class, set, mode, confidence, reason.
pub(crate) fn class_columns(row: &Row<'_>, classes: &Classes) -> Result<[Value; 5], StoreError> {
    let octets: Option<Vec<u8>> = row.get("pauses")?;
    let silence = StreamSilence {
        pauses: octets.and_then(|octets| Pauses::from_octets(&octets)),
        reason: row.get("silence_reason")?,
        codec: row.get("codec")?,
        has_quiet_packets: row.get::<_, Option<i64>>("silence_packets")?.is_some(),
        has_comfort_noise: row.get::<_, i64>("comfort_noise")? > 0,
    };
    let named = |mode: String| (!mode.is_empty()).then_some(mode);
    let found = stream_class(silence, classes);
    let set: Vec<Value> = found
        .set
        .into_iter()
        .map(|of| json!({ "class": of.class, "mode": named(of.mode), "weight": round(of.weight, 4) }))
        .collect();
    let set = if set.is_empty() { Value::Null } else { Value::Array(set) };
    Ok(match found.class {
        Ok(found) => [
            json!(found.class),
            set,
            json!(named(found.mode)),
            json!(round(found.confidence, 4)),
            Value::Null,
        ],
        Err(reason) => [Value::Null, set, Value::Null, Value::Null, json!(reason.reason())],
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
        "surroundings": pauses.surroundings().map(Unsteady::name),
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
