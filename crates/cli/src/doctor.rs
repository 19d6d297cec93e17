use std::path::Path;
use std::process::Command;

use bellwether_capture::{LiveCapture, LiveError, LiveOptions, Stamps};
use bellwether_confine::{Finding, Part, User, Wish, folder_of, try_out};
use bellwether_report::{Column, Kind};
use bellwether_store::Reader;
use serde_json::json;

use crate::args::{Common, DoctorArgs};
use crate::config::Config;
use crate::outcome::{Exit, Failure};
use crate::render::Printer;

const COLUMNS: &[Column] = &[
    Column { name: "check", kind: Kind::Text },
    Column { name: "state", kind: Kind::Text },
    Column { name: "found", kind: Kind::Text },
    Column { name: "remedy", kind: Kind::Text },
];
const SHOWN: &[&str] = &["check", "state", "found", "remedy"];

/// Clock sources that are read without a system call and do not drift by the load.
const GOOD_CLOCKS: [&str; 5] = ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "xen"];

/// Free space below which a live run should not begin.
const LEAST_FREE_MIB: u64 = 1024;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Ok,
    Warning,
    Problem,
}

/// One examined property: its name, its state and a remedy.
struct Check {
    name: String,
    state: State,
    found: String,
    remedy: Option<String>,
}

impl Check {
    fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, found: found.into(), remedy: None }
    }

    fn not(
        state: State,
        name: impl Into<String>,
        found: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), state, found: found.into(), remedy: Some(remedy.into()) }
    }
}

/// `bellwether doctor`: everything that would stop or spoil a live run. Changes nothing.
pub(crate) fn run(common: &Common, args: &DoctorArgs) -> Result<Exit, Failure> {
    let mut checks = Vec::new();
    let config = match Config::load(common.config.as_deref()) {
        Ok(config) => {
            checks.push(Check::ok(
                "configuration",
                if common.config.is_some() { "sound" } else { "the default" },
            ));
            config
        }
        Err(e) => {
            let remedy = "`bellwether config default` shows every setting.";
            checks.push(Check::not(State::Problem, "configuration", e.to_string(), remedy));
            Config::default()
        }
    };
    checks.push(database(&common.db));
    checks.push(disk(&common.db, config.retention().max_bytes));
    checks.push(clock_source());
    checks.push(clock_synchronised());
    checks.push(user(&config));
    checks.extend(try_out(&folder_of(&common.db)).iter().map(|finding| part(&config, finding)));
    let interfaces = if args.interfaces.is_empty() { &config.sense.interfaces } else { &args.interfaces };
    for interface in interfaces {
        checks.push(capture(interface));
        checks.extend(offloads(interface));
        checks.push(stamps(interface));
    }
    let is_fit = checks.iter().all(|check| check.state != State::Problem);
    let mut printer = Printer::with_columns(common.format, COLUMNS, SHOWN);
    for check in checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Problem => "problem",
        };
        printer.row(&vec![json!(check.name), json!(state), json!(check.found), json!(check.remedy)])?;
    }
    printer.finish()?;
    Ok(if is_fit { Exit::Done } else { Exit::Failed })
}

fn database(path: &Path) -> Check {
    if path.as_os_str() == ":memory:" {
        return Check::not(State::Warning, "database", "kept in memory only", "Name a file with --db.");
    }
    if bellwether_store::check_existing(path).is_err() {
        return Check::ok("database", format!("{} will be created", path.display()));
    }
    match Reader::open(path) {
        Ok(_) => Check::ok("database", format!("{} can be read", path.display())),
        Err(e) => Check::not(State::Problem, "database", e.to_string(), "Name another file with --db."),
    }
}

fn disk(db: &Path, max_bytes: Option<u64>) -> Check {
    let folder = db.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let stat = match rustix::fs::statvfs(folder) {
        Ok(stat) => stat,
        Err(e) => {
            let found = format!("{}: {e}", folder.display());
            return Check::not(
                State::Problem,
                "disk",
                found,
                "Create the folder of the database, or name another.",
            );
        }
    };
    let free_mib = stat.f_bavail.saturating_mul(stat.f_frsize) >> 20;
    let found = format!("{free_mib} MiB free in {}", folder.display());
    let held_mib = std::fs::metadata(db).map_or(0, |meta| meta.len()) >> 20;
    if rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_err() {
        let found = format!("{} cannot be written to", folder.display());
        return Check::not(State::Problem, "disk", found, "Let the sensor's user own the folder.");
    }
    match max_bytes.map(|max| (max >> 20).saturating_sub(held_mib)) {
        _ if free_mib < LEAST_FREE_MIB => {
            Check::not(State::Problem, "disk", found, "Make room, or lower database.max_mib.")
        }
        Some(wanted) if free_mib < wanted => {
            let remedy = format!("The database may grow by another {wanted} MiB: lower database.max_mib.");
            Check::not(State::Warning, "disk", found, remedy)
        }
        Some(_) => Check::ok("disk", found),
        None => {
            Check::not(State::Warning, "disk", found, "Set database.max_mib: the database has no limit now.")
        }
    }
}

/// Checks the user of a sensor after the start.
fn user(config: &Config) -> Check {
    let Some(name) = config.user() else {
        if rustix::process::geteuid().is_root() {
            let remedy = "Name a user in sense.user of the configuration, or start the sensor as one.";
            return Check::not(State::Warning, "user", "a sensor would stay root", remedy);
        }
        return Check::ok("user", "not root");
    };
    match User::named(name) {
        Ok(_) => Check::ok("user", format!("a sensor becomes {name}")),
        Err(e) => {
            let text = e.to_string();
            let (found, remedy) = text.split_once("; ").unwrap_or((&text, ""));
            Check::not(State::Problem, "user", found, remedy)
        }
    }
}

/// Checks that this machine supports a part of the lock.
fn part(config: &Config, finding: &Finding) -> Check {
    let part = finding.part;
    let name = format!("lock {}", part.name());
    let wish = Part::ALL.iter().zip(config.confine()).find(|(p, _)| **p == part).map(|(_, wish)| wish);
    if wish == Some(Wish::Off) {
        let remedy = format!("Set confine.{} to \"on\".", part.name());
        return Check::not(State::Warning, name, "switched off in the configuration", remedy);
    }
    match &finding.state {
        bellwether_confine::State::Held(how) => Check::ok(name, how),
        bellwether_confine::State::Off => Check::ok(name, "not tried"),
        bellwether_confine::State::Missing(why) => {
            let state = if wish == Some(Wish::Required) { State::Problem } else { State::Warning };
            let remedy = match part {
                Part::Capabilities => {
                    "Start as root with sense.user, or let the service manager drop all capabilities."
                }
                Part::Dumps => "Check the limits of core files.",
                Part::Landlock => {
                    "Boot a kernel with Landlock; the sensor also runs without, with a warning."
                }
                Part::Seccomp => "Use a 64-bit kernel with seccomp filters.",
            };
            Check::not(state, name, why, remedy)
        }
    }
}

fn clock_source() -> Check {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = std::fs::read_to_string(path).unwrap_or_default();
    match source.trim() {
        "" => Check::not(
            State::Warning,
            "clock source",
            "is unknown",
            "Check the clock source by hand: timestamps depend on it.",
        ),
        good if GOOD_CLOCKS.contains(&good) => Check::ok("clock source", good),
        other => Check::not(
            State::Warning,
            "clock source",
            other,
            "Timestamps are slow and coarse with this clock source; use tsc if available.",
        ),
    }
}

fn clock_synchronised() -> Check {
    let remedy = "Run chrony or systemd-timesyncd: this clock is the reference for the skew of devices.";
    let said = Command::new("timedatectl").args(["show", "-p", "NTPSynchronized", "--value"]).output();
    match said.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).as_deref() {
        Ok("yes") => Check::ok("clock", "synchronised"),
        Ok("no") => Check::not(State::Warning, "clock", "not synchronised", remedy),
        Ok(_) | Err(_) => Check::not(State::Warning, "clock", "synchronisation is unknown", remedy),
    }
}

/// Opens the interface as a run would, with a small ring.
fn capture(interface: &str) -> Check {
    let name = format!("capture {interface}");
    let options = LiveOptions {
        interface: interface.to_owned(),
        filter: None,
        is_exact: false,
        snap_length: 64,
        ring_mib: 1,
        is_promiscuous: true,
        sockets: 1,
        stamps: Stamps::Kernel,
    };
    match LiveCapture::open(&options, 0) {
        Ok(_) => Check::ok(name, "can be captured"),
        Err(e) => {
            let text = e.to_string();
            // The refusals that have a remedy name it behind their cause.
            let (found, remedy) = match (&e, text.split_once("; ")) {
                (LiveError::Other(..) | LiveError::Filter(..), _) | (_, None) => (text.as_str(), ""),
                (_, Some((found, remedy))) => (found, remedy),
            };
            Check::not(State::Problem, name, found, remedy)
        }
    }
}

/// Checks the clock that stamps packets.
fn stamps(interface: &str) -> Check {
    let found = if bellwether_capture::stamps_all(interface) {
        "by the kernel; the NIC is more exact: --stamps nic, with phc2sys"
    } else {
        "by the kernel; the NIC does not stamp every packet"
    };
    Check::ok(format!("stamps {interface}"), found)
}

/// Offloads that join packets before the capture. Sizes and times of joined packets differ from the wire.
fn offloads(interface: &str) -> Option<Check> {
    let name = format!("offloads {interface}");
    if !Path::new("/sys/class/net").join(interface).exists() {
        return None;
    }
    let Ok(output) = Command::new("ethtool").args(["-k", interface]).output() else {
        let remedy = "Install ethtool, and switch off generic and large receive offload.";
        return Some(Check::not(State::Warning, name, "ethtool is missing", remedy));
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let on: Vec<&str> = joining_offloads(&text);
    Some(if on.is_empty() {
        Check::ok(name, "no offload joins packets")
    } else {
        let switches: Vec<String> = on.iter().map(|offload| format!("{offload} off")).collect();
        let remedy = format!("sudo ethtool -K {interface} {}", switches.join(" "));
        Check::not(State::Warning, name, format!("packets are joined by {}", on.join(" and ")), remedy)
    })
}

/// The offloads in `ethtool -k` that are on and join received packets, by the names that `ethtool -K` takes.
fn joining_offloads(text: &str) -> Vec<&'static str> {
    const JOINING: [(&str, &str); 3] =
        [("generic-receive-offload", "gro"), ("large-receive-offload", "lro"), ("rx-gro-hw", "rx-gro-hw")];
    let is_on = |long: &str| {
        text.lines().any(|line| line.trim().strip_prefix(long).is_some_and(|rest| rest.starts_with(": on")))
    };
    JOINING.iter().filter(|(long, _)| is_on(long)).map(|(_, short)| *short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offloads_that_join_packets_are_found() {
        let text = "Features for eth0:\ngeneric-segmentation-offload: on\ngeneric-receive-offload: on\nlarge-receive-offload: off [fixed]\nrx-gro-hw: on\n";
        assert_eq!(joining_offloads(text), ["gro", "rx-gro-hw"]);
        assert!(joining_offloads("").is_empty());
    }

    #[test]
    fn a_folder_that_is_missing_or_a_database_of_another_is_a_problem() {
        assert_eq!(disk(Path::new("/no/such/folder/x.db"), None).state, State::Problem);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 5000]).unwrap();
        assert_eq!(database(file.path()).state, State::Problem);
    }
}
