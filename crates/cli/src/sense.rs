use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bellwether_capture::{ClockEvent, ClockEventKind, LiveOptions, Stamps};
use bellwether_sensor::{Event, EventHandler, LiveInputs, Settings};

use sd_notify::NotifyState;

use crate::args::{Common, SenseArgs, StampsBy};
use crate::config::Config;
use crate::delivery::Exchange;
use crate::holder::Held;
use crate::lockdown::{self, Needs};
use crate::outcome::{Exit, Failure, no_thread};
use crate::reload::Reload;
use crate::replay::{Prepared, check_folder, print_speed};
use crate::report::print_summary;

/// `bellwether sense`.
pub(crate) fn run(common: &Common, args: &SenseArgs) -> Result<Exit, Failure> {
    let config = Config::load(common.config.as_deref())?;
    let interfaces = if args.interfaces.is_empty() { &config.sense.interfaces } else { &args.interfaces };
    if interfaces.is_empty() && args.hep.is_empty() {
        let text = "nothing to listen on: name an interface with -i or in sense.interfaces, or an address with --hep";
        return Err(Failure::Usage(text.to_owned()));
    }
    let options: Vec<LiveOptions> = interfaces.iter().map(|name| options(name, args)).collect();
    let heps = args.hep.iter().map(ToString::to_string);
    let places: Vec<String> = interfaces.iter().cloned().chain(heps).collect();
    let greeting = format!("listening on {}", places.join(", "));
    check_folder(&common.db)?;
    Held::look(&common.db)?;
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let ears = LiveInputs::open(&options, &args.hep).map_err(|e| Failure::from_live(&e))?;
    let _held = Held::take(&common.db, &greeting)?;
    let Prepared { mut sensor, recorder, deliveries } = Prepared::new(common, &config)?;
    sensor.retention = Some(config.retention());
    // Whoever breaks into what reads hostile traffic shall find nothing there. Threads inherit this.
    let needs = Needs { captures: Vec::new(), is_lasting: true, is_networked: true, user: config.user() };
    let walls = lockdown::close(common, &config, needs, &tell)?;
    if let Some(time) = args.duration {
        stop_after(time, Arc::clone(&stop))?;
    }
    let names_interfaces = args.interfaces.is_empty();
    let reload = Reload::new(common, &config, walls, &stop, names_interfaces)?;
    until_stopped(common, ears, Prepared { sensor, recorder, deliveries }, reload, &greeting)?;
    Ok(Exit::Done)
}

/// `bellwether replay --follow`.
pub(crate) fn follow(common: &Common, config: &Config, paths: &[PathBuf]) -> Result<Exit, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signals(&stop)?;
    let ears = LiveInputs::follow(paths).map_err(|e| Failure::Work(e.to_string()))?;
    let names: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    check_folder(&common.db)?;
    let _held = Held::take(&common.db, &format!("following {}", names.join(", ")))?;
    let prepared = Prepared::new(common, config)?;
    let needs = Needs { captures: paths.to_vec(), is_lasting: true, is_networked: true, user: None };
    let walls = lockdown::close(common, config, needs, &tell)?;
    let reload = Reload::new(common, config, walls, &stop, false)?;
    let is_whole = until_stopped(common, ears, prepared, reload, "following")?;
    Ok(if is_whole { Exit::Done } else { Exit::Partial })
}

/// Greets, runs until it shall stop, and prints what it came to. Answers whether every input could be read.
fn until_stopped(
    common: &Common,
    ears: LiveInputs,
    Prepared { sensor, recorder, deliveries }: Prepared,
    reload: Reload,
    greeting: &str,
) -> Result<bool, Failure> {
    tracing::info!("{greeting} until SIGINT or SIGTERM");
    notify(NotifyState::Ready);
    let stop = Arc::clone(&reload.stop);
    let (outcome, is_whole, needs_start) = deliveries.beside(tell, |exchange| {
        let mut terminal = Terminal { reload, exchange, is_whole: true };
        let outcome = bellwether_sensor::sense(ears, &sensor, recorder, &stop, &mut terminal);
        (outcome, terminal.is_whole, terminal.reload.needs_start)
    })?;
    let outcome = outcome?;
    if !common.quiet {
        print_summary(common.format, &outcome.finished.database)?;
        print_speed(outcome.packets, &outcome.finished);
    }
    match needs_start {
        Some(why) => Err(Failure::Work(format!("{why}; all is committed, and a new start goes by it"))),
        None => Ok(is_whole),
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

/// The operator at a terminal or behind a log.
struct Terminal<'a> {
    reload: Reload,
    exchange: &'a Exchange<'a>,
    /// Whether every input could be read.
    is_whole: bool,
}

impl EventHandler for Terminal<'_> {
    fn hear(&mut self, event: Event) {
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
                tracing::warn!(interface = name, "{name} was removed and made again, and is followed");
            }
            // What cut it was told as trouble.
            Event::Gap { .. } => {}
            Event::Clock(event) => tracing::warn!("{}", clock_words(event)),
            Event::Alive => notify(NotifyState::Watchdog),
        }
    }

    fn new_settings(&mut self) -> Option<Settings> {
        self.reload.settings(self.exchange)
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
    let _ = match std::env::var_os("NOTIFY_SOCKET").as_deref().map(OsStr::as_encoded_bytes) {
        // sd-notify takes a name without a place in the file system for a path.
        Some([b'@', name @ ..]) => SocketAddr::from_abstract_name(name).and_then(|address| {
            UnixDatagram::unbound()?.send_to_addr(format!("{state}\n").as_bytes(), &address).map(drop)
        }),
        _ => sd_notify::notify(&[state]),
    };
}

pub(crate) fn tell(text: &str) {
    tracing::warn!("{text}");
}
