//! The syslog protocol, RFC 5424.

use std::fmt::Write;

use bellwether_base::{OutgoingAlert, Severity};

use crate::Sender;
use crate::text::{ELLIPSIS, printable, push_within, rfc3339};

/// The structured data's name. 32473 is the enterprise number for examples (RFC 5612); a private one has to be
/// registered before it may stand here.
const SD_ID: &str = "bellwether@32473";

/// The longest value of a parameter, in octets as they are sent. Traffic may choose a very long one, and the others have to fit beside it.
const MAX_VALUE: usize = 256;

/// Writes an alert as one message of at most `max_len` octets, but no shorter than its header. The structured data has room before the message.
pub(crate) fn message(outgoing: &OutgoingAlert, sender: &Sender, max_len: usize) -> String {
    let mut out = header(outgoing, sender);
    // SP, and what the end of the element needs.
    let room = max_len.saturating_sub(out.len() + 1);
    structured_data(&mut out, outgoing, room);
    // A BOM says that the message is UTF-8 (section 6.4).
    let room = max_len.saturating_sub(out.len() + " \u{feff}".len());
    if room > ELLIPSIS.len_utf8() && !outgoing.alert.message.is_empty() {
        out.push_str(" \u{feff}");
        push_within(&mut out, &outgoing.alert.message, room, String::push);
    }
    out
}

/// Everything before the structured data (section 6.2).
pub(crate) fn header(outgoing: &OutgoingAlert, sender: &Sender) -> String {
    format!(
        "<{}>1 {} {} bellwether {} {}",
        priority(outgoing, sender),
        rfc3339(outgoing.alert.at),
        printable(&sender.host, 255),
        sender.process,
        printable(outgoing.alert.kind.name(), 32),
    )
}

/// PRI: facility times eight and severity (section 6.2.1).
pub(crate) fn priority(outgoing: &OutgoingAlert, sender: &Sender) -> u8 {
    sender.facility.number() * 8 + severity_number(outgoing.alert.severity)
}

/// Section 6.2.1, table 2.
const fn severity_number(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 2,
        Severity::Warning => 4,
        Severity::Notice => 5,
    }
}

/// The element whose parameters a server's rules can match (section 6.3), or `-`. Parameters that do not fit are left out from the end.
pub(crate) fn structured_data(out: &mut String, outgoing: &OutgoingAlert, room: usize) {
    let score = outgoing.score.filter(|score| score.is_finite()).map(|score| format!("{score:.3}"));
    let more = (outgoing.more > 0).then(|| outgoing.more.to_string());
    let incident = outgoing.alert.incident.map(|news| news.incident.name());
    let parameters = [
        ("subject", Some(outgoing.alert.subject.as_str())),
        ("score", score.as_deref()),
        ("fingerprint", outgoing.fingerprint.as_deref()),
        ("campaign", outgoing.alert.campaign.as_deref()),
        ("incident", incident.as_deref()),
        ("state", outgoing.alert.incident.map(|news| news.state.name())),
        ("call", outgoing.call_id.as_deref()),
        ("more", more.as_deref()),
    ];
    let start = out.len();
    let _ = write!(out, " [{SD_ID}");
    let empty = out.len();
    for (name, value) in parameters {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        let before = out.len();
        let _ = write!(out, " {name}=\"");
        push_within(out, value, MAX_VALUE, escape);
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
    use bellwether_base::AlertKind;
    use proptest::prelude::*;

    use super::*;
    use crate::samples::{sample, sample_with};

    fn sender() -> Sender {
        Sender { process: 4711, ..Sender::new("sensor.example.net", "0.1.0") }
    }

    #[test]
    fn a_message_as_the_rfc_has_it() {
        assert_eq!(
            message(&sample(7), &sender(), 2048),
            "<130>1 2026-03-01T12:34:56.789012Z sensor.example.net bellwether 4711 device_unauthorised \
             [bellwether@32473 subject=\"sip:t-5f2c@example.net\" score=\"0.938\" fingerprint=\"2:9ac1\" \
             call=\"a84b4c76e66710@pc33\"] \u{feff}call from a device that is none of the subscriber's"
        );
    }

    #[test]
    fn what_is_missing_is_left_out_and_nothing_is_a_dash() {
        let empty = sample_with(1, |alert| {
            alert.kind = AlertKind::named("provisioning failed\n");
            alert.severity = Severity::Warning;
            alert.subject.clear();
            alert.message.clear();
        });
        let bare = OutgoingAlert { call_id: None, fingerprint: None, score: Some(f64::NAN), ..empty };
        let nobody =
            Sender { host: String::new(), facility: crate::Facility::named("authpriv").unwrap(), ..sender() };
        assert_eq!(
            message(&bare, &nobody, 2048),
            "<84>1 2026-03-01T12:34:56.789012Z - bellwether 4711 provisioning_failed_ -"
        );
    }

    #[test]
    fn three_characters_are_escaped_and_controls_are_shown() {
        let odd = sample_with(1, |alert| {
            alert.subject = "a\"b\\c]d\n<13>e".into();
            alert.message = "line\nline \"quoted\" \\ ]".into();
            alert.campaign = Some("autumn".into());
        });
        let odd = OutgoingAlert { call_id: None, fingerprint: None, score: None, more: 12, ..odd };
        let line = message(&odd, &sender(), 2048);
        assert!(
            line.contains(r#" [bellwether@32473 subject="a\"b\\c\]d␊<13>e" campaign="autumn" more="12"] "#)
        );
        assert!(line.ends_with("\u{feff}line␊line \"quoted\" \\ ]"), "{line}");
    }

    #[test]
    fn the_words_are_cut_before_the_structured_data() {
        let long = sample_with(1, |alert| alert.message = "ä".repeat(2000));
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
            max_len in 480usize..2048,
        ) {
            let host = Sender { host: "h".repeat(300), ..sender() };
            let kind = AlertKind::named(&kind);
            let outgoing = sample_with(1, |alert| {
                (alert.kind, alert.subject, alert.message) = (kind, subject, words);
            });
            let line = message(&outgoing, &host, max_len);
            prop_assert!(line.len() <= max_len);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
