//! Fingerprint of the author of the headers: traits that every message of one platform shows.

use bellwether_sip::sdp::description;
use bellwether_sip::{
    Address, Defect, Header, LineEnd, Message, Method, Name, Params, StartLine, Via, comma_values, tag_of,
};
use smallvec::SmallVec;

use crate::Readable;
use crate::text::{List, push_key, push_lower, push_number, push_text};
use crate::token::{is_uuid, push_certain_class};

/// Limit of headers; a message with more is cut there and marked.
const MAX_LISTED: usize = 48;

/// Limit of members of one list, and of parameters of one value.
const MAX_MEMBERS: usize = 48;
const MAX_PARAMS: usize = 16;

/// The readable fingerprint of the author of a message's headers; none for messages without significant
/// traits. `docs/fingerprint.md` lists the messages and specifies the fields.
#[must_use]
pub fn sip_author(message: &Message<'_>) -> Option<String> {
    let mut out = Readable::default();
    write_sip_author(message, &mut out).then(|| out.to_string())
}

/// Like [`sip_author`], into a reusable buffer. Returns false if the message has no significant traits.
pub fn write_sip_author(message: &Message<'_>, out: &mut Readable) -> bool {
    out.push_str("sip2");
    push_key(out, "m");
    match message.start() {
        StartLine::Request {
            method: method @ (Method::Invite | Method::Register | Method::Options), ..
        } => {
            out.push_str(method.name());
        }
        StartLine::Status { code, .. } if is_told(code) => {
            let Some(cseq) = message.cseq().filter(|cseq| is_read(cseq.method)) else { return false };
            out.push_str(cseq.method.name());
            out.push(b'/');
            push_number(out, u64::from(code));
            answer(out, message);
        }
        StartLine::Request { .. } | StartLine::Status { .. } | StartLine::Unknown(_) => return false,
    }
    let body = description(message.get(Name::ContentType), message.body());
    let own = own_headers(message);
    order(out, &own);
    spelling(out, &own);
    spacing(out, &own);
    for (key, name) in
        [("a", Name::Allow), ("k", Name::Supported), ("ac", Name::Accept), ("ae", Name::AllowEvents)]
    {
        list(out, key, message, name);
    }
    let own_via = match message.start() {
        StartLine::Request { .. } => message.own_via(),
        StartLine::Status { .. } | StartLine::Unknown(_) => None,
    };
    via(out, own_via.as_ref());
    identifiers(out, message, own_via.as_ref());
    contact(out, message);
    content_type(out, message, body.is_some());
    line_ends(out, message);
    true
}

/// The reason phrase, and the style of a challenge: scheme and parameters in order, a quoted parameter marked
/// with `"`. The parameter `stale` is left out, because only some challenges have it.
fn answer(out: &mut Readable, message: &Message<'_>) {
    push_key(out, "rp");
    if let StartLine::Status { reason, .. } = message.start() {
        push_text(out, reason);
    }
    push_key(out, "wa");
    let challenge = message.get(Name::WwwAuthenticate).or_else(|| message.get(Name::ProxyAuthenticate));
    if let Some(challenge) = challenge {
        push_credentials(out, challenge, b"stale");
    }
}

/// True if responses to the method are significant.
const fn is_read(method: Method) -> bool {
    matches!(method, Method::Invite | Method::Register | Method::Options)
}

/// True for responses that user agents and registrars compose themselves. Provisional responses and most
/// refusals often come from a proxy.
const fn is_told(code: u16) -> bool {
    matches!(code, 200 | 401 | 407 | 486 | 603)
}

/// True for headers that proxies add, or that only some messages of one platform have. Their presence is a
/// habit and no trait.
pub(crate) fn is_occasional(header: &Header<'_>, has_body: bool) -> bool {
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
        // Required on streams; some implementations leave it out on datagrams.
        Name::ContentLength => !has_body,
        Name::Other => header.spelling.get(..2).is_some_and(|p| p.eq_ignore_ascii_case(b"P-")),
        _ => false,
    }
}

/// True for headers that a response repeats from its request. Many implementations repeat order and spelling
/// too (RFC 3261 section 8.2.6.2).
const fn is_echoed(name: Name) -> bool {
    matches!(name, Name::From | Name::To | Name::CallId | Name::CSeq | Name::Timestamp)
}

/// The headers that the author writes into every message of the kind, in order, with one more than the limit.
/// Only the last Via is the author's own.
fn own_headers<'m, 'a>(message: &'m Message<'a>) -> SmallVec<[&'m Header<'a>; 32]> {
    let headers = message.headers();
    let last_via = headers.iter().rposition(|h| h.name == Name::Via);
    let has_body = !message.body().is_empty();
    let is_answer = matches!(message.start(), StartLine::Status { .. });
    let mut own = SmallVec::new();
    for (i, header) in headers.iter().enumerate() {
        let is_own = if header.name == Name::Via {
            Some(i) == last_via && !is_answer
        } else {
            !(is_occasional(header, has_body) || is_answer && is_echoed(header.name))
        };
        if is_own && own.len() <= MAX_LISTED {
            own.push(header);
        }
    }
    own
}

/// The canonical spelling of a known name, else the name in lower case.
pub(crate) fn push_name(out: &mut Readable, header: &Header<'_>) {
    match header.name {
        Name::Other => push_lower(out, header.spelling),
        name => out.push_str(name.canonical()),
    }
}

fn order(out: &mut Readable, own: &[&Header<'_>]) {
    let mut list = List::field(out, "h");
    let mut last: Option<&Header<'_>> = None;
    for (i, header) in own.iter().enumerate() {
        if i == MAX_LISTED {
            list.item().push(b'~');
            break;
        }
        // The number of contacts or types depends on the message.
        let is_repeated = last.is_some_and(|l| l.name == header.name && header.name != Name::Other);
        last = Some(header);
        if !is_repeated {
            push_name(list.item(), header);
        }
    }
}

/// Spellings that are neither canonical nor compact: a proxy may shorten names, but does not change their
/// case.
fn spelling(out: &mut Readable, own: &[&Header<'_>]) {
    let mut list = List::field(out, "s");
    for header in own.iter().take(MAX_LISTED).filter(|h| !h.is_compact()) {
        let is_usual = match header.name {
            // The spelling of an extension header is its name; in lower case it shows nothing.
            Name::Other => !header.spelling.iter().any(u8::is_ascii_uppercase),
            name => name.canonical().as_bytes() == header.spelling,
        };
        if !is_usual {
            push_text(list.item(), header.spelling);
        }
    }
}

/// White space around colons other than `: `. Folded and empty values are left out, because their white space
/// is no habit. Content-Length is left out too, because it is padded by its number and rewritten with the
/// body.
fn spacing(out: &mut Readable, own: &[&Header<'_>]) {
    let mut list = List::field(out, "w");
    for header in own.iter().take(MAX_LISTED) {
        let is_usual = header.space_before_colon == 0 && header.space_after_colon == 1;
        if is_usual || header.folded || header.value.is_empty() || header.name == Name::ContentLength {
            continue;
        }
        let item = list.item();
        push_name(item, header);
        item.push(b':');
        push_number(item, u64::from(header.space_before_colon.min(9)));
        item.push(b':');
        push_number(item, u64::from(header.space_after_colon.min(9)));
    }
}

/// The members of a list header in order. Marks precede the list: `^` if a comma has no space behind it, `+`
/// if the list spans several headers.
fn list(out: &mut Readable, key: &str, message: &Message<'_>, name: Name) {
    push_key(out, key);
    let mut headers = message.all(name);
    let Some(first) = headers.next() else { return };
    let start = out.len();
    let second = headers.next();
    if second.is_some() {
        out.push(b'+');
    }
    let mut left = MAX_MEMBERS;
    let mut is_tight = false;
    for header in std::iter::once(first).chain(second).chain(headers) {
        // Quotes and brackets are rare in lists; without them every comma separates.
        if memchr::memchr2(b'"', b'<', header.value).is_some() {
            is_tight |=
                header.value.windows(2).any(|w| matches!(w, [b',', next] if !next.is_ascii_whitespace()));
            push_members(out, comma_values(header.value), &mut left);
        } else {
            let mut at = 0;
            let members = header.value.split(|b| *b == b',').inspect(|member| {
                is_tight |= at > 0 && member.first().is_some_and(|b| !b.is_ascii_whitespace());
                at += 1;
            });
            push_members(out, members.map(<[u8]>::trim_ascii), &mut left);
        }
    }
    if is_tight {
        out.insert(start, b'^');
    }
}

fn push_members<'a>(out: &mut Readable, members: impl Iterator<Item = &'a [u8]>, left: &mut usize) {
    for member in members.take(*left) {
        if *left < MAX_MEMBERS {
            out.push(b',');
        }
        push_text(out, member);
        *left -= 1;
    }
}

/// The author's own Via, which a response does not have. `^` marks a transport not in capitals; then follow
/// its parameter names in order, without those that receivers add.
fn via(out: &mut Readable, own: Option<&Via<'_>>) {
    let mut list = List::field(out, "v");
    let Some(via) = own else { return };
    if via.transport.iter().any(u8::is_ascii_lowercase) {
        list.mark(b'^');
    }
    // Some implementations set `rport` over UDP only.
    push_param_names(&mut list, via.params, &["received", "rport", "alias", "maddr", "ttl"]);
}

/// Layout of the identifiers as far as one specimen shows it: the author's tag, and in a request also Call-ID
/// and branch.
fn identifiers(out: &mut Readable, message: &Message<'_>, own_via: Option<&Via<'_>>) {
    push_key(out, "t");
    match own_tag(message) {
        Some(tag) => push_certain_class(out, tag),
        None => out.push_str("none"),
    }
    if matches!(message.start(), StartLine::Status { .. }) {
        return;
    }
    push_key(out, "i");
    let call_id = message.call_id().unwrap_or_default();
    let at = call_id.iter().position(|b| *b == b'@');
    push_certain_class(out, call_id.get(..at.unwrap_or(call_id.len())).unwrap_or_default());
    if at.is_some() {
        out.push(b'@');
    }
    push_key(out, "z");
    let branch = own_via.and_then(|via| via.branch()).unwrap_or_default();
    match branch.strip_prefix(COOKIE) {
        // Text before a UUID is a constant of the generator, not a random part.
        Some([b'P', b'j', rest @ ..]) if is_uuid(rest) => {
            out.push_str("Pj");
            push_certain_class(out, rest);
        }
        Some(unique) => push_certain_class(out, unique),
        None => out.push_str("old"),
    }
}

/// Start of branches since RFC 3261 (section 8.1.1.7).
pub(crate) const COOKIE: &[u8] = b"z9hG4bK";

/// The tag that the message's author made: a request's in From, a response's in To.
pub(crate) fn own_tag<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let name = match message.start() {
        StartLine::Status { .. } => Name::To,
        StartLine::Request { .. } | StartLine::Unknown(_) => Name::From,
    };
    message.get(name).and_then(tag_of)
}

/// A scheme and its parameter names in order without `left_out`, a quoted parameter marked with `"`.
pub(crate) fn push_credentials(out: &mut Readable, value: &[u8], left_out: &[u8]) {
    let at = value.iter().position(|b| *b == b' ').unwrap_or(value.len());
    let (scheme, parameters) = value.split_at_checked(at).unwrap_or((value, &[]));
    push_text(out, scheme);
    for parameter in comma_values(parameters).take(MAX_PARAMS) {
        let at = parameter.iter().position(|b| *b == b'=').unwrap_or(parameter.len());
        let (name, value) = parameter.split_at_checked(at).unwrap_or((parameter, &[]));
        if name.trim_ascii().eq_ignore_ascii_case(left_out) {
            continue;
        }
        out.push(b',');
        push_text(out, name.trim_ascii());
        if value.contains(&b'"') {
            out.push(b'"');
        }
    }
}

/// Parameter names of the first Contact: of its URI, then of the header. The transport is left out, because a
/// platform sends over UDP and TCP. Parameters of NAT helpers are left out too, and the expiry, which some
/// platforms repeat in an INVITE once they are registered.
fn contact(out: &mut Readable, message: &Message<'_>) {
    const ADDED: [&str; 6] = ["transport", "alias", "received", "nat", "ob", "expires"];
    let is_answer = matches!(message.start(), StartLine::Status { .. });
    let mut list = List::field(out, "c");
    // The contacts in a response to REGISTER are those of the registered devices.
    let is_own = !is_answer || message.cseq().is_none_or(|cseq| cseq.method != Method::Register);
    let Some(contact) = message.contacts().next().filter(|_| is_own) else { return };
    let Address { uri: Some(uri), params, .. } = contact else {
        // Text without a URI belongs to the message, except the `*` that removes all bindings.
        list.item().push_str(if contact.target == b"*" { "*" } else { "?" });
        return;
    };
    push_param_names(&mut list, uri.params, &ADDED);
    list.item().push(b'/');
    push_param_names(&mut list, params, &ADDED);
}

fn push_param_names(list: &mut List<'_>, params: Params<'_>, left_out: &[&str]) {
    for param in params.iter().take(MAX_PARAMS) {
        if !left_out.iter().any(|l| param.name.eq_ignore_ascii_case(l.as_bytes())) {
            push_text(list.item(), param.name);
        }
    }
}

/// Spelling of a session description's content type with its parameter names; empty for `application/sdp`.
fn content_type(out: &mut Readable, message: &Message<'_>, has_description: bool) {
    push_key(out, "ct");
    let Some(value) = message.get(Name::ContentType).filter(|_| has_description) else { return };
    // The boundary of a multipart body is made for one message.
    if value != b"application/sdp" && !value.starts_with(b"multipart") {
        push_text(out, value);
    }
}

fn line_ends(out: &mut Readable, message: &Message<'_>) {
    push_key(out, "e");
    let is_lf = message.defects().has(Defect::BareLineFeed);
    let is_mixed = is_lf && message.headers().iter().any(|h| h.line_end == LineEnd::CrLf);
    out.push_str(if is_mixed {
        "mixed"
    } else if is_lf {
        "lf"
    } else {
        "crlf"
    });
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
            "sip2|m=INVITE|h=Via,Max-Forwards,From,To,Contact,Call-ID,CSeq,Allow,Supported,Content-Length|s=|w=|a=INVITE,ACK,BYE|k=^timer,100rel|ac=|ae=|v=branch|t=x|i=x|z=x|c=/|ct=|e=crlf"
        );
        let hash = crate::PrintHash::of(crate::Part::Sip, &print(INVITE));
        assert_eq!((hash.as_str().len(), &hash.as_str()[..3]), (19, "s2-"));
    }

    #[test]
    fn what_belongs_to_one_call_or_to_the_path_leaves_it_unchanged() {
        for (from, to) in [
            ("sip:200@b.example", "sip:+4930123456@c.example"),
            ("\"Ann\" <sip:100@b.example>;tag=x1", "<sip:anonymous@anonymous.invalid>;tag=12345678"),
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
            (";branch=z9hG4bKa1;rport", ";branch=z9hG4bKa1"),
            ("Contact: <sip:100@10.0.0.1:5060;ob>", "Contact: sip:100@10.0.0.1:5060"),
            ("Content-Length:   10", "l: 10"),
            ("From: \"Ann\"", "f: \"Ann\""),
            ("Allow: INVITE, ACK, BYE", "Allow: INVITE,\r\n ACK, BYE"),
        ] {
            assert!(INVITE.contains(from), "{from}");
            assert_eq!(print(&INVITE.replace(from, to)), print(INVITE), "{to}");
        }
    }

    #[test]
    fn a_length_counts_where_there_is_a_body() {
        let register = INVITE.replace("INVITE", "REGISTER");
        let bare = register.replace("Content-Length:   10\r\n\r\n0123456789", "\r\n");
        let told = register.replace("Content-Length:   10\r\n\r\n0123456789", "Content-Length: 0\r\n\r\n");
        assert_eq!(print(&bare), print(&told), "over TCP a length is added");
        assert_ne!(print(&register), print(&told));
    }

    #[test]
    fn what_the_author_decides_changes_it() {
        for (from, to) in [
            ("Call-ID: abc\r\nCSeq: 7 INVITE", "CSeq: 7 INVITE\r\nCall-ID: abc"),
            ("Call-ID:", "Call-Id:"),
            ("Call-ID: abc", "Call-ID: abc@10.0.0.1"),
            ("Call-ID: abc", "Call-ID: e7f6c011776e8db7cd330b54174fd76f"),
            ("INVITE, ACK, BYE", "INVITE,ACK,BYE"),
            ("timer,100rel", "100rel,timer"),
            (";branch=z9hG4bKa1;rport", ";x=1;branch=z9hG4bKa1;rport"),
            ("z9hG4bKa1", "z9hG4bKPj921a24ab-d9f7-b921-921a-24abd9f7b921"),
            ("<sip:100@10.0.0.1:5060;ob>", "<sip:100@10.0.0.1:5060>;q=1"),
            ("Max-Forwards: 70\r\n", "Max-Forwards: 70\n"),
        ] {
            assert!(INVITE.contains(from), "{from}");
            assert_ne!(print(&INVITE.replace(from, to)), print(INVITE), "{to}");
        }
    }

    #[test]
    fn answers_have_their_authors_too_and_provisional_ones_are_left_to_proxies() {
        let answer = INVITE.replace("INVITE sip:200@b.example SIP/2.0", "SIP/2.0 200 OK");
        assert!(print(&answer).starts_with("sip2|m=INVITE/200|rp=OK|wa=|h=Max-Forwards,Contact,Allow,"));
        assert!(!print(&answer).contains("|z="), "the branch is the asker's");
        let ringing = answer.replace("200 OK", "180 Ringing");
        assert_eq!(sip_author(&Message::parse(ringing.as_bytes())), None);
    }
}
