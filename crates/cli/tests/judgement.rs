//! From packets to judgement: tokens, scores, campaigns of real programs, feedback, alerts.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{Agent, Call, Frame, PcapFormat, Rng, Talk, udp_frame, write_pcap};
use common::{Room, project};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

const START: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);

fn saved(room: &Room, name: &str, frames: &[Frame]) -> PathBuf {
    let mut frames = frames.to_vec();
    frames.sort_by_key(|frame| frame.at);
    room.write(name, &write_pcap(&frames, PcapFormat::Nano))
}

fn by_call(rows: Vec<Value>) -> BTreeMap<String, Value> {
    rows.into_iter().map(|row| (row["call_id"].as_str().unwrap().to_owned(), row)).collect()
}

fn signals(call: &Value) -> BTreeSet<&str> {
    call["signals"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect()
}

// ---------------------------------------------------------------------------------------------- tokens

/// An INVITE with this Call-ID, To number and Identity header, at a number of seconds after the start.
fn invite(call_id: &str, secs: i64, to: &str, identity: &str) -> Frame {
    let identity = if identity.is_empty() { String::new() } else { format!("Identity: {identity}\r\n") };
    let text = format!(
        "INVITE sip:{to}@198.51.100.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK{call_id}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:+12155551212@192.0.2.7>;tag={call_id}\r\nTo: <sip:{to}@198.51.100.2>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 INVITE\r\n{identity}Contact: <sip:192.0.2.7>\r\nContent-Length: 0\r\n\r\n"
    );
    let at = START + Span::from_secs(secs);
    udp_frame(at, "192.0.2.7:5060".parse().unwrap(), "198.51.100.2:5060".parse().unwrap(), 1, text.as_bytes())
}

/// A shaken token from +12155551212 to a number, issued at a number of seconds after the start, by a key of the fixtures.
fn token(key: &str, x5u: &str, to: &str, secs: i64) -> String {
    let pem = std::fs::read_to_string(project().join("fixtures/stir").join(key)).unwrap();
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let random = SystemRandom::new();
    let pkcs8 = STANDARD.decode(base64).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8, &random).unwrap();
    let iat = START.as_nanos() / 1_000_000_000 + secs;
    let header =
        format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://c.example/{x5u}"}}"#);
    let origid = format!("123e4567-e89b-12d3-a456-{:012}", secs + 100_000);
    let payload = format!(
        r#"{{"attest":"A","dest":{{"tn":["{}"]}},"iat":{iat},"orig":{{"tn":"12155551212"}},"origid":"{origid}"}}"#,
        to.trim_start_matches('+')
    );
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = URL_SAFE_NO_PAD.encode(pair.sign(&random, signed.as_bytes()).unwrap());
    format!("{signed}.{signature};info=<https://c.example/{x5u}>;alg=ES256;ppt=shaken")
}

#[test]
fn tokens_are_judged_by_form_time_parties_use_and_signature() {
    let room = Room::new();
    let (to, other) = ("+12155551213", "+12155551999");
    let used = token("signer.key.pem", "signer.pem", to, 500);
    let frames = [
        invite("none", 0, to, ""),
        invite("valid", 100, to, &token("signer.key.pem", "signer.pem", to, 100)),
        invite("unverified", 150, to, &token("signer.key.pem", "elsewhere.pem", to, 150)),
        invite("invalid", 200, to, &token("rogue.key.pem", "signer.pem", to, 200)),
        invite("untrusted", 250, to, &token("rogue.key.pem", "rogue.pem", to, 250)),
        invite("stale", 400, to, &token("signer.key.pem", "signer.pem", to, 300)),
        invite("mismatch", 450, other, &token("signer.key.pem", "signer.pem", to, 450)),
        invite("first-use", 500, to, &used),
        invite("replay", 510, to, &used),
        // The same token twice in one message is one token.
        invite("twice", 550, to, &{
            let token = token("signer.key.pem", "signer.pem", to, 550);
            format!("{token},{token}")
        }),
        invite("malformed", 600, to, "abc.def;info=<https://c.example/signer.pem>;alg=ES256;ppt=shaken"),
    ];
    let capture = saved(&room, "x.pcap", &frames);
    let folder = project().join("fixtures/stir");
    let certificates = folder.to_str().unwrap();
    let args = ["--db", "x.db", "--stir-certs", certificates, "-q", "replay", capture.to_str().unwrap()];
    room.expect(0, &args);
    let calls = by_call(room.rows("x.db", "calls"));
    let status = |id: &str| calls[id]["passport"].as_str().unwrap().to_owned();
    for (id, expected) in [
        ("none", "none"),
        ("valid", "valid"),
        ("unverified", "unverified"),
        ("invalid", "invalid"),
        ("untrusted", "invalid"),
        ("stale", "stale"),
        ("mismatch", "mismatch"),
        ("first-use", "valid"),
        ("replay", "replay"),
        ("twice", "valid"),
        ("malformed", "malformed"),
    ] {
        assert_eq!(status(id), expected, "{id}: {}", calls[id]["identity"]);
    }
    assert_eq!((&calls["valid"]["attestation"], &calls["none"]["attestation"]), (&json!("A"), &Value::Null));
    assert!(signals(&calls["valid"]).contains("passport_valid"));
    assert!(signals(&calls["replay"]).contains("passport_replay"));
    let score = |id: &str| calls[id]["score"].as_f64().unwrap();
    assert!(score("valid") > 50.0 && score("replay") < 30.0 && score("invalid") < 30.0);
    // Points and evidence add up for each of them.
    for call in calls.values() {
        let sum: f64 =
            call["signals"].as_array().unwrap().iter().map(|s| s["points"].as_f64().unwrap()).sum();
        let score = call["score"].as_f64().unwrap();
        assert!(((50.0 + sum).clamp(0.0, 100.0) - score).abs() < 0.06, "{call}");
    }
    let alerts = room.rows("x.db", "alerts");
    assert!(alerts.iter().any(|a| a["call_id"] == "replay" && a["kind"] == "call_quarantined"), "{alerts:?}");
}

#[test]
fn without_certificates_nothing_is_valid_and_a_folder_without_any_is_told() {
    let room = Room::new();
    let to = "+12155551213";
    let frames = [invite("a", 100, to, &token("signer.key.pem", "signer.pem", to, 100))];
    let capture = saved(&room, "x.pcap", &frames);
    room.replay("x.db", "1", &[&capture]);
    assert_eq!(room.rows("x.db", "calls")[0]["passport"], "unverified");
    std::fs::create_dir(room.path("empty")).unwrap();
    let told =
        room.expect(2, &["--db", "y.db", "--stir-certs", "empty", "replay", capture.to_str().unwrap()]);
    assert!(told.contains("contains no certificate"), "{told}");
}

#[test]
fn calls_for_help_are_not_judged() {
    let room = Room::new();
    let frames = [invite("help", 0, "911", ""), invite("other", 10, "+12155551213", "")];
    let capture = saved(&room, "x.pcap", &frames);
    room.replay("x.db", "1", &[&capture]);
    let calls = by_call(room.rows("x.db", "calls"));
    let help = &calls["help"];
    assert_eq!((&help["score"], &help["disposition"]), (&Value::Null, &json!("not_judged")));
    assert_eq!(help["not_judged_reason"], "emergency_call");
    assert_eq!(calls["other"]["disposition"], "monitor");
}

/// An INVITE of one stack, with an offer or without.
fn plain_invite(id: u16, call_id: &str, agent: &str, offer: &str) -> Frame {
    let kind = if offer.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let message = format!(
        "INVITE sip:200@198.51.100.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{id}\r\nMax-Forwards: 70\r\n\
         From: <sip:100@192.0.2.9>;tag=t{id}\r\nTo: <sip:200@198.51.100.2>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:100@192.0.2.9>\r\n{agent}{kind}Content-Length: {}\r\n\r\n{offer}",
        offer.len()
    );
    let at = START + Span::from_secs(i64::from(id));
    udp_frame(
        at,
        "192.0.2.9:5060".parse().unwrap(),
        "198.51.100.2:5060".parse().unwrap(),
        id,
        message.as_bytes(),
    )
}

#[test]
fn an_invite_without_an_offer_is_of_the_family_of_those_with_one() {
    let room = Room::new();
    let offer = "v=0\r\no=box 1 1 IN IP4 192.0.2.9\r\ns=box\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    let frames = [
        plain_invite(1, "early", "", ""),
        plain_invite(2, "offer", "", offer),
        plain_invite(3, "late", "", ""),
        plain_invite(4, "other", "Allow: INVITE, ACK, BYE\r\n", ""),
    ];
    let capture = saved(&room, "x.pcap", &frames);
    for workers in ["1", "3"] {
        let db = format!("{workers}.db");
        room.replay(&db, workers, &[&capture]);
        let calls = by_call(room.rows(&db, "calls"));
        let family = |id: &str| calls[id]["platform_family"].clone();
        assert_eq!(family("late"), family("offer"));
        assert_eq!(family("early"), family("offer"), "the same fingerprint");
        assert_ne!(calls["late"]["fingerprint"], calls["offer"]["fingerprint"]);
        assert_ne!(family("other"), family("offer"));
    }
}

// ---------------------------------------------------------------------------------------------- feedback

/// A short call of an unknown caller.
fn call(source: u8, user: &str, secs: i64, is_terse: bool, rng: &mut Rng) -> (String, Vec<Frame>) {
    let caller = Agent { is_terse, ..Agent::new([192, 0, 2, source], user, "Dialler") };
    let talk = || Talk { law: Law::Mu, packets: vec![vec![0xff; 160]; 4] };
    let call = Call {
        caller,
        callee: Agent::new([198, 51, 100, 9], "+12155550000", "Pbx"),
        start: START + Span::from_secs(secs),
        rings: Span::from_millis(300),
        caller_talk: talk(),
        callee_talk: talk(),
        is_challenged: false,
    };
    (call.call_id(), call.frames(rng))
}

#[test]
fn one_confirmed_robocaller_puts_the_next_call_of_its_platform_into_quarantine_and_nobody_elses() {
    let room = Room::new();
    let mut rng = Rng::new(11);
    let (told, first) = call(1, "+12155551001", 0, true, &mut rng);
    let (next, second) = call(77, "+12155551777", 3600, true, &mut rng);
    let (honest, third) = call(3, "+12155551003", 3700, false, &mut rng);
    let before = saved(&room, "before.pcap", &first);
    let after = saved(&room, "after.pcap", &[second, third].concat());
    room.replay("x.db", "1", &[&before]);
    room.expect(0, &["--db", "x.db", "label", "call", &told, "fraud"]);
    room.replay("x.db", "1", &[&after]);
    let calls = by_call(room.rows("x.db", "calls"));
    assert_eq!(calls[&next]["disposition"], "quarantine", "{}", calls[&next]["signals"]);
    assert!(signals(&calls[&next]).contains("deployment_reputation"));
    assert_eq!(calls[&honest]["disposition"], "monitor", "{}", calls[&honest]["signals"]);
    let print = calls[&next]["fingerprint"].as_str().unwrap();
    let prints = room.rows("x.db", "fingerprints");
    let row = prints.iter().find(|row| row["fingerprint"] == print).unwrap();
    assert!(row["reputation"].as_f64().unwrap() < 15.0 && row["list"] == "block", "{row}");
    // The list in the forms that other programs read.
    let export =
        |form: &str| room.expect(0, &["--db", "x.db", "reputation", "export", "block", "--as", form]);
    assert!(export("plain").lines().any(|line| line == format!("fingerprint:{print}")));
    assert!(export("csv").starts_with("kind,subject,reputation,since,why\n"));
    assert!(export("kamailio").contains(&format!("fingerprint:{print},0,0,block,0")));
    // A wrong label is taken back and leaves no trace.
    room.expect(0, &["--db", "x.db", "label", "call", &told, "none"]);
    assert_eq!(export("plain"), "");
    assert!(
        room.expect(1, &["--db", "x.db", "label", "call", "nobody", "fraud"]).contains("there is no call")
    );
}

#[test]
fn the_operators_lists_change_present_and_later_calls_until_they_end() {
    let room = Room::new();
    let mut rng = Rng::new(13);
    let (present, first) = call(1, "+12155551001", 0, true, &mut rng);
    let (later, second) = call(77, "+12155551001", 3600, true, &mut rng);
    let (other, third) = call(3, "+12155551003", 3700, false, &mut rng);
    let before = saved(&room, "before.pcap", &first);
    let after = saved(&room, "after.pcap", &[second, third].concat());
    room.replay("x.db", "1", &[&before]);
    let of = |id: &str| by_call(room.rows("x.db", "calls"))[id].clone();
    let run = |arguments: &[&str]| room.expect(0, &[&["--db", "x.db"], arguments].concat());
    run(&["block", "add", "number", "+12155551001", "--reason", "complaints"]);
    assert_eq!(of(&present)["disposition"], "quarantine", "at once");
    let listed = run(&["block", "list"]);
    assert!(listed.starts_with("number ") && listed.contains("(complaints; by "), "{listed}");
    assert!(!listed.contains("5551001"), "the database holds a token: {listed}");
    room.replay("x.db", "1", &[&after]);
    assert_eq!(of(&later)["disposition"], "quarantine", "{}", of(&later));
    let words = of(&later)["signals"].to_string();
    assert!(words.contains("the number is on the operator's block list: complaints"), "{words}");
    assert_eq!(of(&other)["disposition"], "monitor");
    // The number moves to the other list, and leaves it.
    let moved = run(&["allow", "add", "number", "+12155551001"]);
    assert!(moved.contains("was on the other list"), "{moved}");
    assert!(signals(&of(&present)).contains("operator_allowed") && run(&["block", "list"]).is_empty());
    run(&["allow", "remove", "number", "+12155551001"]);
    assert!(!signals(&of(&present)).contains("operator_allowed"));
    assert!(
        room.expect(1, &["--db", "x.db", "allow", "remove", "peer", "192.0.2.1"])
            .contains("is not on the allow list")
    );
    assert!(
        room.expect(2, &["--db", "x.db", "allow", "add", "network", "10.0.0.0/99"]).contains("is no network")
    );
    // An entry whose time is over says nothing.
    run(&["block", "add", "peer", "192.0.2.3", "--until", "2020-01-01"]);
    assert_eq!(of(&other)["disposition"], "monitor");
    run(&["block", "add", "network", "192.0.2.0/30"]);
    assert_eq!(of(&other)["disposition"], "quarantine");
}

#[test]
fn telemetry_teaches_and_what_is_wrong_in_it_is_refused_line_by_line() {
    let room = Room::new();
    let mut rng = Rng::new(12);
    let (id, frames) = call(1, "+12155551001", 0, true, &mut rng);
    let capture = saved(&room, "x.pcap", &frames);
    room.replay("x.db", "1", &[&capture]);
    let lines = format!(
        "{}\n{}\n{}\n",
        json!({"call_id": id, "disposition": "fraud", "timestamp_epoch": 1_800_000_100}),
        json!({"call_id": "nobody", "timestamp_epoch": 1_800_000_100}),
        json!({"call_id": id, "agent_id": "+1 215 555 1001", "timestamp_epoch": 1}),
    );
    room.write("t.jsonl", lines.as_bytes());
    let out = room.expect(3, &["--db", "x.db", "telemetry", "t.jsonl"]);
    assert!(out.contains("telemetry of 1 known and 1 unknown calls, 1 lines refused"), "{out}");
    assert_eq!(room.rows("x.db", "calls")[0]["label"], "fraud");
    // Contradictory labels are reported, and the later label counts.
    let labels = format!(
        "{}\n{}\n",
        json!({"call_id": id, "label": "fraud"}),
        json!({"call_id": id, "label": "legit"})
    );
    room.write("l.jsonl", labels.as_bytes());
    let out = room.expect(0, &["--db", "x.db", "label", "--file", "l.jsonl"]);
    assert!(out.contains("1 lines contradict"), "{out}");
    assert_eq!(room.rows("x.db", "calls")[0]["label"], "legit");
}

#[test]
fn an_alert_that_a_receiver_refuses_for_good_is_a_named_loss() {
    let room = Room::new();
    let to = "+12155551213";
    let frames = [invite("bad", 100, to, &token("rogue.key.pem", "signer.pem", to, 100))];
    let capture = saved(&room, "x.pcap", &frames);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().map_while(Result::ok) {
            // The whole request before the answer: a closed connection with octets unread is reset.
            let mut request = Vec::new();
            let mut octets = [0; 4096];
            while !request.ends_with(b"}") {
                let read = connection.read(&mut octets).unwrap_or(0);
                if read == 0 {
                    break;
                }
                request.extend_from_slice(&octets[..read]);
            }
            let _ =
                connection.write_all(b"HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let config = format!(
        "[[alerts.receivers]]\nname = \"soc\"\ntarget = \"http://127.0.0.1:{port}/\"\nformat = \"\"\n"
    );
    room.write("x.toml", config.as_bytes());
    let certificates = project().join("fixtures/stir");
    let certificates = certificates.to_str().unwrap();
    let args =
        ["--db", "x.db", "--config", "x.toml", "--stir-certs", certificates, "-q", "replay", "--alerts"];
    room.expect(0, &[&args[..], &[capture.to_str().unwrap()]].concat());
    assert_eq!(room.rows("x.db", "alerts").len(), 1);
    let losses = room.rows("x.db", "losses");
    let refused = losses.iter().find(|loss| loss["name"] == "alert_refused");
    assert!(refused.is_some_and(|loss| loss["count"] == 1), "{losses:?}");
}

/// Numbers in Call-IDs are masked, so that two calls may look alike; who has seen the call's own Call-ID means one of them.
#[test]
fn a_call_is_labelled_by_the_call_id_that_was_sent_though_numbers_in_it_are_masked() {
    let room = Room::new();
    let (mine, other) = ("12155551213-17@pbx", "12155551999-17@pbx");
    let frames = [invite(mine, 0, "+12155551213", ""), invite(other, 60, "+12155551999", "")];
    let capture = saved(&room, "x.pcap", &frames);
    room.replay("x.db", "1", &[&capture]);
    let labels = || -> Vec<Value> { room.rows("x.db", "calls").iter().map(|c| c["label"].clone()).collect() };
    let ids: BTreeSet<String> =
        room.rows("x.db", "calls").iter().map(|c| c["call_id"].as_str().unwrap().to_owned()).collect();
    // A token after the masked part distinguishes them.
    assert!(ids.len() == 2 && ids.iter().all(|id| id.starts_with("xxxxxxxxxxx-17@pbx~")), "{ids:?}");
    room.expect(0, &["--db", "x.db", "label", "call", mine, "fraud"]);
    assert_eq!(labels().iter().filter(|l| **l == "fraud").count(), 1, "{:?}", labels());
    assert!(
        room.expect(1, &["--db", "x.db", "label", "call", "12155551777-17@pbx", "fraud"]).contains("no call")
    );
    let told = json!({"call_id": other, "disposition": "legit", "timestamp_epoch": 1_800_000_100});
    room.write("t.jsonl", told.to_string().as_bytes());
    room.expect(0, &["--db", "x.db", "telemetry", "t.jsonl"]);
    let mut both = labels();
    both.sort_by_key(Value::to_string);
    assert_eq!(both, [json!("fraud"), json!("legit")]);
    let truth = json!({"call_id": mine, "label": "fraud"});
    room.write("truth.jsonl", truth.to_string().as_bytes());
    let evaluate = ["--db", "x.db", "--format", "json", "evaluate", "--truth", "truth.jsonl"];
    let found = |code| {
        let shown: Value = serde_json::from_str(&room.expect(code, &evaluate)).unwrap();
        shown["found"].clone()
    };
    assert_eq!(found(0), 1);
    // A copy without its key is evaluated as far as possible. No key file is created.
    std::fs::remove_file(room.path("bellwether.key")).unwrap();
    assert_eq!(found(3), 0);
    assert!(!room.path("bellwether.key").exists());
}

/// A Call-ID in the form of reports.
fn masked(room: &Room, id: &str) -> String {
    let shown = room.expect(0, &["--db", "x.db", "--format", "json", "show", "call", id]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    shown["call_id"].as_str().unwrap().to_owned()
}

// ---------------------------------------------------------------------------------------------- real programs

/// The lab's capture: honest telephones, a call centre, a scanner, and two robocallers, one of them on the honest ones' program.
#[test]
fn campaigns_of_real_programs_are_found_and_nobody_else_is_accused() {
    let room = Room::new();
    let folder = project().join("pcaps/campaigns");
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let port = receiver.local_addr().unwrap().port();
    let site = std::fs::read_to_string(folder.join("bellwether.toml")).unwrap();
    let alerts = format!(
        "\n[alerts]\nquiet_s = 0\nper_minute = 100000\n[[alerts.receivers]]\nname = \"soc\"\ntarget = \"udp://127.0.0.1:{port}\"\n"
    );
    room.write("x.toml", (site + &alerts).as_bytes());
    let capture = folder.join("campaigns.pcap.zst");
    let run = |db: &str, alerts: &[&str]| {
        let mut args = vec!["--db", db, "--config", "x.toml", "-q", "replay", capture.to_str().unwrap()];
        args.extend(alerts);
        room.expect(0, &args);
    };
    run("x.db", &["--alerts"]);

    let truth = folder.join("truth.jsonl");
    let out = room.expect(
        0,
        &[
            "--db",
            "x.db",
            "--config",
            "x.toml",
            "--format",
            "json",
            "evaluate",
            "--truth",
            truth.to_str().unwrap(),
        ],
    );
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(found["confusion"]["false_positive"], 0, "{found:#}");
    assert!(found["accuracy"].as_f64().unwrap() > 0.9, "{found:#}");
    let calls = by_call(room.rows("x.db", "calls"));
    let (mut answered, mut linked) = (0, 0);
    for line in std::fs::read_to_string(&truth).unwrap().lines() {
        let truth: Value = serde_json::from_str(line).unwrap();
        let id = truth["call_id"].as_str().unwrap();
        let call = calls.get(id).unwrap_or_else(|| &calls[&masked(&room, id)]);
        let is_robot = truth["actor"].as_str().unwrap().starts_with("robocaller");
        if is_robot && !call["answered_at"].is_null() {
            answered += 1;
            linked += u32::from(!call["campaign"].is_null());
        }
        assert!(is_robot || call["campaign"].is_null(), "{truth} is accused");
    }
    assert_eq!(linked, answered, "calls that play the recordings");
    assert!(answered >= 30);

    // A campaign with its evidence.
    let mut campaigns = room.rows("x.db", "campaigns");
    campaigns.retain(|campaign| campaign["kind"] == "campaign");
    assert_eq!(campaigns.len(), 2, "{campaigns:#?}");
    // The first came through a trunk, and the second from many addresses.
    let behind_trunk = campaigns[0]["campaign"].as_str().unwrap();
    let name = campaigns[1]["campaign"].as_str().unwrap();
    let shown = room.expect(0, &["--db", "x.db", "--format", "json", "show", "campaign", name]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["members"].as_array().unwrap().len() as u64, shown["calls"].as_u64().unwrap());
    assert!(
        !shown["timeline"].as_array().unwrap().is_empty() && !shown["links"].as_array().unwrap().is_empty()
    );

    // Every alert went out once it was committed, in the order of the database.
    let wanted = room.rows("x.db", "alerts").len();
    let mut got = Vec::new();
    let mut datagram = [0; 4096];
    while got.len() < wanted {
        let size = receiver.recv(&mut datagram).unwrap();
        got.push(String::from_utf8_lossy(&datagram[..size]).into_owned());
    }
    assert!(got.iter().any(|text| text.contains(" campaign_found [bellwether@")), "{got:#?}");
    assert!(got.iter().all(|text| text.starts_with('<') && text.contains(">1 ")));

    // Nothing that follows changes with the number of workers, and reading it again adds nothing.
    let reports = room.reports("x.db");
    room.expect(
        0,
        &["--db", "y.db", "--workers", "5", "--config", "x.toml", "-q", "replay", capture.to_str().unwrap()],
    );
    common::assert_same(&reports, &room.reports("y.db"), "workers");
    run("x.db", &[]);
    common::assert_same(&reports, &room.reports("x.db"), "again");

    // Looking after it.
    room.expect(0, &["--db", "x.db", "db", "check"]);
    room.expect(0, &["--db", "x.db", "db", "backup", "copy.db"]);
    common::assert_same(&reports, &room.reports("copy.db"), "copy");
    assert!(room.expect(2, &["--db", "x.db", "db", "backup", "copy.db"]).contains("exists already"));
    // Feedback that is tried out changes nothing, and tells what the same feedback does.
    let reports = room.reports("x.db");
    let dispositions = || -> Vec<Value> {
        room.rows("x.db", "calls")
            .iter()
            .map(|call| json!([call["call_id"], call["disposition"], call["campaign"]]))
            .collect()
    };
    let untouched = dispositions();
    let members = shown["calls"].as_u64().unwrap();
    let label = |name, label, more: &[&str]| {
        let command = ["--db", "x.db", "label", "campaign", name, label];
        room.expect(0, &[&command[..], more].concat())
    };
    let tried = label(name, "legit", &["--dry-run"]);
    common::assert_same(&reports, &room.reports("x.db"), "dry run");
    assert!(tried.contains(&format!("{members} calls from quarantine to ")), "{tried}");
    let done = label(name, "legit", &[]);
    let undo = format!("undo with: bellwether --db x.db label campaign {name} none\n");
    assert_eq!(tried.replace("this was a dry run: nothing is stored\n", &undo), done);
    let family = campaigns[1]["fingerprints"][0].as_str().unwrap();
    let prints = room.rows("x.db", "fingerprints");
    let family = prints.iter().find(|row| row["fingerprint"] == family).unwrap();
    let family = family["platform_family"].as_str().unwrap();
    let block = ["--db", "x.db", "block", "add", "family", family, "--dry-run"];
    assert!(room.expect(0, &block).contains(" to quarantine"));
    assert!(room.expect(0, &["--db", "x.db", "block", "list"]).is_empty());
    // A label that is taken back leaves no trace in dispositions and campaigns. What is known now weighs the rest.
    assert_ne!(dispositions(), untouched);
    label(name, "none", &[]);
    assert_eq!(dispositions(), untouched);
    // Of a campaign behind a trunk, too, the members stay members, and membership does not count.
    let counted = || {
        let calls = room.rows("x.db", "calls");
        calls
            .iter()
            .filter(|call| call["campaign"] == behind_trunk && signals(call).contains("campaign_member"))
            .count()
    };
    let all = counted();
    label(behind_trunk, "legit", &[]);
    assert_eq!((all > 20, counted()), (true, 0));
    label(behind_trunk, "none", &[]);
    assert_eq!((counted(), dispositions()), (all, untouched));
    // A campaign that is labelled is evidence, and stays.
    room.expect(0, &["--db", "x.db", "label", "campaign", name, "fraud"]);
    room.expect(0, &["--db", "x.db", "db", "prune", "--keep-days", "0", "--max-mib", "1"]);
    room.expect(0, &["--db", "x.db", "db", "check"]);
    assert_eq!(room.rows("x.db", "calls").len() as u64, shown["calls"].as_u64().unwrap());
}

#[test]
fn no_number_reaches_the_database_in_the_clear() {
    let room = Room::new();
    let to = "+12155551213";
    let header = token("signer.key.pem", "12155551212.pem", to, 100);
    let frames = [
        invite("n1", 100, to, &header),
        udp_frame(
            START + Span::from_secs(200),
            "192.0.2.7:5060".parse().unwrap(),
            "198.51.100.2:5060".parse().unwrap(),
            2,
            b"INVITE sip:+12155551213 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx\r\nFrom: \"12155551212\" <sip:+12155551212>;tag=q\r\n\
              To: <sip:+12155551213>\r\nCall-ID: q\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
        ),
    ];
    let capture = saved(&room, "x.pcap", &frames);
    room.replay("x.db", "1", &[&capture]);
    let octets = std::fs::read(room.path("x.db")).unwrap();
    for number in ["12155551212", "12155551213"] {
        let is_there = octets.windows(number.len()).any(|w| w == number.as_bytes());
        assert!(!is_there, "{number} stands in the database");
    }
}
