use std::path::PathBuf;

use bellwether_answers::{Listener, socket_path};
use bellwether_app::{DatabaseHold, Desks, Exchange, Operator, Run, Stop, check_folder};
use bellwether_capture::{ClockEvent, ClockEventKind, LiveOptions, Stamps};
use bellwether_sensor::{Event, LiveInputs, Settings};

use crate::args::{Common, SenseArgs, StampsBy};
use crate::config::Config;
use crate::kept::Ring;
use crate::lockdown::{self, Needs};
use crate::notes::tell_operator;
use crate::outcome::{Exit, Failure};
use crate::reload::Reload;
use crate::report::print_summary;
use crate::session::{invite_reader, prepare, print_speed, reader_opener};

/// `bellwether sense`.
pub(crate) fn run(common: &Common, args: &SenseArgs) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let interfaces = if args.interfaces.is_empty() { &config.sense.interfaces } else { &args.interfaces };
    if interfaces.is_empty() && args.hep.is_empty() {
        let text = "no input: name an interface with -i or in sense.interfaces, or an address with --hep";
        return Err(Failure::Usage(text.to_owned()));
    }
    let options: Vec<LiveOptions> = interfaces.iter().map(|name| options(name, args)).collect();
    let heps = args.hep.iter().map(ToString::to_string);
    let places: Vec<String> = interfaces.iter().cloned().chain(heps).collect();
    let greeting = format!("listening on {}", places.join(", "));
    check_folder(&common.db)?;
    DatabaseHold::check(&common.db)?;
    let stop = Stop::on_signals()?;
    let inputs = LiveInputs::open(&options, &args.hep).map_err(|e| Failure::from_live(&e))?;
    let _hold = DatabaseHold::take(&common.db, &greeting)?;
    // The lock allows no change of the socket's rights, and the user of the run becomes its owner.
    let listener = if config.sense.answers { listener(common) } else { None };
    let mut run = prepare(common, &config)?;
    run.sensor.retention = Some(config.retention());
    let ring = Ring::prepare(common, &config)?;
    // An attacker who controls the parsers of hostile traffic must find no secrets. Threads inherit this.
    let needs = Needs {
        captures: Vec::new(),
        reads_again: Vec::new(),
        writes: config.ring_folder(),
        is_lasting: true,
        is_networked: true,
        is_server: false,
        user: config.user(),
    };
    let walls = lockdown::close(common, &config, needs, &tell_operator)?;
    let run = match listener {
        Some(listener) => answering(common, &config, run, listener)?,
        None => run,
    };
    if let Some(time) = args.duration {
        stop.after(time)?;
    }
    let names_interfaces = args.interfaces.is_empty();
    let reload = Reload::new(common, &config, walls, &stop, names_interfaces)?;
    until_stopped(common, inputs, (run, ring), reload, &greeting)?;
    Ok(Exit::Done)
}

/// The socket for questions. One that cannot be made is no reason to stay blind.
fn listener(common: &Common) -> Option<Listener> {
    let path = socket_path(&common.db)?;
    let opened = Listener::open(&path);
    let failed = |e: std::io::Error| {
        tell_operator(&format!("cannot listen on {}: {e}; the run answers no questions", path.display()));
    };
    opened.map_err(failed).ok()
}

/// Answers questions during the run.
fn answering(common: &Common, config: &Config, run: Run, listener: Listener) -> Result<Run, Failure> {
    let (invites, open_reader) = (invite_reader(&run.sensor), reader_opener(common, config)?);
    let settings = config.verdict();
    Ok(run.answering(listener, |recorder| Desks::of(recorder, invites, settings, None, open_reader))?)
}

/// `bellwether replay --follow`.
pub(crate) fn follow(common: &Common, paths: &[PathBuf]) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let stop = Stop::on_signals()?;
    let inputs = LiveInputs::follow(paths).map_err(|e| Failure::Work(e.to_string()))?;
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    check_folder(&common.db)?;
    let _hold = DatabaseHold::take(&common.db, &format!("following {}", names.join(", ")))?;
    let run = prepare(common, &config)?;
    let ring = Ring::prepare(common, &config)?;
    let needs = Needs {
        captures: paths.to_vec(),
        reads_again: Vec::new(),
        writes: config.ring_folder(),
        is_lasting: true,
        is_networked: true,
        is_server: false,
        user: None,
    };
    let walls = lockdown::close(common, &config, needs, &tell_operator)?;
    let reload = Reload::new(common, &config, walls, &stop, false)?;
    let is_whole = until_stopped(common, inputs, (run, ring), reload, "following")?;
    Ok(if is_whole { Exit::Done } else { Exit::Partial })
}

/// Prints the start, runs until the stop, and prints the result. Returns true if every input could be read.
fn until_stopped(
    common: &Common,
    inputs: LiveInputs,
    (mut run, ring): (Run, Ring),
    reload: Reload,
    greeting: &str,
) -> Result<bool, Failure> {
    tracing::info!("{greeting} until SIGINT or SIGTERM");
    let stop = reload.stop.clone();
    let mut terminal = Terminal { reload, is_whole: true };
    let (tap, ring) = ring.start()?;
    run.sensor.tap = tap;
    let outcome = run.sense(inputs, &stop, &tell_operator, &mut terminal);
    // The run has dropped its end of the tap, so the thread ends.
    drop(ring);
    let outcome = outcome?;
    if !common.quiet {
        print_summary(common.format, &outcome.finished.database)?;
        print_speed(outcome.packets, &outcome.finished);
    }
    match terminal.reload.needs_start {
        Some(why) => Err(Failure::Work(format!(
            "{why}; all rows are committed, and the next start uses the new configuration"
        ))),
        None => Ok(terminal.is_whole),
    }
}

fn options(name: &str, args: &SenseArgs) -> LiveOptions {
    LiveOptions {
        interface: name.to_owned(),
        filter: args.filter.clone().or_else(|| args.exact_filter.clone()),
        is_exact: args.exact_filter.is_some(),
        snap_length: args.snap_length,
        ring_mib: args.ring_mib,
        is_promiscuous: !args.no_promiscuous,
        sockets: args.sockets,
        stamps: match args.stamps {
            StampsBy::Kernel => Stamps::Kernel,
            StampsBy::Nic => Stamps::Nic,
        },
    }
}

/// Output to the operator, at a terminal or in a log.
struct Terminal {
    reload: Reload,
    /// True if every input could be read.
    is_whole: bool,
}

impl Operator for Terminal {
    fn on_event(&mut self, event: Event) {
        match event {
            Event::Losses(losses) => {
                for (loss, n) in losses {
                    let name = loss.name();
                    tracing::warn!(
                        loss = name,
                        count = n,
                        "{name} {n} more: {} {}",
                        loss.cause(),
                        loss.remedy()
                    );
                }
            }
            Event::Trouble(error) => {
                self.is_whole = false;
                tracing::warn!("{error}");
            }
            Event::Recovered(name) => tracing::warn!(interface = name, "{name} delivers again"),
            Event::Followed(name) => {
                tracing::warn!(interface = name, "{name} was removed and created again; capture continues");
            }
            // A gap was already reported with its cause. The run itself sends signs of life to the service manager.
            Event::Gap { .. } | Event::Alive => {}
            Event::Clock(event) => tracing::warn!("{}", clock_words(event)),
        }
    }

    fn new_settings(&mut self, exchange: &Exchange<'_>) -> Option<Settings> {
        self.reload.settings(exchange)
    }
}

/// An event of the packet clock, as text.
fn clock_words(event: ClockEvent) -> String {
    let what = match event.kind {
        ClockEventKind::Step(step) => format!("was set by {:+.3} s", step.as_secs_f64()),
        ClockEventKind::Leap(step) => format!("took a leap second ({:+.0} s)", step.as_secs_f64()),
        ClockEventKind::Rate(ppm) => format!("changed its rate by {ppm:+.0} ppm"),
    };
    format!("the system's clock {what}; timelines begin a new segment")
}
