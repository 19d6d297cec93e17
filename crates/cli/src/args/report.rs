//! Arguments of `report`.

use bellwether_report::Report;
use clap::{Args, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// The report
    #[arg(value_enum, value_name = "WHAT")]
    pub(crate) what: What,
    /// Print the JSON Schema of the report instead, without a database
    #[arg(long, conflicts_with_all = ["since", "until", "limit", "filters"])]
    pub(crate) schema: bool,
    /// Only from this time on: RFC 3339, a date, or an age like 90s, 15m, 24h, 7d
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// At most this many rows
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Only rows that meet a condition: NAME=VALUE, also with != < <= > >= ~ (contains); repeat to combine
    #[arg(long = "where", value_name = "COLUMN=VALUE")]
    pub(crate) filters: Vec<String>,
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
