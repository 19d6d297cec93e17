//! The command line: one definition, from which clap makes the parser, the help, the completions and the pages of the manual.

mod devices;
mod extract;
mod feedback;
mod judging;
mod mcp;
mod report;
mod runs;
mod serve;
mod show;
mod upkeep;

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::Targets;

pub(crate) use devices::{ClassAction, ClassArgs, InventoryAction, InventoryArgs, LearnArgs};
pub(crate) use extract::{CaptureArgs, ExtractArgs, LadderArgs};
pub(crate) use feedback::{LabelArgs, LabelKind, LabelValue, ListAction, ListKind, ListsArgs, TelemetryArgs};
pub(crate) use judging::{EvaluateArgs, ExportAs, ListName, ReputationAction, ReputationArgs};
pub(crate) use mcp::McpArgs;
pub(crate) use report::{EventKind, ReportArgs, StreamArgs, WatchArgs, What};
pub(crate) use runs::{DoctorArgs, ReplayArgs, SenseArgs, StampsBy};
pub(crate) use serve::ServeArgs;
pub(crate) use show::{DiffArgs, FindArgs, PlotArgs, PlotWhat, ShowArgs, ShowKind};
pub(crate) use upkeep::{CompletionsArgs, ConfigAction, ConfigArgs, DbAction, DbArgs, ManArgs, ShellName};

/// Identifies the platforms, devices and campaigns behind a VoIP provider's calls.
///
/// A passive sensor: it reads mirrored traffic or capture files and finds calls, registrations and media
/// streams, a fingerprint of the platform behind each, the clock of each device and the sound of its silence.
/// Results go to a database and from there to reports.
#[derive(Parser, Debug)]
#[command(name = "bellwether", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Common {
    /// Database; `:memory:` keeps nothing
    #[arg(long, value_name = "PATH", default_value = "bellwether.db", env = "BELLWETHER_DB", global = true)]
    pub(crate) db: PathBuf,
    /// Configuration file (see `bellwether config default`)
    #[arg(long, value_name = "FILE", env = "BELLWETHER_CONFIG", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// Format of the output
    #[arg(long, value_enum, default_value_t = Format::Table, env = "BELLWETHER_FORMAT", global = true)]
    pub(crate) format: Format,
    /// True if somebody chose the format: otherwise a command may have another default.
    #[arg(skip)]
    pub(crate) is_format_chosen: bool,
    /// Signatures of further stacks (TOML, see docs/fingerprint.md), checked before the built-in ones
    #[arg(long, value_name = "FILE", env = "BELLWETHER_SIGNATURES", global = true)]
    pub(crate) signatures: Option<PathBuf>,
    /// Folder with certificates of PASSporT signers (PEM); a file is used for x5u URLs that end with its name
    #[arg(long, value_name = "DIR", env = "BELLWETHER_STIR_CERTS", global = true)]
    pub(crate) stir_certs: Option<PathBuf>,
    /// Worker threads [default: one per processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64),
          env = "BELLWETHER_WORKERS", global = true)]
    pub(crate) workers: Option<u16>,
    /// Print results, warnings and errors only: no summary, no progress, no notices
    #[arg(short, long, env = "BELLWETHER_QUIET", global = true)]
    pub(crate) quiet: bool,
    /// Print the speed, and log more: -v adds debug, -vv adds trace with every commit
    #[arg(short, long, env = "BELLWETHER_VERBOSE", global = true, conflicts_with = "quiet",
          action = ArgAction::Count, value_parser = verbosity)]
    pub(crate) verbose: u8,
    /// Log levels by crate instead of -q and -v, such as info,bellwether_store=trace
    #[arg(long, value_name = "LEVELS", value_parser = log_levels, env = "BELLWETHER_LOG", global = true)]
    pub(crate) log: Option<Targets>,
    /// Format of the log on standard error (docs/output.md)
    #[arg(
        long,
        value_enum,
        value_name = "FORM",
        default_value_t,
        env = "BELLWETHER_LOG_FORMAT",
        global = true
    )]
    pub(crate) log_format: LogFormat,
}

impl Cli {
    /// Reads the arguments of the process.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        Self::of(&Self::command().try_get_matches()?)
    }

    fn of(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut cli = Self::from_arg_matches(matches)?;
        cli.common.is_format_chosen = matches.value_source("format") != Some(ValueSource::DefaultValue);
        Ok(cli)
    }
}

impl Common {
    /// Returns true if the operator wants to know how the work went.
    pub(crate) const fn is_verbose(&self) -> bool {
        self.verbose > 0
    }
}

/// The form of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One object per line
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// One array
    Json,
    /// One object per line
    Jsonl,
    /// Comma-separated values with a header
    Csv,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Analyse capture files and fill the database
    ///
    /// Reading a capture again adds nothing. Exit code 3 means damaged input; its readable part is in the database.
    Replay(ReplayArgs),
    /// Analyse live traffic until SIGINT or SIGTERM
    ///
    /// The sensor needs the capability CAP_NET_RAW until the interfaces are open, and then gives up all privileges.
    /// Other commands can read the growing database at any time.
    Sense(SenseArgs),
    /// Answer switches, people and monitoring over HTTP: score API, console, metrics
    ///
    /// Beside a sensor the server asks the sensor. Over a finished database it answers by the last state. Without login only
    /// the loopback interface is served.
    Serve(ServeArgs),
    /// Serve the reports as tools to an agent on standard input and output (Model Context Protocol)
    ///
    /// The tools only read; --allow-label adds one that labels. Answers are bounded and hold no clear number (docs/mcp.md).
    Mcp(McpArgs),
    /// Print a report of the database
    Report(ReportArgs),
    /// Watch live calls, incidents and losses in the terminal, until SIGINT or SIGTERM
    ///
    /// On a terminal the screen is drawn again every second. Elsewhere each change is one line (--format jsonl: one object).
    Watch(WatchArgs),
    /// Write calls, alerts, incidents, list changes and losses as they come, a JSON object on each line, until SIGINT or SIGTERM
    ///
    /// For Elastic, Splunk, Loki and the like (docs/export.md). The command remembers what it wrote and goes on there after a restart.
    Stream(StreamArgs),
    /// Print one thing with all its evidence
    Show(ShowArgs),
    /// Find everything about one number, token, address, network or Call-ID
    ///
    /// The key of the installation makes the token of a number. The number itself is neither stored nor logged.
    Find(FindArgs),
    /// Copy the packets of a call, a campaign or an incident out of captures at hand
    ///
    /// The file has whole frames as they were captured: all signalling, and media with --media. Exit code 3 means that
    /// something is missing, and the message names it.
    Extract(ExtractArgs),
    /// Draw a measurement
    Plot(PlotArgs),
    /// Device classes by the sound of their silence
    Class(ClassArgs),
    /// The inventory: the devices that each subscriber may use
    Inventory(InventoryArgs),
    /// Label a call, a fingerprint, a campaign, a recording or an incident as fraud or legit; judging learns from labels
    Label(LabelArgs),
    /// The operator's allow list: numbers, peers, networks, platforms and recordings to vouch for
    Allow(ListsArgs),
    /// The operator's block list: numbers, peers, networks, platforms and recordings to quarantine
    Block(ListsArgs),
    /// Import telemetry of calls from systems behind the switch: a JSON object on each line (docs/judgement.md)
    Telemetry(TelemetryArgs),
    /// Compare verdicts with labels: confusion matrix, accuracy, precision, recall, each signal's contribution
    Evaluate(EvaluateArgs),
    /// Reputation of platforms, deployments, instances and origins, and the block and allow lists
    Reputation(ReputationArgs),
    /// Maintain the database
    Db(DbArgs),
    /// Compare the fingerprints of two calls
    Diff(DiffArgs),
    /// Check the conditions of a live run
    ///
    /// The command changes nothing. Exit code 1 means that something would stop the run.
    Doctor(DoctorArgs),
    /// The configuration file
    Config(ConfigArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
    /// Print the page of the manual, or write one page per command
    Man(ManArgs),
}

impl Command {
    /// Returns true if the command needs an existing database. It then makes neither a database nor a key.
    pub(crate) const fn needs_database(&self) -> bool {
        match self {
            Self::Replay(_)
            | Self::Sense(_)
            | Self::Doctor(_)
            | Self::Config(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
            // Both may be filled before the first packet comes.
            Self::Class(args) => !matches!(args.action, ClassAction::Import { .. }),
            Self::Inventory(args) => {
                !matches!(args.action, InventoryAction::Import { .. } | InventoryAction::Pull { .. })
            }
            Self::Report(args) => !args.schema,
            Self::Serve(args) => args.new_token.is_none(),
            Self::Mcp(_)
            | Self::Show(_)
            | Self::Watch(_)
            | Self::Stream(_)
            | Self::Find(_)
            | Self::Extract(_)
            | Self::Plot(_)
            | Self::Label(_)
            | Self::Allow(_)
            | Self::Block(_)
            | Self::Telemetry(_)
            | Self::Evaluate(_)
            | Self::Reputation(_)
            | Self::Db(_)
            | Self::Diff(_) => true,
        }
    }
}

/// The verbosity in an environment variable: a number, or a word for yes or no.
fn verbosity(text: &str) -> Result<u8, String> {
    match text.to_ascii_lowercase().as_str() {
        "" | "n" | "no" | "f" | "false" | "off" => Ok(0),
        other => Ok(other.parse().unwrap_or(1)),
    }
}

fn log_levels(text: &str) -> Result<Targets, String> {
    text.parse().map_err(|_| {
        "give LEVEL or CRATE=LEVEL, separated by commas; levels are off, error, warn, info, debug, trace"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_environment_asks_for_verbosity_by_number_or_word() {
        for (text, expected) in [("", 0), ("0", 0), ("false", 0), ("1", 1), ("true", 1), ("yes", 1), ("2", 2)]
        {
            assert_eq!(verbosity(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_format_that_somebody_chose_is_known_wherever_it_stands() {
        let is_chosen = |line: &[&str]| {
            let matches = Cli::command().try_get_matches_from([&["bellwether"], line].concat()).unwrap();
            Cli::of(&matches).unwrap().common.is_format_chosen
        };
        assert!(!is_chosen(&["report", "calls"]));
        assert!(is_chosen(&["report", "calls", "--format", "table"]));
        assert!(is_chosen(&["--format", "table", "report", "calls"]));
    }

    #[test]
    fn each_v_makes_the_log_one_level_more_verbose() {
        for (line, expected) in [(vec![], 0), (vec!["-v"], 1), (vec!["-vv"], 2), (vec!["-v", "--verbose"], 2)]
        {
            let line = [vec!["bellwether", "doctor"], line].concat();
            assert_eq!(Cli::try_parse_from(line).unwrap().common.verbose, expected);
        }
        assert!(Cli::try_parse_from(["bellwether", "--log", "bellwether_store=loud", "doctor"]).is_err());
    }
}
