//! Arguments of `db` and `config`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
