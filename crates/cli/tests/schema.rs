//! The JSON Schemas of the reports: committed files equal the output of the program, and real reports are valid.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::collections::BTreeMap;

use bellwether_testkit::violations;
use common::{ALL_REPORTS, Room, assert_same, project};
use serde_json::{Value, json};

fn committed(what: &str) -> String {
    std::fs::read_to_string(project().join("docs/schema").join(format!("{what}.json"))).unwrap()
}

#[test]
fn the_committed_schemas_are_those_that_the_program_prints() {
    let room = Room::new();
    for what in ALL_REPORTS {
        let printed = room.expect(0, &["report", what, "--schema"]);
        // `just bless` accepts changes.
        if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
            std::fs::write(project().join("docs/schema").join(format!("{what}.json")), &printed).unwrap();
        }
        assert_same(&printed, &committed(what), what);
    }
    assert!(!room.path("bellwether.db").exists());
}

#[test]
fn each_schema_has_the_columns_of_its_report_in_order() {
    let room = Room::new();
    let capture = project().join("pcaps/lab-calls-mixed.pcap").display().to_string();
    room.expect(0, &["-q", "replay", &capture]);
    for what in ALL_REPORTS.into_iter().filter(|what| *what != "summary") {
        let schema: Value = serde_json::from_str(&committed(what)).unwrap();
        let members = schema["$defs"]["row"]["properties"].as_object().unwrap();
        let header = room.expect(0, &["--format", "csv", "report", what, "--limit", "0"]);
        let columns: Vec<&str> = header.lines().next().unwrap().split(',').collect();
        assert_eq!(members.keys().collect::<Vec<_>>(), columns, "{what}");
    }
}

/// Databases of the demonstration, with labels, classes and an inventory.
fn demonstration(room: &Room) -> Vec<&'static str> {
    let pcaps = project().join("pcaps");
    let of = |name: &str| pcaps.join(name).display().to_string();
    let site = of("campaigns/bellwether.toml");
    let lab = [
        "lab-calls-mixed.pcap",
        "lab-calls-trunk.pcap",
        "lab-fragments.pcap",
        "lab-register.pcap",
        "lab-scan.pcap",
    ]
    .map(of);
    let replay = [vec!["--db", "lab.db", "-q", "replay"], lab.iter().map(String::as_str).collect()].concat();
    room.expect(0, &replay);
    room.write(
        "inventory.csv",
        b"aor,device_class,policy\n101@lab.example,,learn\n102@lab.example,x,strict\n",
    );
    room.expect(0, &["--db", "lab.db", "-q", "inventory", "import", "inventory.csv"]);
    room.expect(0, &["--db", "lab.db", "-q", "class", "learn", "--agents"]);
    let campaigns = of("campaigns/campaigns.pcap.zst");
    room.expect(0, &["--db", "campaigns.db", "--config", &site, "-q", "replay", &campaigns]);
    let found = room.rows("campaigns.db", "campaigns");
    let name = found[0]["campaign"].as_str().unwrap();
    room.expect(0, &["--db", "campaigns.db", "-q", "label", "campaign", name, "fraud", "--yes"]);
    vec!["lab.db", "campaigns.db"]
}

#[test]
fn what_the_demonstration_prints_keeps_to_the_schemas() {
    let room = Room::new();
    let databases = demonstration(&room);
    let mut rows: BTreeMap<&str, usize> = BTreeMap::new();
    for db in databases {
        for what in ALL_REPORTS {
            let schema: Value = serde_json::from_str(&committed(what)).unwrap();
            let printed: Value =
                serde_json::from_str(&room.expect(0, &["--db", db, "--format", "json", "report", what]))
                    .unwrap();
            let found = violations(&schema, &printed);
            assert!(found.is_empty(), "{db} {what}: {}", found.join("\n"));
            *rows.entry(what).or_default() += printed.as_array().map_or(1, Vec::len);
            // Each line of the other form is a row: that is looked at by the way.
            assert_eq!(room.rows(db, what).len(), printed.as_array().map_or(1, Vec::len));
        }
    }
    assert!(ALL_REPORTS.iter().all(|what| rows[what] > 0), "{rows:?}");
}

#[test]
fn a_row_that_breaks_its_schema_is_found() {
    let schema: Value = serde_json::from_str(&committed("alerts")).unwrap();
    let sound = json!({
        "at": "2026-11-21T03:43:01.123456789Z", "kind": "campaign_found", "severity": "warning",
        "subject": "c-9r2m4kxe", "message": "found", "call_id": null, "campaign": "c-9r2m4kxe",
        "incident": null, "state": null
    });
    assert_eq!(violations(&schema, &json!([sound])), Vec::<String>::new());
    for (member, value) in [
        ("at", json!("2026-11-21")),
        ("kind", json!("campaign")),
        ("severity", json!("low")),
        ("message", Value::Null),
        ("call_id", json!(7)),
    ] {
        let mut row = sound.clone();
        row[member] = value;
        let found = violations(&schema, &json!([row]));
        assert!(found.len() == 1 && found[0].starts_with(&format!("/0/{member}: ")), "{found:?}");
    }
}
