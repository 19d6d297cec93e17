//! Device authorisation from packets to verdicts: inventory, enrolment, takeover.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use bellwether_base::{Ppm, Span, Timestamp};
use bellwether_rtp::g711::Law;
use bellwether_testkit::{
    Agent, Call, Delay, DeviceMode, Discipline, Frame, Impairment, PAPERS_DEVICES, PcapFormat, Registration,
    Rng, Speaker, Talk, Timer, spoken_call, udp_frame, write_pcap,
};
use common::{Room, text};
use serde_json::{Value, json};

const START: Timestamp = Timestamp::from_nanos(1_750_000_000_000_000_000);
const REGISTRAR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 2), 5060);

fn mode(device: &str) -> DeviceMode {
    *PAPERS_DEVICES.iter().find(|d| d.device == device).unwrap()
}

/// A phone of a subscriber with address, SIP stack, noise and clock rate.
struct Phone {
    agent: Agent,
    sound: DeviceMode,
    ppm: f64,
}

fn phone(n: u8, user: &str, device: &str, is_terse: bool, ppm: f64) -> Phone {
    let agent = Agent { is_terse, ..Agent::new([10, 1, 1, n], user, "Polycom/4") };
    Phone { agent, sound: mode(device), ppm }
}

impl Phone {
    /// Half an hour of refreshes, and two calls.
    fn frames(&self, from_s: i64, dialled: &str, rng: &mut Rng) -> (Vec<Frame>, Vec<String>) {
        let start = START + Span::from_secs(from_s);
        let registration = Registration {
            device: self.agent.clone(),
            registrar: REGISTRAR,
            timer: Timer {
                period: Span::from_secs(25),
                skew: Ppm(self.ppm),
                discipline: Discipline::Periodic,
                delay: Delay::Exponential(Span::from_millis(3), Span::from_millis(1)),
                round_trip: Span::from_millis(3),
                lateness: Span::ZERO,
            },
            granted_s: 30,
            is_challenged: false,
            start,
            refreshes: 72,
        };
        let mut frames = registration.frames(rng);
        let mut ids = Vec::new();
        for i in 0..2_i64 {
            let unit = self.sound.unit(rng);
            let packets = spoken_call(unit, Speaker::drawn(rng), Law::Mu, 12, Impairment::default(), rng);
            let call = Call {
                caller: self.agent.clone(),
                callee: Agent { at: REGISTRAR, ..Agent::new([10, 1, 0, 2], dialled, "server") },
                start: start + Span::from_secs(100 + 600 * i),
                rings: Span::from_millis(200),
                caller_talk: Talk { law: Law::Mu, packets },
                callee_talk: Talk { law: Law::Mu, packets: Vec::new() },
                is_challenged: false,
            };
            ids.push(call.call_id());
            frames.extend(call.frames(rng));
        }
        (frames, ids)
    }
}

/// Ten subscribers with Polycoms. The first loses the password to a softphone and to another Polycom.
struct Story {
    room: Room,
    honest: Vec<String>,
    softphone: Vec<String>,
    twin: Vec<String>,
}

fn story() -> Story {
    let mut rng = Rng::new(3);
    let mut frames = Vec::new();
    let mut add = |phone: &Phone, from_s: i64, rng: &mut Rng| {
        let (own, ids) = phone.frames(from_s, "400", rng);
        frames.extend(own);
        ids
    };
    let mut honest = Vec::new();
    for i in 0..10_u8 {
        let own = phone(10 + i, &format!("20{i}"), "Polycom 331", true, 9.0 * f64::from(i) - 40.0);
        honest.extend(add(&own, i64::from(i), &mut rng));
    }
    let softphone = add(&phone(200, "200", "softphone 1", false, 70.0), 4000, &mut rng);
    let twin = add(&phone(201, "200", "Polycom 331", true, 25.0), 8000, &mut rng);
    frames.sort_by_key(|f| f.at);
    let room = Room::new();
    let capture = room.write("x.pcap", &write_pcap(&frames, PcapFormat::Nano));
    room.replay("x.db", "2", &[&capture]);
    let labels: String = honest
        .iter()
        .map(|id| format!("{}\n", json!({"call_id": id, "class": "Polycom 331", "mode": "handset"})))
        .collect();
    room.write("labels.jsonl", labels.as_bytes());
    room.expect(0, &["--db", "x.db", "class", "learn", "--truth", "labels.jsonl"]);
    Story { room, honest, softphone, twin }
}

impl Story {
    fn verdicts(&self, calls: &[String]) -> Vec<String> {
        let rows = self.room.rows("x.db", "calls");
        let of = |id: &String| rows.iter().find(|r| r["call_id"] == id.as_str()).unwrap();
        calls.iter().map(|id| of(id)["device_verdict"].as_str().unwrap().to_owned()).collect()
    }

    fn import(&self, policy: &str) {
        let mut csv = "aor,device_class,max_devices,policy,note\n".to_owned();
        for i in 0..10 {
            let class = if policy == "learn" { "" } else { "Polycom 331" };
            csv.push_str(&format!("20{i}@example.org,{class},1,{policy},\"desk, second floor\"\n"));
        }
        self.room.write("inventory.csv", csv.as_bytes());
        self.room.expect(0, &["--db", "x.db", "inventory", "import", "inventory.csv"]);
    }
}

#[test]
fn a_stolen_password_shows_on_either_device() {
    let story = story();
    assert!(story.verdicts(&story.honest).iter().all(|v| v == "not_enrolled"));
    story.import("strict");
    let honest = story.verdicts(&story.honest);
    assert!(honest.iter().filter(|v| *v == "authorised").count() >= 19, "{honest:?}");
    assert!(!honest.contains(&"unauthorised".to_owned()), "{honest:?}");
    assert_eq!(story.verdicts(&story.softphone), ["unauthorised", "unauthorised"]);
    assert_eq!(story.verdicts(&story.twin), ["unauthorised", "unauthorised"]);

    let devices = story.room.rows("x.db", "devices");
    let sources = |row: &Value| row["sources"][0].as_str().unwrap().to_owned();
    let of = |source: &str| devices.iter().find(|r| sources(r) == source).unwrap();
    assert_eq!(devices.len(), 12);
    let own = of("10.1.1.10:5060");
    assert_eq!((&own["verdict"], &own["class"]), (&json!("authorised"), &json!("Polycom 331")), "{own}");
    let twin = of("10.1.1.201:5060");
    assert_eq!((&twin["verdict"], &twin["class"]), (&json!("unauthorised"), &json!("Polycom 331")), "{twin}");
    let speaks = |row: &Value, kind: &str| {
        let evidence = row["evidence"].as_array().unwrap();
        evidence.iter().find(|e| e["kind"] == kind).and_then(|e| e["log10_ratio"].as_f64())
    };
    assert!(speaks(twin, "clock").unwrap() < -4.0, "{twin}");
    let softphone = of("10.1.1.200:5060");
    assert!(speaks(softphone, "class").unwrap() < -4.0, "{softphone}");
    assert!(speaks(softphone, "structure").unwrap() < -1.0, "{softphone}");

    let shown = story.room.expect(0, &["--db", "x.db", "--format", "json", "show", "call", &story.twin[0]]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["device"], twin["device"]);
    assert!(shown["device_evidence"].as_array().unwrap().len() >= 3, "{shown}");
    // Only the clock reveals the twin, and each step is stored.
    let course = course(&shown["device_verdict_course"]);
    assert!(course.len() >= 2, "{course:?}");
    for (with, verdict) in &course {
        assert_eq!(with.contains("clock"), verdict == "unauthorised", "{course:?}");
    }

    let told = story.room.rows("x.db", "alerts");
    let of_calls = told.iter().filter(|a| a["kind"] == "device_unauthorised");
    let mut calls: Vec<&str> = of_calls.map(|a| a["call_id"].as_str().unwrap()).collect();
    calls.sort_unstable();
    let mut thieves: Vec<&str> = story.softphone.iter().chain(&story.twin).map(String::as_str).collect();
    thieves.sort_unstable();
    assert_eq!(calls, thieves);
    assert!(
        told.iter().all(|a| a["subject"] == own["aor"] && !a["message"].as_str().unwrap().is_empty()),
        "{told:?}"
    );
    assert_eq!(story.room.rows("x.db", "summary")[0]["alerts"], told.len());

    // Finding the same again is no news; that the operator approves the twin is.
    story.import("strict");
    assert_eq!(story.room.rows("x.db", "alerts"), told);
    let (aor, name) = (own["aor"].as_str().unwrap(), twin["device"].as_str().unwrap());
    for device in [own["device"].as_str().unwrap(), name] {
        story.room.expect(0, &["--db", "x.db", "inventory", "approve", aor, device]);
    }
    let shown = story.room.expect(0, &["--db", "x.db", "--format", "json", "show", "call", &story.twin[0]]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let after = self::course(&shown["device_verdict_course"]);
    assert_eq!(after[..course.len()], course, "what was thought before stays");
    assert_eq!(after.last().unwrap().1, "authorised", "{after:?}");
}

/// The steps of a stored verdict: evidence and result.
fn course(kept: &Value) -> Vec<(String, String)> {
    let word = |step: &Value, name: &str| step[name].as_str().unwrap().to_owned();
    let steps = kept.as_array().unwrap().iter();
    steps.map(|step| (word(step, "with"), word(step, "verdict"))).collect()
}

#[test]
fn a_device_of_ones_own_is_enrolled_by_approval() {
    let story = story();
    story.import("learn");
    assert!(story.verdicts(&story.honest).iter().all(|v| v == "not_enrolled"));
    let devices = story.room.rows("x.db", "devices");
    let own = devices.iter().find(|r| r["sources"][0] == "10.1.1.10:5060").unwrap();
    let (aor, name) = (own["aor"].as_str().unwrap(), own["device"].as_str().unwrap());
    let refused = story.room.run(&["--db", "x.db", "inventory", "approve", aor, "d-none"]);
    assert_eq!((refused.status.code(), text(&refused.stderr).contains("no device d-none")), (Some(1), true));
    story.room.expect(0, &["--db", "x.db", "inventory", "approve", "200@example.org", name]);
    let list = story.room.expect(0, &["--db", "x.db", "--format", "jsonl", "inventory", "list"]);
    assert!(list.lines().any(|l| l.contains(name) && l.contains(aor)), "{list}");
    // Clock and stack differ from those of the approved device.
    assert!(!story.verdicts(&story.softphone).contains(&"authorised".to_owned()));
    assert_eq!(story.verdicts(&story.twin), ["unauthorised", "unauthorised"]);
    assert!(!story.verdicts(&story.honest[..2]).contains(&"unauthorised".to_owned()));
}

#[test]
fn classes_are_learned_from_the_inventory() {
    let story = story();
    story.import("strict");
    story.room.expect(0, &["--db", "x.db", "class", "learn", "--inventory"]);
    let list = story.room.expect(0, &["--db", "x.db", "--format", "jsonl", "class", "list"]);
    let calls = list.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["calls"].as_f64().unwrap());
    let all = story.honest.len() + story.softphone.len() + story.twin.len();
    assert_eq!(calls.sum::<f64>(), all as f64, "{list}");
}

#[test]
fn a_device_shows_the_media_clock_of_its_calls() {
    let story = story();
    let devices = story.room.rows("x.db", "devices");
    let own = devices.iter().find(|r| r["sources"][0] == "10.1.1.10:5060").unwrap();
    let aor = own["aor"].as_str().unwrap();
    let out = story.room.expect(0, &["--db", "x.db", "--format", "json", "show", "device", aor]);
    // Each of the three on the address shows its own two calls, whose packets left at the sensor's own pace.
    let sources: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|shown| {
            let clocks = shown["other_clocks"].as_array().unwrap();
            assert_eq!(clocks.len(), 1, "{shown}");
            assert_eq!((&clocks[0]["clock"], &clocks[0]["readings"]), (&json!("rtp"), &json!(2)), "{shown}");
            assert_eq!(clocks[0]["rate_ppm"], 0.0, "{shown}");
            shown["source"].clone()
        })
        .collect();
    assert_eq!(sources, ["10.1.1.10:5060", "10.1.1.200:5060", "10.1.1.201:5060"]);
}

#[test]
fn a_wrong_inventory_changes_nothing() {
    let story = story();
    story.import("strict");
    let before = story.room.expect(0, &["--db", "x.db", "--format", "jsonl", "inventory", "list"]);
    for (csv, words) in [
        ("aor,device_class\n201@example.org,a\n201@example.org,a\n", "line 3: "),
        ("aor,device_class\n201@example.org,a\nnobody,b\n", "line 3: "),
        ("aor,device_class\n201@example.org,a,b\n", "record 1"),
        ("aor,class\n201@example.org,a\n", "no column \"class\""),
        ("", "no rows"),
    ] {
        story.room.write("wrong.csv", csv.as_bytes());
        let told = story.room.run(&["--db", "x.db", "inventory", "import", "wrong.csv"]);
        let err = text(&told.stderr);
        assert!(told.status.code() == Some(1) && err.contains(words), "{csv}: {err}");
    }
    assert_eq!(story.room.expect(0, &["--db", "x.db", "--format", "jsonl", "inventory", "list"]), before);
}

#[test]
fn one_device_behind_two_accounts_is_told_of_once() {
    let room = Room::new();
    room.write("clear.toml", b"privacy = \"clear\"\n");
    let mut frames = Vec::new();
    for (i, (user, instance)) in [("201", "aa"), ("202", "aa"), ("203", "bb")].into_iter().enumerate() {
        let ip = [10, 1, 1, 1 + i as u8];
        let address = Ipv4Addr::from(ip);
        let register = format!(
            "REGISTER sip:example.org SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK{user}\r\nMax-Forwards: 70\r\n\
             From: <sip:{user}@example.org>;tag={user}\r\nTo: <sip:{user}@example.org>\r\nCall-ID: {user}\r\nCSeq: 1 REGISTER\r\n\
             Contact: <sip:{user}@{address}>;+sip.instance=\"<urn:uuid:00000000-0000-4000-8000-0000000000{instance}>\"\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let at = START + Span::from_secs(i as i64);
        frames.push(udp_frame(at, socket(ip), REGISTRAR, i as u16, register.as_bytes()));
    }
    let capture = room.write("x.pcap", &write_pcap(&frames, PcapFormat::Nano));
    let options = ["--config", "clear.toml", "--db", "x.db", "-q"];
    room.expect(0, &[&options[..], &["replay", capture.to_str().unwrap()]].concat());
    let inventory = "aor,device_class\n201@example.org,a\n202@example.org,a\n203@example.org,a\n";
    room.write("inventory.csv", inventory.as_bytes());
    for _ in 0..2 {
        room.expect(0, &[&options[..], &["inventory", "import", "inventory.csv"]].concat());
        let alerts = room.rows("x.db", "alerts");
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        assert_eq!(
            (&alerts[0]["kind"], &alerts[0]["subject"]),
            (&json!("device_shared"), &json!("sip:201@example.org"))
        );
        let told = "one device behind several accounts: sip:201@example.org, sip:202@example.org";
        assert_eq!(alerts[0]["message"], told);
    }
    let others: Vec<Value> = room.rows("x.db", "devices").iter().map(|d| d["other_aors"].clone()).collect();
    assert_eq!(others, [json!(["sip:202@example.org"]), json!(["sip:201@example.org"]), json!([])]);
}

/// A call from a trunk whose caller then sends the other side elsewhere.
fn referring_call(name: &str, to: &str) -> Vec<Frame> {
    let (trunk, switch) = (socket([10, 9, 0, 1]), socket([10, 1, 0, 2]));
    let message = |line: &str, cseq: &str, more: &str| {
        format!(
            "{line}\r\nVia: SIP/2.0/UDP 10.9.0.1;branch=z9hG4bK{name}{}\r\nMax-Forwards: 70\r\n\
             From: <sip:0301234567@10.9.0.1>;tag={name}\r\nTo: <sip:200@example.org>;tag=b\r\nCall-ID: {name}\r\nCSeq: {cseq}\r\n\
             Contact: <sip:10.9.0.1>\r\n{more}Content-Length: 0\r\n\r\n",
            cseq.replace(' ', "-")
        )
    };
    let invite = message("INVITE sip:200@example.org SIP/2.0", "1 INVITE", "").replace(";tag=b", "");
    let refer = message(
        "REFER sip:200@10.1.0.2 SIP/2.0",
        "2 REFER",
        &format!("Refer-To: <sip:{to}@example.org>\r\n"),
    );
    let sent = [
        (trunk, switch, invite),
        (switch, trunk, message("SIP/2.0 200 OK", "1 INVITE", "")),
        (trunk, switch, message("ACK sip:200@10.1.0.2 SIP/2.0", "1 ACK", "")),
        (trunk, switch, refer),
    ];
    let frame = |(i, (src, dst, text)): (usize, (SocketAddrV4, SocketAddrV4, String))| {
        udp_frame(START + Span::from_millis(100 * i as i64), src, dst, i as u16, text.as_bytes())
    };
    sent.into_iter().enumerate().map(frame).collect()
}

fn socket(ip: [u8; 4]) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(ip), 5060)
}

#[test]
fn a_trunk_that_refers_to_a_feature_code_is_told_of() {
    let room = Room::new();
    let site = "[site]\naccess = [\"10.1.0.0/24\"]\nproxies = [\"10.1.0.2\"]\n[[site.trunks]]\nname = \"pstn\"\nnetworks = [\"10.9.0.0/24\"]\n";
    room.write("site.toml", site.as_bytes());
    let mut frames = [referring_call("harmless", "300"), referring_call("forwards", "%2A72300")].concat();
    frames.sort_by_key(|f| f.at);
    let capture = room.write("x.pcap", &write_pcap(&frames, PcapFormat::Nano));
    for _ in 0..2 {
        let path = capture.to_str().unwrap();
        room.expect(0, &["--config", "site.toml", "--db", "x.db", "-q", "replay", path]);
        let alerts = room.rows("x.db", "alerts");
        assert_eq!(alerts.len(), 1, "{alerts:?}");
        let told = ["kind", "severity", "call_id"].map(|name| alerts[0][name].as_str().unwrap());
        assert_eq!(told, ["portal_from_trunk", "critical", "forwards"]);
    }
    let calls = room.rows("x.db", "calls");
    assert!(calls.iter().all(|call| !call["referred_to"].is_null()), "{calls:?}");
    let shown = room.expect(0, &["--db", "x.db", "--format", "json", "show", "call", "forwards"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["findings"].as_array().unwrap().len(), 1, "{shown}");
}

/// Responds to a number of requests in sequence, and returns the requests.
fn serve(answers: Vec<String>) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/inventory.csv", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 2048]);
            while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                let n = stream.read(&mut buffer).unwrap();
                request.extend(&buffer[..n]);
            }
            asked.push(text(&request).to_lowercase());
            if answer.is_empty() {
                // Slow: the other side gives up first.
                std::thread::sleep(std::time::Duration::from_millis(1500));
            }
            let _ = stream.write_all(answer.as_bytes());
        }
        asked
    });
    (url, served)
}

#[test]
fn the_inventory_is_pulled_and_the_last_good_one_kept() {
    let csv = "aor,device_class\n200@example.org,Polycom 331\n";
    let ok = |version: &str, body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nETag: {version}\r\nContent-Type: text/csv\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
    };
    let plain = |status: &str| format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    let (url, served) = serve(vec![
        ok("\"v1\"", csv),
        plain("304 Not Modified"),
        ok("\"v2\"", "aor,device_class\nnobody,x\n"),
        plain("503 Service Unavailable"),
        String::new(),
    ]);
    let room = Room::new();
    room.write("token", b"s3cret\n");
    let pull = || {
        let out =
            room.run(&["--db", "x.db", "inventory", "pull", &url, "--token-file", "token", "--timeout", "1"]);
        (out.status.code(), text(&out.stderr))
    };
    let held = || room.expect(0, &["--db", "x.db", "--format", "jsonl", "inventory", "list"]);
    assert_eq!(pull().0, Some(0));
    let first = held();
    assert!(first.contains("Polycom 331"), "{first}");
    let (code, told) = pull();
    assert!(code == Some(0) && told.contains("has not changed"), "{told}");
    for words in ["line 2: \"nobody\" is not an address of record", "503", "timeout"] {
        let (code, told) = pull();
        assert!(
            code == Some(1) && told.contains(words) && told.contains("the inventory is unchanged"),
            "{words}: {told}"
        );
        assert_eq!(held(), first);
    }
    let asked = served.join().unwrap();
    assert!(asked.iter().all(|a| a.contains("authorization: bearer s3cret")), "{asked:?}");
    assert!(!asked[0].contains("if-none-match") && asked[1].contains("if-none-match: \"v1\""), "{asked:?}");
    // The server is closed.
    let (code, told) = pull();
    assert!(code == Some(1) && told.contains("the inventory is unchanged"), "{told}");
    // The operator gets one alert, not one for each attempt.
    let alerts = room.rows("x.db", "alerts");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!((&alerts[0]["kind"], &alerts[0]["subject"]), (&json!("provisioning_failed"), &json!(url)));
}

/// A sensor killed after a commit has not assessed the calls of that commit yet (crates/cli/tests/kill hits this moment).
#[test]
fn calls_that_a_killed_sensor_has_left_unjudged_are_told_of_by_the_next_one_and_once() {
    let room = Room::new();
    // The capture is older than the default retention.
    let site = "[database]\nkeep_days = 0\n[site]\nproxies = [\"10.1.0.2\"]\n[[site.trunks]]\nname = \"pstn\"\nnetworks = [\"10.9.0.0/24\"]\n";
    room.write("site.toml", site.as_bytes());
    let mut frames = [referring_call("harmless", "300"), referring_call("forwards", "%2A72300")].concat();
    frames.sort_by_key(|f| f.at);
    let capture = room.write("x.pcap", &write_pcap(&frames, PcapFormat::Nano));
    let path = capture.to_str().unwrap();
    room.expect(0, &["--config", "site.toml", "--db", "x.db", "-q", "replay", path]);
    let told = room.rows("x.db", "alerts");
    assert_eq!(told.len(), 1, "{told:?}");
    rusqlite::Connection::open(room.path("x.db")).unwrap().execute("DELETE FROM alerts", []).unwrap();
    let agent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hep = format!("udp:{agent}");
    for _ in 0..2 {
        let args =
            ["--config", "site.toml", "--db", "x.db", "-q", "sense", "--hep", &hep, "--duration", "1s"];
        room.expect(0, &args);
        let again = room.rows("x.db", "alerts");
        assert_eq!(again.len(), 1, "{again:?}");
        assert_eq!(again[0]["call_id"], told[0]["call_id"]);
    }
}
