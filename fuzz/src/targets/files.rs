//! Operators' files: configuration, inventory, labels, classes, lists, keys.

use bellwether_cli::files;
use bellwether_enrich::{Brands, RiskyDestinations};

use crate::rehearsal::tokeniser;

/// Laws: a file is accepted, or refused with a message. Reading is repeatable. An export equals its import.
pub(super) fn run(octets: &[u8]) {
    let Some((kind, text)) = octets.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    match kind % 10 {
        0 => refused_in_words(files::config(text), files::config(text)),
        1 => inventory(text, true),
        2 => inventory(text, false),
        3 => refused_in_words(files::labels(text), files::labels(text)),
        4 => refused_in_words(files::lessons(text), files::lessons(text)),
        5 => refused_in_words(files::telemetry(text), files::telemetry(text)),
        6 => {
            let classes = files::classes(text);
            if let Ok(exported) = &classes {
                assert_eq!(files::classes(exported).as_ref(), Ok(exported), "an export equals its import");
            }
            refused_in_words(classes, files::classes(text));
        }
        7 => {
            let list = RiskyDestinations::parse(text);
            if let Ok(list) = &list {
                let _ = (list.reason(text), list.reason("882"));
            }
            refused_in_words(list, RiskyDestinations::parse(text));
        }
        8 => {
            let _ = Brands::parse(text).find(text);
        }
        _ => {
            let is_key = files::is_key(text);
            let is_hexadecimal = text.trim().bytes().all(|b| b.is_ascii_hexdigit());
            assert_eq!(is_key, text.trim().len() == 64 && is_hexadecimal, "a key is 64 hexadecimal digits");
        }
    }
}

fn inventory(text: &str, is_json: bool) {
    let read = || files::inventory(text, is_json, &tokeniser());
    let rows = read();
    assert!(rows.as_ref().is_ok_and(|n| *n <= text.len()) || rows.is_err(), "rows are bounded by the text");
    refused_in_words(rows, read());
}

fn refused_in_words<T: PartialEq + std::fmt::Debug>(one: Result<T, String>, two: Result<T, String>) {
    assert_eq!(one, two, "reading is repeatable");
    assert!(one.err().is_none_or(|why| !why.is_empty()), "an error has a message");
}
