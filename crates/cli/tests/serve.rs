//! The server over a finished database: answers, login, changes, pages, and what strangers send.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_types,
    reason = "a test fails by panicking, and paces itself by the clock"
)]

mod common;

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{Agent, Call, Frame, Rng, Talk, as_hep};
use common::served::{Served, answered, new_token};
use common::{Room, Running, campaigns, text_of};
use serde_json::{Value, json};

#[test]
fn a_switch_asks_and_nothing_unknown_is_an_error() {
    let room = campaigns();
    let calls = room.rows("x.db", "calls");
    let served = Served::start(&room, &[]);
    // The seed's four members alone.
    let unknown = served.score(&json!({
        "fingerprint": "f2-0000000000000000", "attestation_level": "B", "trunk_id": "none", "timestamp_epoch": 1
    }));
    assert_eq!(
        (&unknown["score"], &unknown["known"], &unknown["basis"]),
        (&json!(50), &json!(false), &json!("neutral"))
    );
    for call in &calls {
        let answer = served.score(&json!({ "call_id": call["call_id"], "from_tag": call["from_tag"] }));
        assert_eq!(answer["disposition"], call["disposition"]);
        assert_eq!(answer["score"].as_f64().unwrap(), call["score"].as_f64().unwrap().floor());
        assert_eq!(answer["campaign"], call["campaign"]);
        assert_eq!(answer["fingerprint"], call["fingerprint"]);
        assert_eq!(answer["known"], json!(true));
    }
    let fingerprint = text_of(&calls[0], "fingerprint");
    let first = served.get(&format!("/api/v1/score/{fingerprint}"));
    let etag = first.header("etag").unwrap();
    let again =
        served.send(&format!("GET /api/v1/score/{fingerprint} HTTP/1.1\r\nIf-None-Match: {etag}"), b"");
    assert_eq!((first.status, again.status, again.body.as_str()), (200, 304, ""));
    assert!(first.header("cache-control").unwrap().contains("max-age="));
}

/// An INVITE in the form of a robocaller of the capture: its structure is SIPp's.
fn invite(call_id: &str, from: &str) -> String {
    format!(
        "INVITE sip:4930555@10.77.1.1:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 10.77.1.11:5060;branch=z9hG4bK-1-1-0\r\n\
         From: \"Support\" <sip:{from}@10.77.1.11:5060>;tag=1SIPpTag001\r\n\
         To: <sip:4930555@10.77.1.1:5060>\r\nCall-ID: {call_id}\r\nCSeq: 1 INVITE\r\n\
         Contact: sip:{from}@10.77.1.11:5060\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )
}

#[test]
fn an_invite_is_judged_as_if_captured_and_leaves_no_trace() {
    let room = campaigns();
    let before = std::fs::read(room.path("x.db")).unwrap().len();
    let served = Served::start(&room, &[]);
    let raw = invite("question-1@10.77.1.11", "+4915112345678");
    let by_text = served.score(&json!({ "invite": raw, "source_ip": "10.77.1.11" }));
    let by_base64 = served.score(&json!({ "invite": STANDARD.encode(&raw), "source_ip": "10.77.1.11" }));
    for member in ["score", "disposition", "fingerprint", "reasons", "basis"] {
        assert_eq!(by_text[member], by_base64[member], "{member}");
    }
    assert_eq!(by_text["basis"], json!("live"));
    assert!(text_of(&by_text, "fingerprint").starts_with("f2-"));
    let nonsense = served.score(&json!({ "invite": "INVITE nonsense" }));
    assert_eq!((&nonsense["score"], &nonsense["known"]), (&json!(50), &json!(false)));
    assert!(text_of(&nonsense, "reasons_text").contains("no SIP INVITE"), "{nonsense}");
    let help = served.score(&json!({ "invite": raw.replace("4930555", "112"), "source_ip": "10.77.1.11" }));
    assert_eq!((&help["score"], &help["disposition"]), (&Value::Null, &json!("not_judged")));
    assert_eq!(room.rows("x.db", "calls").len(), 104, "a question is no call");
    let database = std::fs::read(room.path("x.db")).unwrap();
    let wal = std::fs::read(room.path("x.db-wal")).unwrap_or_default();
    assert!(database.len() == before, "the database did not grow");
    for stored in [&database, &wal] {
        assert!(memchr::memmem::find(stored, b"15112345678").is_none(), "no number is stored");
    }
}

#[test]
fn a_wait_for_packets_that_do_not_come_ends_with_the_judgement_of_the_invite() {
    let room = campaigns();
    let served = Served::start(&room, &[]);
    // What is known of the address alone is no answer about the call.
    let entry = json!({ "kind": "peer", "value": "10.77.1.11", "reason": "ours" });
    assert_eq!(served.post("/api/v1/lists/allow", &entry).status, 201);
    let raw = invite("question-2@10.77.1.11", "+4915112345678");
    let ask = |wait_ms: u64| {
        let (id, source) = ("question-2@10.77.1.11", "10.77.1.11");
        served.score(&json!({ "call_id": id, "source_ip": source, "invite": raw, "wait_ms": wait_ms }))
    };
    let (at_once, waited) = (ask(0), ask(30));
    assert!(text_of(&at_once, "fingerprint").starts_with("f2-"), "{at_once}");
    for member in ["score", "fingerprint", "reasons", "basis", "known"] {
        assert_eq!(waited[member], at_once[member], "{member}");
    }
}

#[test]
fn a_label_over_http_frees_and_accuses_and_the_audit_names_it() {
    let room = campaigns();
    let campaign = room.rows("x.db", "campaigns").into_iter().find(|row| row["kind"] == "campaign").unwrap();
    let served = Served::start(&room, &[]);
    let name = text_of(&campaign, "campaign");
    let member = campaign["call_ids"][0].as_str().unwrap();
    assert_eq!(served.score(&json!({ "call_id": member }))["disposition"], json!("quarantine"));
    let told = served.post(
        "/api/v1/label",
        &json!({ "kind": "campaign", "id": name, "label": "legit", "reason": "ours" }),
    );
    assert_eq!(told.status, 200, "{}", told.body);
    assert!(!told.json()["effects"].as_array().unwrap().is_empty(), "{}", told.body);
    assert_ne!(served.score(&json!({ "call_id": member }))["disposition"], json!("quarantine"));
    let wrong =
        served.post("/api/v1/label", &json!({ "kind": "campaign", "id": "c-none", "label": "fraud" }));
    assert_eq!((wrong.status, wrong.header("content-type")), (404, Some("application/problem+json")));
    let wrong = served.post("/api/v1/label", &json!({ "kind": "campaign", "id": name, "label": "bad" }));
    assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("label")));
    let audit = served.get("/audit");
    assert!(audit.body.contains(name) && audit.body.contains("legit: ours"), "{}", audit.body);
}

#[test]
fn lists_hold_what_a_switch_can_compare_and_take_entries() {
    let room = campaigns();
    let served = Served::start(&room, &[]);
    let list = |path: &str| served.get(path).json().as_array().unwrap().clone();
    let block = list("/api/v1/lists/block");
    let standard: Vec<String> = room
        .rows("x.db", "calls")
        .iter()
        .filter(|call| call["disposition"] == "standard")
        .map(|call| text_of(call, "source").rsplit_once(':').unwrap().0.to_owned())
        .collect();
    assert!(block.iter().filter(|entry| entry["kind"] == "address").count() >= 5, "{block:?}");
    assert!(block.iter().all(|entry| !standard.iter().any(|honest| honest == text_of(entry, "value"))));
    let entry = json!({ "kind": "number", "value": "+49 (15x)" });
    assert_eq!(served.post("/api/v1/lists/block", &entry).status, 422);
    let entry = json!({ "kind": "number", "value": "+4915112345678", "reason": "test" });
    assert_eq!(served.post("/api/v1/lists/block", &entry).status, 201);
    let numbers = list("/api/v1/lists/block?kind=number");
    assert_eq!((numbers.len(), text_of(&numbers[0], "value").len()), (1, 32), "a token, no number");
    let blocked = served.score(&json!({ "calling": "+4915112345678" }));
    assert_eq!((&blocked["disposition"], &blocked["known"]), (&json!("quarantine"), &json!(true)));
    let gone = served.send("DELETE /api/v1/lists/block/number/%2B4915112345678 HTTP/1.1", b"");
    assert_eq!(gone.status, 200, "{}", gone.body);
    assert!(list("/api/v1/lists/block?kind=number").is_empty());
    let rows = served.get("/api/v1/lists/block?format=kamailio&kind=address").body;
    assert!(rows.lines().all(|row| row.starts_with("address:") && row.contains('=')), "{rows}");
    assert_eq!(served.get("/api/v1/lists/block?format=xml").status, 422);
    assert_eq!(served.get("/api/v1/lists/grey").status, 404);
}

#[test]
fn telemetry_is_taken_and_refused_by_the_name_of_the_member() {
    let room = campaigns();
    let call = room.rows("x.db", "calls").remove(0);
    let served = Served::start(&room, &[]);
    let told =
        json!({ "call_id": call["call_id"], "timestamp_epoch": 1_790_000_000, "disposition": "fraud" });
    assert_eq!(served.post("/api/v1/telemetry/call", &told).status, 202);
    for (member, value) in [
        ("agent_id", json!("+49 30 1234567")),
        ("talk_time_seconds", json!("long")),
        ("call_id", json!(null)),
    ] {
        let mut wrong = told.clone();
        wrong[member] = value;
        let refused = served.post("/api/v1/telemetry/call", &wrong);
        assert_eq!((refused.status, &refused.json()["field"]), (422, &json!(member)));
    }
}

#[test]
fn login_opens_what_the_scope_says_and_forms_need_their_secret() {
    let room = campaigns();
    let ((pbx, pbx_lines), (desk, desk_lines)) =
        (new_token(&room, "pbx", "score"), new_token(&room, "desk", "read,label"));
    room.write("c.toml", format!("{pbx_lines}\n{desk_lines}").as_bytes());
    let served = Served::start(&room, &["--config", "c.toml"]);
    let with = |method: &str, path: &str, token: &str| {
        served.send(
            &format!(
                "{method} {path} HTTP/1.1\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json"
            ),
            b"{}",
        )
    };
    assert_eq!(with("POST", "/api/v1/score", &pbx).status, 200);
    assert_eq!(with("POST", "/api/v1/score", &desk).status, 403);
    assert_eq!(with("POST", "/api/v1/label", &pbx).status, 403);
    assert_eq!(with("GET", "/", &pbx).status, 403);
    assert_eq!(with("GET", "/", &desk).status, 200);
    for wrong in ["", "x", &pbx[..20], &format!("{pbx}x")] {
        assert_eq!(with("GET", "/", wrong).status, 401, "{wrong}");
    }
    assert_eq!([served.get("/healthz").status, served.get("/metrics").status], [200, 401]);
    let page = served.send("GET /calls HTTP/1.1\r\nAccept: text/html", b"");
    assert_eq!((page.status, page.header("location")), (303, Some("/login")));

    let form = |path: &str, cookie: &str, body: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded{cookie}");
        served.send(&head, body.as_bytes())
    };
    assert_eq!(form("/act/login", "", "token=wrong").status, 401);
    let login = form("/act/login", "", &format!("token={desk}"));
    let cookie = login.header("set-cookie").unwrap().to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    let cookie = format!("\r\nCookie: {}", cookie.split(';').next().unwrap());
    let page = served.send(&format!("GET /audit HTTP/1.1{cookie}"), b"");
    assert!(page.status == 200 && page.body.contains("login"), "{}", page.body);
    let campaign = room.rows("x.db", "campaigns").into_iter().find(|row| row["kind"] == "campaign").unwrap();
    let act =
        format!("kind=campaign&id={}&label=fraud&confirm=yes&return_to=/", text_of(&campaign, "campaign"));
    assert_eq!(form("/act/label", &cookie, &act).status, 403, "a form without its secret");
    assert_eq!(form("/act/label", &cookie, &format!("{act}&csrf=wrong")).status, 403);
    assert_eq!(form("/act/label", "", &act).status, 401);
    let page =
        served.send(&format!("GET /campaign/{} HTTP/1.1{cookie}", text_of(&campaign, "campaign")), b"");
    let secret = page.body.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(form("/act/label", &cookie, &format!("{act}&csrf={secret}")).status, 303);
    let preview = form(
        "/act/label",
        &cookie,
        &format!("{}&csrf={secret}", act.replace("confirm=yes&", "").replace("fraud", "legit")),
    );
    assert!(preview.status == 200 && preview.body.contains("Confirm"), "{}", preview.body);
    let mut events = TcpStream::connect(served.address).unwrap();
    write!(events, "GET /api/v1/events HTTP/1.1\r\nHost: {}{cookie}\r\n\r\n", served.address).unwrap();
    events.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    // Each label changes dispositions, which the stream tells.
    let mut changes = ["legit", "fraud"].into_iter().cycle();
    let mut change = || {
        let label = json!({ "kind": "campaign", "id": campaign["campaign"], "label": changes.next(), "reason": "test" });
        let head = format!(
            "POST /api/v1/label HTTP/1.1\r\nAuthorization: Bearer {desk}\r\nContent-Type: application/json"
        );
        let answered = served.send(&head, label.to_string().as_bytes());
        assert_eq!(answered.status, 200, "{}", answered.body);
    };
    let (mut told, mut piece) = (String::new(), [0; 4096]);
    for _ in 0..60 {
        change();
        while let Ok(length @ 1..) = events.read(&mut piece) {
            told.push_str(&String::from_utf8_lossy(&piece[..length]));
        }
        if told.contains("event: ") {
            break;
        }
    }
    assert!(told.contains("event: call"), "{told}");
    assert_eq!(form("/act/logout", &cookie, &format!("csrf={secret}")).status, 303);
    assert_eq!(served.send(&format!("GET /audit HTTP/1.1{cookie}"), b"").status, 401);
    let is_closed = (0..60).any(|_| {
        change();
        loop {
            match events.read(&mut piece) {
                Ok(0) => break true,
                Ok(_) => {}
                Err(_) => break false,
            }
        }
    });
    assert!(is_closed, "the stream of events ends with the session");
}

#[test]
fn logins_are_read_again_and_a_wrong_configuration_changes_nothing() {
    let room = campaigns();
    let ((first, first_lines), (second, second_lines)) =
        (new_token(&room, "first", "read"), new_token(&room, "second", "read"));
    room.write("c.toml", first_lines.as_bytes());
    let served = Served::start(&room, &["--config", "c.toml"]);
    let status = |token: &str| {
        served.send(&format!("GET /metrics HTTP/1.1\r\nAuthorization: Bearer {token}"), b"").status
    };
    // The server looks for the signal several times a second.
    let becomes = |token: &str, expected: u16| {
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            status(token) == expected
        })
    };
    assert_eq!([status(&first), status(&second)], [200, 401]);
    room.write("c.toml", second_lines.as_bytes());
    served.hang_up();
    assert!(becomes(&second, 200) && status(&first) == 401);
    // Neither a broken file nor the end of all logins opens or closes anything.
    for wrong in ["[serve", "[serve]\n"] {
        room.write("c.toml", wrong.as_bytes());
        served.hang_up();
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!([status(&second), status(&first)], [200, 401], "{wrong}");
    }
}

#[test]
fn an_open_address_needs_tls_and_login() {
    let room = campaigns();
    let refused = room.expect(2, &["--db", "x.db", "serve", "--listen", "0.0.0.0:0"]);
    assert!(refused.contains("certificate_file"), "{refused}");
}

/// The links of a page to other pages and pictures of the console.
fn links_of(body: &str) -> Vec<String> {
    let values = ["href=\"", "src=\""].into_iter().flat_map(|name| body.split(name).skip(1));
    let values = values.filter_map(|rest| rest.split_once('"')).map(|(value, _)| value.replace("&amp;", "&"));
    let values = values.map(|value| value.split('#').next().unwrap_or_default().to_owned());
    values.filter(|value| value.starts_with('/') && !value.starts_with("/assets")).collect()
}

#[test]
fn every_link_of_the_console_leads_somewhere() {
    let room = campaigns();
    let served = Served::start(&room, &[]);
    let mut waiting = vec![("/".to_owned(), String::new())];
    let mut seen = std::collections::BTreeSet::new();
    while let Some((path, from)) = waiting.pop() {
        if seen.len() >= 1500 || !seen.insert(path.clone()) {
            continue;
        }
        let answered = served.get(&path);
        assert_eq!(answered.status, 200, "{path}, linked from {from}");
        waiting.extend(links_of(&answered.body).into_iter().map(|link| (link, path.clone())));
    }
    assert!(seen.len() > 300, "{} pages", seen.len());
}

#[test]
fn pages_answer_and_strangers_get_errors() {
    let room = campaigns();
    let served = Served::start(&room, &[]);
    for page in [
        "/",
        "/calls",
        "/campaigns",
        "/incidents",
        "/fingerprints",
        "/devices",
        "/recordings",
        "/live",
        "/places",
        "/losses",
        "/lists",
        "/audit",
    ] {
        let began = Instant::now();
        let answered = served.get(page);
        assert_eq!(answered.status, 200, "{page}");
        assert!(answered.header("content-security-policy").unwrap().contains("default-src 'none'"));
        assert!(!answered.body.contains("<script>") && !answered.body.contains(" style="), "{page}");
        assert!(began.elapsed() < Duration::from_secs(10), "{page}");
    }
    for (path, status) in [
        ("/../../etc/passwd", 404),
        ("/assets/../../../etc/passwd", 404),
        ("/assets/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/call/%00%ff", 404),
        ("/api/v1/none", 404),
        (&format!("/calls?q={}", "x".repeat(6000)), 414),
    ] {
        assert_eq!(served.get(path).status, status, "{path}");
    }
    // A misspelt filter shows no page, rather than all rows.
    for (path, field) in [
        ("/calls?dispositon=quarantine", "dispositon"),
        ("/calls?disposition=bad", "disposition"),
        ("/calls?answered=maybe", "answered"),
        ("/calls?since=yesterday", "since"),
        ("/calls?max_score=low", "max_score"),
        ("/calls?after=x", "after"),
        ("/incidents?before=x", "before"),
        ("/audit?before=x", "before"),
        ("/fingerprints?skip=-1", "skip"),
        ("/losses?x=1", "x"),
        ("/losses?fragment=2", "fragment"),
    ] {
        let answered = served.get(path);
        assert_eq!(answered.status, 400, "{path}");
        assert!(answered.body.contains(&format!("&quot;{field}&quot;")), "{path}: {}", answered.body);
    }
    assert_eq!(served.get("/places?picture=globe").status, 400);
    assert_eq!(served.get("/api/v1/lists/block?kin=address").json()["field"], json!("kin"));
    let json = "Content-Type: application/json";
    for (head, body, status) in [
        (format!("POST /api/v1/score HTTP/1.1\r\n{json}"), b"{".to_vec(), 400),
        (format!("POST /api/v1/score HTTP/1.1\r\n{json}"), vec![0xff; 100], 400),
        (format!("POST /api/v1/score HTTP/1.1\r\n{json}"), b"[".repeat(100_000), 400),
        (format!("POST /api/v1/score HTTP/1.1\r\n{json}"), vec![b' '; 400_000], 413),
        ("POST /api/v1/score HTTP/1.1".to_owned(), b"{}".to_vec(), 415),
        ("PUT /api/v1/score HTTP/1.1".to_owned(), Vec::new(), 405),
        (
            format!("POST /api/v1/score HTTP/1.1\r\n{json}\r\nOrigin: http://evil.example"),
            b"{}".to_vec(),
            403,
        ),
        (
            "POST /act/label HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded".to_owned(),
            b"kind=call".to_vec(),
            403,
        ),
    ] {
        assert_eq!(served.send(&head, &body).status, status, "{head}");
    }
    // Another name of this server is a page that wants to read its answers (DNS rebinding).
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").unwrap();
    assert_eq!(answered(&mut stream).status, 421);
    let mut stream = TcpStream::connect(served.address).unwrap();
    stream.write_all(b"\x16\x03\x01 no HTTP\r\n\r\n").unwrap();
    assert_eq!(answered(&mut stream).status, 400);
    let metrics = served.get("/metrics").body;
    assert!(
        metrics.contains("bellwether_http_requests_total{route=\"/api/v1/score\",status=\"400\"} 3"),
        "{metrics}"
    );
}

#[test]
fn idle_connections_are_bounded_and_do_not_stop_a_switch_for_long() {
    let room = campaigns();
    let served = Served::start(&room, &[]);
    let idle: Vec<TcpStream> = (0..1100)
        .map_while(|_| TcpStream::connect_timeout(&served.address, Duration::from_secs(2)).ok())
        .collect();
    assert!(idle.len() > 500, "{}", idle.len());
    let began = Instant::now();
    let is_answered = loop {
        let mut stream = TcpStream::connect(served.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let head = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", served.address);
        if stream.write_all(head.as_bytes()).is_ok() && answered(&mut stream).status == 200 {
            break true;
        }
        if began.elapsed() > Duration::from_secs(60) {
            break false;
        }
    };
    assert!(is_answered, "idle connections end");
    drop(idle);
}

/// Signalling of one call at the present time.
fn call_now(call: u8) -> Vec<Frame> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let silence = || Talk { law: Law::Mu, packets: vec![vec![0xff; 160]; 5] };
    let call = Call {
        caller: Agent::new([198, 51, 100, call], &format!("4930123{call:04}"), "Phone/1"),
        callee: Agent::new([198, 51, 100, 250], "4930999", "Server/1"),
        start: Timestamp::from_nanos(i64::try_from(now.as_nanos()).unwrap()),
        rings: Span::from_millis(100),
        caller_talk: silence(),
        callee_talk: silence(),
        is_challenged: false,
    };
    call.frames(&mut Rng::new(u64::from(call_seed(call.start))))
        .into_iter()
        .filter(|frame| frame.bytes[42].is_ascii_uppercase())
        .collect()
}

const fn call_seed(at: Timestamp) -> u32 {
    (at.as_nanos() / 1_000_000) as u32
}

fn call_id_of(frame: &Frame) -> String {
    let text = String::from_utf8_lossy(&frame.bytes[42..]).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("Call-ID: ")).unwrap();
    line.trim().to_owned()
}

#[test]
fn beside_a_sensor_the_question_waits_for_the_packet_and_changes_go_to_its_writer() {
    let room = Room::new();
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hep = format!("udp:{free}");
    let mut command = room.command(&["-q", "--db", "x.db", "sense", "--hep", &hep]);
    let mut sensor = Running::start(command.stdout(Stdio::null()).stderr(Stdio::null()));
    let socket = room.path("x.db.sock");
    let appeared = (0..300).any(|_| {
        std::thread::sleep(Duration::from_millis(50));
        socket.exists()
    });
    assert!(appeared, "the sensor makes its socket");
    let mode = std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o660);
    let served = Served::start(&room, &[]);
    assert_eq!(served.get("/readyz").json()["beside"], json!("sensor"));

    let frames = call_now(7);
    let call_id = call_id_of(&frames[0]);
    let question = json!({ "call_id": call_id });
    assert_eq!(served.score(&question)["known"], json!(false));
    // The question comes first, the packet while it waits.
    let sends = std::thread::spawn({
        let (agent, first) = (agent.try_clone().unwrap(), as_hep(&frames[0], 1));
        move || {
            std::thread::sleep(Duration::from_millis(120));
            agent.send_to(&first, free).unwrap();
        }
    });
    let answer = served.score(&json!({ "call_id": call_id, "wait_ms": 500 }));
    sends.join().unwrap();
    assert_eq!((&answer["known"], &answer["basis"]), (&json!(true), &json!("live")), "{answer}");
    for frame in &frames[1..] {
        agent.send_to(&as_hep(frame, 1), free).unwrap();
    }
    let stored = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(100));
        served.get("/calls").body.contains(call_id.split('@').next().unwrap())
    });
    assert!(stored, "the page shows the call");
    let label = served.post("/api/v1/label", &json!({ "kind": "call", "id": call_id, "label": "fraud" }));
    assert_eq!(label.status, 200, "{}", label.body);
    let labelled = room.expect(0, &["-q", "--db", "x.db", "--format", "json", "show", "call", &call_id]);
    assert!(
        labelled.contains("\"label\": \"fraud\"") || labelled.contains("\"label\":\"fraud\""),
        "{labelled}"
    );

    // Without the sensor a switch still gets answers: the last one about the call, the neutral one about another.
    let id = rustix::process::Pid::from_raw(sensor.id() as i32).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    sensor.wait().unwrap();
    assert!(!socket.exists(), "the socket goes with the sensor");
    assert_eq!(served.get("/readyz").status, 503);
    assert_eq!(served.score(&question)["basis"], json!("cached"));
    let other = served.score(&json!({ "call_id": "another@call" }));
    assert_eq!((&other["basis"], &other["score"]), (&json!("neutral"), &json!(50)));
    assert_eq!(
        served.post("/api/v1/label", &json!({ "kind": "call", "id": call_id, "label": "none" })).status,
        503
    );
}

/// The address of a free port, for UDP and TCP.
fn free_port() -> std::net::SocketAddr {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    taken.local_addr().unwrap()
}

#[test]
fn the_sip_door_answers_over_udp_and_over_tcp_alike() {
    use std::io::{Read, Write};
    let room = campaigns();
    let door = free_port();
    room.write("serve.toml", format!("[serve.redirect]\nlisten = \"{door}\"\n").as_bytes());
    let _served = Served::start(&room, &["--config", "serve.toml"]);
    let text = invite("door-1@10.77.1.11", "+4915112345678");
    let within = Some(Duration::from_secs(20));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(within).unwrap();
    socket.send_to(text.as_bytes(), door).unwrap();
    let mut datagram = [0; 4096];
    let len = socket.recv(&mut datagram).unwrap();
    let by_udp = String::from_utf8_lossy(&datagram[..len]).into_owned();
    assert!(by_udp.starts_with("SIP/2.0 ") && by_udp.contains("Reason: SIP;cause="), "{by_udp}");
    // Two requests in one go, and no more after them: both get the answer that the datagram got.
    let mut stream = TcpStream::connect(door).unwrap();
    stream.set_read_timeout(within).unwrap();
    stream.write_all(text.repeat(2).as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut by_tcp = String::new();
    stream.read_to_string(&mut by_tcp).unwrap();
    assert_eq!(by_tcp, by_udp.repeat(2));
}
