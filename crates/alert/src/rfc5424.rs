//! The syslog protocol, RFC 5424.

use std::fmt::Write;

use crate::text::{ELLIPSIS, printable, push_within, rfc3339};
use crate::{Notice, Sender};

/// The structured data's name. 32473 is the enterprise number for examples (RFC 5612); a private one has to be
/// registered before it may stand here.
const SD_ID: &str = "bellwether@32473";

/// The longest value of a parameter, in octets as they are sent: a stranger may choose a very long one, and the
/// others have to fit beside it.
const LONGEST_VALUE: usize = 256;

/// Writes a notice as one message of at most `longest` octets, but no shorter than its header. The structured data is kept before the words.
pub(crate) fn message(notice: &Notice, sender: &Sender, longest: usize) -> String {
    let mut out = header(notice, sender);
    // SP, and what the end of the element needs.
    let room = longest.saturating_sub(out.len() + 1);
    structured_data(&mut out, notice, room);
    // A BOM says that the words are UTF-8 (section 6.4).
    let room = longest.saturating_sub(out.len() + " \u{feff}".len());
    if room > ELLIPSIS.len_utf8() && !notice.message.is_empty() {
        out.push_str(" \u{feff}");
        push_within(&mut out, &notice.message, room, String::push);
    }
    out
}

/// Everything before the structured data (section 6.2).
pub(crate) fn header(notice: &Notice, sender: &Sender) -> String {
    format!(
        "<{}>1 {} {} bellwether {} {}",
        priority(notice, sender),
        rfc3339(notice.at),
        printable(&sender.host, 255),
        sender.process,
        printable(&notice.kind, 32),
    )
}

/// PRI: facility times eight and severity (section 6.2.1).
pub(crate) fn priority(notice: &Notice, sender: &Sender) -> u8 {
    sender.facility.number() * 8 + notice.severity.syslog()
}

/// The element with what a rule can be written on (section 6.3), or `-`. Parameters that do not fit are left
/// out from the end.
pub(crate) fn structured_data(out: &mut String, notice: &Notice, room: usize) {
    let score = notice.score.filter(|score| score.is_finite()).map(|score| format!("{score:.3}"));
    let more = (notice.more > 0).then(|| notice.more.to_string());
    let parameters = [
        ("subject", Some(notice.subject.as_str())),
        ("score", score.as_deref()),
        ("fingerprint", notice.fingerprint.as_deref()),
        ("campaign", notice.campaign.as_deref()),
        ("call", notice.call_id.as_deref()),
        ("more", more.as_deref()),
    ];
    let start = out.len();
    let _ = write!(out, " [{SD_ID}");
    let empty = out.len();
    for (name, value) in parameters {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        let before = out.len();
        let _ = write!(out, " {name}=\"");
        push_within(out, value, LONGEST_VALUE, escape);
        out.push('"');
        if out.len() - start > room {
            out.truncate(before);
        }
    }
    if out.len() == empty {
        out.truncate(start);
        out.push_str(" -");
    } else {
        out.push(']');
    }
}

/// Section 6.3.3: `"`, `\` and `]` have a `\` before them, and nothing else has.
fn escape(out: &mut String, c: char) {
    if matches!(c, '"' | '\\' | ']') {
        out.push('\\');
    }
    out.push(c);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Severity;
    use crate::notice::tests::notice;

    fn sender() -> Sender {
        Sender { process: 4711, ..Sender::new("sensor.example.net", "0.1.0") }
    }

    #[test]
    fn a_message_as_the_rfc_has_it() {
        assert_eq!(
            message(&notice(7), &sender(), 2048),
            "<130>1 2026-03-01T12:34:56.789012Z sensor.example.net bellwether 4711 device_unauthorised \
             [bellwether@32473 subject=\"sip:t-5f2c@example.net\" score=\"0.938\" fingerprint=\"2:9ac1\" \
             call=\"a84b4c76e66710@pc33\"] \u{feff}call from a device that is none of the subscriber's"
        );
    }

    #[test]
    fn what_is_missing_is_left_out_and_nothing_is_a_dash() {
        let bare = Notice {
            kind: "provisioning failed\n".into(),
            severity: Severity::Warning,
            subject: String::new(),
            message: String::new(),
            call_id: None,
            fingerprint: None,
            score: Some(f64::NAN),
            ..notice(1)
        };
        let nobody =
            Sender { host: String::new(), facility: crate::Facility::named("authpriv").unwrap(), ..sender() };
        assert_eq!(
            message(&bare, &nobody, 2048),
            "<84>1 2026-03-01T12:34:56.789012Z - bellwether 4711 provisioning_failed_ -"
        );
    }

    #[test]
    fn three_characters_are_escaped_and_controls_are_shown() {
        let odd = Notice {
            subject: "a\"b\\c]d\n<13>e".into(),
            message: "line\nline \"quoted\" \\ ]".into(),
            call_id: None,
            fingerprint: None,
            score: None,
            campaign: Some("autumn".into()),
            more: 12,
            ..notice(1)
        };
        let line = message(&odd, &sender(), 2048);
        assert!(
            line.contains(r#" [bellwether@32473 subject="a\"b\\c\]d␊<13>e" campaign="autumn" more="12"] "#)
        );
        assert!(line.ends_with("\u{feff}line␊line \"quoted\" \\ ]"), "{line}");
    }

    #[test]
    fn the_words_are_cut_before_the_structured_data() {
        let long = Notice { message: "ä".repeat(2000), ..notice(1) };
        let line = message(&long, &sender(), 480);
        assert!(line.contains("call=\"a84b4c76e66710@pc33\"] \u{feff}ä"));
        assert!(line.ends_with("ä…") && line.len() <= 480 && line.len() > 476, "{}", line.len());
        let tight = message(&long, &sender(), 160);
        assert!(tight.ends_with("score=\"0.938\"]") && tight.len() <= 160, "{tight}");
    }

    proptest! {
        #[test]
        fn any_notice_is_one_line_within_its_length(
            subject in any::<String>(),
            words in any::<String>(),
            kind in any::<String>(),
            longest in 480usize..2048,
        ) {
            let host = Sender { host: "h".repeat(300), ..sender() };
            let line = message(&Notice { subject, message: words, kind, ..notice(1) }, &host, longest);
            prop_assert!(line.len() <= longest);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
