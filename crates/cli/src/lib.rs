//! The `bellwether` command as a library: `main.rs` calls the library, and fuzz targets read files through the same
//! functions.
//!
//! This crate must never know a statement of SQL or the form of a SIP message: commands call `app`, `report` and `store`.
//!
//! A file of an operator is read and refused with its first fault:
//!
//! ```
//! assert!(bellwether_cli::files::config("[database]\nkeep_days = 30").is_ok());
//! assert!(bellwether_cli::files::config("[database]\nkeep_dayz = 30").is_err());
//! ```

mod alerts;
mod args;
mod calls;
mod class;
mod condition;
mod config;
mod db;
mod doctor;
mod evaluate;
mod extract;
mod feedback;
pub mod files;
mod find;
#[expect(clippy::disallowed_types, reason = "a look at the database is paced by the clock")]
mod follow;
mod inventory;
mod kept;
mod knowledge;
mod label;
mod ladder;
mod lists;
mod lockdown;
mod log;
mod manual;
mod mcp;
mod names;
mod notes;
mod out;
mod outcome;
mod plot;
mod plot_silence;
#[expect(clippy::disallowed_types, reason = "a progress line is paced by the clock")]
mod progress;
mod reach;
mod reload;
mod render;
mod replay;
mod report;
mod reputation;
mod schema;
mod sense;
#[expect(clippy::disallowed_types, reason = "a look at other programs is paced by the clock")]
mod serve;
mod session;
mod show;
mod stream;
mod svg;
mod truth;
mod wanted;
mod watch;
mod when;

use std::process::ExitCode;

use bellwether_base::Shown;

use args::{Cli, Command};
use outcome::{Exit, Failure};

/// Does what the command line says; answers the exit code.
#[must_use]
pub fn command() -> ExitCode {
    out::tell_panics();
    bellwether_app::private::make_all_private();
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(e) => return refused(&e),
    };
    log::start(&cli.common);
    let is_quiet = cli.common.quiet;
    match run(&cli) {
        Ok(exit) => exit.code(),
        Err(Failure::BrokenPipe) => Exit::Done.code(),
        Err(failure) => {
            out::fail(failure.shown());
            if !is_quiet && let Some(hint) = failure.hint() {
                out::add(format!("  {hint}"));
            }
            failure.exit().code()
        }
    }
}

/// Arguments that cannot be used, and help, which clap words: an argument may be a name that traffic chose.
fn refused(words: &clap::Error) -> ExitCode {
    let text = Shown::lines(words.render().to_string().trim_end());
    if words.use_stderr() {
        out::add(text);
        return Exit::Usage.code();
    }
    // The reader of a pipe may have closed the pipe.
    let _ = out::line(text);
    Exit::Done.code()
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    if cli.command.needs_database() {
        bellwether_store::check_existing(&cli.common.db)?;
    }
    match &cli.command {
        Command::Replay(args) if args.follow => sense::follow(&cli.common, &args.captures),
        Command::Replay(args) => replay::run(&cli.common, args),
        Command::Sense(args) => sense::run(&cli.common, args),
        Command::Serve(args) => serve::run(&cli.common, args),
        Command::Mcp(args) => mcp::run(&cli.common, args),
        Command::Report(args) => report::run(&cli.common, args),
        Command::Watch(args) => watch::run(&cli.common, args),
        Command::Stream(args) => stream::run(&cli.common, args),
        Command::Show(args) => show::run(&cli.common, args),
        Command::Find(args) => find::run(&cli.common, args),
        Command::Extract(args) => extract::run(&cli.common, args),
        Command::Plot(args) => plot::run(&cli.common, args),
        Command::Class(args) => class::run(&cli.common, args),
        Command::Inventory(args) => inventory::run(&cli.common, args),
        Command::Label(args) => label::run(&cli.common, args),
        Command::Allow(args) => lists::run(&cli.common, bellwether_scoring::OperatorList::Allow, args),
        Command::Block(args) => lists::run(&cli.common, bellwether_scoring::OperatorList::Block, args),
        Command::Telemetry(args) => label::telemetry(&cli.common, args),
        Command::Evaluate(args) => evaluate::run(&cli.common, args),
        Command::Reputation(args) => reputation::run(&cli.common, args),
        Command::Db(args) => db::run(&cli.common, args),
        Command::Diff(args) => show::diff(&cli.common, args),
        Command::Doctor(args) => doctor::run(&cli.common, args),
        Command::Config(args) => config::run(&cli.common, args),
        Command::Completions(args) => manual::completions(args),
        Command::Man(args) => manual::man(&cli.common, args),
    }
}
