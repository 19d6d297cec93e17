//! Arguments of `evaluate` and `reputation`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

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
