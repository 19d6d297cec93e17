//! Arguments of `mcp`.

use clap::Args;

#[derive(Args, Debug)]
pub(crate) struct McpArgs {
    /// Let the agent label calls, fingerprints, campaigns, recordings and incidents; each label needs dry_run = false
    #[arg(long)]
    pub(crate) allow_label: bool,
}
