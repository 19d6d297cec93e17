//! What the C library writes to the local socket, in the manner of RFC 3164: journald and the log servers' readers of that
//! socket know nothing else.

use crate::text::{ELLIPSIS, moment, push_within};
use crate::{Notice, Sender, rfc5424};

/// Writes a notice as one message of at most `longest` octets, but no shorter than its header. There is no host name, since the
/// reader knows it; the time is in UTC, and readers put their own in its place.
pub(crate) fn message(notice: &Notice, sender: &Sender, longest: usize) -> String {
    let mut out = format!(
        "<{}>{} bellwether[{}]: ",
        rfc5424::priority(notice, sender),
        // RFC 3164 section 4.1.2: the day has a space where there is one digit only.
        moment(notice.at).strftime("%b %e %H:%M:%S"),
        sender.process,
    );
    push_within(&mut out, &notice.kind, 32, String::push);
    let room = longest.saturating_sub(out.len() + 1);
    rfc5424::structured_data(&mut out, notice, room);
    let room = longest.saturating_sub(out.len() + 1);
    if room > ELLIPSIS.len_utf8() && !notice.message.is_empty() {
        out.push(' ');
        push_within(&mut out, &notice.message, room, String::push);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::tests::notice;

    #[test]
    fn a_line_as_local_readers_know_it() {
        let sender = Sender { process: 4711, ..Sender::new("sensor", "0.1.0") };
        assert_eq!(
            message(&notice(1), &sender, 2048),
            "<130>Mar  1 12:34:56 bellwether[4711]: device_unauthorised [bellwether@32473 \
             subject=\"sip:t-5f2c@example.net\" score=\"0.938\" fingerprint=\"2:9ac1\" \
             call=\"a84b4c76e66710@pc33\"] call from a device that is none of the subscriber's"
        );
    }
}
