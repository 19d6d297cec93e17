//! `report --follow`: the rows of a report that are new or changed, as they are committed.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bellwether_app::Stop;
use bellwether_report::{Query, Report, Reports, Values};
use bellwether_store::Reader;

use crate::args::{Common, Format, ReportArgs};
use crate::calls::CallIds;
use crate::config::Config;
use crate::notes::note;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::render::Feed;
use crate::report::{ReportContext, Selection, places_of};
use crate::show::{configured, open_reader_with};

/// Rows of a report that are watched: the newest. Older rows rarely change.
const WATCHED: usize = 10_000;

/// The time between two looks at the database.
const EVERY: Duration = Duration::from_millis(500);

/// The time between two looks for a screen.
const EVERY_SECOND: Duration = Duration::from_secs(1);

/// Share of the time that reading may take: one part in this many.
const IDLE: u32 = 4;

/// The rows of a report as they were at the last look.
pub(crate) struct Watched {
    report: Report,
    /// Hashes of the rows by the hash of their identity. None before the first look.
    seen: Option<BTreeMap<u64, u64>>,
}

impl Watched {
    pub(crate) const fn new(report: Report) -> Self {
        Self { report, seen: None }
    }

    /// The rows that are new or changed since the last look, the oldest first. At the first look those are all rows.
    pub(crate) fn look(&mut self, reports: Reports<'_>, since: &Query) -> Result<Vec<Values>, Failure> {
        let identity = identity(self.report);
        let places: Vec<usize> = identity.iter().filter_map(|name| self.report.place(name)).collect();
        let mut now = BTreeMap::new();
        let mut changed = Vec::new();
        let mut each = |values: Values| {
            let key = hash(places.iter().filter_map(|place| values.get(*place)).map(ToString::to_string));
            let row = hash(values.iter().map(ToString::to_string));
            if self.seen.as_ref().and_then(|seen| seen.get(&key)) != Some(&row) {
                changed.push(values);
            }
            now.insert(key, row);
            if now.len() < WATCHED { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        if self.report.moment().is_some() {
            reports.rows_newest_first(since, &mut each)?;
            changed.reverse();
        } else {
            reports.rows(since, &mut each)?;
        }
        self.seen = Some(now);
        Ok(changed)
    }
}

/// The columns by which a row is known again.
const fn identity(report: Report) -> &'static [&'static str] {
    match report {
        Report::Calls => &["call_id", "from_tag", "started_at"],
        Report::Registrations => &["aor", "contact", "instance_id", "first_seen"],
        Report::Streams => &["src", "dst", "ssrc", "first_seen"],
        Report::Devices => &["aor", "device"],
        Report::Fingerprints => &["fingerprint"],
        Report::Campaigns => &["campaign"],
        Report::Recordings => &["recording"],
        Report::Incidents => &["incident"],
        Report::Reputation => &["kind", "subject"],
        Report::Alerts => &["at", "kind", "subject", "call_id"],
        Report::Losses => &["name"],
    }
}

fn hash(parts: impl Iterator<Item = String>) -> u64 {
    let mut hasher = DefaultHasher::new();
    parts.for_each(|part| part.hash(&mut hasher));
    hasher.finish()
}

/// Columns and lines, where they are known.
type Size = (Option<u16>, Option<u16>);

/// Waits for commits of other programs.
pub(crate) struct Commits {
    reader: Reader,
    /// Version of the database and size of the screen at the last look.
    seen: Option<(i64, Option<Size>)>,
    stop: Stop,
    /// The time that the last look took.
    took: Duration,
    /// True for a screen, whose size is looked at each second.
    is_steady: bool,
}

impl Commits {
    /// Watches a database until SIGINT or SIGTERM, or for some seconds.
    pub(crate) fn watch(common: &Common, seconds: Option<u32>) -> Result<Self, Failure> {
        let stop = Stop::on_signals()?;
        if let Some(seconds) = seconds {
            stop.after(Duration::from_secs(u64::from(seconds)))?;
        }
        Ok(Self {
            reader: Reader::open(&common.db)?,
            seen: None,
            stop,
            took: Duration::ZERO,
            is_steady: false,
        })
    }

    /// Looks after each change of the screen's size too.
    pub(crate) fn steadily(self) -> Self {
        Self { is_steady: true, ..self }
    }

    /// The request to end.
    pub(crate) fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Calls `look` once and after each commit, until the end.
    pub(crate) fn each(
        &mut self,
        common: &Common,
        look: &mut dyn FnMut(&Reader) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let configure = configured(common, &Config::load(common.config.as_deref())?)?;
        while !self.stop.is_asked() {
            let seen = (self.reader.data_version()?, self.is_steady.then(|| (out::width(), out::height())));
            if self.seen.replace(seen) != Some(seen) {
                let began = Instant::now();
                // A new reader has no caches of the time before the commit.
                look(&configure(Reader::open(&common.db)?))?;
                self.took = began.elapsed();
            }
            let pause = if self.is_steady { EVERY_SECOND } else { EVERY };
            self.stop.wait(pause.max(self.took * IDLE));
        }
        Ok(())
    }
}

/// Prints new and changed rows until the end.
pub(crate) fn run(common: &Common, args: &ReportArgs, report: Report) -> Result<Exit, Failure> {
    let format = match common.format {
        Format::Table if !common.is_format_chosen && !out::is_terminal() => Format::Jsonl,
        Format::Json => {
            let text = "--follow has no end, and json is one array; use --format jsonl";
            return Err(Failure::Usage(text.to_owned()));
        }
        chosen => chosen,
    };
    let config = Config::load(common.config.as_deref())?;
    let reader = open_reader_with(common, &config)?;
    let ids = CallIds::new(common, &config, &reader);
    let selection = Selection::of(args, report, &ReportContext::new(report, jiff::Timestamp::now(), &ids))?;
    let chosen = args.columns.as_deref().map(|names| places_of(names, report)).transpose()?;
    let mut feed = Feed::new(format, report, chosen, args.width);
    let mut watched = Watched::new(report);
    let mut is_first = true;
    note(common, "rows are printed as they come, until SIGINT or SIGTERM");
    Commits::watch(common, args.seconds)?.each(common, &mut |reader| {
        let mut rows = watched.look(Reports::of(reader), &selection.query)?;
        rows.retain(|values| selection.takes(values));
        if std::mem::take(&mut is_first) {
            // Rows that were there before are printed only if somebody asks for them.
            let known = match args.limit {
                Some(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
                None if args.since.is_some() => usize::MAX,
                None => 0,
            };
            rows.drain(..rows.len().saturating_sub(known));
        }
        Ok(feed.rows(&rows)?)
    })?;
    Ok(Exit::Done)
}
