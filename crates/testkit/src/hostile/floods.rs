//! Floods of small messages that make tables grow: calls, registrations, OPTIONS, responses.

use std::net::SocketAddrV4;

use super::stage::{ATTACKER, SERVER, Stage};
use super::text::{OFFER, Text};
use super::{Ordinary, Shape, Shapes};

/// Frames per flood.
const FLOOD: usize = 24_000;

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = Shapes::default();
    invites(&mut shapes);
    dialogs(&mut shapes);
    registers(&mut shapes);
    others(&mut shapes);
    campaigns(&mut shapes);
    shapes.0
}

/// A flood of INVITEs, each changed by `change`.
fn invite(shapes: &mut Shapes, name: &str, change: fn(&mut Stage, u32, &mut Text)) {
    shapes.add(format!("flood/invite-{name}"), (FLOOD, 3, Ordinary::Invites), move |s| {
        let n = s.next();
        let mut text = Text::new("INVITE", n);
        change(s, n, &mut text);
        let src = if text.host == "10.0.0.1" { ATTACKER } else { s.host(n) };
        s.udp(src, SERVER, &text.octets());
    });
}

/// Header lines with unique names.
fn own_headers(s: &mut Stage) -> String {
    (0..6).map(|_| format!("X-{}: 1\r\n", s.rng.hex(10))).collect()
}

/// Well-known header lines in random order.
fn shuffled(s: &mut Stage) -> String {
    let mut lines = [
        "Allow: INVITE, ACK, BYE\r\n",
        "Supported: 100rel\r\n",
        "Accept: application/sdp\r\n",
        "Session-Expires: 1800\r\n",
        "Min-SE: 90\r\n",
        "P-Early-Media: supported\r\n",
        "Privacy: none\r\n",
        "Allow-Events: talk\r\n",
    ];
    for i in (1..lines.len()).rev() {
        lines.swap(i, s.rng.below(i as u64 + 1) as usize);
    }
    lines[..s.rng.below(9) as usize].concat()
}

fn invites(shapes: &mut Shapes) {
    invite(shapes, "new-call-id", |_, _, _| {});
    invite(shapes, "new-caller", |s, _, t| t.from = s.number());
    invite(shapes, "new-callee", |s, _, t| t.to = s.number());
    invite(shapes, "new-caller-and-callee", |s, _, t| (t.from, t.to) = (s.number(), s.number()));
    invite(shapes, "new-address", |s, n, t| t.host = s.host(n).ip().to_string());
    // More strangers than a platform family lists, each of which comes back within its first session.
    shapes.add("flood/invite-again-from-5000-addresses", (4 * FLOOD, 3, Ordinary::Invites), |s| {
        let who = s.next() % 5000;
        let text = Text {
            from: format!("49{who:010}"),
            host: s.host(who).ip().to_string(),
            ..Text::new("INVITE", s.turn)
        };
        let src = s.host(who);
        s.udp(src, SERVER, &text.octets());
    });
    invite(shapes, "new-agent", |_, n, t| t.agent = format!("a{n}/{n}"));
    invite(shapes, "new-fingerprint", |s, _, t| {
        (t.from, t.to, t.more) = (s.number(), s.number(), own_headers(s));
    });
    invite(shapes, "new-fingerprint-one-caller", |s, _, t| t.more = own_headers(s));
    invite(shapes, "new-order-of-headers", |s, _, t| {
        (t.from, t.to, t.more) = (s.number(), s.number(), shuffled(s));
    });
    invite(shapes, "new-description", |s, _, t| {
        t.body = format!("{OFFER}a={}\r\na={}:1\r\na={}\r\n", s.rng.hex(9), s.rng.hex(9), s.rng.hex(9));
    });
    invite(shapes, "new-everything", |s, n, t| {
        (t.from, t.to, t.more) = (s.number(), s.number(), own_headers(s));
        (t.host, t.agent) = (s.host(n).ip().to_string(), format!("a{n}/{n}"));
        t.body.push_str(&format!("a={}\r\n", s.rng.hex(9)));
    });
    invite(shapes, "new-instance", |s, _, t| {
        t.more = format!("X-I: 1\r\nContact: <sip:a@h>;+sip.instance=\"<urn:uuid:{}>\"\r\n", s.rng.hex(32));
    });
    invite(shapes, "new-origin", |s, _, t| {
        t.body = OFFER.replace("- 1 1", &format!("{} 1 1", s.rng.hex(12)))
    });
    invite(shapes, "new-media-address", |s, n, t| {
        t.body = OFFER.replace("10.0.0.1", &s.host(n).ip().to_string());
    });
    invite(shapes, "new-domain", |s, _, t| t.to = format!("1@{}.example;x=", s.rng.hex(8)));
    invite(shapes, "with-credentials", |s, n, t| {
        t.more = format!(
            "Authorization: Digest username=\"u{n}\",realm=\"r\",nonce=\"{n}\",uri=\"sip:r\",response=\"{}\"\r\n",
            s.rng.hex(32)
        );
    });
    invite(shapes, "call-id-of-digits", |s, _, t| t.call_id = format!("{0}{0}{0}", s.number()));
    invite(shapes, "same-call-id-new-tag", |_, _, t| t.call_id = "same@h".into());
    invite(shapes, "same-call-id-new-branch", |_, n, t| {
        (t.call_id, t.tag, t.cseq) = ("same@h".into(), "t".into(), n);
    });
}

fn dialogs(shapes: &mut Shapes) {
    let of = |packets| (packets, 10, Ordinary::Calls);
    shapes.add("flood/forked-200", of(FLOOD), |s| {
        let (n, text) = (s.next(), Text::new("INVITE", 1));
        if n == 1 {
            s.send(&text);
        }
        let status = if n.is_multiple_of(2) { "200 OK" } else { "183 Progress" };
        let body = OFFER.replace("4000", &(1024 + n % 60_000).to_string());
        s.udp(SERVER, ATTACKER, &text.answer(status, &format!("u{n}"), "", &body));
    });
    shapes.add("flood/invite-and-many-tags", of(FLOOD), |s| {
        let n = s.next();
        let text = Text::new("INVITE", n / 20);
        if n.is_multiple_of(20) {
            s.send(&text);
        } else {
            s.udp(SERVER, ATTACKER, &text.answer("180 Ringing", &format!("u{n}"), "", ""));
        }
    });
    shapes.add("flood/answers-to-nothing", of(FLOOD), |s| {
        let n = s.next();
        s.udp(SERVER, ATTACKER, &Text::new("INVITE", n).answer("200 OK", "u", "", OFFER));
    });
    for method in [
        "BYE",
        "ACK",
        "CANCEL",
        "PRACK",
        "INFO",
        "UPDATE",
        "MESSAGE",
        "SUBSCRIBE",
        "NOTIFY",
        "REFER",
        "PUBLISH",
        "X",
    ] {
        shapes.add(format!("flood/{}", method.to_lowercase()), of(FLOOD), move |s| {
            let mut text = Text::new(method, s.next());
            (text.from, text.to, text.to_tag) = (s.number(), s.number(), s.rng.hex(8));
            text.more = "Event: presence\r\nExpires: 60\r\nRefer-To: <sip:49301234567@x>\r\n".into();
            s.send(&text);
        });
    }
    shapes.add("flood/reinvite-new-ports", of(FLOOD), |s| {
        let n = s.next();
        let mut text = Text::new("INVITE", n);
        (text.call_id, text.tag, text.cseq) = (format!("c{}@h", n / 1000), "t".into(), n);
        if !n.is_multiple_of(1000) {
            text.to_tag = "u".into();
        }
        text.body = OFFER.replace("4000", &(1024 + n % 60_000).to_string());
        s.send(&text);
        s.udp(SERVER, ATTACKER, &text.answer("200 OK", "u", "", &text.body.replace("10.0.0.1", "10.0.0.2")));
    });
}

fn registers(shapes: &mut Shapes) {
    let of = (FLOOD, 10, Ordinary::Calls);
    let register = |n: u32, user: &str| {
        let mut text = Text::new("REGISTER", n).with("Expires: 3600\r\n");
        (text.from, text.to) = (user.into(), user.into());
        text
    };
    shapes.add("flood/register-new-account", of, move |s| {
        let text = register(s.next(), &s.number());
        s.send(&text);
    });
    shapes.add("flood/register-new-account-answered", of, move |s| {
        let text = register(s.next(), &s.number());
        s.ask(&text, "200 OK", "Expires: 3600\r\n");
    });
    shapes.add("flood/register-new-account-and-address", of, move |s| {
        let n = s.next();
        let mut text = register(n, &s.number());
        text.host = s.host(n).ip().to_string();
        let src = s.host(n);
        s.udp(src, SERVER, &text.octets());
    });
    shapes.add("flood/register-new-contact", of, move |s| {
        let n = s.next();
        let mut text = register(n, "1");
        let (host, id) = (s.host(n), s.rng.hex(32));
        text.host = host.ip().to_string();
        text.more.push_str(&format!("Contact: <sip:1@{host}>;+sip.instance=\"<urn:uuid:{id}>\"\r\n"));
        s.ask(&text, "200 OK", "Expires: 3600\r\n");
    });
    shapes.add("flood/register-new-fingerprint", of, move |s| {
        let mut text = register(s.next(), &s.number());
        text.more.push_str(&own_headers(s));
        s.send(&text);
    });
    let credentials = |user: &str, n: u32, s: &mut Stage| {
        format!(
            "Authorization: Digest username=\"{user}\",realm=\"r\",nonce=\"{n}\",uri=\"sip:r\",response=\"{}\"\r\n",
            s.rng.hex(32)
        )
    };
    shapes.add("flood/register-401-loop", of, move |s| {
        let n = s.next();
        let mut text = register(n, "1").with(credentials("1", n, s));
        (text.call_id, text.cseq) = ("loop@h".into(), n);
        s.ask(&text, "401 Unauthorized", &format!("WWW-Authenticate: Digest realm=\"r\",nonce=\"{n}\"\r\n"));
    });
    shapes.add("flood/register-guessing", of, move |s| {
        let n = s.next();
        let user = (100_000 + n).to_string();
        let text = register(n, &user).with(credentials(&user, n, s));
        s.ask(&text, "401 Unauthorized", &format!("WWW-Authenticate: Digest realm=\"r\",nonce=\"{n}\"\r\n"));
    });
    shapes.add("flood/register-one-answered-403", of, move |s| {
        let text = register(s.next(), "1");
        s.ask(&text, "403 Forbidden", "");
    });
}

fn others(shapes: &mut Shapes) {
    let of = (FLOOD, 10, Ordinary::Calls);
    shapes.add("flood/options-new-asker", of, |s| {
        let n = s.next();
        let mut text = Text::new("OPTIONS", n);
        (text.from, text.host) = (s.rng.hex(10), s.host(n).ip().to_string());
        let src = s.host(n);
        s.udp(src, SERVER, &text.octets());
    });
    shapes.add("flood/options-scan", of, |s| {
        let n = s.next();
        let mut text = Text::new("OPTIONS", n);
        text.to = (1000 + n).to_string();
        let dst = SocketAddrV4::new(*s.host(n).ip(), 5060);
        s.udp(ATTACKER, dst, &text.octets());
        s.udp(dst, ATTACKER, &text.answer("404 Not Found", "u", "", ""));
    });
    shapes.add("flood/empty-messages", (FLOOD, 10, Ordinary::Calls), |s| {
        let n = s.next();
        s.send_octets(format!("INVITE sip:{n}@h SIP/2.0\r\n\r\n").as_bytes());
    });
    shapes.add("flood/garbled-messages", of, |s| {
        let mut octets = Text::new("INVITE", s.next()).octets();
        for _ in 0..8 {
            let at = 30 + s.rng.below(octets.len() as u64 - 30) as usize;
            octets[at] = s.rng.bits() as u8;
        }
        s.send_octets(&octets);
    });
}

/// Calls that resemble a campaign, in crowded candidate groups.
fn campaigns(shapes: &mut Shapes) {
    let of = (FLOOD, 10, Ordinary::Calls);
    let mut refused =
        |name: &str, status: &'static str, change: fn(&mut Stage, u32, &mut Text) -> SocketAddrV4| {
            shapes.add(format!("pool/{name}"), of, move |s| {
                let n = s.next();
                let mut text = Text::new("INVITE", n);
                let src = change(s, n, &mut text);
                s.udp(src, SERVER, &text.octets());
                s.udp(SERVER, src, &text.answer(status, "u", "", ""));
            });
        };
    refused("one-caller-dials-a-block", "603 Decline", |_, n, t| {
        t.to = format!("4940{n:08}");
        ATTACKER
    });
    refused("callers-in-sequence", "603 Decline", |s, n, t| {
        (t.from, t.to) = (format!("4930{n:08}"), s.number());
        ATTACKER
    });
    refused("random-callers-one-callee", "486 Busy Here", |s, _, t| {
        t.from = s.number();
        ATTACKER
    });
    refused("groups-of-seven", "486 Busy Here", |s, n, t| {
        let group = n / 7;
        (t.from, t.to) = (format!("4930{group:05}{:02}", n % 7), s.number());
        (t.agent, t.more) = (format!("ua{}", group % 997), format!("X-G{group}: 1\r\n"));
        let src = s.host(group);
        t.host = src.ip().to_string();
        src
    });
    refused("groups-of-seven-one-platform", "486 Busy Here", |s, n, t| {
        (t.from, t.to) = (format!("4930{:05}{:02}", n / 7, n % 7), s.number());
        ATTACKER
    });
    refused("platforms-that-share-a-caller", "404 Not Found", |s, n, t| {
        (t.from, t.to, t.more) = (format!("4930{:08}", n % 50), s.number(), own_headers(s));
        ATTACKER
    });
    refused("addresses-that-share-a-caller", "404 Not Found", |s, n, t| {
        (t.from, t.to) = (format!("4930{:08}", n % 50), s.number());
        let src = s.host(n);
        t.host = src.ip().to_string();
        src
    });
    refused("everything-new-refused", "403 Forbidden", |s, n, t| {
        (t.from, t.to, t.more) = (s.number(), s.number(), own_headers(s));
        let src = s.host(n);
        (t.host, t.agent) = (src.ip().to_string(), format!("a{n}"));
        src
    });
    shapes.add("pool/rings-once", of, |s| {
        let mut text = Text::new("INVITE", s.next());
        (text.from, text.to) = (s.number(), s.number());
        s.ask(&text, "180 Ringing", "");
        let mut cancel = text.clone().saying("");
        cancel.method = "CANCEL";
        s.ask(&cancel, "200 OK", "");
        s.udp(SERVER, ATTACKER, &text.answer("487 Request Terminated", "u", "", ""));
    });
}
