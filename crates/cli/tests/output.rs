//! Text from traffic does not affect a terminal, a log or a spreadsheet. A capture full of hostile text goes through every
//! output.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::net::{SocketAddrV4, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_base::{Span, Timestamp, is_plain};
use bellwether_testkit::{Frame, PcapFormat, as_hep, udp_frame, write_pcap};
use common::{Room, text};
use serde_json::Value;

/// Texts that control a terminal, hide, or form formulas. Each text appears in each displayed field.
const ATTACKS: [&str; 14] = [
    "\x1b]0;owned\x07\x1b[2J\x1b[31mRED",
    "\u{9b}31mC1\u{9d}0;t\u{9c}",
    "a\u{202e}gnp.exe\u{202c}",
    "\u{2066}i\u{2069}\u{200f}\u{61c}",
    "line\u{2028}paragraph\u{2029}end\u{85}",
    "zero\u{200b}width\u{feff}\u{2060}\u{ad}",
    "tag\u{e0041}\u{e007f}private\u{e000}\u{10fffd}none\u{378}\u{ffff}",
    "del\x7fbell\x07",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "＝1+1",
    "\u{3164}\u{a0}=1",
];

fn frame(at: Timestamp, is_answer: bool, message: &str) -> Frame {
    let ends: [SocketAddrV4; 2] = ["10.0.0.1:5060".parse().unwrap(), "10.0.0.2:5060".parse().unwrap()];
    let (from, to) = if is_answer { (ends[1], ends[0]) } else { (ends[0], ends[1]) };
    udp_frame(at, from, to, 7, message.as_bytes())
}

/// A request with an attack everywhere. Lines cannot hold an end of line: that one is another message's.
fn request(method: &str, n: usize, attack: &str, more: &str) -> String {
    let sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns={attack}\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 101\r\n\
         a=rtpmap:101 {attack}/8000\r\na={attack}:1\r\n"
    );
    let body = if method == "INVITE" { sdp } else { String::new() };
    format!(
        "{method} sip:2000@{attack}.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{n}{method}\r\n\
         From: \"{attack}\" <sip:u{n}@{attack}.example>;tag={attack}{n}\r\nTo: <sip:2000@{attack}.example>\r\n\
         Call-ID: {attack}-{n}\r\nCSeq: 1 {method}\r\nContact: <sip:u{n}@10.0.0.1;x={attack}>;+sip.instance=\"<{attack}>\"\r\n\
         User-Agent: {attack}\r\nX-{attack}: 1\r\nSupported: {attack}\r\nAllow: INVITE, {attack}\r\n{more}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn answer(request: &str, status: &str) -> String {
    let kept =
        |line: &&str| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|h| line.starts_with(h));
    let headers: Vec<&str> = request.lines().filter(kept).collect();
    format!("SIP/2.0 {status}\r\n{}\r\nContent-Length: 0\r\n\r\n", headers.join("\r\n"))
}

fn capture() -> Vec<u8> {
    write_pcap(&frames(), PcapFormat::Micro)
}

fn frames() -> Vec<Frame> {
    let mut frames = Vec::new();
    let mut at = Timestamp::from_nanos(1_790_000_000_000_000_000);
    let mut put = |is_answer: bool, message: &str| {
        at = at + Span::from_millis(20);
        frames.push(frame(at, is_answer, message));
    };
    for (n, attack) in ATTACKS.iter().enumerate() {
        let flood = format!("e{}", "\u{301}".repeat(400));
        for (i, attack) in [*attack, flood.as_str()].into_iter().take(if n == 0 { 2 } else { 1 }).enumerate()
        {
            let invite = request("INVITE", 100 * i + n, attack, "");
            put(false, &invite);
            put(true, &answer(&invite, &format!("486 {attack}")));
            for k in 0..3 {
                let register = request("REGISTER", 1000 + 10 * n + k, attack, "Expires: 60\r\n");
                put(false, &register);
                put(true, &answer(&register, &format!("200 {attack}")));
            }
        }
    }
    // Passwords are tried for many accounts, so the subject of the alert is a host from traffic.
    for n in 0..60 {
        let attempt = format!(
            "Authorization: Digest username=\"u{n}\",realm=\"r\",nonce=\"{n}\",uri=\"sip:r\",response=\"{n:032x}\"\r\n"
        );
        let register = request("REGISTER", 5000 + n, "evil\x1b[31m\u{202e}", &attempt);
        put(false, &register);
        put(true, &answer(&register, "403 No"));
    }
    // Octets that are no UTF-8: a lone C1, an overlong slash, a surrogate.
    let invite = request("INVITE", 900, "octets", "");
    let mut raw = frame(at + Span::from_millis(20), false, &invite);
    let place = raw.bytes.windows(18).position(|w| w == b"User-Agent: octets").unwrap() + 12;
    raw.bytes[place..place + 6].copy_from_slice(b"\x9b\xc0\xaf\xed\xa0\x80");
    frames.push(raw);
    frames
}

fn check(what: &str, output: &str) {
    let bad = output.chars().find(|c| !is_plain(*c) && *c != '\n');
    assert_eq!(bad, None, "{what}: {:?}", bad.and_then(|c| output.lines().find(|line| line.contains(c))));
    let mut row = 0;
    for c in output.chars() {
        row = if ('\u{300}'..='\u{36f}').contains(&c) { row + 1 } else { 0 };
        assert!(row < 5, "{what}: a flood of marks");
    }
}

fn filled() -> Room {
    let room = Room::new();
    // With names in clear text, reports show more text from traffic.
    room.write("clear.toml", b"privacy = \"clear\"\n");
    room.write("hostile.pcap", &capture());
    let output = room.run(&["--config", "clear.toml", "--db", "x.db", "-v", "replay", "hostile.pcap"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    check("replay", &(text(&output.stdout) + &text(&output.stderr)));
    room
}

/// Both output streams of a command on the filled database.
fn said(room: &Room, args: &[&str]) -> String {
    let mut all = vec!["--config", "clear.toml", "--db", "x.db"];
    all.extend(args);
    let output = room.run(&all);
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn nothing_that_acts_leaves_by_any_report() {
    let room = filled();
    let mut seen = String::new();
    for what in [
        "summary",
        "calls",
        "registrations",
        "streams",
        "devices",
        "fingerprints",
        "campaigns",
        "recordings",
        "incidents",
        "reputation",
        "alerts",
        "losses",
    ] {
        for format in ["table", "csv", "json", "jsonl"] {
            let out = said(&room, &["--format", format, "report", what]);
            check(&format!("{what} as {format}"), &out);
            seen += &out;
        }
    }
    // The attacks did get there.
    for picture in ["␛]0;owned", "\\u{202e}", "\\u202e", "\\u{9b}31m", "\\u009b31m", "\\u007f"] {
        assert!(seen.contains(picture), "{picture}");
    }
}

#[test]
fn nothing_that_acts_leaves_by_show_diff_plot_and_errors() {
    let room = filled();
    let calls = rows(&room, "calls");
    let ids: Vec<&str> = calls.iter().filter_map(|call| call["call_id"].as_str()).collect();
    assert!(ids.len() >= ATTACKS.len() - 2, "{}", ids.len());
    for format in ["table", "csv", "json"] {
        for id in &ids {
            check("show call", &said(&room, &["--format", format, "show", "call", id]));
            check("diff", &said(&room, &["--format", format, "diff", id, ids[0]]));
            check("plot silence", &said(&room, &["plot", "silence", id]));
            check("label", &said(&room, &["label", "call", id, "fraud"]));
        }
        for device in rows(&room, "devices").iter().filter_map(|device| device["aor"].as_str()) {
            check("show device", &said(&room, &["--format", format, "show", "device", device]));
            check("plot clock", &said(&room, &["plot", "clock", device]));
        }
        for print in rows(&room, "fingerprints").iter().filter_map(|print| print["fingerprint"].as_str()) {
            check("show fingerprint", &said(&room, &["--format", format, "show", "fingerprint", print]));
        }
    }
    let evil = "no\x1b[2J\u{202e}\u{9b}x\u{2028}";
    for args in [
        vec!["show", "call", evil],
        vec!["show", evil, "x"],
        vec!["label", "call", evil, "fraud"],
        vec!["plot", "clock", evil],
        vec!["report", "calls", "--where", evil],
        vec!["replay", evil],
        vec![evil],
        vec!["--config", evil, "replay", "hostile.pcap"],
        vec!["--db", evil, "report", "calls"],
        vec!["sense", "-i", evil],
        vec!["doctor", "-i", evil],
        vec!["db", "backup", evil],
        vec!["evaluate", "--truth", evil],
        vec!["inventory", "import", evil],
        vec!["class", "show", evil],
    ] {
        let output = room.run(&args);
        check(&format!("{args:?}"), &(text(&output.stdout) + &text(&output.stderr)));
    }
    // Messages name a truncated capture and quote a wrong configuration.
    let whole = capture();
    let cut = format!("cut{evil}.pcap");
    room.write(&cut, &whole[..whole.len() - 10]);
    check("a cut capture", &said(&room, &["replay", &cut]));
    room.write(
        "bad.toml",
        format!("privacy = \"{}\"\n\"{}\" = 1\n", "\u{202e}\u{9b}", "k\u{200b}").as_bytes(),
    );
    let told = room.expect(2, &["config", "check", "bad.toml"]);
    check("a bad configuration", &told);
}

fn rows(room: &Room, what: &str) -> Vec<Value> {
    said(room, &["--format", "jsonl", "report", what])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn nothing_that_acts_leaves_a_live_run() {
    let room = Room::new();
    room.write("clear.toml", b"privacy = \"clear\"\n");
    let free = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let hep = format!("udp:{free}");
    let (out, log) = (room.path("out"), room.path("log"));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let mut sensor = room
        .command(&["--config", "clear.toml", "--db", "x.db", "-v", "sense", "--hep", &hep])
        .stdout(std::fs::File::create(&out).unwrap())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    while !read(&log).contains("listening on") {
        assert!(sensor.try_wait().unwrap().is_none(), "{}", read(&log));
        std::thread::sleep(Duration::from_millis(20));
    }
    let agent = UdpSocket::bind("127.0.0.1:0").unwrap();
    for frame in frames() {
        agent.send_to(&as_hep(&frame, 7), free).unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    std::thread::sleep(Duration::from_millis(500));
    let id = rustix::process::Pid::from_child(&sensor);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(sensor.wait().unwrap().code(), Some(0), "{}", read(&log));
    check("the results of a live run", &read(&out));
    check("the log of a live run", &read(&log));
    assert!(rows(&room, "calls").len() >= ATTACKS.len() - 2);
}

#[test]
fn json_gives_back_what_was_sent() {
    let room = filled();
    let agents: Vec<String> = rows(&room, "calls")
        .iter()
        .filter_map(|call| call["user_agent"].as_str().map(str::to_owned))
        .collect();
    for attack in ATTACKS {
        let sent = attack.trim_matches([' ', '\t']);
        assert!(agents.iter().any(|agent| agent == sent), "{sent:?} in {agents:?}");
    }
}

#[test]
fn a_spreadsheet_computes_no_text_and_numbers_stay_numbers() {
    let room = filled();
    for what in ["calls", "registrations", "alerts", "fingerprints", "devices", "summary"] {
        let out = said(&room, &["--format", "csv", "report", what]);
        let mut reader = csv::Reader::from_reader(out.as_bytes());
        for record in reader.records() {
            for field in &record.unwrap() {
                let begins = field.trim_start_matches(|c: char| c.is_whitespace() || "\"␉␍".contains(c));
                let is_computed = begins.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
                assert!(!is_computed || field.parse::<f64>().is_ok(), "{what}: {field:?}");
            }
        }
    }
    let agents = said(&room, &["--format", "csv", "report", "calls"]);
    for text in ["'=cmd|' /C calc'!A0", "'+1+1", "'-2+3", "'@SUM(1)", "'＝1+1"] {
        assert!(agents.contains(text), "{text}");
    }
}

#[test]
fn a_long_or_painted_text_wrecks_no_table() {
    let room = filled();
    let table = said(&room, &["report", "calls"]);
    let columns = 15;
    assert!(table.lines().all(|line| line.chars().count() < columns * 205), "{table}");
    let lines = 1 + rows(&room, "calls").len();
    assert_eq!(table.lines().count(), lines);
}

#[test]
fn pictures_and_files_that_are_written_hold_nothing_that_acts() {
    let room = filled();
    let written = |args: &[&str], file: &str| -> Option<String> {
        said(&room, args);
        let path: PathBuf = room.path(file);
        std::fs::read_to_string(path).ok()
    };
    for device in rows(&room, "devices").iter().filter_map(|device| device["aor"].as_str()) {
        if let Some(svg) = written(&["plot", "clock", device, "-o", "clock.svg"], "clock.svg") {
            check("an SVG", &svg);
        }
    }
    for form in ["plain", "csv", "kamailio"] {
        let list = written(&["reputation", "export", "block", "--as", form, "-o", "list"], "list");
        check(form, &list.unwrap());
    }
    check("classes", &written(&["class", "export", "-o", "classes.json"], "classes.json").unwrap());
}
