//! The systemd unit, by systemd's own measure.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::process::Command;

use common::{project, text};

/// systemd's measure goes from 0 to 10.
const MOST: f64 = 1.6;

#[test]
fn the_units_exposure_is_as_low_as_capturing_allows() {
    let unit = project().join("scripts/bellwether.service");
    let run = Command::new("systemd-analyze").args(["security", "--offline=yes"]).arg(&unit).output();
    let Ok(output) = run else {
        eprintln!("skipped: systemd-analyze is not here");
        return;
    };
    let said = text(&output.stdout);
    let Some(level) = said.split("Overall exposure level for bellwether.service:").nth(1) else {
        // Before systemd 250 it looks at loaded units only.
        eprintln!("skipped: systemd-analyze does not measure files: {}", text(&output.stderr));
        return;
    };
    let level: f64 = level.split_whitespace().next().unwrap().parse().unwrap();
    assert!(level <= MOST, "{said}");
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
