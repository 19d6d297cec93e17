//! Labels and entries of lists tell what they reach, ask before they reach honest parties, and tell how to take them back.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use common::{Room, project, text};
use serde_json::Value;

/// Campaigns beside honest calls, some from one platform.
fn filled() -> Room {
    let room = Room::new();
    room.replay("bellwether.db", "1", &[&project().join("pcaps/campaigns")]);
    room
}

/// A fingerprint of honest callers.
fn honest_platform(room: &Room) -> String {
    let calls = room.rows("bellwether.db", "calls");
    let is_honest = |call: &&Value| call["disposition"] == "standard" && !call["answered_at"].is_null();
    calls.iter().find(is_honest).unwrap()["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn what_reaches_honest_parties_needs_a_yes_and_is_told_before() {
    let room = filled();
    let print = honest_platform(&room);
    let before = room.reports("bellwether.db");
    for command in [
        vec!["label", "fingerprint", &print, "fraud"],
        vec!["block", "add", "fingerprint", &print],
        vec!["block", "add", "network", "10.77.0.0/16"],
    ] {
        let output = room.run(&command);
        let (said, told) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(2), "{command:?}: {said}{told}");
        assert!(told.contains("nothing was changed: it reaches") && told.contains("--yes"), "{told}");
        assert!(said.contains("honest part") && said.contains("nothing is stored"), "{said}");
        assert_eq!(room.reports("bellwether.db"), before, "{command:?}");
        let tried = room.expect(0, &[&command[..], &["--dry-run"]].concat());
        assert_eq!(tried, said, "the refusal tells what a dry run tells");
    }
    let done = room.expect(0, &["block", "add", "fingerprint", &print, "--yes"]);
    assert!(done.contains(" to quarantine"), "{done}");
    let undo = done.lines().find_map(|line| line.strip_prefix("undo with: bellwether ")).unwrap();
    room.expect(0, &undo.split(' ').collect::<Vec<_>>());
    assert_eq!(room.reports("bellwether.db"), before);
    // Good words harm nobody.
    room.expect(0, &["label", "fingerprint", &print, "legit"]);
}

#[test]
fn a_label_of_a_call_names_its_legs_and_may_mean_one() {
    let room = Room::new();
    room.replay("bellwether.db", "1", &[&project().join("pcaps/lab-calls-trunk.pcap")]);
    let calls = room.rows("bellwether.db", "calls");
    let is_shared =
        |call: &&Value| calls.iter().filter(|other| other["call_id"] == call["call_id"]).count() == 2;
    let leg = calls.iter().find(is_shared).unwrap();
    let (id, tag) = (leg["call_id"].as_str().unwrap(), leg["from_tag"].as_str().unwrap());
    let labelled = || {
        let calls = room.rows("bellwether.db", "calls");
        calls
            .iter()
            .filter(|call| call["label"] == "fraud")
            .map(|call| call["from_tag"].clone())
            .collect::<Vec<_>>()
    };
    let said = room.expect(0, &["label", "call", id, "fraud"]);
    assert!(
        said.contains(&format!("leg {tag} from ")) && said.contains("for all legs of the Call-ID"),
        "{said}"
    );
    assert!(said.contains("it reaches 2 calls of "), "{said}");
    assert_eq!(labelled().len(), 2);
    let undo = said.lines().find_map(|line| line.strip_prefix("undo with: bellwether ")).unwrap();
    room.expect(0, &undo.split(' ').collect::<Vec<_>>());
    assert!(labelled().is_empty());
    room.expect(0, &["label", "call", id, "fraud", "--from-tag", tag]);
    assert_eq!(labelled(), [tag]);
    assert!(
        room.expect(1, &["label", "call", id, "fraud", "--from-tag", "nobody"])
            .contains("with the From tag nobody")
    );
    assert!(
        room.expect(2, &["label", "campaign", "c-1", "fraud", "--from-tag", tag]).contains("a leg of a call")
    );
}

#[test]
fn a_number_on_a_list_is_a_token_in_each_form() {
    let room = filled();
    let token = room.rows("bellwether.db", "calls")[0]["caller"].as_str().unwrap().to_owned();
    let said = room.expect(0, &["allow", "add", "number", &format!("{}..", &token[..8])]);
    assert!(said.contains(&format!("number {token} is on the allow list")), "{said}");
    assert!(room.expect(0, &["allow", "list"]).contains(&token));
    room.expect(0, &["allow", "remove", "number", &token]);
    let said = room.expect(0, &["block", "add", "number", "+12125550188"]);
    assert!(!said.contains("2125550188") && said.contains("it reaches no call"), "{said}");
    room.expect(0, &["block", "remove", "number", "+1 212 555-0188"]);
}
