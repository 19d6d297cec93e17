//! Completions and the manual come from the one definition of the command line.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::process::Command;

use common::{Room, text};

/// The names of the commands, as the help lists them.
fn commands(room: &Room) -> Vec<String> {
    let help = room.expect(0, &["help"]);
    let list = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let names = list.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn each_command_has_completions_in_each_shell_and_a_page() {
    let room = Room::new();
    let all = commands(&room);
    for name in ["report", "find", "watch", "completions", "man"] {
        assert!(all.iter().any(|known| known == name), "{name} is hidden: {all:?}");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = room.expect(0, &["completions", shell]);
        assert!(!script.contains('\u{2409}'), "{shell}: a tabulator became a picture");
        for name in &all {
            assert!(script.contains(name.as_str()), "{shell} knows no {name}");
        }
        assert!(script.contains("newest-first"), "{shell} knows no option of report");
    }
    room.expect(0, &["man", "--out", "pages"]);
    for name in all.iter().filter(|name| *name != "help") {
        let page = std::fs::read_to_string(room.path(&format!("pages/bellwether-{name}.1"))).unwrap();
        assert!(page.contains(".TH") && page.contains(".SH"), "{name}");
    }
    let page = std::fs::read_to_string(room.path("pages/bellwether-db-backup.1")).unwrap();
    assert!(page.contains("bellwether"), "{page}");
    assert!(room.expect(0, &["man"]).contains(".SH"));
    assert!(room.expect(2, &["completions", "tcsh"]).contains("invalid value"));
}

#[test]
fn the_shells_at_hand_accept_their_completions() {
    let room = Room::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = room.expect(0, &["completions", shell]);
        let file = room.write(shell, script.as_bytes());
        match Command::new(shell).arg("-n").arg(&file).output() {
            Ok(output) => assert!(output.status.success(), "{shell}: {}", text(&output.stderr)),
            Err(_) => eprintln!("skipped: {shell} is not here"),
        }
    }
}
