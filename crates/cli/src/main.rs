//! The `bellwether` command.

mod args;
mod class;
mod config;
mod db;
mod delivery;
mod doctor;
mod evaluate;
mod inventory;
mod key;
mod knowledge;
mod label;
mod lockdown;
mod outcome;
mod plot;
mod plot_silence;
mod private;
#[expect(clippy::disallowed_types, reason = "a progress line is paced by the clock")]
mod progress;
mod provisioning;
mod reload;
mod render;
mod replay;
mod report;
mod reputation;
mod sense;
mod show;
mod truth;
mod when;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use outcome::{Exit, Failure};

#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    private::make_all_private();
    let cli = Cli::parse();
    let is_quiet = cli.common.quiet;
    match run(&cli) {
        Ok(exit) => exit.code(),
        Err(Failure::BrokenPipe) => Exit::Done.code(),
        Err(failure) => {
            // Nobody may be listening on standard error either; the exit code still tells.
            let _ = writeln!(std::io::stderr(), "bellwether: {failure}");
            if !is_quiet && let Some(hint) = failure.hint() {
                let _ = writeln!(std::io::stderr(), "  {hint}");
            }
            failure.exit().code()
        }
    }
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Replay(args) => replay::run(&cli.common, args),
        Command::Sense(args) => sense::run(&cli.common, args),
        Command::Report(args) => report::run(&cli.common, args),
        Command::Show(args) => show::run(&cli.common, args),
        Command::Plot(args) => plot::run(&cli.common, args),
        Command::Class(args) => class::run(&cli.common, args),
        Command::Inventory(args) => inventory::run(&cli.common, args),
        Command::Label(args) => label::run(&cli.common, args),
        Command::Telemetry(args) => label::telemetry(&cli.common, args),
        Command::Evaluate(args) => evaluate::run(&cli.common, args),
        Command::Reputation(args) => reputation::run(&cli.common, args),
        Command::Db(args) => db::run(&cli.common, args),
        Command::Diff(args) => show::diff(&cli.common, args),
        Command::Doctor(args) => doctor::run(&cli.common, args),
        Command::Config(args) => config::run(&cli.common, args),
    }
}
