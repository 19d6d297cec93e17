use std::path::Path;
use std::sync::Arc;

use bellwether_capture::Input;
use bellwether_enrich::Tokeniser;
use bellwether_recorder::Recorder;
use bellwether_scoring::ScoringEngine;
use bellwether_sensor::{Config as Sensor, Finished, Latency, LockNews, LockPatience, Patience};
use bellwether_store::{StoreError, Writer};

use crate::args::{Common, ReplayArgs};
use crate::config::Config;
use crate::delivery::Deliveries;
use crate::key::InstallationKey;
use crate::key::key_path;
use crate::knowledge;
use crate::lockdown::{self, Needs};
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::private;
use crate::progress::Bar;
use crate::report::print_summary;
use crate::show::configured;

/// What every run needs, whatever it reads.
pub(crate) struct Prepared {
    pub(crate) sensor: Sensor,
    pub(crate) recorder: Recorder,
    pub(crate) deliveries: Deliveries,
}

impl Prepared {
    /// Loads or makes the key and opens the database.
    pub(crate) fn new(common: &Common, config: &Config) -> Result<Self, Failure> {
        let Installation { key, tokeniser, recorder } = Installation::open_patiently(common, config)?;
        let deliveries = Deliveries::open(&config.alerts, &common.db, &tokeniser.key_id())?;
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
        Ok(Self { sensor, recorder, deliveries })
    }
}

/// The installation's key, and the database that belongs to it, open for writing.
pub(crate) struct Installation {
    pub(crate) key: InstallationKey,
    pub(crate) tokeniser: Tokeniser,
    pub(crate) recorder: Recorder,
}

impl Installation {
    /// Loads the key and opens the database. Both are made where there is neither; never a key to a database that has one.
    pub(crate) fn open(common: &Common, config: &Config) -> Result<Self, Failure> {
        Self::try_open(common, config)?.map_err(Failure::from)
    }

    /// The same, and waits for a program that holds the database locked.
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
        let engine = ScoringEngine::new(config.verdict(), key.hash_key());
        let opened = Writer::open(&common.db, &tokeniser.key_id());
        let recorder = opened.and_then(|w| Recorder::new(w.reading_with(as_read)).with_scoring(engine));
        Ok(recorder.map(|recorder| Self { key, tokeniser, recorder }))
    }
}

/// How rows wait for a program that holds the database locked, and what is told of it.
fn patience(config: &Config) -> Patience {
    let hear = |news| {
        out::tell(match news {
            LockNews::Waits => "another program holds the database locked: what is to be written waits",
            LockNews::WritesAgain => "the database is free again: what waited is written",
        });
    };
    Patience { lock: Arc::new(LockPatience::new(config.lock_wait(), hear)), rows: config.waiting_rows() }
}

/// Takes the rights of others away from the database and the key, where they have any: every command that writes does.
fn tighten(common: &Common, config: &Config) {
    if common.db.as_os_str() != ":memory:" {
        let mut files = private::database_files(&common.db);
        files.push(key_path(&config.key_file, &common.db));
        private::tighten(&files, &mut |told| note(common, &told));
    }
}

/// `bellwether replay`.
pub(crate) fn run(common: &Common, args: &ReplayArgs) -> Result<Exit, Failure> {
    let mut config = Config::load(common.config.as_deref())?;
    if args.follow {
        return crate::sense::follow(common, &config, &args.captures);
    }
    let inputs = bellwether_capture::expand(&args.captures).map_err(|e| Failure::Work(e.to_string()))?;
    if !args.alerts {
        config.alerts.receivers.clear();
    }
    let Prepared { sensor, recorder, deliveries } = Prepared::new(common, &config)?;
    let captures = inputs.iter().filter_map(|input| match input {
        Input::File(path, _) => Some(path.clone()),
        Input::StandardInput => None,
    });
    let needs = Needs {
        captures: captures.collect(),
        is_lasting: false,
        is_networked: !config.alerts.receivers.is_empty(),
        user: None,
    };
    lockdown::close(common, &config, needs, &|text| note(common, text))?;
    let mut bar = Bar::new(common.quiet);
    let result = deliveries.beside(
        |text| note(common, text),
        |_| bellwether_sensor::replay(&inputs, &sensor, recorder, &mut |progress| bar.show(progress)),
    )?;
    bar.finish();
    let outcome = result?;
    if !common.quiet {
        print_summary(common.format, &outcome.finished.database)?;
    }
    if common.is_verbose() {
        print_speed(outcome.packets, &outcome.finished);
    }
    for damage in &outcome.damaged {
        out::tell(format!("{} was read up to {}", damage.name, damage.error));
    }
    for unread in &outcome.unread {
        out::tell(format!(
            "{}: {} frames have link type {}, which is not read",
            unread.name, unread.frames, unread.link_type
        ));
    }
    let is_whole = outcome.damaged.is_empty() && outcome.unread.is_empty();
    Ok(if is_whole { Exit::Done } else { Exit::Partial })
}

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

/// Tells what is good to know; the option -q leaves it out.
pub(crate) fn note(common: &Common, text: &str) {
    if !common.quiet {
        tracing::info!("{text}");
    }
}

/// How fast the work went.
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
