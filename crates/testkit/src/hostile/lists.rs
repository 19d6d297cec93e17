//! Headers with lists of addresses, filled with tokens that can make a parser start over.

use super::stage::{ATTACKER, LARGE, SERVER};
use super::text::{Text, fill};
use super::{Ordinary, Shape, Shapes};

/// Headers with lists of addresses or hops, and others with similar parsers.
const HEADERS: [&str; 20] = [
    "Contact",
    "Via",
    "Route",
    "Record-Route",
    "P-Asserted-Identity",
    "P-Preferred-Identity",
    "Diversion",
    "History-Info",
    "Refer-To",
    "Path",
    "Service-Route",
    "Remote-Party-ID",
    "Referred-By",
    "Authorization",
    "Allow",
    "User-Agent",
    "Identity",
    "Supported",
    "Require",
    "Warning",
];

/// Tokens with their names.
const TOKENS: [(&str, &str); 21] = [
    ("sip-quote", "<sip:\""),
    ("quote", "\""),
    ("escaped-quote", "\\\""),
    ("quoted-backslash", "\"\\\""),
    ("quote-comma", "\","),
    ("comma", ","),
    ("open", "<"),
    ("close", ">"),
    ("open-comma", "<,"),
    ("semicolon", ";"),
    ("equals", "="),
    ("value-quote", ";a=\""),
    ("parameter", ";a=b"),
    ("parenthesis", "("),
    ("fold", "\r\n a"),
    ("percent", "%"),
    ("escape", "%41"),
    ("at", "sip:a@"),
    ("bracket", "<sip:a@["),
    ("address", "<sip:a@h>,"),
    ("hop", "SIP/2.0/UDP h,"),
];

pub(super) fn shapes() -> Vec<Shape> {
    let mut shapes = Shapes::default();
    for header in HEADERS {
        let method = if header.starts_with("Refer") { "REFER" } else { "INVITE" };
        for (name, token) in TOKENS {
            let value = format!("{header}: {}\r\n", fill(token, LARGE));
            shapes.add(
                format!("list/{}/{name}", header.to_lowercase()),
                (600, 10, Ordinary::Invites),
                move |s| {
                    let text = Text::new(method, s.next()).with(value.as_str());
                    s.send(&text);
                },
            );
        }
    }
    parameters(&mut shapes);
    answers(&mut shapes);
    shapes.0
}

/// The same tokens as parameters, which are parsed before the owner of a message is known.
fn parameters(shapes: &mut Shapes) {
    for method in ["INVITE", "OPTIONS", "REGISTER"] {
        for (name, token) in TOKENS {
            let junk = format!("a@h>;{}", fill(token, LARGE / 2));
            let of = (600, 10, Ordinary::Invites);
            let mut add = |party: &str, set: fn(&mut Text, String)| {
                let junk = junk.clone();
                shapes.add(format!("parameter/{}-{party}/{name}", method.to_lowercase()), of, move |s| {
                    let mut text = Text::new(method, s.next());
                    set(&mut text, junk.clone());
                    s.send(&text);
                });
            };
            add("from", |text, junk| text.from = junk);
            add("to", |text, junk| text.to = junk);
        }
    }
}

/// The same tokens in responses, whose lists are searched for the requested entry.
fn answers(shapes: &mut Shapes) {
    for (method, header) in [("REGISTER", "Contact"), ("REGISTER", "Via"), ("INVITE", "Contact")] {
        for (name, token) in TOKENS {
            let value = format!("{header}: {}\r\n", fill(token, LARGE));
            let name = format!("answer/{}-{}/{name}", method.to_lowercase(), header.to_lowercase());
            shapes.add(name, (600, 10, Ordinary::Calls), move |s| {
                let text = Text::new(method, s.next());
                s.send(&text);
                s.udp(SERVER, ATTACKER, &text.answer("200 OK", "u", &value, ""));
            });
        }
    }
}
