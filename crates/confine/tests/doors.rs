//! A confined test program attempts forbidden actions. Actions of parts that this kernel lacks are skipped.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The writable folder of the test program, and a folder beside it.
struct House {
    room: tempfile::TempDir,
    garden: tempfile::TempDir,
}

impl House {
    /// None if the kernel or the user cannot apply all parts.
    fn new() -> Option<Self> {
        let house = Self { room: tempfile::tempdir().unwrap(), garden: tempfile::tempdir().unwrap() };
        let (said, _) = house.knock(&["core"], &[]);
        if said.starts_with("no lock") {
            eprintln!("the whole lock is not to be had here: {said}");
            return None;
        }
        Some(house)
    }

    /// Result of an action, and the signal that ended the program.
    fn knock(&self, door: &[&str], env: &[(&str, &str)]) -> (String, Option<i32>) {
        let output = Command::new(env!("CARGO_BIN_EXE_bellwether-captive"))
            .arg(self.room.path())
            .args(door)
            .envs(env.iter().copied())
            .output()
            .unwrap();
        (String::from_utf8(output.stdout).unwrap().trim().to_owned(), output.status.signal())
    }

    fn is_shut(&self, door: &str, at: &Path) {
        let (said, _) = self.knock(&[door, at.to_str().unwrap()], &[]);
        assert!(
            said.starts_with("shut: ") && said.contains("ermission denied"),
            "{door} {}: {said}",
            at.display()
        );
    }

    fn is_open(&self, door: &str, at: &Path) {
        let (said, _) = self.knock(&[door, at.to_str().unwrap()], &[]);
        assert!(said.starts_with("open: "), "{door} {}: {said}", at.display());
    }

    fn ends(&self, door: &[&str]) {
        let (said, signal) = self.knock(door, &[]);
        // SIGSYS
        assert_eq!(signal, Some(31), "{door:?}: {said}");
    }
}

#[test]
fn files_of_its_folder_are_open_and_all_others_are_shut() {
    let Some(house) = House::new() else { return };
    let (inside, outside) = (house.room.path().join("x"), house.garden.path().join("x"));
    std::fs::write(&outside, "secret").unwrap();
    for door in ["write", "read", "append", "remove"] {
        house.is_open(door, &inside);
    }
    house.is_open("list", house.room.path());
    for door in ["write", "read", "append", "remove"] {
        house.is_shut(door, &outside);
    }
    house.is_shut("list", house.garden.path());
    for path in ["/etc/shadow", "/root/.profile", "/var/log/dpkg.log", "/proc/1/environ", "/usr/bin/env"] {
        if PathBuf::from(path).exists() {
            house.is_shut("read", Path::new(path));
        }
    }
    // Links and folders that could mislead another user are forbidden in its own folder too.
    for door in ["link", "folder"] {
        let (said, _) = house.knock(&[door, inside.to_str().unwrap()], &[]);
        assert!(said.starts_with("shut: "), "{said}");
        assert!(inside.symlink_metadata().is_err());
    }
    assert_eq!(std::fs::read_to_string(&outside).unwrap(), "secret");
    let reads = [("CAPTIVE_READS", house.garden.path().to_str().unwrap())];
    let (said, _) = house.knock(&["read", outside.to_str().unwrap()], &reads);
    assert_eq!(said, "open: secret");
    let (said, _) = house.knock(&["append", outside.to_str().unwrap()], &reads);
    assert!(said.starts_with("shut: "), "{said}");
}

#[test]
fn what_a_break_in_would_do_next_ends_the_process() {
    let Some(house) = House::new() else { return };
    house.ends(&["program", "/bin/true"]);
    house.ends(&["user"]);
    house.ends(&["unshare"]);
}

#[test]
fn a_thread_that_is_started_later_has_no_right_either() {
    let Some(house) = House::new() else { return };
    let (said, _) = house.knock(&["thread"], &[]);
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(said.contains(&format!("{set}: 0000000000000000")), "{said}");
    }
    assert!(said.contains("NoNewPrivs: 1") && said.contains("Seccomp: 2"), "{said}");
    let (said, _) = house.knock(&["core"], &[]);
    assert_eq!(said, "open: Some(0) Ok(NotDumpable)");
}

#[test]
fn names_are_looked_up_and_sockets_opened_but_nobody_is_listened_to() {
    let Some(house) = House::new() else { return };
    let (said, _) = house.knock(&["resolve"], &[]);
    assert!(said.starts_with("open: ") && said.contains("127.0.0.1"), "{said}");
    house.is_open("udp", Path::new(""));
    house.is_shut("listen", Path::new(""));
    // A process without network use has no sockets.
    let (said, _) = house.knock(&["udp"], &[("CAPTIVE_IS_ALONE", "1")]);
    assert!(said.starts_with("shut: ") && said.contains("not implemented"), "{said}");
}

#[test]
fn another_user_has_its_own_group_only_and_must_own_the_folder() {
    let Some(house) = House::new() else { return };
    if !rustix::process::geteuid().is_root() {
        eprintln!("only root can become somebody else");
        return;
    }
    let user = [("CAPTIVE_USER", "4000001:4000002")];
    let (said, _) = house.knock(&["thread"], &user);
    assert!(said.starts_with("no lock: the user 4000001:4000002 cannot write to the folder"), "{said}");
    // The test program itself lies in folders created by root; it is running already.
    std::os::unix::fs::chown(house.room.path(), Some(4_000_001), Some(4_000_002)).unwrap();
    let parent = house.room.path().parent().unwrap();
    if std::fs::metadata(parent).unwrap().permissions().mode() & 0o001 == 0 {
        eprintln!("the folder of temporary files is root's alone");
        return;
    }
    let (said, _) = house.knock(&["thread"], &user);
    assert!(said.contains("Uid: 4000001 4000001 4000001 4000001"), "{said}");
    assert!(said.contains("Groups:,") || said.ends_with("Groups:") || said.contains("Groups: ,"), "{said}");
    assert!(said.contains("CapEff: 0000000000000000") && said.contains("CapBnd: 0000000000000000"), "{said}");
}

#[test]
fn the_lock_is_refused_where_threads_would_stay_outside() {
    let house = House { room: tempfile::tempdir().unwrap(), garden: tempfile::tempdir().unwrap() };
    let (said, _) = house.knock(&["late"], &[]);
    assert!(said.contains("must be closed before threads are started, and 2 run"), "{said}");
}
