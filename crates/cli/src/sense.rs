use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bellwether_base::Shown;
use bellwether_capture::{ClockEvent, ClockEventKind, LiveOptions, Stamps};
use bellwether_sensor::{Ears, Event, Operator, Settings};

use sd_notify::NotifyState;

use crate::args::{Common, SenseArgs, StampsBy};
use crate::config::Config;
use crate::out;
use crate::outcome::{Exit, Failure, no_thread};
use crate::replay::{Prepared, print_speed};
use crate::report::print_summary;

/// `bellwether sense`.
pub(crate) fn run(common: &Common, args: &SenseArgs) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let options: Vec<LiveOptions> = args.interfaces.iter().map(|name| options(name, args)).collect();
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let ears = Ears::open(&options, &args.hep).map_err(|e| Failure::from_live(&e))?;
    let Prepared { mut sensor, writer, deliveries } = Prepared::new(common, &config)?;
    sensor.retention = Some(config.retention());
    // Whoever breaks into what reads hostile traffic shall find no privileges there. Threads inherit this.
    drop_capabilities()?;
    if let Some(time) = args.duration {
        stop_after(time, Arc::clone(&stop))?;
    }
    let heps = args.hep.iter().map(ToString::to_string);
    let places: Vec<String> = args.interfaces.iter().cloned().chain(heps).collect();
    let greeting = format!("listening on {}", places.join(", "));
    until_stopped(common, ears, Prepared { sensor, writer, deliveries }, &stop, &greeting)?;
    Ok(Exit::Done)
}

/// `bellwether replay --follow`.
pub(crate) fn follow(common: &Common, config: &Config, paths: &[PathBuf]) -> Result<Exit, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let ears = Ears::follow(paths).map_err(|e| Failure::Work(e.to_string()))?;
    let prepared = Prepared::new(common, config)?;
    let terminal = until_stopped(common, ears, prepared, &stop, "following")?;
    Ok(if terminal.is_whole { Exit::Done } else { Exit::Partial })
}

/// Greets, runs until `stop`, and prints what it came to.
fn until_stopped(
    common: &Common,
    ears: Ears,
    Prepared { sensor, writer, deliveries }: Prepared,
    stop: &AtomicBool,
    greeting: &str,
) -> Result<Terminal, Failure> {
    let mut terminal = Terminal::new(common)?;
    if !common.quiet {
        tell(&format!("{greeting} until SIGINT or SIGTERM"));
    }
    notify(NotifyState::Ready);
    let outcome = deliveries
        .beside(tell, || bellwether_sensor::sense(ears, &sensor, writer, stop, &mut terminal))??;
    if !common.quiet {
        print_summary(common.format, &outcome.finished.database)?;
        print_speed(outcome.packets, &outcome.finished);
    }
    Ok(terminal)
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

/// The first signal asks for an orderly end, the second does not wait for it.
fn stop_on_signals(stop: &Arc<AtomicBool>) -> Result<(), Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(stop))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(stop)))
            .map_err(|e| Failure::Work(format!("cannot watch for signals: {e}")))?;
    }
    Ok(())
}

fn stop_after(time: Duration, stop: Arc<AtomicBool>) -> Result<(), Failure> {
    let wait = move || {
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
    };
    std::thread::Builder::new().name("duration".into()).spawn(wait).map_err(no_thread)?;
    Ok(())
}

fn drop_capabilities() -> Result<(), Failure> {
    use caps::CapSet::{Effective, Inheritable, Permitted};
    for set in [Effective, Inheritable, Permitted] {
        caps::clear(None, set).map_err(|e| Failure::Work(format!("cannot give up privileges: {e}")))?;
    }
    Ok(())
}

/// The operator at a terminal or behind a log.
struct Terminal {
    config: Option<PathBuf>,
    /// Set by SIGHUP.
    wants_reload: Arc<AtomicBool>,
    /// Whether every input could be read.
    is_whole: bool,
}

impl Terminal {
    fn new(common: &Common) -> Result<Self, Failure> {
        let wants_reload = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::clone(&wants_reload))
            .map_err(|e| Failure::Work(format!("cannot watch for signals: {e}")))?;
        Ok(Self { config: common.config.clone(), wants_reload, is_whole: true })
    }
}

impl Operator for Terminal {
    fn hear(&mut self, event: Event) {
        match event {
            Event::Losses(losses) => {
                for (loss, n) in losses {
                    tell(&format!("{} {n} more: {} {}", loss.name(), loss.cause(), loss.remedy()));
                }
            }
            Event::Trouble(error) => {
                self.is_whole = false;
                tell(&error.to_string());
            }
            Event::Recovered(name) => tell(&format!("{name} delivers again")),
            Event::Followed(name) => tell(&format!("{name} was removed and made again, and is followed")),
            Event::Clock(event) => tell(&clock_words(event)),
            Event::Alive => notify(NotifyState::Watchdog),
        }
    }

    /// The topology and the tunnels' ports; what else has changed waits for the next start.
    fn new_settings(&mut self) -> Option<Settings> {
        if !self.wants_reload.swap(false, Ordering::Relaxed) {
            return None;
        }
        match Config::load(self.config.as_deref()) {
            Ok(config) => {
                tell("the site and the mirror's ports were read again");
                Some(Settings { site: config.site(), tunnels: config.tunnels() })
            }
            Err(e) => {
                out::tell(Shown::lines(&format!("nothing was changed: {e}")));
                None
            }
        }
    }
}

/// What befell the clock that stamps packets, in words.
fn clock_words(event: ClockEvent) -> String {
    let what = match event.kind {
        ClockEventKind::Step(step) => format!("was set by {:+.3} s", step.as_secs_f64()),
        ClockEventKind::Leap(step) => format!("took a leap second ({:+.0} s)", step.as_secs_f64()),
        ClockEventKind::Rate(ppm) => format!("changed its rate by {ppm:+.0} ppm"),
    };
    format!("the system's clock {what}: timelines are parted there")
}

/// Tells the service manager, if there is one.
fn notify(state: NotifyState<'_>) {
    // Whether it listens is its own affair.
    let _ = sd_notify::notify(&[state]);
}

fn tell(text: &str) {
    out::tell(text);
}
