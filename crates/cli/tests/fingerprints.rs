//! Platforms in the captures of real programs: recognition, distinction, comparison.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::{Room, own_captures};
use serde_json::Value;

/// The User-Agent of each program, and the expected stack by structure.
const PROGRAMS: [(&str, &str); 6] = [
    ("baresip", "libre (baresip)"),
    ("Linphonec", "belle-sip (Linphone)"),
    ("Twinkle", "Twinkle"),
    ("Jami", "PJSIP"),
    ("pyVoIP", "pyVoIP"),
    ("Janus", "sofia-sip"),
];

fn text<'v>(row: &'v Value, column: &str) -> &'v str {
    row[column].as_str().unwrap_or_default()
}

#[test]
fn every_program_is_recognised_by_its_structure_and_has_one_author_for_each_message() {
    let room = Room::new();
    let captures = own_captures();
    let captures: Vec<_> = captures.iter().map(AsRef::as_ref).collect();
    room.replay("all.db", "2", &captures);
    let rows = [room.rows("all.db", "calls"), room.rows("all.db", "registrations")].concat();
    let mut authors: BTreeMap<(String, bool), BTreeSet<String>> = BTreeMap::new();
    let prints = room.rows("all.db", "fingerprints");
    let mut seen = BTreeSet::new();
    for row in &rows {
        let agent = text(row, "user_agent");
        let Some((program, stack)) = PROGRAMS.iter().find(|(name, _)| agent.contains(name)) else { continue };
        assert!(text(row, "stack").contains(stack), "{agent}: {}", text(row, "stack"));
        assert_eq!(text(row, "claim"), "consistent", "{agent}");
        let print = prints.iter().find(|p| p["fingerprint"] == row["fingerprint"]).unwrap();
        let is_call = row.get("call_id").is_some();
        authors
            .entry(((*program).to_owned(), is_call))
            .or_default()
            .insert(text(print, "sip_author").to_owned());
        seen.insert(*program);
    }
    assert!(seen.len() >= 5, "{seen:?}");
    let mut owners = BTreeMap::new();
    for (program, of) in authors {
        assert_eq!(of.len(), 1, "{program:?} is split");
        for author in of {
            assert_eq!(owners.insert(author, program.clone()), None, "two programs share an author");
        }
    }
}

#[test]
fn scanners_are_recognised_whatever_they_call_themselves() {
    let room = Room::new();
    let capture = own_captures().into_iter().find(|c| c.to_string_lossy().contains("lab-scan")).unwrap();
    let disguised = std::fs::read(&capture).unwrap();
    // The same length, so that no checksum or length is touched but UDP's, which nothing here reads.
    let (from, to) = (b"friendly-scanner", b"Yealink SIP-T46U");
    let at: Vec<usize> =
        disguised.windows(from.len()).enumerate().filter(|(_, w)| w == from).map(|(at, _)| at).collect();
    assert!(at.len() > 10);
    let mut disguised = disguised;
    for at in at {
        disguised[at..at + to.len()].copy_from_slice(to);
    }
    let capture = room.write("disguised.pcap", &disguised);
    room.replay("x.db", "2", &[&capture]);
    let scans: Vec<Value> =
        room.rows("x.db", "fingerprints").into_iter().filter(|p| text(p, "stack") == "SIPVicious").collect();
    let messages: BTreeSet<&str> = scans.iter().map(|p| text(p, "method")).collect();
    assert_eq!(messages, BTreeSet::from(["INVITE", "OPTIONS", "REGISTER"]));
    for scan in &scans {
        assert_eq!(scan["claimed_agents"], serde_json::json!(["Yealink SIP-T46U"]));
        assert_eq!(scan["claims"], serde_json::json!(["contradictory"]));
        let shown = room.expect(0, &["--db", "x.db", "show", "fingerprint", text(scan, "fingerprint")]);
        assert!(shown.contains("is_scanner_or_tool   ") && shown.contains("true"), "{shown}");
    }
}

#[test]
fn two_calls_are_compared_part_by_part() {
    let room = Room::new();
    let captures = own_captures();
    let captures: Vec<_> = captures.iter().map(AsRef::as_ref).collect();
    room.replay("bellwether.db", "2", &captures);
    let calls = room.rows("bellwether.db", "calls");
    let of = |agent: &str, nth: usize| {
        let mut found = calls.iter().filter(|c| text(c, "user_agent").contains(agent));
        text(found.nth(nth).unwrap(), "call_id").to_owned()
    };
    let diff = |a: &str, b: &str| -> Value {
        serde_json::from_str(&room.expect(0, &["--format", "json", "diff", a, b])).unwrap()
    };
    let same = diff(&of("baresip", 0), &of("baresip", 1));
    assert_eq!(same["sip_author"]["relation"], "same", "{same}");
    let other = diff(&of("baresip", 0), &of("Linphonec", 0));
    assert_eq!(other["sip_author"]["relation"], "different");
    let fields: Vec<&str> =
        other["sip_author"]["different"].as_array().unwrap().iter().map(|d| text(d, "field")).collect();
    assert!(fields.contains(&"h"), "{fields:?}");
    assert!(room.expect(1, &["diff", &of("baresip", 0), "nobody"]).contains("does not hold both"));
}

#[test]
fn the_operators_signatures_come_first_and_wrong_ones_are_refused_with_their_line() {
    let room = Room::new();
    let capture = own_captures().into_iter().find(|c| c.to_string_lossy().contains("calls-baresip")).unwrap();
    room.replay("bellwether.db", "1", &[&capture]);
    let own = "[[signature]]\nname = \"Our phone\"\nkind = \"phone\"\nauthor = \"sip\"\nheaders = [\"Via\", \"Contact\", \"Max-Forwards\", \"To\", \"From\", \"Call-ID\", \"CSeq\", \"*\"]\nfields = { a = \"^INVITE*\", e = \"crlf\", i = \"x\", z = \"x\" }\nagents = [\"baresip\"]\nsource = \"test\"\ndate = \"2026-11-21\"\n";
    room.write("own.toml", own.as_bytes());
    let report = room.expect(0, &["--signatures", "own.toml", "report", "calls"]);
    assert!(report.contains("Our phone") && report.contains("belle-sip"), "{report}");
    room.write("wrong.toml", own.replace("headers", "header").as_bytes());
    let said = room.expect(2, &["--signatures", "wrong.toml", "report", "calls"]);
    assert!(said.contains("wrong.toml: line 5: unknown field `header`"), "{said}");
    assert!(room.expect(2, &["--signatures", "none.toml", "report", "calls"]).contains("none.toml"));
}

/// The true platform of a program. Each scenario of sipp is one platform, and so is each tool of a scanner.
fn platform(truth: &Value) -> String {
    let kind = text(truth, "kind");
    let is_of_its_own = kind.starts_with("sipp-") || kind.starts_with("sv");
    if is_of_its_own { kind.to_owned() } else { text(truth, "stack").to_owned() }
}

#[test]
fn real_programs_keep_one_author_through_proxy_nat_transports_and_other_names() {
    let folder = own_captures()[0].with_file_name("fingerprints");
    let mut authors: BTreeMap<(String, &str), BTreeSet<String>> = BTreeMap::new();
    let mut observed = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let truth = entry.unwrap().path();
        let Some(name) = truth.to_string_lossy().strip_suffix(".truth.jsonl").map(str::to_owned) else {
            continue;
        };
        let room = Room::new();
        room.replay("x.db", "2", &[format!("{name}.pcap.gz").as_ref()]);
        let lines = std::fs::read_to_string(&truth).unwrap();
        let truth: BTreeMap<String, Value> = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|line| (text(&line, "source").to_owned(), line))
            .collect();
        let prints: BTreeMap<String, String> = room
            .rows("x.db", "fingerprints")
            .iter()
            .map(|p| (text(p, "fingerprint").to_owned(), text(p, "sip_author").to_owned()))
            .collect();
        for what in ["calls", "registrations"] {
            for row in room.rows("x.db", what) {
                let source = text(&row, "source").rsplit_once(':').unwrap().0;
                let Some(line) = truth.get(source) else { continue };
                observed += 1;
                let author = prints[text(&row, "fingerprint")].clone();
                authors.entry((platform(line), what)).or_default().insert(author);
            }
        }
    }
    assert!(observed > 250, "{observed}");
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    for ((platform, what), of) in authors {
        assert_eq!(of.len(), 1, "{what} of {platform} are split: {of:?}");
        for author in of {
            if let Some(other) = owners.insert(author, platform.clone()) {
                let is_one_scanner = platform.starts_with("sv") && other.starts_with("sv");
                assert!(is_one_scanner, "{what}: {platform} and {other} share an author");
            }
        }
    }
}
