//! Arguments of the commands that read packets of one thing out of captures.

use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct ExtractArgs {
    /// A Call-ID as on the wire or as in reports, or the name of a campaign or of an incident
    #[arg(value_name = "CALL-ID|CAMPAIGN|INCIDENT")]
    pub(crate) id: String,
    /// The file to write: pcapng if its name ends so, or if frames have several link types; pcap otherwise. "-" is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) captures: CaptureArgs,
    /// Copy RTP and RTCP of the streams too, as far as the database knows the streams
    #[arg(long)]
    pub(crate) media: bool,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

/// The ladder of `show call`.
#[derive(Args, Debug)]
pub(crate) struct LadderArgs {
    /// Draw the messages of a call between its hosts, from captures, or else from the database
    #[arg(long)]
    pub(crate) ladder: bool,
    #[command(flatten)]
    pub(crate) captures: CaptureArgs,
}

/// Captures to search.
#[derive(Args, Debug)]
pub(crate) struct CaptureArgs {
    /// Captures to search, or folders of them; repeat for several [default: those that the database was filled from]
    #[arg(long, value_name = "CAPTURE", num_args = 1..)]
    pub(crate) from: Vec<PathBuf>,
}
