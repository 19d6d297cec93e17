//! Arguments of `db` and `config`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct DbArgs {
    #[command(subcommand)]
    pub(crate) action: DbAction,
}

#[derive(Subcommand, Debug)]
pub(crate) enum DbAction {
    /// Check the integrity of the file and all references between rows
    Check,
    /// Copy the database to a file, also during a live run; the key is no part of the copy
    ///
    /// Keep a copy of the key file (bellwether.key beside the database, or key_file of the configuration) in another place: without it,
    /// the tokens of the copy match no number, and no command can write to the copy.
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
        /// Print how many rows would go, and remove nothing
        #[arg(long)]
        dry_run: bool,
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

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: ShellName,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum ShellName {
    /// Source the output in ~/.bashrc, or put it into /etc/bash_completion.d
    Bash,
    /// Put the output as _bellwether into a folder of fpath
    Zsh,
    /// Put the output into ~/.config/fish/completions/bellwether.fish
    Fish,
}

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write the page of each command into this folder: bellwether.1, bellwether-report.1 and so on
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}
