//! The parts of a session that several commands share: the installation that is open for writing, and a run that is ready to start.

use std::path::Path;
use std::sync::Arc;

use bellwether_app::{Deliveries, Run};
use bellwether_enrich::Tokeniser;
use bellwether_scoring::ScoringEngine;
use bellwether_sensor::{Config as Sensor, Finished, Latency, LockNews, LockPatience, Patience};
use bellwether_store::{StoreError, Writer};

use crate::alerts::alert_options;
use crate::args::Common;
use crate::config::Config;
use crate::key::{InstallationKey, key_path};
use crate::knowledge;
use crate::notes::note;
use crate::out;
use crate::outcome::Failure;
use crate::private;
use crate::show::configured;

/// A run that is ready to start: its key and its database are open, and its receivers of alerts.
pub(crate) fn prepare(common: &Common, config: &Config) -> Result<Run, Failure> {
    let Installation { key, tokeniser, writer } = Installation::open_patiently(common, config)?;
    let deliveries = Deliveries::open(&alert_options(&config.alerts)?, &common.db, &tokeniser.key_id())?;
    let sensor = Sensor {
        workers: common.workers.unwrap_or_else(processors),
        limits: config.limits(),
        fragments: config.fragments(),
        tcp: config.tcp(),
        tunnels: config.tunnels(),
        key: key.hash_key(),
        tokeniser,
        site: config.site(),
        sensitive: config.sensitive(),
        knowledge: Arc::new(knowledge::load(common, config)?),
        retention: None,
        patience: patience(config),
    };
    Ok(Run::new(sensor, writer, deliveries))
}

/// The installation's key, and its database, open for writing.
pub(crate) struct Installation {
    pub(crate) key: InstallationKey,
    pub(crate) tokeniser: Tokeniser,
    pub(crate) writer: Writer,
}

impl Installation {
    /// Loads the key and opens the database. Makes both if neither is there, but never a new key for a database that has one.
    pub(crate) fn open(common: &Common, config: &Config) -> Result<Self, Failure> {
        Self::try_open(common, config)?.map_err(Failure::from)
    }

    /// Opens it like [`Self::open`], and waits while another program holds the database locked.
    fn open_patiently(common: &Common, config: &Config) -> Result<Self, Failure> {
        let began = jiff::Timestamp::now();
        let waited = || jiff::Timestamp::now().duration_since(began).unsigned_abs();
        let mut is_told = false;
        loop {
            match Self::try_open(common, config)? {
                Err(e) if e.is_locked() && waited() < config.lock_wait() => {
                    if !is_told {
                        out::tell("another program holds the database locked: it is waited for");
                    }
                    is_told = true;
                }
                Err(e) if e.is_locked() => {
                    return Err(StoreError::Locked { path: common.db.clone(), waited: waited() }.into());
                }
                opened => return Ok(opened?),
            }
        }
    }

    fn try_open(common: &Common, config: &Config) -> Result<Result<Self, StoreError>, Failure> {
        check_folder(&common.db)?;
        tighten(common, config);
        let mut warn = |warning: String| note(common, &warning);
        let key = match InstallationKey::kept(&config.key_file, &common.db, &mut warn)? {
            Some(key) => key,
            None => match bellwether_store::key_id(&common.db) {
                Ok(None) => InstallationKey::load(&config.key_file, &common.db, &mut warn)?,
                Ok(Some(_)) => return Err(InstallationKey::missing(&config.key_file, &common.db)),
                Err(e) => return Ok(Err(e)),
            },
        };
        let tokeniser =
            Tokeniser::new(&key.0, config.privacy()).telling_apart(config.numbering.local_numbers.into());
        let as_read = configured(common, config)?;
        let assessor = ScoringEngine::new(config.verdict(), key.hash_key());
        let opened = Writer::open(&common.db, &tokeniser.key_id());
        Ok(opened.and_then(|w| w.judging(as_read).assessing(assessor)).map(|writer| Self {
            key,
            tokeniser,
            writer,
        }))
    }
}

/// The waiting of rows while another program holds the database locked, with its messages.
fn patience(config: &Config) -> Patience {
    let hear = |news| {
        out::tell(match news {
            LockNews::Waits => "another program holds the database locked: what is to be written waits",
            LockNews::WritesAgain => "the database is free again: what waited is written",
        });
    };
    Patience { lock: Arc::new(LockPatience::new(config.lock_wait(), hear)), rows: config.waiting_rows() }
}

/// Takes the rights of other users away from the database and the key. Each command that writes does this.
fn tighten(common: &Common, config: &Config) {
    if common.db.as_os_str() != ":memory:" {
        let mut files = private::database_files(&common.db);
        files.push(key_path(&config.key_file, &common.db));
        private::tighten(&files, &mut |told| note(common, &told));
    }
}

/// Checks that the folder of a database is there.
pub(crate) fn check_folder(db: &Path) -> Result<(), Failure> {
    match db.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            Err(Failure::Usage(format!("the folder {} of the database does not exist", folder.display())))
        }
        _ => Ok(()),
    }
}

fn processors() -> u16 {
    std::thread::available_parallelism().ok().and_then(|n| u16::try_from(n.get()).ok()).unwrap_or(1).min(64)
}

/// Prints the speed of a run.
pub(crate) fn print_speed(packets: u64, finished: &Finished) {
    let secs = finished.elapsed.as_secs_f64();
    let words = |taken: Latency| format!("p50 {} us, p99 {} us", taken.p50_us, taken.p99_us);
    let mut text = format!(
        "{packets} packets in {secs:.3} s, {:.2} million per second; dispatcher to judge {}",
        packets as f64 / secs.max(1e-9) / 1e6,
        words(finished.judged)
    );
    if let Some(committed) = finished.committed {
        text.push_str(&format!("; packet to commit {}", words(committed)));
    }
    out::add(text);
}
