use bellwether_sip::{Address, Header, Message, Method, Name, Params, StartLine, comma_values};

use crate::push_text;

/// Headers listed per message; a message with more is cut there and marked.
const MAX_LISTED: usize = 48;

/// The readable fingerprint of who wrote an INVITE's or REGISTER's headers; none for other messages.
///
/// Fields, separated by `|`: the version; `m` method; `h` the author's headers in wire order; `s` spellings
/// that differ from the RFC's; `w` unusual white space around colons; `a` Allow; `k` Supported; `v` parameters
/// of the author's own Via; `i` whether the Call-ID names a host; `b` addresses without angle brackets;
/// `c` parameters of Contact; `e` line ends.
#[must_use]
pub fn sip_author(message: &Message<'_>) -> Option<String> {
    let mut out = String::new();
    write_sip_author(message, &mut out).then_some(out)
}

/// Like [`sip_author`], into a string that is used again and again; answers whether there is one.
pub fn write_sip_author(message: &Message<'_>, out: &mut String) -> bool {
    let StartLine::Request { method: method @ (Method::Invite | Method::Register), .. } = message.start()
    else {
        return false;
    };
    out.push_str("sip1|m=");
    out.push_str(method.name());
    let own: Vec<&Header<'_>> = own_headers(message).take(MAX_LISTED + 1).collect();
    order(out, &own);
    spelling(out, &own);
    spacing(out, &own);
    list(out, "|a=", message, Name::Allow);
    list(out, "|k=", message, Name::Supported);
    via(out, message);
    out.push_str(match message.call_id() {
        Some(id) if id.contains(&b'@') => "|i=host",
        Some(_) => "|i=bare",
        None => "|i=none",
    });
    brackets(out, message);
    contact(out, message);
    let has_bare_line_feeds = message.defects().has(bellwether_sip::Defect::BareLineFeed);
    out.push_str(if has_bare_line_feeds { "|e=lf" } else { "|e=crlf" });
    true
}

/// Whether proxies add it, or only some calls of one platform carry it: such headers are no trait.
fn is_foreign(header: &Header<'_>) -> bool {
    match header.name {
        Name::RecordRoute
        | Name::Route
        | Name::Path
        | Name::Authorization
        | Name::ProxyAuthorization
        | Name::UserAgent
        | Name::Server
        | Name::PAssertedIdentity
        | Name::PPreferredIdentity
        | Name::RemotePartyId
        | Name::Privacy
        | Name::Identity
        | Name::Diversion
        | Name::HistoryInfo
        | Name::Replaces
        | Name::ReferredBy
        | Name::Reason
        | Name::CallInfo
        | Name::UserToUser => true,
        Name::Other => header.spelling.get(..2).is_some_and(|p| p.eq_ignore_ascii_case(b"P-")),
        _ => false,
    }
}

/// The headers that the author itself wrote, in order. Of several Vias the last is its own.
fn own_headers<'m, 'a>(message: &'m Message<'a>) -> impl Iterator<Item = &'m Header<'a>> {
    let last_via = message.headers().iter().rposition(|h| h.name == Name::Via);
    message
        .headers()
        .iter()
        .enumerate()
        .filter(move |(i, h)| if h.name == Name::Via { Some(*i) == last_via } else { !is_foreign(h) })
        .map(|(_, h)| h)
}

/// The RFC's spelling where the name is known, else the name in lower case (its case is in `s`).
fn push_name(out: &mut String, header: &Header<'_>) {
    match header.name {
        Name::Other => push_text(out, &header.spelling.to_ascii_lowercase()),
        name => out.push_str(name.canonical()),
    }
}

fn order(out: &mut String, own: &[&Header<'_>]) {
    out.push_str("|h=");
    for (i, header) in own.iter().take(MAX_LISTED).enumerate() {
        if i > 0 {
            out.push(',');
        }
        push_name(out, header);
    }
    if own.len() > MAX_LISTED {
        out.push_str(",~");
    }
}

fn spelling(out: &mut String, own: &[&Header<'_>]) {
    out.push_str("|s=");
    let mut is_first = true;
    for header in own.iter().take(MAX_LISTED) {
        // An extension header's spelling is its name; written in lower case it shows nothing.
        let usual: &[u8] = match header.name {
            Name::Other => &header.spelling.to_ascii_lowercase(),
            name => name.canonical().as_bytes(),
        };
        if usual != header.spelling {
            if !is_first {
                out.push(',');
            }
            is_first = false;
            push_text(out, header.spelling);
        }
    }
}

fn spacing(out: &mut String, own: &[&Header<'_>]) {
    out.push_str("|w=");
    let mut is_first = true;
    for header in own.iter().take(MAX_LISTED) {
        // Folding and empty values change the white space without the author's habit changing.
        if header.folded || header.value.is_empty() {
            continue;
        }
        let after = match (header.name, header.space_after_colon) {
            (_, 1) if header.space_before_colon == 0 => continue,
            // A padded Content-Length has as many spaces as its number leaves.
            (Name::ContentLength, 2..) => "pad".to_owned(),
            (_, n) => n.to_string(),
        };
        if !is_first {
            out.push(',');
        }
        is_first = false;
        push_name(out, header);
        out.push_str(&format!(":{}:{after}", header.space_before_colon.min(9)));
    }
}

/// The members of a list header in order, with how they are separated: `, ` is usual, `,` is marked `^`, and
/// lists over several headers `+`.
fn list(out: &mut String, field: &str, message: &Message<'_>, name: Name) {
    out.push_str(field);
    let mut headers = message.all(name);
    let Some(first) = headers.next() else { return };
    let is_tight = first.value.windows(2).any(|w| w[0] == b',' && w[1] != b' ');
    let rest: Vec<_> = headers.collect();
    if is_tight {
        out.push('^');
    }
    if !rest.is_empty() {
        out.push('+');
    }
    let members = std::iter::once(first).chain(rest).flat_map(|h| comma_values(h.value));
    for (i, member) in members.take(MAX_LISTED).enumerate() {
        if i > 0 {
            out.push(',');
        }
        push_text(out, member);
    }
}

/// Parameter names of the author's own Via, in order. Receivers add `received` and fill in `rport`.
fn via(out: &mut String, message: &Message<'_>) {
    out.push_str("|v=");
    let Some(via) = message.vias().last().flatten() else { return };
    push_param_names(out, via.params, &["received", "alias", "maddr", "ttl"]);
}

fn brackets(out: &mut String, message: &Message<'_>) {
    out.push_str("|b=");
    let contact = message.contacts().next();
    for (letter, address) in [('f', message.from()), ('t', message.to()), ('m', contact)] {
        if address.is_some_and(|a| !a.bracketed && a.uri.is_some()) {
            out.push(letter);
        }
    }
}

/// Parameter names of the first Contact: of its URI, then of the header. The transport is left out, as the
/// same platform sends over UDP and TCP; what NAT helpers add is left out too.
fn contact(out: &mut String, message: &Message<'_>) {
    const ADDED: [&str; 5] = ["transport", "alias", "received", "nat", "ob"];
    out.push_str("|c=");
    let Some(contact) = message.contacts().next() else { return };
    let Address { uri: Some(uri), params, .. } = contact else {
        push_text(out, contact.target);
        return;
    };
    push_param_names(out, uri.params, &ADDED);
    out.push('/');
    push_param_names(out, params, &ADDED);
}

fn push_param_names(out: &mut String, params: Params<'_>, left_out: &[&str]) {
    let mut is_first = true;
    for param in params.iter().take(16) {
        if left_out.iter().any(|l| param.name.eq_ignore_ascii_case(l.as_bytes())) {
            continue;
        }
        if !is_first {
            out.push(',');
        }
        is_first = false;
        push_text(out, param.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:200@b.example SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa1;rport\r\nMax-Forwards: 70\r\nFrom: \"Ann\" <sip:100@b.example>;tag=x1\r\nTo: <sip:200@b.example>\r\nContact: <sip:100@10.0.0.1:5060;ob>\r\nCall-ID: abc\r\nCSeq: 7 INVITE\r\nAllow: INVITE, ACK, BYE\r\nSupported: timer,100rel\r\nUser-Agent: Some Phone 1.0\r\nContent-Length:   10\r\n\r\n0123456789";

    fn print(text: &str) -> String {
        sip_author(&Message::parse(text.as_bytes())).unwrap()
    }

    #[test]
    fn the_readable_form_is_stable() {
        assert_eq!(
            print(INVITE),
            "sip1|m=INVITE|h=Via,Max-Forwards,From,To,Contact,Call-ID,CSeq,Allow,Supported,Content-Length|s=|w=Content-Length:0:pad|a=INVITE,ACK,BYE|k=^timer,100rel|v=branch,rport|i=bare|b=|c=/|e=crlf"
        );
        let hash = crate::PrintHash::of(crate::Part::Sip, &print(INVITE));
        assert_eq!((hash.as_str().len(), &hash.as_str()[..3]), (19, "s1-"));
    }

    #[test]
    fn what_belongs_to_one_call_or_to_the_path_leaves_it_unchanged() {
        for (from, to) in [
            ("sip:200@b.example", "sip:+4930123456@c.example"),
            ("\"Ann\" <sip:100@b.example>;tag=x1", "<sip:anonymous@anonymous.invalid>;tag=zz"),
            ("User-Agent: Some Phone 1.0\r\n", ""),
            ("User-Agent: Some Phone 1.0", "User-Agent: other/2"),
            ("CSeq: 7 INVITE\r\n", "CSeq: 8 INVITE\r\nProxy-Authorization: Digest username=\"100\"\r\n"),
            ("Max-Forwards: 70", "Max-Forwards: 69"),
            (
                "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa1;rport",
                "Record-Route: <sip:9.9.9.9;lr>\r\nVia: SIP/2.0/TCP 9.9.9.9;branch=z9hG4bKp\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKa1;rport=4040;received=8.8.8.8",
            ),
            ("10.0.0.1:5060;ob", "10.0.0.1:5060;transport=tcp;ob"),
            ("Content-Length:   10\r\n\r\n0123456789", "Content-Length:    1\r\n\r\n0"),
        ] {
            assert!(INVITE.contains(from), "{from}");
            assert_eq!(print(&INVITE.replace(from, to)), print(INVITE), "{to}");
        }
    }

    #[test]
    fn what_the_author_decides_changes_it() {
        for (from, to) in [
            ("Call-ID: abc\r\nCSeq: 7 INVITE", "CSeq: 7 INVITE\r\nCall-ID: abc"),
            ("Call-ID:", "Call-Id:"),
            ("Call-ID: abc", "Call-ID: abc@10.0.0.1"),
            ("INVITE, ACK, BYE", "INVITE,ACK,BYE"),
            ("timer,100rel", "100rel,timer"),
            (";branch=z9hG4bKa1;rport", ";rport;branch=z9hG4bKa1"),
            ("<sip:100@10.0.0.1:5060;ob>", "<sip:100@10.0.0.1:5060>;expires=60"),
            ("To: <sip:200@b.example>", "To: sip:200@b.example"),
        ] {
            assert!(INVITE.contains(from), "{from}");
            assert_ne!(print(&INVITE.replace(from, to)), print(INVITE), "{to}");
        }
    }
}
