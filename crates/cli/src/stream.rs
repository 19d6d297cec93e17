//! `bellwether stream`: events for systems that collect logs, one JSON object on each line.

mod events;
mod output;
mod state;

use bellwether_base::with_ending;
use bellwether_report::Reports;

use crate::args::{Common, StreamArgs};
use crate::follow::Commits;
use crate::notes::note;
use crate::outcome::{Exit, Failure};
use events::Events;
use output::{FileOptions, Output};
use state::State;

pub(crate) fn run(common: &Common, args: &StreamArgs) -> Result<Exit, Failure> {
    let options = FileOptions {
        limit: args.rotate_mib.saturating_mul(1 << 20),
        keep: args.keep,
        is_for_group: args.group_read,
    };
    let mut output = Output::open(&args.to, options)?;
    let state_file = args.state.clone().or_else(|| output.file().map(|file| with_ending(file, ".state")));
    let mut saved = match &state_file {
        Some(path) => State::load(path)?,
        None => None,
    };
    let from = saved.clone().or_else(|| args.from_start.then(State::of_start));
    let mut events = Events::new(&args.events, from);
    note(common, "events are written as they come, until SIGINT or SIGTERM");
    let mut commits = Commits::watch(common, args.seconds)?;
    let stop = commits.stop();
    commits.each(common, &mut |reader| {
        loop {
            let batch = events.next(Reports::of(reader), bellwether_app::now())?;
            let is_done = batch.as_str().is_empty();
            if !is_done && !output.write(&batch, &stop)? {
                return Ok(());
            }
            // Most commits have nothing for a stream of a few kinds.
            if let Some(path) = &state_file
                && saved.as_ref() != Some(events.state())
            {
                events.state().save(path)?;
                saved = Some(events.state().clone());
            }
            if is_done {
                return Ok(());
            }
        }
    })?;
    Ok(Exit::Done)
}
