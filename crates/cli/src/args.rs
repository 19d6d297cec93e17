use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use bellwether_report::Report;
use bellwether_sensor::HepAddress;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::Targets;

use crate::args_extract::{ExtractArgs, LadderArgs};

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

#[derive(Args, Debug)]
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
    /// Print a report of the database
    Report(ReportArgs),
    /// Print one thing with all its evidence
    Show(ShowArgs),
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
}

impl Command {
    /// Returns true if the command needs an existing database. It then makes neither a database nor a key.
    pub(crate) const fn needs_database(&self) -> bool {
        match self {
            Self::Replay(_) | Self::Sense(_) | Self::Doctor(_) | Self::Config(_) => false,
            // Both may be filled before the first packet comes.
            Self::Class(args) => !matches!(args.action, ClassAction::Import { .. }),
            Self::Inventory(args) => {
                !matches!(args.action, InventoryAction::Import { .. } | InventoryAction::Pull { .. })
            }
            Self::Report(args) => !args.schema,
            Self::Show(_)
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

#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// pcap or pcapng files (also .gz and .zst), folders of them, or `-` for standard input; read in time order
    #[arg(value_name = "CAPTURE", required = true)]
    pub(crate) captures: Vec<PathBuf>,
    /// Follow files that are still being written, until SIGINT or SIGTERM
    #[arg(long)]
    pub(crate) follow: bool,
    /// Send alerts to the receivers of the configuration after the last file, as a sensor does
    #[arg(long)]
    pub(crate) alerts: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DiffArgs {
    /// Call-ID of the first call
    #[arg(value_name = "CALL")]
    pub(crate) first: String,
    /// Call-ID of the second call
    #[arg(value_name = "CALL")]
    pub(crate) second: String,
}

#[derive(Args, Debug)]
pub(crate) struct SenseArgs {
    /// Interface to listen on; repeat for several [default: sense.interfaces of the configuration]
    #[arg(short, long = "interface", value_name = "IFACE")]
    pub(crate) interfaces: Vec<String>,
    /// Address that receives HEP from agents (SBCs, Kamailio, OpenSIPS, FreeSWITCH, Asterisk), such as udp:0.0.0.0:9060;
    /// repeat for several
    #[arg(long, value_name = "udp:HOST:PORT|tcp:HOST:PORT", value_parser = hep_address)]
    pub(crate) hep: Vec<HepAddress>,
    /// Keep only packets that match this capture filter (pcap-filter), and all fragments and tunnels
    #[arg(long, value_name = "EXPRESSION", conflicts_with = "exact_filter")]
    pub(crate) filter: Option<String>,
    /// Keep only packets that match this capture filter; later fragments have no ports, and tunnels hide ports
    #[arg(long, value_name = "EXPRESSION")]
    pub(crate) exact_filter: Option<String>,
    /// Octets kept of each packet
    #[arg(long, value_name = "OCTETS", default_value_t = 262_144,
          value_parser = clap::value_parser!(u32).range(64..=262_144))]
    pub(crate) snap_length: u32,
    /// Size of the kernel's ring for each socket
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=2047))]
    pub(crate) ring_mib: u32,
    /// Sockets per interface, each with a thread
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) sockets: u16,
    /// Capture only frames to this station, without promiscuous mode
    #[arg(long)]
    pub(crate) no_promiscuous: bool,
    /// Clock of the timestamps; a NIC must stamp every packet, and phc2sys must synchronise the NIC's clock
    #[arg(long, value_enum, default_value_t)]
    pub(crate) stamps: StampsBy,
    /// Stop after this time, such as 90s, 15m or 24h
    #[arg(long, value_name = "TIME", value_parser = crate::when::duration)]
    pub(crate) duration: Option<std::time::Duration>,
}

#[derive(ValueEnum, Clone, Copy, Debug, Default)]
pub(crate) enum StampsBy {
    /// The kernel's clock, at the arrival in the kernel
    #[default]
    Kernel,
    /// The NIC's clock, at the arrival on the wire
    Nic,
}

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

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The kind of subject
    #[arg(value_enum)]
    pub(crate) kind: ShowKind,
    /// Name of the subject as in reports: a Call-ID, a fingerprint's hash, a campaign, a recording, an incident or an address of record
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) ladder: LadderArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ShowKind {
    /// By Call-ID
    Call,
    /// By hash
    Fingerprint,
    /// By name: course, calls and evidence
    Campaign,
    /// By address of record or contact: clock, and other devices with an equal clock
    Device,
    /// A recording by its name, with the calls that play it
    Recording,
    /// An incident by its name, with its calls and alerts
    Incident,
}

#[derive(Args, Debug)]
pub(crate) struct PlotArgs {
    /// The drawing
    #[arg(value_enum)]
    pub(crate) what: PlotWhat,
    /// An address of record or contact as in reports; for silence, a Call-ID
    pub(crate) id: String,
    /// Write an SVG file instead of drawing in the terminal
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum PlotWhat {
    /// Offsets of a device's refreshes from its nominal period, and the line through them
    Clock,
    /// Counts of each sample value in the noise of a call's streams
    Silence,
}

#[derive(Args, Debug)]
pub(crate) struct ClassArgs {
    #[command(subcommand)]
    pub(crate) action: ClassAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ClassAction {
    /// Learn classes from calls in the database
    ///
    /// Learned classes replace classes of the same names; others stay. Exit code 3 means that some calls were unusable.
    Learn(LearnArgs),
    /// One row per mode of each class
    List,
    /// The acoustic profile of a class, mode by mode
    Show {
        /// Its name
        class: String,
    },
    /// Write all classes as JSON; the file contains no audio and no names, and may be shared
    Export {
        /// Write to this file instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Import classes from a file of `class export`; they replace classes of the same names
    Import {
        /// The file
        file: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct InventoryArgs {
    #[command(subcommand)]
    pub(crate) action: InventoryAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum InventoryAction {
    /// Replace the inventory by a file
    ///
    /// CSV with a header, or a JSON array of objects (a file whose name ends in .json): aor, device_class, max_devices,
    /// policy (strict, learn or watch), note. An error names its line, and nothing is imported then.
    Import {
        /// The file
        file: PathBuf,
    },
    /// Replace the inventory by the inventory of a provisioning system
    ///
    /// One GET; run it from a timer. An inventory that has not changed (ETag) is not imported again. If the system is down, slow or
    /// answers with errors, the inventory stays as it is and the exit code is 1.
    Pull {
        /// The address, http or https
        url: String,
        /// File with the token for `Authorization: Bearer`
        #[arg(long, value_name = "FILE")]
        token_file: Option<PathBuf>,
        /// Time limit in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
        timeout: u64,
    },
    /// One row per address of record and class
    List,
    /// Approve a device of an address of record, by its name in `report devices`
    Approve {
        /// The address of record, in clear text or as in reports
        aor: String,
        /// The device's name
        device: String,
    },
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct LearnArgs {
    /// From calls with known devices: one JSON object per line with call_id, class and optionally mode
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Option<PathBuf>,
    /// From calls of subscribers with one device class in the inventory
    #[arg(long)]
    pub(crate) inventory: bool,
    /// From product names in User-Agents, if the structure agrees; such classes weigh less
    #[arg(long)]
    pub(crate) agents: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// Interface to check; repeat for several
    #[arg(short, long = "interface", value_name = "IFACE")]
    pub(crate) interfaces: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct LabelArgs {
    /// The kind of subject
    #[arg(value_enum, required_unless_present = "file")]
    pub(crate) kind: Option<LabelKind>,
    /// Name of the subject as in reports: a Call-ID, a fingerprint's hash, a campaign, a recording or an incident
    #[arg(required_unless_present = "file")]
    pub(crate) id: Option<String>,
    /// The label; none takes a label back
    #[arg(value_enum, required_unless_present = "file")]
    pub(crate) label: Option<LabelValue>,
    /// Label the calls of a file instead: a JSON object with call_id and label on each line
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kind", "id", "label"])]
    pub(crate) file: Option<PathBuf>,
    /// Print what would change, and store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ListsArgs {
    #[command(subcommand)]
    pub(crate) action: ListAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ListAction {
    /// Add a subject, or change its reason and end
    Add {
        /// The kind of subject
        #[arg(value_enum)]
        kind: ListKind,
        /// The subject: a number (clear or as in reports), an address, a network with its prefix, a fingerprint's hash
        value: String,
        /// The reason, which scores show
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// The entry applies to calls that begin before this time: RFC 3339, a date, or a duration from now (24h, 7d)
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Print what would change, and store nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove a subject
    Remove {
        /// The kind of subject
        #[arg(value_enum)]
        kind: ListKind,
        /// The subject
        value: String,
        /// Print what would change, and store nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the entries, with reason, author and end
    List,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ListKind {
    /// A caller's number
    Number,
    /// A source address
    Peer,
    /// A network, such as 192.0.2.0/24
    Network,
    /// The hash of a fingerprint
    Fingerprint,
    /// The hash of a platform family: all its fingerprints
    Family,
    /// A recording that callers play
    Recording,
}

impl ListKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Peer => "peer",
            Self::Network => "network",
            Self::Fingerprint => "fingerprint",
            Self::Family => "family",
            Self::Recording => "recording",
        }
    }

    /// The form of a value.
    pub(crate) const fn example(self) -> &'static str {
        match self {
            Self::Number => "give digits, or the token of a report",
            Self::Peer => "give an address such as 192.0.2.1",
            Self::Network => "give an address with its prefix, such as 192.0.2.0/24",
            Self::Fingerprint => "give a hash such as f2-0123456789abcdef",
            Self::Family => "give a hash such as k2-0123456789abcdef",
            Self::Recording => "give a name of `report recordings`, such as 0123456789abcdef",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum LabelKind {
    /// By Call-ID
    Call,
    /// By hash
    Fingerprint,
    /// By name
    Campaign,
    /// By name
    Recording,
    /// By name
    Incident,
}

impl LabelKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Fingerprint => "fingerprint",
            Self::Campaign => "campaign",
            Self::Recording => "recording",
            Self::Incident => "incident",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum LabelValue {
    /// Confirmed fraud
    Fraud,
    /// Confirmed as honest
    Legit,
    /// No label
    None,
}

impl LabelValue {
    pub(crate) const fn text(self) -> Option<&'static str> {
        match self {
            Self::Fraud => Some("fraud"),
            Self::Legit => Some("legit"),
            Self::None => None,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct TelemetryArgs {
    /// The file
    pub(crate) file: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct EvaluateArgs {
    /// Labels, one JSON object per line with call_id and any of label, campaign, device, class
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct ReputationArgs {
    #[command(subcommand)]
    pub(crate) action: ReputationAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ReputationAction {
    /// One row per subject, the worst first
    List,
    /// Write the block list or the allow list for other programs
    Export {
        /// The list
        #[arg(value_enum)]
        list: ListName,
        /// The format of the export
        #[arg(long = "as", value_enum, default_value_t)]
        form: ExportAs,
        /// Write to this file instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ListName {
    /// Subjects to refuse
    Block,
    /// Subjects to let through
    Allow,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub(crate) enum ExportAs {
    /// kind:name on each line
    #[default]
    Plain,
    /// Comma-separated values with reputation, time and reason
    Csv,
    /// Rows of Kamailio's htable
    Kamailio,
}

#[derive(Args, Debug)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) action: DbAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum DbAction {
    /// Check the integrity of the file and all references between rows
    Check,
    /// Copy the database to a file, also during a live run
    Backup {
        /// The new file; it must not exist
        file: PathBuf,
    },
    /// Remove old rows without labels
    Prune {
        /// Keep this number of days [default: from the configuration]
        #[arg(long, value_name = "DAYS")]
        keep_days: Option<u32>,
        /// Keep at most this size [default: from the configuration]
        #[arg(long, value_name = "MIB")]
        max_mib: Option<u64>,
    },
    /// Migrate the database to the schema of this program, as every command does by itself
    Migrate,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) action: ConfigAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum ConfigAction {
    /// Print the commented default configuration
    Default,
    /// Check a configuration file
    Check {
        /// The file
        file: PathBuf,
    },
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

fn hep_address(text: &str) -> Result<HepAddress, String> {
    let (kind, host): (fn(SocketAddr) -> HepAddress, &str) = match text.split_once(':') {
        Some(("udp", host)) => (HepAddress::Udp, host),
        Some(("tcp", host)) => (HepAddress::Tcp, host),
        _ => return Err("the address must begin with udp: or tcp:".to_owned()),
    };
    let found = host.to_socket_addrs().map_err(|e| format!("{host}: {e}"))?.next();
    found.map(kind).ok_or_else(|| format!("{host} has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

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
    fn each_v_makes_the_log_one_level_more_verbose() {
        for (line, expected) in [(vec![], 0), (vec!["-v"], 1), (vec!["-vv"], 2), (vec!["-v", "--verbose"], 2)]
        {
            let line = [vec!["bellwether", "doctor"], line].concat();
            assert_eq!(Cli::try_parse_from(line).unwrap().common.verbose, expected);
        }
        assert!(Cli::try_parse_from(["bellwether", "--log", "bellwether_store=loud", "doctor"]).is_err());
    }
}
