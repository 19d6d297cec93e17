//! SIGHUP changes some settings behind the lock. Others need a restart.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bellwether_app::{Exchange, Hangup, Stop, Walls};
use bellwether_sensor::Settings;

use crate::alerts::alert_options;
use crate::args::Common;
use crate::config::Config;
use crate::lockdown::files_of;
use crate::out::tell;
use crate::outcome::Failure;

/// The configuration of a run, and its replacement at run time.
pub(crate) struct Reload {
    common: Paths,
    /// The configuration at the start of the run. Much of it stays in force.
    started: Config,
    /// The latest configuration.
    config: Config,
    walls: Walls,
    /// True if the interfaces come from the configuration.
    names_interfaces: bool,
    /// Set by SIGHUP to request a reload.
    hangup: Hangup,
    /// Ends the run regularly.
    pub(crate) stop: Stop,
    /// The reason for the end of the run before a restart.
    pub(crate) needs_start: Option<String>,
}

/// The files of a run, and the identity of the open database.
struct Paths {
    config: Option<std::path::PathBuf>,
    db: std::path::PathBuf,
    opened: Option<(u64, u64)>,
}

/// The reason against a new configuration.
enum Untaken {
    /// The configuration is invalid. The run continues with the old one.
    Wrong(String),
    /// The configuration needs a right that was given up.
    NeedsStart(String),
}

impl Reload {
    /// Uses `config` until SIGHUP.
    pub(crate) fn new(
        common: &Common,
        config: &Config,
        walls: Walls,
        stop: &Stop,
        names_interfaces: bool,
    ) -> Result<Self, Failure> {
        let hangup = Hangup::watch()?;
        let (config_file, db) = (common.config.clone(), common.db.clone());
        Ok(Self {
            common: Paths { opened: identity(&db), config: config_file, db },
            started: config.clone(),
            config: config.clone(),
            walls,
            names_interfaces,
            hangup,
            stop: stop.clone(),
            needs_start: None,
        })
    }

    /// The topology and the tunnels' ports, if SIGHUP asked for them; receivers of alerts are exchanged. A change that needs
    /// a right that was given up ends the run in order. All other changes wait for the next start, and a message names them.
    pub(crate) fn settings(&mut self, exchange: &Exchange<'_>) -> Option<Settings> {
        if !self.hangup.take() || self.needs_start.is_some() {
            return None;
        }
        match self.read(exchange) {
            Ok(config) => {
                tell(self.taken(&config));
                let waiting = self.started.waits_for_start(&config);
                if !waiting.is_empty() {
                    tell(format!("further changes wait for the next start: {}", waiting.join(", ")));
                }
                let settings = Settings { site: config.site(), tunnels: config.tunnels() };
                self.config = config;
                Some(settings)
            }
            Err(Untaken::Wrong(why)) => {
                tell(format!("the configuration was not reloaded: {why}"));
                None
            }
            Err(Untaken::NeedsStart(why)) => {
                tell(format!("the sensor ends for a restart: {why}"));
                self.needs_start = Some(why);
                self.stop.now();
                None
            }
        }
    }

    /// The tables that were reloaded, and which of them differ from before.
    fn taken(&self, new: &Config) -> String {
        let changed = self.config.changes_at_once(new);
        let changed = if changed.is_empty() {
            "nothing in them has changed".to_owned()
        } else {
            format!("changed: {}", changed.join(", "))
        };
        format!("site, ports of the mirror and receivers of alerts were reloaded ({changed})")
    }

    fn read(&self, exchange: &Exchange<'_>) -> Result<Config, Untaken> {
        let hidden = |path: &Path| {
            let text = format!("{} is behind the lock and can no longer be read", path.display());
            Untaken::NeedsStart(text)
        };
        if let Some(path) = self.common.config.as_deref().filter(|path| self.walls.hide(path)) {
            return Err(hidden(path));
        }
        let config =
            Config::load(self.common.config.as_deref()).map_err(|e| Untaken::Wrong(e.to_string()))?;
        if self.names_interfaces && config.sense.interfaces != self.config.sense.interfaces {
            let text =
                "sense.interfaces has changed, but the sensor has given up the right to open interfaces";
            return Err(Untaken::NeedsStart(text.to_owned()));
        }
        if let Some(why) = self.config.needs_new_start(&config) {
            return Err(Untaken::NeedsStart(why.to_owned()));
        }
        if identity(&self.common.db) != self.common.opened {
            let text = format!("{} is not the open database", self.common.db.display());
            return Err(Untaken::NeedsStart(text));
        }
        let is_changed = config.alerts != self.config.alerts;
        let exchanged = exchange(&alert_options(&config.alerts));
        match exchanged {
            Ok(()) => Ok(config),
            Err(e) => match files_of(&config.alerts).iter().find(|path| self.walls.hide(path)) {
                Some(path) if is_changed => Err(hidden(path)),
                // After the start, only root may be able to read the files again. The receivers then stay unchanged.
                Some(path) => {
                    tell(format!("{} can no longer be read; receivers stay unchanged", path.display()));
                    Ok(config)
                }
                None => Err(Untaken::Wrong(e.to_string())),
            },
        }
    }
}

/// The identity of a file under any name. `None` without a file.
fn identity(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
}
