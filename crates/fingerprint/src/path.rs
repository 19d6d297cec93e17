use bellwether_sip::{Message, Name};

use crate::push_text;

/// Hops listed.
const MAX_HOPS: usize = 16;

/// The way a request took, read off the Vias above the author's own: from the nearest hop down, the transport
/// and parameter names that each proxy wrote; then the number of Record-Route entries. Empty if it came
/// directly.
#[must_use]
pub fn path(message: &Message<'_>) -> String {
    let vias: Vec<_> = message.vias().take(MAX_HOPS + 1).collect();
    let Some((_own, proxies)) = vias.split_last() else { return String::new() };
    let record_routes = message.all(Name::RecordRoute).count();
    if proxies.is_empty() && record_routes == 0 {
        return String::new();
    }
    let mut out = String::from("path1|");
    for (i, via) in proxies.iter().enumerate() {
        if i > 0 {
            out.push('>');
        }
        let Some(via) = via else {
            out.push('?');
            continue;
        };
        push_text(&mut out, via.transport);
        for param in via.params.iter().take(8) {
            out.push(',');
            push_text(&mut out, param.name);
        }
    }
    out.push_str(&format!("|rr={record_routes}"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_show_above_the_author() {
        let text = "INVITE sip:a@b SIP/2.0\r\nRecord-Route: <sip:p;lr>\r\nVia: SIP/2.0/UDP p;branch=z9hG4bKp.1.0\r\nVia: SIP/2.0/TCP h;rport=1;branch=z9hG4bKx\r\n\r\n";
        assert_eq!(path(&Message::parse(text.as_bytes())), "path1|UDP,branch|rr=1");
        let direct = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\n\r\n";
        assert_eq!(path(&Message::parse(direct.as_bytes())), "");
    }
}
