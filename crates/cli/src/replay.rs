use bellwether_capture::Input;

use crate::args::{Common, ReplayArgs};
use crate::config::Config;
use crate::lockdown::{self, Needs};
use crate::notes::note;
use crate::out;
use crate::outcome::{Exit, Failure};
use crate::progress::Bar;
use crate::report::print_summary;
use crate::session::{prepare, print_speed};

/// `bellwether replay`.
pub(crate) fn run(common: &Common, args: &ReplayArgs) -> Result<Exit, Failure> {
    let mut config = Config::load(common.config.as_deref())?;
    let inputs = bellwether_capture::expand(&args.captures).map_err(|e| Failure::Work(e.to_string()))?;
    if !args.alerts {
        config.alerts.receivers.clear();
    }
    let run = prepare(common, &config)?;
    let captures = inputs.iter().filter_map(|input| match input {
        Input::File(path, _) => Some(path.clone()),
        Input::StandardInput => None,
    });
    let needs = Needs {
        captures: captures.collect(),
        reads_again: Vec::new(),
        writes: None,
        is_lasting: false,
        is_networked: !config.alerts.receivers.is_empty(),
        is_server: false,
        user: None,
    };
    lockdown::close(common, &config, needs, &|text| note(common, text))?;
    let mut bar = Bar::new(common.quiet);
    let result = run.replay(&inputs, &|text| note(common, text), &mut |progress| bar.show(progress));
    bar.finish();
    let outcome = result?;
    if !common.quiet {
        print_summary(common.format, &outcome.finished.database)?;
    }
    if common.is_verbose() {
        print_speed(outcome.packets, &outcome.finished);
    }
    for damage in &outcome.damaged {
        out::tell(format!("{} was read up to {}", damage.name, damage.error));
    }
    for unread in &outcome.unread {
        out::tell(format!(
            "{}: {} frames have link type {}, which is not read",
            unread.name, unread.frames, unread.link_type
        ));
    }
    let is_whole = outcome.damaged.is_empty() && outcome.unread.is_empty();
    Ok(if is_whole { Exit::Done } else { Exit::Partial })
}
