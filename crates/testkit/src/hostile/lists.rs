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
    parameters(&mut shapes);
    shapes.0
}

/// The same tokens where parameters stand, which are read before it is known whose a message is.
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
