//! Registrations from packets to rows: refreshes, cuts of a timeline, devices.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and says why on standard error"
)]

mod common;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Span, Timestamp};
use bellwether_testkit::{Frame, PcapFormat, udp_frame, write_pcap};
use common::{Room, shared_case};
use serde_json::Value;

const START: Timestamp = Timestamp::from_nanos(1_750_000_000_000_000_000);
const REGISTRAR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 2), 5060);
const PHONE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 1, 0, 9), 5060);

/// REGISTERs of one account and their responses.
struct Account {
    user: &'static str,
    /// The suffix of the Call-ID and of the branches.
    dialog: &'static str,
    /// Contact headers, each with its line end.
    contacts: &'static str,
    expires_s: u32,
    cseq: u32,
    frames: Vec<Frame>,
}

impl Account {
    fn new(user: &'static str, contacts: &'static str) -> Self {
        Self { user, dialog: "one", contacts, expires_s: 90, cseq: 0, frames: Vec::new() }
    }

    /// Sends a REGISTER, which is answered with these codes, 20 ms later.
    fn register(&mut self, seconds: f64, authorised: bool, codes: &[u16]) {
        self.cseq += 1;
        let Self { user, dialog, contacts, expires_s, cseq, .. } = *self;
        let at = START + Span::from_nanos((seconds * 1e9) as i64);
        let credentials = if authorised {
            format!(
                "Authorization: Digest username=\"{user}\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"0\"\r\n"
            )
        } else {
            String::new()
        };
        let head = format!(
            "Via: SIP/2.0/UDP 10.1.0.9:5060;branch=z9hG4bK{user}{dialog}{cseq}\r\nFrom: <sip:{user}@example.net>;tag=f{user}\r\n\
             To: <sip:{user}@example.net>"
        );
        let tail = format!("Call-ID: {user}-{dialog}@10.1.0.9\r\nCSeq: {cseq} REGISTER\r\n");
        let request = format!(
            "REGISTER sip:example.net SIP/2.0\r\n{head}\r\nMax-Forwards: 70\r\n{tail}{contacts}{credentials}\
             Expires: {expires_s}\r\nContent-Length: 0\r\n\r\n"
        );
        self.frames.push(udp_frame(at, PHONE, REGISTRAR, cseq as u16, request.as_bytes()));
        for code in codes {
            let more = match code {
                // No binding is left, and none is listed.
                200 if expires_s == 0 => String::new(),
                200 => format!("{contacts}Expires: 90\r\n"),
                401 => "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n".to_owned(),
                423 => "Min-Expires: 90\r\n".to_owned(),
                _ => String::new(),
            };
            let answer = format!("SIP/2.0 {code} X\r\n{head};tag=t\r\n{tail}{more}Content-Length: 0\r\n\r\n");
            let at = at + Span::from_millis(20);
            self.frames.push(udp_frame(at, REGISTRAR, PHONE, 1000 + cseq as u16, answer.as_bytes()));
        }
    }

    /// Refreshes each 45 s from a moment on, let in at once.
    fn refreshes(&mut self, from_s: f64, n: u32) {
        for i in 0..n {
            self.register(from_s + 45.0 * f64::from(i), true, &[200]);
        }
    }

    /// Asks for the end of bindings.
    fn removes(&mut self, seconds: f64, contacts: &'static str, code: u16) {
        let known = (self.contacts, self.expires_s);
        (self.contacts, self.expires_s) = (contacts, 0);
        self.register(seconds, true, &[code]);
        (self.contacts, self.expires_s) = known;
    }

    fn rows(self) -> Vec<Value> {
        let room = Room::new();
        let capture = room.write("x.pcap", &write_pcap(&self.frames, PcapFormat::Nano));
        room.replay("x.db", "2", &[&capture]);
        room.rows("x.db", "registrations")
    }
}

const ONE: &str = "Contact: <sip:7@10.1.0.9:5060>\r\n";
const TWO: &str = "Contact: <sip:7@10.1.0.9:5060>\r\nContact: <sip:7@10.1.0.9:5070>\r\n";

#[test]
fn what_was_refused_first_is_no_point_of_the_line_whatever_the_refusal() {
    for code in [423, 302, 420, 494, 500, 503, 600] {
        let mut account = Account::new("301", ONE);
        account.register(0.0, false, &[code]);
        account.register(0.5, false, &[401]);
        account.register(0.98, true, &[200]);
        account.refreshes(45.98, 19);
        let [row] = account.rows().try_into().unwrap();
        assert_eq!((&row["refreshes"], &row["segments"]), (&20.into(), &1.into()), "{code}: {row}");
        assert!(row["slope_ppm"].as_f64().unwrap().abs() < 1.0, "{code}: {row}");
        assert!(row["skew_ppm"].as_f64().unwrap().abs() < 1.0, "{code}: {row}");
    }
}

#[test]
fn a_registration_ends_when_it_is_removed_or_runs_out_and_not_before() {
    let ended = |account: Account| -> Vec<Option<String>> {
        // Refreshes of another device advance the time.
        let mut other = Account::new("399", "Contact: <sip:399@10.1.0.77>\r\n");
        other.refreshes(0.0, 20);
        let frames = [account.frames, other.frames].concat();
        let rows = Account { frames, ..Account::new("399", ONE) }.rows();
        let is_ours = |row: &&Value| !row["contact"].as_str().unwrap().contains("10.1.0.77");
        rows.iter().filter(is_ours).map(|row| row["ended_at"].as_str().map(str::to_owned)).collect()
    };
    // The clock of the capture begins at 15:06:40, and answers take 20 ms.
    let at = |seconds: i64| {
        let seconds = 6 * 60 + 40 + seconds;
        Some(format!("2025-06-15T15:{:02}:{:02}.020000000Z", seconds / 60, seconds % 60))
    };
    let account = || {
        let mut account = Account::new("304", TWO);
        account.refreshes(0.0, 4);
        account
    };
    // It is refreshed until the end, or another time before it runs out.
    let mut stays = account();
    stays.refreshes(180.0, 16);
    assert_eq!(ended(stays), [None, None]);
    assert_eq!(ended(account()), [at(135 + 90), at(135 + 90)]);
    let mut removed = account();
    removed.removes(140.0, ONE, 200);
    assert_eq!(ended(removed), [at(140), at(135 + 90)]);
    let mut all = account();
    all.removes(140.0, "Contact: *\r\n", 200);
    assert_eq!(ended(all), [at(140), at(140)]);
    // Nothing was removed, and it comes back.
    let mut refused = account();
    refused.removes(140.0, "Contact: *\r\n", 403);
    assert_eq!(ended(refused), [at(135 + 90), at(135 + 90)]);
    let mut back = account();
    back.removes(140.0, "Contact: *\r\n", 200);
    back.refreshes(150.0, 17);
    assert_eq!(ended(back), [None, None]);
}

#[test]
fn a_refresh_that_nobody_accepted_is_none() {
    let mut account = Account::new("302", ONE);
    account.refreshes(0.0, 6);
    // No answer, wrong credentials, and one that only asks for another interval.
    account.register(270.0, true, &[]);
    account.register(315.0, true, &[401]);
    account.register(315.1, true, &[403]);
    account.refreshes(367.0, 6);
    let [row] = account.rows().try_into().unwrap();
    assert_eq!((&row["refreshes"], &row["segments"]), (&12.into(), &2.into()), "{row}");
    let mut refused = Account::new("303", ONE);
    (0..5).for_each(|i| refused.register(45.0 * f64::from(i), true, &[403]));
    let [row] = refused.rows().try_into().unwrap();
    assert_eq!((&row["refreshes"], &row["segments"]), (&0.into(), &0.into()), "{row}");
    assert_eq!((&row["no_fit"], &row["last_status"]), (&"too_few_refreshes".into(), &403.into()), "{row}");
}

#[test]
fn a_removed_binding_ends_a_run_and_is_no_refresh() {
    let mut account = Account::new("304", ONE);
    account.refreshes(0.0, 6);
    let bound = std::mem::replace(&mut account.contacts, "Contact: <sip:7@10.1.0.9:5060>;expires=0\r\n");
    account.register(250.0, true, &[200]);
    account.contacts = bound;
    account.refreshes(290.0, 6);
    let [row] = account.rows().try_into().unwrap();
    assert_eq!((&row["refreshes"], &row["segments"]), (&12.into(), &2.into()), "{row}");
    assert!(row["slope_ppm"].as_f64().unwrap().abs() < 1.0, "{row}");
}

#[test]
fn runs_that_are_all_too_short_are_told_as_restarts() {
    let mut account = Account::new("305", ONE);
    for i in 0..8 {
        account.register(45.0 * f64::from(i), true, &[200]);
        account.register(45.0 * f64::from(i) + 20.0, true, &[503]);
    }
    let [row] = account.rows().try_into().unwrap();
    assert_eq!((&row["refreshes"], &row["segments"]), (&8.into(), &8.into()), "{row}");
    assert_eq!(row["no_fit"], "restarts", "{row}");
}

#[test]
fn two_contacts_in_one_register_are_two_bindings() {
    for contacts in [
        "Contact: <sip:7@10.1.0.9:5060>\r\nContact: <sip:7@10.1.0.10:5060>\r\n",
        "Contact: <sip:7@10.1.0.9:5060>, <sip:7@10.1.0.10:5060>, <sip:7@10.1.0.9:5060>\r\n",
        "Contact: <sip:7@10.1.0.9:5060>;+sip.instance=\"<urn:uuid:1>\", <sip:7@10.1.0.9:5060>;+sip.instance=\"<urn:uuid:2>\"\r\n",
    ] {
        let mut account = Account::new("306", contacts);
        account.register(0.0, false, &[401]);
        account.register(0.1, true, &[200]);
        account.refreshes(45.1, 9);
        let rows = account.rows();
        assert_eq!(rows.len(), 2, "{contacts}");
        for row in rows {
            assert_eq!((&row["refreshes"], &row["last_status"]), (&10.into(), &200.into()), "{row}");
            assert_eq!((&row["challenges"], &row["expires_s"]), (&1.into(), &90.into()), "{row}");
        }
    }
    let mut spelled = Account::new("308", "Contact: <sip:Bob@Phone.Example.NET:5060;Line=A>\r\n");
    spelled.refreshes(0.0, 4);
    spelled.contacts = "Contact: <sip:Bob@phone.example.net:5060;Line=A>\r\n";
    spelled.refreshes(180.0, 4);
    spelled.contacts = "Contact: <sip:bob@phone.example.net:5060;Line=A>\r\n";
    spelled.refreshes(360.0, 2);
    let refreshes: BTreeSet<u64> =
        spelled.rows().iter().map(|row| row["refreshes"].as_u64().unwrap()).collect();
    assert_eq!(refreshes, BTreeSet::from([8, 2]), "a host is the same in capitals, a user is not");
    let many: String = (0..100).map(|i| format!("Contact: <sip:{i}@10.1.0.9>\r\n")).collect();
    let mut flood = Account::new("307", Box::leak(many.into_boxed_str()));
    flood.refreshes(0.0, 3);
    assert_eq!(flood.rows().len(), 16, "one message makes no more devices than registrars take");
}

/// The callers and callees of calls that were made by and to these.
#[test]
fn flows_of_one_instance_are_timelines_of_their_own_and_one_device() {
    let instance = "+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-aabbccddeeff>\"";
    let contact = |flow: u8| &*format!("Contact: <sip:7@10.1.0.9:5060>;{instance};reg-id={flow}\r\n").leak();
    // RFC 5626 section 4.2.2: each flow has a Call-ID and a time of its own.
    let flows = [(1, "one", 0.0), (2, "two", 17.7)].map(|(flow, dialog, from)| {
        let mut account = Account { dialog, ..Account::new("310", contact(flow)) };
        account.refreshes(from, 20);
        account.frames
    });
    let room = Room::new();
    let mut frames = flows.concat();
    frames.sort_by_key(|frame| frame.at);
    let capture = room.write("x.pcap", &write_pcap(&frames, PcapFormat::Nano));
    room.replay("x.db", "2", &[&capture]);
    let rows = room.rows("x.db", "registrations");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(room.rows("x.db", "devices").len(), 1);
    for row in &rows {
        assert_eq!((&row["refreshes"], &row["segments"]), (&20.into(), &1.into()), "{row}");
        assert!(row["skew_ppm"].as_f64().unwrap().abs() < 1.0, "{row}");
    }
}

fn parties(
    room: &Room,
    db: &str,
    config: &str,
    calls: &[(&str, &str)],
) -> (BTreeSet<String>, BTreeSet<String>) {
    let mut frames = Vec::new();
    for (i, (from, to)) in calls.iter().enumerate() {
        let invite = format!(
            "INVITE {to} SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.9:5060;branch=z9hG4bKi{i}\r\nFrom: <{from}>;tag=f{i}\r\nTo: <{to}>\r\n\
             Max-Forwards: 70\r\nCall-ID: c{i}\r\nCSeq: 1 INVITE\r\nContact: <sip:x@10.1.0.9>\r\nContent-Length: 0\r\n\r\n"
        );
        let at = START + Span::from_secs(i as i64);
        frames.push(udp_frame(at, PHONE, REGISTRAR, i as u16, invite.as_bytes()));
    }
    let capture = room.write("calls.pcap", &write_pcap(&frames, PcapFormat::Nano));
    let config = room.write("config.toml", config.as_bytes());
    let arguments =
        ["--db", db, "--config", config.to_str().unwrap(), "-q", "replay", capture.to_str().unwrap()];
    room.expect(0, &arguments);
    let rows = room.rows(db, "calls");
    assert_eq!(rows.len(), calls.len());
    let all = |column: &str| rows.iter().map(|row| row[column].as_str().unwrap().to_owned()).collect();
    (all("caller"), all("callee"))
}

#[test]
fn local_numbers_that_are_spelled_alike_are_parties_by_where_they_are_local() {
    let calls = [
        ("sip:101@a.example.net", "tel:7042;phone-context=+1212"),
        ("sip:101@b.example.net", "tel:7042;phone-context=+1415"),
        ("sip:101@a.example.net", "sip:7042;phone-context=+1-212@gw.example.net;user=phone"),
    ];
    let room = Room::new();
    for (db, setting, callers, callees) in [
        ("default.db", "", 2, 2),
        ("context.db", "[numbering]\nlocal_numbers = \"context\"\n", 1, 2),
        ("alike.db", "[numbering]\nlocal_numbers = \"alike\"\n", 1, 1),
    ] {
        let (by, to) = parties(&room, db, setting, &calls);
        assert_eq!((by.len(), to.len()), (callers, callees), "{setting}: {by:?} {to:?}");
    }
    // A global number is one party, and so is a name, with any host.
    let calls = [
        ("sip:+12125550188@a.example.net", "tel:+14155550123"),
        ("sip:+12125550188@b.example.net", "sip:+1-415-555-0123@gw.example.net;user=phone"),
    ];
    let (by, to) = parties(&room, "global.db", "", &calls);
    assert_eq!((by.len(), to.len()), (1, 1));
    let refused = room.write("wrong.toml", b"[numbering]\nlocal_numbers = \"sometimes\"\n");
    room.expect(2, &["--config", refused.to_str().unwrap(), "config", "check"]);
}

#[test]
fn registers_that_were_retried_read_as_the_facts_say() {
    let Some(capture) = shared_case("b26-register-retried.pcap.gz") else { return };
    let room = Room::new();
    room.replay("x.db", "2", &[&capture]);
    let rows = room.rows("x.db", "registrations");
    assert_eq!(rows.len(), 8);
    for row in rows {
        // One true period, 45 s, and no skew; the schedule goes on from the REGISTER that was accepted.
        assert_eq!((&row["refreshes"], &row["segments"]), (&20.into(), &1.into()), "{row}");
        assert!(
            row["slope_ppm"].as_f64().unwrap().abs() < 1.0 && row["jitter_ms"].as_f64().unwrap() < 0.5,
            "{row}"
        );
        assert!(row["skew_ppm"].as_f64().is_none_or(|skew| skew.abs() < 1.0), "{row}");
        assert_ne!(row["discipline"], "restart", "{row}");
    }
}

#[test]
fn one_of_several_requests_in_flight_that_is_accepted_lets_the_sender_in() {
    let mut guesses: Vec<Frame> = Vec::new();
    for (i, dialog) in ["one", "two", "three", "four"].into_iter().enumerate() {
        let mut account = Account::new("309", ONE);
        account.dialog = dialog;
        // Each guess has its own Call-ID and the same CSeq. The second password is right, and the others follow before the answers.
        account.register(0.001 * i as f64, true, &[if dialog == "two" { 200 } else { 403 }]);
        guesses.append(&mut account.frames);
    }
    guesses.sort_by_key(|frame| frame.at);
    let [row] = Account { frames: guesses, ..Account::new("309", ONE) }.rows().try_into().unwrap();
    assert_eq!((&row["refreshes"], &row["expires_s"]), (&1.into(), &90.into()), "{row}");
}
