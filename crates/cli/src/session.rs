//! Parts of a session for several commands: an installation open for writing, and a run ready to start.

use std::sync::Arc;

use bellwether_answers::InviteReader;
use bellwether_app::{AppError, Deliveries, Installation, InstallationOptions, OpenReader, Run};
use bellwether_base::HashKey;
use bellwether_enrich::Tokeniser;
use bellwether_sensor::{Config as Sensor, Finished, Latency, LockNews, LockPatience, Patience};
use bellwether_store::Reader;

use crate::alerts::alert_options;
use crate::args::Common;
use crate::config::Config;
use crate::knowledge;
use crate::notes::{note, tell_operator};
use crate::out;
use crate::outcome::Failure;
use crate::show::configured;

/// A run ready to start, with open key, database and receivers of alerts.
pub(crate) fn prepare(common: &Common, config: &Config) -> Result<Run, Failure> {
    let Installation { key, tokeniser, recorder } = with_options(common, config, |options| {
        Installation::open_patiently(options, config.lock_wait(), &tell_operator)
    })?;
    let deliveries = Deliveries::open(&alert_options(&config.alerts), &common.db, &tokeniser.key_id())?;
    let sensor = Sensor {
        workers: common.workers.unwrap_or_else(processors),
        limits: config.limits(),
        fragments: config.fragments(),
        tcp: config.tcp(),
        tunnels: config.tunnels(),
        recordings: config.recordings(),
        key: key.hash_key(),
        tokeniser,
        site: config.site(),
        sensitive: config.sensitive(),
        knowledge: Arc::new(knowledge::load(common, config)?),
        retention: None,
        patience: patience(config),
        tap: None,
    };
    Ok(Run::new(sensor, recorder, deliveries))
}

/// Reads the INVITEs of questions as a run would read them from packets.
pub(crate) fn invite_reader(sensor: &Sensor) -> InviteReader {
    InviteReader {
        key: sensor.key,
        tokeniser: sensor.tokeniser.clone(),
        site: sensor.site.clone(),
        sensitive: sensor.sensitive.clone(),
        knowledge: Arc::clone(&sensor.knowledge),
    }
}

/// The same without a run.
pub(crate) fn invite_reader_of(
    common: &Common,
    config: &Config,
    key: HashKey,
    tokeniser: &Tokeniser,
) -> Result<InviteReader, Failure> {
    Ok(InviteReader {
        key,
        tokeniser: tokeniser.clone(),
        site: config.site(),
        sensitive: config.sensitive(),
        knowledge: Arc::new(knowledge::load(common, config)?),
    })
}

/// Opens readers of the database, with the settings of the configuration.
pub(crate) fn reader_opener(common: &Common, config: &Config) -> Result<OpenReader, Failure> {
    let (db, as_read) = (common.db.clone(), configured(common, config)?);
    Ok(Box::new(move || Ok(as_read(Reader::open(&db)?))))
}

/// Opens the installation for writing.
pub(crate) fn open_installation(common: &Common, config: &Config) -> Result<Installation, Failure> {
    with_options(common, config, Installation::open)
}

/// Opens the installation by the options of the configuration.
fn with_options(
    common: &Common,
    config: &Config,
    open: impl FnOnce(&InstallationOptions<'_>) -> Result<Installation, AppError>,
) -> Result<Installation, Failure> {
    let options = InstallationOptions {
        db: &common.db,
        key_file: &config.key_file,
        privacy: config.privacy(),
        local_numbers: config.numbering.local_numbers.into(),
        scoring: config.verdict(),
        reading: &configured(common, config)?,
        note: &|text| note(common, text),
    };
    Ok(open(&options)?)
}

/// The waiting of rows while another program holds the database locked, with its messages.
fn patience(config: &Config) -> Patience {
    let hear = |news| {
        out::tell(match news {
            LockNews::Waits => "another program holds the database locked; rows wait",
            LockNews::WritesAgain => "the database is unlocked; waiting rows are written",
        });
    };
    Patience { lock: Arc::new(LockPatience::new(config.lock_wait(), hear)), rows: config.waiting_rows() }
}

fn processors() -> u16 {
    std::thread::available_parallelism().ok().and_then(|n| u16::try_from(n.get()).ok()).unwrap_or(1).min(64)
}

/// Prints the speed of a run.
pub(crate) fn print_speed(packets: u64, finished: &Finished) {
    let secs = finished.elapsed.as_secs_f64();
    let words = |taken: Latency| format!("p50 {} us, p99 {} us", taken.p50_us, taken.p99_us);
    let mut text = format!(
        "{packets} packets in {secs:.3} s, {:.2} million per second; dispatcher to enricher {}",
        packets as f64 / secs.max(1e-9) / 1e6,
        words(finished.enriched)
    );
    if let Some(committed) = finished.committed {
        text.push_str(&format!("; packet to commit {}", words(committed)));
    }
    out::add(text);
}
