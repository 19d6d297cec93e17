use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bellwether_acoustics::Classes;
use bellwether_base::Timestamp;
use bellwether_clock::Tolerance;
use bellwether_devices::{Inventory, Population, Strictness};
use bellwether_fingerprint::{Claim, Platform, Signatures};
use bellwether_scoring::{LabelEvidence, Settings, Subject};
use rusqlite::Connection;

use crate::StoreError;
use crate::platforms::Platforms;
use crate::reading::{Opened, Promise, open_for_reading};
use crate::subscriber::Subscriber;

/// Turns after which the population is counted again: the count reads all calls.
const POPULATION_LASTS: u32 = 64;

/// Device and number of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileIdentity(u64, u64);

impl FileIdentity {
    fn of(path: &Path) -> Option<Self> {
        let found = std::fs::metadata(path).ok()?;
        Some(Self(found.dev(), found.ino()))
    }
}

/// The age of a reader's caches.
#[derive(Debug, Default)]
struct Freshness {
    /// Changes when another connection has written: classes, an inventory, an approval.
    data_version: Option<i64>,
    turns: u32,
}

/// Reads a database, and cannot change it.
pub struct Reader {
    pub(crate) db: Connection,
    /// The promise that nobody writes, for a database on a read-only medium.
    promise: Option<Promise>,
    /// The file of the database; none in memory.
    file: Option<FileIdentity>,
    pub(crate) platforms: Platforms,
    pub(crate) tolerance: Tolerance,
    /// The device classes, once they were asked for.
    pub(crate) classes: OnceLock<Arc<Classes>>,
    /// When the clock that stamps packets was stepped, once that was asked.
    pub(crate) sensor_steps: OnceLock<Arc<[(Timestamp, Timestamp)]>>,
    /// Caches of the inventory, of the authors of subscribers, and of subscribers.
    pub(crate) inventory: OnceLock<Arc<Inventory>>,
    pub(crate) population: OnceLock<Arc<Population>>,
    pub(crate) subscribers: RefCell<BTreeMap<String, Arc<Subscriber>>>,
    freshness: Freshness,
    pub(crate) strictness: Strictness,
    pub(crate) settings: Settings,
    /// The labels, once they were asked for.
    pub(crate) labels: OnceLock<Arc<BTreeMap<Subject, Vec<LabelEvidence>>>>,
    /// When anything was last seen, once that was asked.
    pub(crate) last_seen: OnceLock<Timestamp>,
}

impl Reader {
    /// Opens a database that exists.
    ///
    /// # Errors
    /// If there is none, or it is newer than this program.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let Opened { db, promise } = open_for_reading(path)?;
        Ok(Self { promise, ..Self::from_connection(db) })
    }

    /// Reads over the connection of a closed writer: the only way to a database in memory.
    #[must_use]
    pub fn from_connection(db: Connection) -> Self {
        // A row of a report takes a dozen statements. SQLite's binding keeps 16, and beyond that each of them would be parsed again.
        db.set_prepared_statement_cache_capacity(64);
        let file =
            db.path().filter(|path| !path.is_empty()).and_then(|path| FileIdentity::of(Path::new(path)));
        // The signatures that come with the program can be read: a test holds that.
        let platforms = Platforms::new(Signatures::with(None).unwrap_or_default());
        Self {
            db,
            promise: None,
            file,
            platforms,
            tolerance: Tolerance::default(),
            classes: OnceLock::new(),
            sensor_steps: OnceLock::new(),
            inventory: OnceLock::new(),
            population: OnceLock::new(),
            subscribers: RefCell::default(),
            freshness: Freshness::default(),
            strictness: Strictness::default(),
            settings: Settings::default(),
            labels: OnceLock::new(),
            last_seen: OnceLock::new(),
        }
    }

    /// Recognises stacks by these signatures.
    #[must_use]
    pub fn with_signatures(self, signatures: Signatures) -> Self {
        Self { platforms: Platforms::new(signatures), ..self }
    }

    /// Compares clocks with this allowance for chance and drift.
    #[must_use]
    pub fn with_tolerance(self, tolerance: Tolerance) -> Self {
        Self { tolerance, ..self }
    }

    /// Judges devices this strictly.
    #[must_use]
    pub fn with_strictness(self, strictness: Strictness) -> Self {
        Self { strictness, ..self }
    }

    /// Sets the settings for the computation of reputations.
    #[must_use]
    pub fn with_settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// The settings by which scores and reputations are read.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Empties all caches.
    pub(crate) fn forget(&mut self) {
        self.classes = OnceLock::new();
        self.inventory = OnceLock::new();
        self.population = OnceLock::new();
        self.forget_observations();
    }

    /// Empties the caches that depend on the sensor's own rows. The population changes slowly. Classes and the inventory change only
    /// if another program writes.
    pub(crate) fn forget_observations(&mut self) {
        self.labels = OnceLock::new();
        self.last_seen = OnceLock::new();
        self.sensor_steps = OnceLock::new();
        self.subscribers.get_mut().clear();
    }

    /// Checks that everything was read from one state of the database. It can fail only where the database was opened on the promise
    /// that nobody writes.
    ///
    /// # Errors
    /// If somebody wrote.
    pub fn is_whole(&self) -> Result<(), StoreError> {
        self.promise.as_ref().map_or(Ok(()), Promise::is_kept)
    }

    /// The connection, for the SELECT statements of reports. Only a [`crate::Writer`] may change the database.
    #[must_use]
    pub const fn connection(&self) -> &Connection {
        &self.db
    }

    /// The allowance for chance and drift when clocks are compared.
    #[must_use]
    pub const fn tolerance(&self) -> &Tolerance {
        &self.tolerance
    }

    /// The platform of a fingerprint, from a cache. An unknown fingerprint gives an empty platform.
    ///
    /// # Errors
    /// If the database fails.
    pub fn platform(&self, fingerprint: &str) -> Result<Arc<Platform>, StoreError> {
        self.platforms.of(&self.db, fingerprint)
    }

    /// The claim of a User-Agent about a platform: checked once.
    ///
    /// # Errors
    /// If the database fails.
    pub fn claim(&self, fingerprint: &str, user_agent: Option<&str>) -> Result<Claim, StoreError> {
        self.platforms.claim(&self.db, fingerprint, user_agent)
    }

    /// False if the path of the database leads to another file than the one that is open, or to none.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        let Some(path) = self.db.path().filter(|path| !path.is_empty()) else { return true };
        self.file == FileIdentity::of(Path::new(path))
    }

    /// Drops cached knowledge if another connection has written since. A reader that lives long calls it before each task.
    ///
    /// # Errors
    /// If the database fails.
    pub fn refresh(&mut self) -> Result<(), StoreError> {
        if self.is_changed_elsewhere()? {
            self.forget();
        }
        Ok(())
    }

    /// A number that changes whenever another connection commits.
    ///
    /// # Errors
    /// If the database fails.
    pub fn data_version(&self) -> Result<i64, StoreError> {
        Ok(self.db.pragma_query_value(None, "data_version", |r| r.get(0))?)
    }

    /// True if another connection has written since this was asked last.
    pub(crate) fn is_changed_elsewhere(&mut self) -> Result<bool, StoreError> {
        let version = self.data_version()?;
        Ok(self.freshness.data_version.replace(version) != Some(version))
    }

    /// Empties the caches that a turn of assessments must not use any more.
    pub(crate) fn forget_outdated(&mut self, is_changed_elsewhere: bool) {
        self.freshness.turns = self.freshness.turns.wrapping_add(1);
        if is_changed_elsewhere || self.freshness.turns.is_multiple_of(POPULATION_LASTS) {
            self.forget();
        } else {
            self.forget_observations();
        }
    }

    /// Has [`Self::is_changed_elsewhere`] answer that there was a change: a write over this connection does not show as one.
    pub(crate) const fn expect_change(&mut self) {
        self.freshness.data_version = None;
    }
}
