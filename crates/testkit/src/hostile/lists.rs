//! Headers that hold lists of addresses, each filled with each token that can lead a reader back to the beginning.

use super::text::{Text, fill};
use super::{Ordinary, Shape, Shapes, stage::LARGE};

/// Headers whose values are lists of addresses or hops, and others that are read with the same care.
const HEADERS: [&str; 17] = [
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
        for (name, token) in TOKENS {
            let value = format!("{header}: {}\r\n", fill(token, LARGE));
            shapes.add(
                format!("list/{}/{name}", header.to_lowercase()),
                (600, 10, Ordinary::Invites),
                move |s| {
                    let text = Text::new("INVITE", s.next()).with(value.as_str());
                    s.send(&text);
                },
            );
        }
    }
    shapes.0
}
