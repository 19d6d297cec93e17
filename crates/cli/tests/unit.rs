//! The systemd units, by systemd's own measure.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{project, text};

/// systemd's measure goes from 0 to 10.
const MOST_OF_A_SENSOR: f64 = 1.6;
const MOST_OF_A_SERVER: f64 = 0.9;

#[test]
fn the_units_exposure_is_as_low_as_capturing_allows() {
    let unit = project().join("scripts/bellwether.service");
    assert_exposure(&unit, MOST_OF_A_SENSOR);
}

#[test]
fn the_packages_units_are_no_more_exposed() {
    let room = tempfile::tempdir().unwrap();
    let unit = room.path().join("bellwether@.service");
    std::fs::write(&unit, template_unit()).unwrap();
    assert_exposure(&unit, MOST_OF_A_SENSOR);
    assert_exposure(&project().join("scripts/packaging/bellwether-serve.service"), MOST_OF_A_SERVER);
}

#[test]
fn the_packages_unit_takes_its_interface_from_its_name() {
    let unit = template_unit();
    let has = |line: &str| unit.lines().any(|l| l == line);
    assert!(has("ExecStart=/usr/bin/bellwether -q sense -i %i $SENSE_OPTIONS"), "{unit}");
    assert!(has("Environment=BELLWETHER_CONFIG=/etc/bellwether/bellwether.toml"), "{unit}");
    assert!(!unit.contains("eth1.") && !unit.contains("/usr/local"), "{unit}");
}

#[test]
fn the_servers_unit_has_no_right_at_all() {
    let path = project().join("scripts/packaging/bellwether-serve.service");
    let unit = std::fs::read_to_string(path).unwrap();
    let has = |line: &str| unit.lines().any(|l| l == line);
    assert!(has("CapabilityBoundingSet=") && has("AmbientCapabilities=") && has("User=bellwether"));
    assert!(!unit.contains("CAP_") && !unit.contains("AF_PACKET"), "{unit}");
}

/// The package's unit, as scripts/packaging/template-unit derives it.
fn template_unit() -> String {
    let made = Command::new(project().join("scripts/packaging/template-unit")).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    text(&made.stdout)
}

fn assert_exposure(unit: &Path, most: f64) {
    let run = Command::new("systemd-analyze").args(["security", "--offline=yes"]).arg(unit).output();
    let Ok(output) = run else {
        eprintln!("skipped: systemd-analyze is not here");
        return;
    };
    let said = text(&output.stdout);
    // An instance of a template has a name of systemd's choice.
    let level = said.split("Overall exposure level for ").nth(1).and_then(|rest| rest.split(": ").nth(1));
    let Some(level) = level else {
        // Before systemd 250 it looks at loaded units only.
        eprintln!("skipped: systemd-analyze does not measure files: {}", text(&output.stderr));
        return;
    };
    let level: f64 = level.split_whitespace().next().unwrap().parse().unwrap();
    assert!(level <= most, "{said}");
}

#[test]
fn whatever_way_a_sensor_ends_but_in_order_the_unit_starts_it_anew() {
    let unit = std::fs::read_to_string(project().join("scripts/bellwether.service")).unwrap();
    let has = |line: &str| unit.lines().any(|l| l == line);
    assert!(has("Restart=on-failure") && has("Type=notify"));
    assert!(
        !unit.contains("RestartPreventExitStatus"),
        "code 1 must be started anew, and 2 may pass by itself"
    );
    // A unit whose filter lacks these leaves the sensor without its own lock.
    for call in
        ["capset", "seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"]
    {
        assert!(unit.lines().any(|l| l.starts_with("SystemCallFilter=") && l.contains(call)), "{call}");
    }
}
