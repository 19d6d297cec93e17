//! The format of the C library for the local socket, in the manner of RFC 3164. The readers of that socket (journald, log servers) know no
//! other format.

use bellwether_base::OutgoingAlert;

use crate::text::{ELLIPSIS, moment, push_within};
use crate::{Sender, rfc5424};

/// Writes an alert as one message of at most `max_len` octets, but no shorter than its header. It has no host name, because
/// the reader knows it. The time is in UTC, and readers put their own in its place.
pub(crate) fn message(outgoing: &OutgoingAlert, sender: &Sender, max_len: usize) -> String {
    let mut out = format!(
        "<{}>{} bellwether[{}]: ",
        rfc5424::priority(outgoing, sender),
        // RFC 3164 section 4.1.2: the day has a space where there is one digit only.
        moment(outgoing.alert.at).strftime("%b %e %H:%M:%S"),
        sender.process,
    );
    push_within(&mut out, outgoing.alert.kind.name(), 32, String::push);
    let room = max_len.saturating_sub(out.len() + 1);
    rfc5424::structured_data(&mut out, outgoing, room);
    let room = max_len.saturating_sub(out.len() + 1);
    if room > ELLIPSIS.len_utf8() && !outgoing.alert.message.is_empty() {
        out.push(' ');
        push_within(&mut out, &outgoing.alert.message, room, String::push);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::sample;

    #[test]
    fn a_line_as_local_readers_know_it() {
        let sender = Sender { process: 4711, ..Sender::new("sensor", "0.1.0") };
        assert_eq!(
            message(&sample(1), &sender, 2048),
            "<130>Mar  1 12:34:56 bellwether[4711]: device_unauthorised [bellwether@32473 \
             subject=\"sip:t-5f2c@example.net\" score=\"0.938\" fingerprint=\"2:9ac1\" \
             call=\"a84b4c76e66710@pc33\"] call from a device that is none of the subscriber's"
        );
    }
}
