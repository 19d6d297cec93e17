//! Text that traffic chose (a subject, a Call-ID) on its way into logs of other hosts.

use bellwether_base::{Pieces, Timestamp};

/// The mark of a cut end.
pub(crate) const ELLIPSIS: char = '…';

/// Appends as many characters of a text as fit into `room` octets, each as it is shown ([`bellwether_base::Shown`]) and as `write` writes it
/// (one call, one character). The text is cut between characters, and the cut is shown.
pub(crate) fn push_within(out: &mut String, text: &str, room: usize, write: impl Fn(&mut String, char)) {
    let start = out.len();
    // The end of the text if not all of it fits.
    let mut fits = start;
    for piece in Pieces::of(text) {
        piece.chars().for_each(|c| write(out, c));
        let used = out.len() - start;
        if used > room {
            out.truncate(fits);
            if room >= ELLIPSIS.len_utf8() {
                out.push(ELLIPSIS);
            }
            return;
        }
        if used + ELLIPSIS.len_utf8() <= room {
            fits = out.len();
        }
    }
}

/// A header field of RFC 5424: PRINTUSASCII (section 6, %d33-126) up to a length, and `-` for nothing.
pub(crate) fn printable(text: &str, max_len: usize) -> String {
    let kept: String =
        text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(max_len).collect();
    if kept.is_empty() { "-".to_owned() } else { kept }
}

/// RFC 3339 in UTC with microseconds: RFC 5424 (section 6.2.3) allows no more than six digits.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    moment(at).strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

/// A moment as the library has it. Every [`Timestamp`] lies in its range.
pub(crate) fn moment(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(at.as_nanos().into()).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_would_act_on_a_log_is_shown_instead() {
        let mut out = String::new();
        push_within(&mut out, "a\r\nb\x1b[2J\u{202e}\u{85}é", 80, String::push);
        assert_eq!(out, r"a␍␊b␛[2J\u{202e}\u{85}é");
    }

    #[test]
    fn microseconds_are_cut_and_not_rounded() {
        assert_eq!(rfc3339(Timestamp::from_nanos(crate::samples::MOMENT)), "2026-03-01T12:34:56.789012Z");
        assert_eq!(rfc3339(Timestamp::from_nanos(999_999_999)), "1970-01-01T00:00:00.999999Z");
        assert_eq!(rfc3339(Timestamp::from_nanos(-1)), "1969-12-31T23:59:59.999999Z");
        assert!(rfc3339(Timestamp::MIN).starts_with("1677-") && rfc3339(Timestamp::MAX).starts_with("2262-"));
    }

    proptest! {
        #[test]
        fn a_cut_text_fits_and_is_a_beginning(text in any::<String>(), room in 0usize..80) {
            let mut out = String::from("x");
            push_within(&mut out, &text, room, String::push);
            prop_assert!(out.len() <= room + 1);
            let whole = bellwether_base::Shown::of(&text).to_string();
            let kept = &out[1..];
            if whole.len() <= room {
                prop_assert_eq!(kept, whole);
            } else {
                prop_assert!(whole.starts_with(kept.strip_suffix(ELLIPSIS).unwrap_or(kept)));
            }
        }
    }
}
