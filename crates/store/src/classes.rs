//! Device classes in the database, and the calls that they are learned from.

use std::sync::Arc;

use bellwether_acoustics::{Classes, Coding, FEATURES, Mode, Pauses};
use bellwether_devices::{Lessons, can_teach, class_of_agent};
use rusqlite::{Connection, Row, params};

use crate::reader::Reader;
use crate::{StoreError, Writer};

/// A call with a known device.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    /// The call.
    pub call_id: String,
    /// Its caller's class.
    pub class: String,
    /// The mode, or `None` if learning finds it.
    pub mode: Option<String>,
}

/// The result of learning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Learned {
    /// Modes of classes, with what each was learned from.
    pub modes: Vec<Mode>,
    /// Calls of lessons that the database does not hold, or holds without a noise of the caller's.
    pub without_noise: Vec<String>,
}

impl Reader {
    /// The classes that are known: read once.
    ///
    /// # Errors
    /// If the database fails.
    pub fn known_classes(&self) -> Result<Arc<Classes>, StoreError> {
        if let Some(known) = self.classes.get() {
            return Ok(Arc::clone(known));
        }
        let known = Arc::new(Classes::new(&self.class_modes()?).expecting(self.strictness.strangers));
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
                known.add_labelled(&lesson.class, lesson.mode.as_deref(), pauses);
            }
        }
        Ok(Learned { modes: known.learn(), without_noise })
    }

    /// Learns classes from the calls of subscribers with one device class in the inventory.
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
                    known.add_labelled(class, None, pauses);
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
}

impl Writer {
    /// Stores learned or imported modes. They replace all earlier modes of the same classes.
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
