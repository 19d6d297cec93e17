//! The configuration file. Each section is one struct, and the modules of this folder have the names of the sections'
//! subjects.

mod alerts;
mod capacity;
mod fraud;
mod process;
mod renamed;
mod ring;
mod scoring;
mod serve;
mod site;
mod units;

use std::path::Path;

use bellwether_base::Shown;
use bellwether_scoring::nearest;
use serde::Deserialize;

pub(crate) use alerts::{AlertSettings, ReceiverSettings};
use capacity::{Analysis, LimitSettings, Timeouts};
use fraud::FraudSettings;
use process::{ConfineSettings, DatabaseSettings, MirrorSettings, PrivacySetting, SenseSettings};
use renamed::Notice;
use ring::RingSettings;
use scoring::{
    AuthorisationSettings, CampaignTable, ClockSettings, DispositionSettings, ReputationTable, SignalSettings,
};
use serve::ServeSettings;
pub(crate) use serve::listen_address;
use site::{NumberingSettings, SiteSettings};

use crate::args::{Common, ConfigAction, ConfigArgs};
use crate::log;
use crate::out;
use crate::outcome::{Exit, Failure};

/// The commented default configuration; a test holds it to [`Config::default`].
const DEFAULT: &str = include_str!("default.toml");

/// The configuration file.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    privacy: PrivacySetting,
    pub(crate) key_file: String,
    pub(crate) sense: SenseSettings,
    confine: ConfineSettings,
    database: DatabaseSettings,
    ring: RingSettings,
    analysis: Analysis,
    clocks: ClockSettings,
    authorisation: AuthorisationSettings,
    mirror: MirrorSettings,
    limits: LimitSettings,
    timeouts: Timeouts,
    site: SiteSettings,
    pub(crate) numbering: NumberingSettings,
    dispositions: DispositionSettings,
    reputation: ReputationTable,
    campaigns: CampaignTable,
    fraud: FraudSettings,
    signals: SignalSettings,
    pub(crate) alerts: AlertSettings,
    pub(crate) serve: ServeSettings,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            privacy: PrivacySetting::default(),
            key_file: "bellwether.key".into(),
            sense: SenseSettings::default(),
            confine: ConfineSettings::default(),
            database: DatabaseSettings::default(),
            ring: RingSettings::default(),
            analysis: Analysis::default(),
            clocks: ClockSettings::default(),
            authorisation: AuthorisationSettings::default(),
            mirror: MirrorSettings::default(),
            limits: LimitSettings::default(),
            timeouts: Timeouts::default(),
            site: SiteSettings::default(),
            numbering: NumberingSettings::default(),
            dispositions: DispositionSettings::default(),
            reputation: ReputationTable::default(),
            campaigns: CampaignTable::default(),
            fraud: FraudSettings::default(),
            signals: SignalSettings::default(),
            alerts: AlertSettings::default(),
            serve: ServeSettings::default(),
        }
    }
}

impl Config {
    /// Reads the file, or gives the defaults where none is named. Keys that were renamed are named on standard error.
    pub(crate) fn load(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::Usage(format!("cannot read the configuration {}: {e}", path.display())))?;
        let (config, notices) =
            Self::read(&text).map_err(|why| Failure::Config(format!("{}: {why}", path.display())))?;
        for notice in notices {
            log::once(format!("{}: {notice}", path.display()));
        }
        Ok(config)
    }

    /// Reads a text, without notices.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).map(|(config, _)| config)
    }

    /// Reads a text, and names the keys in it that were renamed.
    fn read(text: &str) -> Result<(Self, Vec<Notice>), String> {
        let (file, notices) = renamed::read(text)?;
        let config = Self::deserialize(file).map_err(|e| explained(e, text))?;
        config.check()?;
        Ok((config, notices))
    }

    /// Checks that need more than one setting.
    fn check(&self) -> Result<(), String> {
        self.check_scoring()?;
        self.site.check()?;
        self.ring.check()?;
        self.alerts.check()?;
        self.serve.check()
    }

    /// The reason why a run with the settings `self` cannot take `other` behind its lock; none if it can.
    pub(crate) fn needs_new_start(&self, other: &Self) -> Option<&'static str> {
        if self.sense.user != other.sense.user {
            Some("sense.user has changed, but the sensor has given up the right to become another user")
        } else if self.confine != other.confine {
            Some("confine has changed, but a closed lock cannot be changed")
        } else {
            None
        }
    }

    /// The tables that a reload puts into force at once, and that differ.
    pub(crate) fn changes_at_once(&self, other: &Self) -> Vec<&'static str> {
        [
            ("site", self.site == other.site),
            ("mirror", self.mirror == other.mirror),
            ("alerts", self.alerts == other.alerts),
        ]
        .into_iter()
        .filter_map(|(name, is_same)| (!is_same).then_some(name))
        .collect()
    }

    /// The sections that differ and are read only when a run begins.
    pub(crate) fn waits_for_start(&self, other: &Self) -> Vec<&'static str> {
        [
            ("privacy", self.privacy == other.privacy),
            ("key_file", self.key_file == other.key_file),
            ("database", self.database == other.database),
            ("ring", self.ring == other.ring),
            ("analysis", self.analysis == other.analysis),
            ("clocks", self.clocks == other.clocks),
            ("fraud", self.fraud == other.fraud),
            ("authorisation", self.authorisation == other.authorisation),
            ("limits", self.limits == other.limits),
            ("timeouts", self.timeouts == other.timeouts),
            ("numbering", self.numbering == other.numbering),
            ("dispositions", self.dispositions == other.dispositions),
            ("reputation", self.reputation == other.reputation),
            ("campaigns", self.campaigns == other.campaigns),
            ("signals", self.signals == other.signals),
        ]
        .into_iter()
        .filter_map(|(name, is_same)| (!is_same).then_some(name))
        .collect()
    }
}

/// Refuses a list in which two entries have one name.
fn distinct<'a>(list: &str, names: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(format!("{list} names \"{}\" twice", pair[0])),
        None => Ok(()),
    }
}

/// An error with line, key, found value and allowed values. For an unknown key, the nearest known key follows.
fn explained(mut error: toml::de::Error, text: &str) -> String {
    let message = error.message().to_owned();
    error.set_input(None);
    let bare = error.to_string();
    let key = bare.rsplit_once("\nin `").map_or("", |(_, key)| key.trim_end().trim_end_matches('`'));
    error.set_input(Some(text));
    let whole = error.to_string();
    let place = whole.trim_end().strip_suffix(message.trim_end()).unwrap_or_default();
    // A target may hold a password by mistake: its line is named, and not shown.
    let place = match place.split_once('\n') {
        Some((line, _)) if key.ends_with("target") => format!("{line}\n"),
        _ => place.to_owned(),
    };
    let named = |words: String| if key.is_empty() { words } else { format!("{key} {words}") };
    let words = if message.starts_with("must ") || message.starts_with("is a ") {
        named(message)
    } else if let Some((found, allowed)) = unknown("unknown variant `", &message) {
        named(format!("is {}, not \"{found}\"", choice(&allowed)))
    } else {
        let hint = unknown("unknown field `", &message).filter(|(_, known)| !known.is_empty());
        let hint = hint.map(|(found, known)| nearest(found, known.into_iter()).to_owned());
        let words = if key.is_empty() { message } else { format!("{key}: {message}") };
        match hint {
            Some(known) => format!("{words}\nthe nearest known key is `{known}`"),
            None => words,
        }
    };
    format!("{place}{words}")
}

/// The word that was found and the words that are known, from serde's message "unknown ... `X`, expected one of `A`, `B`".
fn unknown<'a>(beginning: &str, message: &'a str) -> Option<(&'a str, Vec<&'a str>)> {
    let (found, expected) = message.strip_prefix(beginning)?.rsplit_once("`, expected ")?;
    Some((found, expected.split('`').skip(1).step_by(2).collect()))
}

/// Allowed words as a choice: `A, B or C`. The empty word has a name of its own, and comes last.
fn choice(words: &[&str]) -> String {
    let mut words: Vec<&str> = words.to_vec();
    words.sort_by_key(|word| word.is_empty());
    let words: Vec<&str> = words.iter().map(|word| if word.is_empty() { "empty" } else { word }).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// `bellwether config`.
pub(crate) fn run(common: &Common, args: &ConfigArgs) -> Result<Exit, Failure> {
    match &args.action {
        ConfigAction::Default => out::page(&Shown::lines(DEFAULT))?,
        ConfigAction::Check { file } => {
            let config = Config::load(Some(file))?;
            if !common.quiet {
                out::line(format!("{} is sound", file.display()))?;
                for line in config.explain_fraud() {
                    out::line(line)?;
                }
            }
        }
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests;
