//! Arguments of `report`.

use std::path::PathBuf;

use bellwether_report::Report;
use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// The report
    #[arg(value_enum, value_name = "WHAT")]
    pub(crate) what: What,
    /// Print the JSON Schema of the report instead, without a database
    #[arg(long, conflicts_with_all = ["since", "until", "limit", "filters", "columns", "sort", "newest_first"])]
    pub(crate) schema: bool,
    /// Only from this time on: RFC 3339 (UTC without a zone), a date, now, or an age like 90s, 15m, 1h30m, 7d, 2w
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) until: Option<String>,
    /// At most this many rows: the newest of a report in order of time, the first of any other and of a sorted one
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Only rows that meet a condition, such as 'score<30 and not campaign=null'; repeat to combine (docs/output.md)
    #[arg(long = "where", value_name = "CONDITION")]
    pub(crate) filters: Vec<String>,
    /// These columns in this order, in every format; --schema lists all
    #[arg(long, value_name = "COLUMN,...", value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
    /// Sort by a column, rising, or falling with :desc; rows without a value come last
    #[arg(long, value_name = "COLUMN[:desc]", conflicts_with = "newest_first")]
    pub(crate) sort: Option<String>,
    /// The newest rows first
    #[arg(long)]
    pub(crate) newest_first: bool,
    /// Width of a table [default: of the terminal; any elsewhere]
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..=1000))]
    pub(crate) width: Option<u16>,
    /// Print new and changed rows as they are committed, until SIGINT or SIGTERM; with --since or --limit, earlier rows come first.
    /// The format is jsonl unless the output is a terminal
    #[arg(long, conflicts_with_all = ["schema", "sort", "newest_first", "until"])]
    pub(crate) follow: bool,
    /// End --follow after this time
    #[arg(long = "for", value_name = "SECONDS", requires = "follow")]
    pub(crate) seconds: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// End after this time
    #[arg(long = "for", value_name = "SECONDS")]
    pub(crate) seconds: Option<u32>,
}

#[derive(Args, Debug)]
pub(crate) struct StreamArgs {
    /// Where the events go: a file, unix:PATH for a listening socket, or - for standard output
    #[arg(long, value_name = "TARGET")]
    pub(crate) to: String,
    /// These kinds of events [default: all]
    #[arg(long, value_name = "KIND,...", value_delimiter = ',', value_enum)]
    pub(crate) events: Vec<EventKind>,
    /// Remember in this file what was written [default for a file: its name with .state; none otherwise]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Without a state, begin with the rows that are there already
    #[arg(long)]
    pub(crate) from_start: bool,
    /// Begin a new file before one is larger than this many MiB; 0 leaves that to another program
    #[arg(long, value_name = "MIB", default_value_t = 100)]
    pub(crate) rotate_mib: u64,
    /// Keep this many full files
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) keep: u32,
    /// The group of the file may read it, for a program that ships logs
    #[arg(long)]
    pub(crate) group_read: bool,
    /// End after this time
    #[arg(long = "for", value_name = "SECONDS")]
    pub(crate) seconds: Option<u32>,
}

/// The kinds of events of `stream`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum EventKind {
    /// A call that is over
    Call,
    /// A media stream that is over, with its quality
    Stream,
    /// An alert
    Alert,
    /// An incident that opened, changed or closed
    Incident,
    /// A subject that changed between the lists by its reputation
    ListChange,
    /// A loss whose count has grown
    Loss,
}

impl ReportArgs {
    /// All rows of a report.
    pub(crate) const fn all_of(what: What) -> Self {
        Self {
            what,
            schema: false,
            since: None,
            until: None,
            limit: None,
            filters: Vec::new(),
            columns: None,
            sort: None,
            newest_first: false,
            width: None,
            follow: false,
            seconds: None,
        }
    }

    /// An option that chooses rows or columns, if one is given.
    pub(crate) fn option_of_rows(&self) -> Option<&'static str> {
        [
            ("--since", self.since.is_some()),
            ("--until", self.until.is_some()),
            ("--limit", self.limit.is_some()),
            ("--where", !self.filters.is_empty()),
            ("--columns", self.columns.is_some()),
            ("--sort", self.sort.is_some()),
            ("--newest-first", self.newest_first),
        ]
        .into_iter()
        .find_map(|(name, is_given)| is_given.then_some(name))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum What {
    /// One object with the totals of the database
    Summary,
    /// One row per call
    Calls,
    /// One row per device timeline
    Registrations,
    /// One row per RTP source in a call
    Streams,
    /// One row per physical device of a subscriber, with its verdict
    Devices,
    /// One row per platform
    Fingerprints,
    /// One row per campaign: calls of one origin under any numbers and addresses
    Campaigns,
    /// One row per recording that several calls play
    Recordings,
    /// One row per fraud that is no robocall campaign: toll fraud, one ring, gateways, pumping, scans
    Incidents,
    /// One row per platform, deployment, instance or origin with a reputation, the worst first
    Reputation,
    /// One row per alert
    Alerts,
    /// One row per loss, with cause and remedy
    Losses,
}

impl What {
    /// The report with rows; none for the summary.
    pub(crate) const fn report(self) -> Option<Report> {
        Some(match self {
            Self::Summary => return None,
            Self::Calls => Report::Calls,
            Self::Registrations => Report::Registrations,
            Self::Streams => Report::Streams,
            Self::Devices => Report::Devices,
            Self::Fingerprints => Report::Fingerprints,
            Self::Campaigns => Report::Campaigns,
            Self::Recordings => Report::Recordings,
            Self::Incidents => Report::Incidents,
            Self::Reputation => Report::Reputation,
            Self::Alerts => Report::Alerts,
            Self::Losses => Report::Losses,
        })
    }
}
