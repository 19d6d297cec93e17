//! The law of privacy: nobody's number or name leaves the sensor in clear, wherever a message holds it and however it is
//! spelled there.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::net::UdpSocket;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bellwether_base::{Span, Timestamp};
use bellwether_testkit::{Frame, PcapFormat, udp_frame, write_pcap};
use common::{ALL_REPORTS, Room, shared_case};

const START: Timestamp = Timestamp::from_nanos(1_800_000_000_000_000_000);

/// The places of a message with free text of the sender. The test searches for `MARK`.
const PLACES: [&str; 31] = [
    "Call-ID: MARK-1@h",
    "Call-ID: a7f3.MARK@h",
    "Call-ID: a7f3@MARK.example",
    "User-Agent: App/2 (user MARK)",
    "User-Agent: App MARK",
    "X-MARK: 1",
    "X-Customer: MARK",
    "Allow: INVITE,MARK",
    "Supported: MARK,100rel",
    "Require: MARK",
    "Accept: application/MARK",
    "Subject: MARK",
    "Organization: MARK",
    "Contact: <sip:c@192.0.2.7>;+sip.instance=\"<urn:x:MARK>\"",
    "Contact: \"MARK\" <sip:MARK@192.0.2.7>;MARK=1",
    "Via: SIP/2.0/UDP MARK.example:5060;branch=z9hG4bKq",
    "Alert-Info: <http://x/MARK>",
    "Call-Info: <http://x/MARK.jpg>;purpose=icon",
    "User-to-User: MARK",
    "Reason: Q.850;cause=16;text=\"MARK\"",
    "P-Charging-Vector: icid-value=MARK",
    "Session-ID: MARK",
    "Replaces: MARK@h;to-tag=MARK;from-tag=MARK",
    "o=MARK 1 1 IN IP4 192.0.2.7",
    "s=MARK",
    "i=MARK",
    "a=MARK",
    "a=MARK:x",
    "a=label:MARK",
    "a=rtpmap:96 MARK/8000",
    "a=fmtp:96 MARK=1",
];

/// The headers that name a third party.
const NAMING: [&str; 9] = [
    "P-Asserted-Identity: \"NAME\" <sip:+USER@h>",
    "P-Preferred-Identity: <sip:%2BUSER@h>",
    "Remote-Party-ID: \"NAME\" <sip:USER@h>;party=calling",
    "Diversion: <tel:+USER>;reason=user-busy",
    "History-Info: <sip:USER@h?Reason=SIP%3Bcause%3D302>;index=1",
    "Refer-To: <sip:USER@h>",
    "Referred-By: \"NAME\" <sip:USER@h>",
    "Authorization: Digest username=\"USER\",realm=\"r\",nonce=\"n\",uri=\"sip:h\",response=\"0\"",
    "Contact: \"NAME\" <sip:USER@192.0.2.7>",
];

/// Spellings of a number. The field decides which parser reads the number.
fn spellings(tail: &str) -> Vec<String> {
    let (a, b) = tail.split_at(3);
    let whole = format!("4930{tail}");
    let escaped = whole.bytes().map(|digit| format!("%{digit:02x}")).collect();
    let hexadecimal = whole.bytes().map(|digit| format!("{digit:02x}")).collect();
    vec![
        tail.to_owned(),
        whole.clone(),
        format!("+{whole}"),
        format!("0049{}", &whole[2..]),
        format!("030{tail}"),
        format!("49-30-{a}-{b}"),
        format!("4930.{a}.{b}"),
        format!("ab{whole}ef"),
        escaped,
        hexadecimal,
    ]
}

struct Marks {
    frames: Vec<Frame>,
    /// Texts that must not be found.
    texts: Vec<String>,
    number: u32,
}

impl Marks {
    /// A number that nothing else holds, without country and area.
    fn tail(&mut self) -> String {
        self.number += 1;
        format!("76{:05}", self.number * 7 + 12_000)
    }

    /// A call by this caller with additional lines. Lines in the form of SDP go into the session description.
    fn call(&mut self, (display, user): (&str, &str), lines: &[String]) {
        let n = self.frames.len();
        let (mut head, mut body) = (String::new(), String::from("v=0\r\n"));
        for line in lines {
            let is_header = line.split(':').next().is_some_and(|name| !name.contains('='));
            let is_description = line.as_bytes().get(1) == Some(&b'=');
            *(if is_header && !is_description { &mut head } else { &mut body }) += &format!("{line}\r\n");
        }
        for (name, line) in [
            ("Call-ID:", format!("Call-ID: c{n}@h")),
            ("Via:", format!("Via: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bKb{n}")),
            ("Contact:", "Contact: <sip:c@192.0.2.7>".to_owned()),
        ] {
            if !head.contains(name) {
                head += &format!("{line}\r\n");
            }
        }
        body += "c=IN IP4 192.0.2.7\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 96\r\n";
        let text = format!(
            "INVITE sip:+492211234567@198.51.100.2 SIP/2.0\r\nMax-Forwards: 70\r\n\
             From: \"{display}\" <sip:{user}@192.0.2.7>;tag=t{n}\r\nTo: <sip:+492211234567@198.51.100.2>\r\n\
             CSeq: 1 INVITE\r\n{head}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let at = START + Span::from_secs(n as i64);
        let (from, to) = ("192.0.2.7:5060".parse().unwrap(), "198.51.100.2:5060".parse().unwrap());
        self.frames.push(udp_frame(at, from, to, n as u16, text.as_bytes()));
    }
}

fn marks() -> Marks {
    let mut marks = Marks { frames: Vec::new(), texts: Vec::new(), number: 0 };
    // The caller's own number and name, in each place and spelling.
    for place in PLACES {
        for which in 0..spellings("7600000").len() {
            let tail = marks.tail();
            let mark = &spellings(&tail)[which];
            marks.call(("Erika Quittenbaum", &format!("+4930{tail}")), &[place.replace("MARK", mark)]);
            marks.texts.extend([tail.clone(), mark.clone()]);
        }
        marks.call(("Erika Quittenbaum", "+493011111111"), &[place.replace("MARK", "quittenbaum-77")]);
        marks.call(("Anonymous", "hannelore.mirabelle"), &[place.replace("MARK", "MirabelleH")]);
        // A number of a person outside the message.
        let tail = marks.tail();
        marks.call(("Anonymous", "anonymous"), &[place.replace("MARK", &format!("4930{tail}"))]);
        marks.texts.push(tail);
    }
    // A Call-ID with the number and the name of a third person in a header field.
    for naming in NAMING {
        let tail = marks.tail();
        let line = naming.replace("USER", &format!("4930{tail}")).replace("NAME", "Gisela Zwetschge");
        let host = if naming.contains("NAME") { "zwetschge" } else { "h" };
        let call_id = format!("Call-ID: x49.30.{}-{}@{host}", &tail[..3], &tail[3..]);
        marks.call(("Anonymous", "anonymous"), &[line, call_id]);
        marks.texts.extend([tail.clone(), format!("49.30.{}-{}", &tail[..3], &tail[3..])]);
    }
    // A token's claims.
    let (orig, dest, origid) = (marks.tail(), marks.tail(), marks.tail());
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let header =
        part(format!(r#"{{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://c/{origid}.pem"}}"#));
    let claims = part(format!(
        r#"{{"attest":"A","dest":{{"tn":["4930{dest}"]}},"iat":1800000000,"orig":{{"tn":"4930{orig}"}},"origid":"123e4567-e89b-12d3-a456-49307{origid}"}}"#
    ));
    let identity = format!("Identity: {header}.{claims}.{};info=<https://c/{origid}.pem>", "A".repeat(86));
    marks.call(("x", "anonymous"), &[identity, format!("Call-ID: {orig}.{dest}@h")]);
    marks.texts.extend([orig, dest, origid]);
    marks.texts.extend(["quittenbaum", "mirabelle", "zwetschge", "gisela", "hannelore"].map(str::to_owned));
    marks
}

#[test]
fn nobodys_number_or_name_leaves_the_sensor_in_clear() {
    let room = Room::new();
    let marks = marks();
    let capture = room.write("x.pcap", &write_pcap(&marks.frames, PcapFormat::Nano));
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let port = receiver.local_addr().unwrap().port();
    let config = format!(
        "[alerts]\nquiet_s = 0\nper_minute = 100000\n[[alerts.receivers]]\nname = \"soc\"\ntarget = \"udp://127.0.0.1:{port}\"\n"
    );
    room.write("x.toml", config.as_bytes());
    let args = ["--db", "x.db", "--config", "x.toml", "-v", "replay", "--alerts", capture.to_str().unwrap()];
    let replayed = room.run(&args);
    assert!(matches!(replayed.status.code(), Some(0 | 3)), "{}", common::text(&replayed.stderr));
    let mut heard = [replayed.stdout, replayed.stderr].concat();
    let mut datagram = vec![0; 65_536];
    while let Ok(len) = receiver.recv(&mut datagram) {
        heard.extend_from_slice(&datagram[..len]);
    }
    for file in std::fs::read_dir(room.path("")).unwrap() {
        let path = file.unwrap().path();
        if path.to_string_lossy().contains("x.db") {
            heard.extend(std::fs::read(path).unwrap());
        }
    }
    for format in ["table", "csv", "jsonl"] {
        for what in ALL_REPORTS {
            heard.extend(room.run(&["--db", "x.db", "--format", format, "report", what]).stdout);
        }
    }
    let calls = room.rows("x.db", "calls");
    assert_eq!(calls.len(), marks.frames.len(), "every call is there");
    for call in calls.iter().step_by(7) {
        let id = call["call_id"].as_str().unwrap();
        heard.extend(room.run(&["--db", "x.db", "show", "call", id]).stdout);
    }
    let heard = heard.to_ascii_lowercase();
    let found: Vec<&String> = marks
        .texts
        .iter()
        .filter(|text| memchr::memmem::find(&heard, text.to_ascii_lowercase().as_bytes()).is_some())
        .collect();
    assert!(found.is_empty(), "{} of {} in clear: {found:?}", found.len(), marks.texts.len());
}

#[test]
fn one_number_is_one_party_however_it_is_escaped() {
    let room = Room::new();
    let mut marks = Marks { frames: Vec::new(), texts: Vec::new(), number: 0 };
    for user in ["+49307654321", "%2B49307654321", "%2b%34930-765-4321", "0049307654321"] {
        marks.call(("x", user), &[]);
    }
    let capture = room.write("x.pcap", &write_pcap(&marks.frames, PcapFormat::Nano));
    room.replay("x.db", "1", &[&capture]);
    let callers: std::collections::BTreeSet<String> =
        room.rows("x.db", "calls").iter().map(|call| call["caller"].to_string()).collect();
    assert_eq!(callers.len(), 1, "{callers:?}");
}

#[test]
fn a_call_is_found_by_the_call_id_that_was_on_the_wire() {
    let room = Room::new();
    let mut marks = Marks { frames: Vec::new(), texts: Vec::new(), number: 0 };
    for id in ["4930123456789-1@h", "4930123456780-1@h", "quittenbaum.77@h", "plain@h"] {
        marks.call(("Erika Quittenbaum", "+4930123456789"), &[format!("Call-ID: {id}")]);
    }
    let capture = room.write("x.pcap", &write_pcap(&marks.frames, PcapFormat::Nano));
    room.replay("x.db", "1", &[&capture]);
    let ids: std::collections::BTreeSet<String> =
        room.rows("x.db", "calls").iter().map(|call| call["call_id"].to_string()).collect();
    assert_eq!(ids.len(), 4, "masked Call-IDs are still told apart: {ids:?}");
    for id in ["4930123456789-1@h", "4930123456780-1@h", "quittenbaum.77@h", "plain@h"] {
        let shown = room.expect(0, &["--db", "x.db", "--format", "json", "show", "call", id]);
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let stored = shown["call_id"].as_str().unwrap().to_owned();
        assert_eq!(stored == id, id == "plain@h", "{stored}");
        room.expect(0, &["--db", "x.db", "label", "call", id, "legit"]);
        room.expect(0, &["--db", "x.db", "diff", id, "plain@h"]);
    }
    // A copy of the database without its key finds a call by the Call-ID of reports.
    std::fs::remove_file(room.path("bellwether.key")).unwrap();
    room.expect(1, &["--db", "x.db", "show", "call", "4930123456789-1@h"]);
}

#[test]
fn in_the_case_of_escaped_numbers_all_spellings_are_one_party_that_is_judged_alike() {
    let room = Room::new();
    let Some(capture) = shared_case("b25-escaped-numbers.pcap.gz") else { return };
    room.replay("x.db", "2", &[&capture]);
    let calls = room.rows("x.db", "calls");
    assert_eq!(calls.len(), 5);
    for call in &calls {
        for column in ["caller", "callee", "passport", "caller_kind", "signals"] {
            assert_eq!(call[column], calls[0][column], "{column} of {}", call["call_id"]);
        }
    }
    assert_eq!(calls[0]["passport"], "unverified");
}

#[test]
fn in_the_case_of_numbers_in_call_ids_none_is_left_and_local_numbers_are_parties_of_their_own() {
    let room = Room::new();
    let Some(capture) = shared_case("b30-numbers-in-call-ids.pcap.gz") else { return };
    room.replay("x.db", "2", &[&capture]);
    let calls = room.rows("x.db", "calls");
    let database = std::fs::read(room.path("x.db")).unwrap();
    for digits in ["5550101", "5550111"] {
        assert!(memchr::memmem::find(&database, digits.as_bytes()).is_none(), "{digits}");
    }
    let of = |start: &str| {
        let call = calls.iter().find(|call| call["call_id"].as_str().is_some_and(|id| id.starts_with(start)));
        call.unwrap()["caller"].clone()
    };
    assert_ne!(of("ctxa@"), of("ctxb@"), "phone contexts");
    assert_ne!(of("doma@"), of("domb@"), "domains");
}
