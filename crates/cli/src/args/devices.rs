//! Arguments of `class` and `inventory`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

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
