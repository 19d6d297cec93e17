//! `find`: everything about one number, token, address or Call-ID, and nothing of the number in the clear.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::io::Write;
use std::process::Stdio;

use common::{Room, project, text};
use serde_json::Value;

fn filled() -> Room {
    let room = Room::new();
    let captures =
        ["lab-calls-failed.pcapng", "lab-register.pcap"].map(|name| project().join("pcaps").join(name));
    room.replay("bellwether.db", "1", &[&captures[0], &captures[1]]);
    room
}

fn found(room: &Room, name: &str) -> Value {
    serde_json::from_str(&room.expect(0, &["--format", "json", "find", name])).unwrap()
}

/// An extension that calls somebody.
fn a_caller(room: &Room) -> String {
    let known = |user: &String| {
        let output = room.run(&["--format", "json", "find", user]);
        text(&output.stdout).contains("as_caller")
    };
    (100..130).map(|n: u32| n.to_string()).find(known).unwrap()
}

#[test]
fn a_number_has_its_calls_and_its_devices_under_each_of_its_names() {
    let room = filled();
    let number = a_caller(&room);
    let of_number = found(&room, &number);
    assert_eq!(of_number["found"], "party");
    let token = of_number["tokens"][0].as_str().unwrap().to_owned();
    let rows = room.rows("bellwether.db", "calls");
    let count = |side: &str| rows.iter().filter(|row| row[side] == token.as_str()).count();
    assert_eq!(of_number["as_caller"]["calls"], count("caller"));
    assert_eq!(of_number["as_callee"]["calls"].as_u64().unwrap_or(0) as usize, count("dialled"));
    let aor = format!("sip:{token}@lab.example");
    assert!(of_number["registrations"].as_array().unwrap().iter().any(|row| row["aor"] == aor.as_str()));
    assert!(!of_number["devices"].as_array().unwrap().is_empty());
    for name in [token.clone(), format!("{}..", &token[..8]), format!("sip:{number}@lab.example"), aor] {
        assert_eq!(found(&room, &name), of_number, "{name}");
    }
}

#[test]
fn lists_are_found_by_number_and_by_address() {
    let room = filled();
    let number = a_caller(&room);
    let token = found(&room, &number)["tokens"][0].as_str().unwrap().to_owned();
    room.expect(0, &["block", "add", "number", &token, "--reason", "complaints", "--yes"]);
    room.expect(0, &["allow", "add", "network", "10.77.0.0/24"]);
    assert_eq!(found(&room, &number)["lists"][0]["reason"], "complaints");
    let source = room.rows("bellwether.db", "calls")[0]["source"].as_str().unwrap().to_owned();
    let address = source.rsplit_once(':').unwrap().0;
    let of_address = found(&room, address);
    assert_eq!(
        (&of_address["found"], &of_address["lists"][0]["value"]),
        (&"address".into(), &"10.77.0.0/24".into())
    );
    assert_eq!(of_address["as_source"]["calls"], found(&room, &source)["as_source"]["calls"]);
    room.expect(1, &["find", "192.0.2.1:5060"]);

    // A network has the calls of all its addresses, and names them.
    let calls = room.rows("bellwether.db", "calls");
    let is_inside = |row: &&Value| row["source"].as_str().unwrap().starts_with("10.77.0.");
    let of_network = found(&room, "10.77.0.99/24");
    assert_eq!(of_network["found"], "network");
    assert_eq!(of_network["as_source"]["calls"], calls.iter().filter(is_inside).count());
    assert_eq!(of_network["lists"][0]["value"], "10.77.0.0/24");
    let of_sources = of_network["sources"].as_array().unwrap().iter();
    assert_eq!(
        of_sources.map(|of| of["calls"].as_u64().unwrap()).sum::<u64>(),
        of_network["as_source"]["calls"]
    );
    assert!(of_network["registrations"].as_array().is_some_and(|all| !all.is_empty()));
    let alone = found(&room, &format!("{address}/32"));
    for part in ["as_source", "as_destination", "registrations", "media_sent", "alerts", "campaigns"] {
        assert_eq!(alone[part], of_address[part], "{part}");
    }
    room.expect(1, &["find", "192.0.2.0/24"]);
}

#[test]
fn a_call_and_any_name_of_a_report_are_found() {
    let room = filled();
    let call = &room.rows("bellwether.db", "calls")[0];
    let shown = found(&room, call["call_id"].as_str().unwrap());
    assert_eq!((&shown["found"], &shown["legs"][0]["started_at"]), (&"call".into(), &call["started_at"]));
    assert_eq!(found(&room, call["fingerprint"].as_str().unwrap())["found"], "fingerprint");
}

#[test]
fn no_output_repeats_a_number_and_standard_input_keeps_it_off_the_command_line() {
    let room = filled();
    let unknown = "+12125550188";
    let output = room.run(&["-vv", "find", unknown]);
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("knows nothing about it") && !said.contains("2125550188"), "{said}");
    for command in [["show", "device"], ["plot", "clock"]] {
        let error = room.expect(1, &[&command[..], &[unknown]].concat());
        assert!(error.contains("that name") && !error.contains("2125550188"), "{error}");
    }
    let number = a_caller(&room);
    let mut child = room
        .command(&["--format", "json", "find", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{number}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap(), found(&room, &number));
    for file in std::fs::read_dir(room.path("")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, unknown.as_bytes()).is_none());
    }
}
