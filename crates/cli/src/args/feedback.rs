//! Arguments of `label`, `telemetry`, `allow` and `block`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
    /// Only the leg with this From tag, of several legs under a Call-ID
    #[arg(long, value_name = "TAG", conflicts_with = "file")]
    pub(crate) from_tag: Option<String>,
    /// Do it without a question, also if it reaches honest parties
    #[arg(long)]
    pub(crate) yes: bool,
    /// Print what would change, and store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
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
        /// The subject: a number (clear, or as in reports), an address, a network with its prefix, a fingerprint's hash
        value: String,
        /// The reason, which scores show
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        /// The entry applies to calls that begin before this time: RFC 3339, a date, or a duration from now (24h, 7d)
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Block without a question, also if the entry reaches honest parties
        #[arg(long)]
        yes: bool,
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
