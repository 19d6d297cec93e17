//! Arguments of `show`, `diff` and `plot`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::args::LadderArgs;

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The kind of subject
    #[arg(value_enum)]
    pub(crate) kind: ShowKind,
    /// Name of the subject as in reports: a Call-ID, a fingerprint's hash, a campaign, a recording, an incident, or an address of record (in clear text, or as in reports)
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
pub(crate) struct FindArgs {
    /// A number or an address of record in clear text, a token (also as tables shorten it, 8d78bd61..), an address, a network,
    /// a Call-ID, or any name of a report; `-` reads it from standard input
    #[arg(value_name = "NUMBER|TOKEN|ADDRESS|NETWORK|CALL-ID", allow_hyphen_values = true)]
    pub(crate) name: String,
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
pub(crate) struct PlotArgs {
    /// The drawing
    #[arg(value_enum)]
    pub(crate) what: PlotWhat,
    /// An address of record in clear text or as in reports, or a contact as in reports; for silence, a Call-ID
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
