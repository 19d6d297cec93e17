//! The path of a request through proxies.

use bellwether_sip::{Message, Name};

use crate::Readable;
use crate::sip::COOKIE;
use crate::text::{List, push_key, push_number, push_text};
use crate::token::is_md5;

/// Limit of listed hops.
const MAX_HOPS: usize = 16;

/// Known initial values of Max-Forwards; 70 is that of RFC 3261.
const STARTS: [u64; 4] = [10, 20, 70, 255];

/// The path of a request, from the Vias above the author's own; empty if it came directly.
///
/// Fields: `h` lists the proxies from the nearest down, separated by `>`, each with transport, parameter
/// names and class of its branch. `rr` is the number of Record-Route entries. `d` is the difference between
/// Max-Forwards and the next usual initial value.
#[must_use]
pub fn path(message: &Message<'_>) -> String {
    let hops = message.vias().take(MAX_HOPS + 1).count().saturating_sub(1);
    let record_routes = message.all(Name::RecordRoute).count();
    let mut out = Readable::default();
    if hops == 0 && record_routes == 0 {
        return String::new();
    }
    out.push_str("path2");
    push_key(&mut out, "h");
    for (i, via) in message.vias().take(hops).enumerate() {
        if i > 0 {
            out.push(b'>');
        }
        let Some(via) = via else {
            out.push(b'?');
            continue;
        };
        push_text(&mut out, via.transport);
        for param in via.params.iter().take(8) {
            out.push(b',');
            push_text(&mut out, param.name);
        }
        let branch = via.branch().unwrap_or_default();
        out.push_str(branch_class(branch.strip_prefix(COOKIE)));
    }
    push_key(&mut out, "rr");
    push_number(&mut out, record_routes as u64);
    let mut list = List::field(&mut out, "d");
    if let Some(left) = message.get(Name::MaxForwards).and_then(number)
        && let Some(start) = STARTS.iter().find(|start| **start >= left)
    {
        push_number(list.item(), start - left);
    }
    out.to_string()
}

/// Class of the proxy, from the layout of its branch.
fn branch_class(unique: Option<&[u8]>) -> &'static str {
    let Some(unique) = unique else { return ".old" };
    // Kamailio and its relatives: reversed hash, MD5, branch number.
    let mut parts = unique.split(|b| *b == b'.').skip(1);
    match (parts.next(), parts.next()) {
        (Some(md5), Some(_)) if is_md5(md5) => ".ser",
        _ => "",
    }
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_show_above_the_author() {
        let text = "INVITE sip:a@b SIP/2.0\r\nRecord-Route: <sip:p;lr>\r\nVia: SIP/2.0/UDP p;branch=z9hG4bKcydzigwkX.921a24abd9f7b921331acff7e56c9318.0\r\nVia: SIP/2.0/TCP h;rport=1;branch=z9hG4bKx\r\nMax-Forwards: 69\r\n\r\n";
        assert_eq!(path(&Message::parse(text.as_bytes())), "path2|h=UDP,branch.ser|rr=1|d=1");
        let direct = "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx\r\n\r\n";
        assert_eq!(path(&Message::parse(direct.as_bytes())), "");
    }
}
