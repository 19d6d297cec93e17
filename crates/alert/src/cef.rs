//! ArcSight's Common Event Format, version 0, as the message of a syslog line. SIEMs read it without a parser of their own.

use std::fmt::Write;

use bellwether_base::{OutgoingAlert, Severity};

use crate::text::{moment, printable, push_within};
use crate::{Sender, rfc5424};

/// The longest value of an extension, in octets as they are sent.
const MAX_VALUE: usize = 256;

/// Writes an alert as one line of at most `max_len` octets, but no shorter than its fields before the message. It has no
/// structured data, which would say the same twice, and no BOM: readers look for `CEF:` where the message begins
/// (RFC 5424 section 6.4 leaves the encoding open then).
pub(crate) fn message(outgoing: &OutgoingAlert, sender: &Sender, max_len: usize) -> String {
    let mut out = rfc5424::header(outgoing, sender);
    out.push_str(" - ");
    body(&mut out, outgoing, sender, max_len);
    out
}

/// CEF's scale from 0 to 10: 9 and 10 are very high, 4 to 6 medium, 0 to 3 low.
const fn severity_number(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 10,
        Severity::Warning => 6,
        Severity::Notice => 3,
    }
}

/// `CEF:Version|Vendor|Product|Version|Event Class ID|Name|Severity|Extension`.
fn body(out: &mut String, outgoing: &OutgoingAlert, sender: &Sender, max_len: usize) {
    out.push_str("CEF:0|Bellwether|bellwether|");
    push_within(out, &sender.version, 32, escape_header);
    out.push('|');
    push_within(out, outgoing.alert.kind.name(), 64, escape_header);
    out.push('|');
    push_within(out, &outgoing.alert.kind.name().replace('_', " "), 64, escape_header);
    let _ = write!(out, "|{}|", severity_number(outgoing.alert.severity));
    let _ = write!(out, "rt={} externalId={}", moment(outgoing.alert.at).as_millisecond(), outgoing.id);
    if outgoing.more > 0 {
        // The number of alerts that this line stands for.
        let _ = write!(out, " cnt={}", outgoing.more.saturating_add(1));
    }
    let _ = write!(out, " dvchost={} dvcpid={}", printable(&sender.host, 255), sender.process);
    if let Some(score) = outgoing.score.filter(|score| score.is_finite()) {
        let _ = write!(out, " cfp1Label=score cfp1={score:.3}");
    }
    let incident = outgoing.alert.incident.map(|news| news.incident.name());
    // Custom strings: the dictionary has no keys for these, and a subject is no user name.
    for (field, label, value) in [
        ("cs1", "subject", Some(outgoing.alert.subject.as_str())),
        ("cs2", "fingerprint", outgoing.fingerprint.as_deref()),
        ("cs3", "campaign", outgoing.alert.campaign.as_deref()),
        ("cs4", "call", outgoing.call_id.as_deref()),
        ("cs5", "incident", incident.as_deref()),
        ("cs6", "state", outgoing.alert.incident.map(|news| news.state.name())),
    ] {
        let Some(value) = value.filter(|value| !value.is_empty()) else { continue };
        let before = out.len();
        let _ = write!(out, " {field}Label={label} {field}=");
        push_within(out, value, MAX_VALUE, escape_extension);
        if out.len() > max_len {
            out.truncate(before);
        }
    }
    // The message comes last, because it may be cut.
    let room = max_len.saturating_sub(out.len() + " msg=".len());
    if room > 3 && !outgoing.alert.message.is_empty() {
        out.push_str(" msg=");
        push_within(out, &outgoing.alert.message, room, escape_extension);
    }
}

/// In the header `|` and `\` are escaped, `=` is not.
fn escape_header(out: &mut String, c: char) {
    if matches!(c, '|' | '\\') {
        out.push('\\');
    }
    out.push(c);
}

/// In the extension `=` and `\` are escaped, `|` is not, and a new line is written `\n`.
fn escape_extension(out: &mut String, c: char) {
    match c {
        '=' | '\\' => out.extend(['\\', c]),
        NEW_LINE => out.push_str("\\n"),
        CARRIAGE_RETURN => out.push_str("\\r"),
        c => out.push(c),
    }
}

/// `\n` and `\r` as [`bellwether_base::Shown`] shows them.
const NEW_LINE: char = '␊';
const CARRIAGE_RETURN: char = '␍';

#[cfg(test)]
mod tests {
    use bellwether_base::AlertKind;

    use super::*;
    use crate::samples::{sample, sample_with};

    fn sender() -> Sender {
        Sender { process: 4711, ..Sender::new("sensor.example.net", "0.1.0") }
    }

    #[test]
    fn a_line_as_siems_read_it() {
        let summary = OutgoingAlert { more: 3, ..sample(7) };
        assert_eq!(
            message(&summary, &sender(), 2048),
            "<130>1 2026-03-01T12:34:56.789012Z sensor.example.net bellwether 4711 device_unauthorised - \
             CEF:0|Bellwether|bellwether|0.1.0|device_unauthorised|device unauthorised|10|rt=1772368496789 \
             externalId=7 cnt=4 dvchost=sensor.example.net dvcpid=4711 cfp1Label=score cfp1=0.938 \
             cs1Label=subject cs1=sip:t-5f2c@example.net cs2Label=fingerprint cs2=2:9ac1 \
             cs4Label=call cs4=a84b4c76e66710@pc33 msg=call from a device that is none of the subscriber's"
        );
    }

    #[test]
    fn header_and_extension_escape_different_characters() {
        let odd = sample_with(1, |alert| {
            alert.kind = AlertKind::named("a|b\\c=d");
            alert.subject = "x=1|y\\\nz\r\x1b".into();
            alert.message = "a=b".into();
        });
        let line = message(&odd, &sender(), 2048);
        assert!(line.contains(r"|a\|b\\c=d|a\|b\\c=d|10|"), "{line}");
        assert!(line.contains(r"cs1=x\=1|y\\\nz\r␛ "), "{line}");
        assert!(line.ends_with(r"msg=a\=b"), "{line}");
    }

    #[test]
    fn a_line_is_cut_between_characters_and_never_inside_an_escape() {
        let long = sample_with(1, |alert| alert.message = "=".repeat(2000));
        for max_len in 480..500 {
            let line = message(&long, &sender(), max_len);
            assert!(line.len() <= max_len, "{line}");
            let words = line.split(" msg=").nth(1).unwrap();
            assert!(words.trim_end_matches('…').len().is_multiple_of(2), "{line}");
        }
    }
}
