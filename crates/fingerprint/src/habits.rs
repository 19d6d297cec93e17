//! Habits of an author: traits that only some messages show. They emerge from many messages, and proxies may
//! change some of them. Habits are stored beside the fingerprint and are part of no hash.

use bellwether_sip::sdp::lines;
use bellwether_sip::{Address, Header, Message, Name, Params, StartLine, Uri, comma_values};

use crate::sip::{COOKIE, is_occasional, own_tag, push_credentials, push_name};
use crate::text::{List, push_key, push_number, push_numberless, push_text};
use crate::{Grammar, Readable};

/// Usual initial values of Max-Forwards. A value just below one of these has passed proxies.
const STARTS: [u64; 4] = [10, 20, 70, 255];

/// Writes the habits that one message shows: `habits2`, then fields `|key=value` in a fixed order, without
/// fields that do not apply. `body` is the session description. `docs/fingerprint.md` specifies the fields.
pub fn write_habits(message: &Message<'_>, body: Option<&[u8]>, out: &mut Readable) {
    out.push_str("habits2");
    headers(message, out);
    addresses(message, out);
    numbers(message, out);
    if !message.defects().is_empty() {
        let mut list = List::field(out, "de");
        message.defects().iter().for_each(|defect| list.item().push_str(defect.name()));
    }
    push_key(out, "bd");
    out.push_str(match (body, message.body()) {
        (_, []) => "none",
        (Some(body), whole) if body.len() < whole.len() => "multipart",
        (Some(_), _) => "sdp",
        (None, _) => "other",
    });
    if let Some(body) = body {
        description(body, message.from().map_or(&[], |from| from.user()), out);
    }
}

/// Positions of occasional headers, and the style of names and lengths.
fn headers(message: &Message<'_>, out: &mut Readable) {
    let headers = message.headers();
    if headers.iter().any(Header::is_compact) {
        let mut list = List::field(out, "cf");
        headers.iter().filter(|h| h.is_compact()).take(16).for_each(|h| push_text(list.item(), h.spelling));
    }
    push_key(out, "cl");
    out.push_str(match headers.iter().find(|h| h.name == Name::ContentLength) {
        None => "none",
        Some(header) if header.space_after_colon > 1 => "padded",
        Some(_) => "plain",
    });
    push_key(out, "ua");
    match position(headers, |name| matches!(name, Name::UserAgent | Name::Server)) {
        Some((before, _)) => push_before(out, before),
        None => out.push_str("none"),
    }
    let authorization = position(headers, |n| matches!(n, Name::Authorization | Name::ProxyAuthorization));
    if let Some((before, header)) = authorization {
        push_key(out, "au");
        push_before(out, before);
        out.push(b':');
        push_credentials(out, header.value, b"");
    }
    let is_named = |h: &&Header<'_>| {
        is_occasional(h, true)
            && !matches!(
                h.name,
                Name::RecordRoute
                    | Name::Route
                    | Name::Path
                    | Name::UserAgent
                    | Name::Server
                    | Name::Authorization
                    | Name::ProxyAuthorization
                    | Name::ContentLength
            )
    };
    if headers.iter().any(|h| is_named(&h)) {
        let mut list = List::field(out, "oh");
        headers.iter().filter(is_named).take(16).for_each(|header| push_name(list.item(), header));
    }
    for (key, name) in [
        ("rq", Name::Require),
        ("pq", Name::ProxyRequire),
        ("al", Name::AcceptLanguage),
        ("an", Name::AcceptEncoding),
    ] {
        if let Some(value) = message.get(name) {
            let mut list = List::field(out, key);
            comma_values(value).take(16).for_each(|member| push_text(list.item(), member));
        }
    }
}

/// The first header of a kind, and the header before it.
fn position<'m, 'a>(
    headers: &'m [Header<'a>],
    is_wanted: fn(Name) -> bool,
) -> Option<(Option<&'m Header<'a>>, &'m Header<'a>)> {
    let at = headers.iter().position(|h| is_wanted(h.name))?;
    Some((at.checked_sub(1).and_then(|before| headers.get(before)), headers.get(at)?))
}

fn push_before(out: &mut Readable, before: Option<&Header<'_>>) {
    match before {
        Some(header) => push_name(out, header),
        None => out.push_str("first"),
    }
}

/// Style of addresses: display names, kinds of host, ports and parameters.
fn addresses(message: &Message<'_>, out: &mut Readable) {
    let from = message.from();
    if let StartLine::Request { uri, .. } = message.start() {
        push_key(out, "ru");
        match Uri::parse(uri) {
            Some(uri) => uri_style(uri, out),
            None => out.push(b'?'),
        }
        for (key, address) in [("df", from), ("dt", message.to())] {
            let Some(address) = address else { continue };
            push_key(out, key);
            out.push_str(display_style(&address));
        }
        if let Some(uri) = from.and_then(|from| from.uri) {
            push_key(out, "fu");
            uri_style(uri, out);
        }
        if let Some(via) = message.own_via() {
            let mut order = List::field(out, "vo");
            via.params.iter().take(8).for_each(|param| push_text(order.item(), param.name));
            push_key(out, "vp");
            out.push_str(port_style(via.port));
            push_key(out, "vh");
            out.push_str(host_kind(via.host));
        }
    }
    if let Some(contact) = message.contacts().next() {
        push_key(out, "dc");
        out.push_str(display_style(&contact));
    }
    if let Some(uri) = message.contacts().next().and_then(|contact| contact.uri) {
        push_key(out, "cu");
        let is_answer = matches!(message.start(), StartLine::Status { .. });
        let own = if is_answer { message.to() } else { from };
        out.push_str(match uri.user {
            [] => "none",
            user if own.is_some_and(|own| own.user() == user) => "same",
            _ => "other",
        });
        push_key(out, "ch");
        out.push_str(host_kind(uri.host));
    }
}

fn uri_style(uri: Uri<'_>, out: &mut Readable) {
    push_text(out, uri.scheme);
    out.push(b':');
    out.push_str(user_kind(uri.user));
    if !uri.host.is_empty() {
        out.push(b'@');
        out.push_str(host_kind(uri.host));
    }
    if uri.port.is_some() {
        out.push_str(":port");
    }
    push_names(uri.params, out);
}

fn push_names(params: Params<'_>, out: &mut Readable) {
    for param in params.iter().take(8) {
        out.push(b',');
        push_text(out, param.name);
    }
}

fn display_style(address: &Address<'_>) -> &'static str {
    match address.display {
        [] if address.bracketed => "none",
        [] => "unbracketed",
        b"\"\"" => "empty",
        [b'"', ..] => "quoted",
        _ => "bare",
    }
}

fn user_kind(user: &[u8]) -> &'static str {
    match user {
        [] => "",
        [b'+', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => "+digits",
        [b'0', b'0', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => "00digits",
        _ if user.iter().all(u8::is_ascii_digit) => "digits",
        _ => "name",
    }
}

fn port_style(port: Option<&[u8]>) -> &'static str {
    match port {
        None => "none",
        Some(b"5060") => "5060",
        Some(_) => "other",
    }
}

/// The kind of a host, without its identity.
fn host_kind(host: &[u8]) -> &'static str {
    let text = std::str::from_utf8(host).unwrap_or_default();
    // A link-local address may name its zone (RFC 4007 section 11).
    let address = text.trim_matches(['[', ']']).split('%').next().unwrap_or_default();
    match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) if ip.is_loopback() => "loopback",
        Ok(std::net::IpAddr::V4(_)) => "ip4",
        Ok(std::net::IpAddr::V6(_)) => "ip6",
        Err(_) if text.ends_with(".invalid") => "invalid",
        Err(_) if text.ends_with(".local") => "local",
        Err(_) => "name",
    }
}

/// Numbers from the configuration, or initial values of a generator.
fn numbers(message: &Message<'_>, out: &mut Readable) {
    if let Some(left) = message.get(Name::MaxForwards).and_then(number) {
        push_key(out, "mf");
        match STARTS.iter().find(|start| **start >= left && **start - left <= 10) {
            Some(start) => push_number(out, *start),
            None => push_number(out, left),
        }
    }
    for (key, name) in [("se", Name::SessionExpires), ("ms", Name::MinSe), ("ex", Name::Expires)] {
        if let Some(value) = message.get(name) {
            push_key(out, key);
            push_text(out, value);
        }
    }
    if let Some(expires) =
        message.contacts().next().and_then(|c| c.params.get("expires")).and_then(|p| p.value)
    {
        push_key(out, "ce");
        push_text(out, expires);
    }
    if let StartLine::Request { .. } = message.start()
        && let Some(cseq) = message.cseq()
    {
        push_key(out, "cq");
        match cseq.number {
            // Known initial values of generators; other generators start anywhere and count on.
            usual @ (0..=3 | 10 | 20 | 21 | 100..=103) => push_number(out, u64::from(usual)),
            large => {
                push_number(out, u64::from(32 - large.leading_zeros()));
                out.push_str("bit");
            }
        }
    }
}

/// Style of a description's origin, name, times and ports.
fn description(body: &[u8], from_user: &[u8], out: &mut Readable) {
    let value_of = |wanted: u8| lines(body).find(|l| l.kind == wanted).map(|l| l.value);
    if let Some(origin) = value_of(b'o') {
        let words: Words<'_> = Words::of(origin);
        push_key(out, "on");
        // A user's name is personal and no trait.
        if words.get(0) == from_user {
            out.push_str("from");
        } else {
            push_numberless(out, words.get(0));
        }
        push_key(out, "si");
        out.push_str(session_id_kind(words.get(1)));
        push_key(out, "sv");
        out.push_str(version_kind(words.get(1), words.get(2)));
        let connection = value_of(b'c').map(|c| Words::of(c).get(2));
        push_key(out, "oc");
        out.push_str(match connection {
            None => "none",
            Some(address) if address == words.get(5) => "same",
            Some(_) => "other",
        });
    }
    if let Some(name) = value_of(b's') {
        push_key(out, "sn");
        push_numberless(out, name);
    }
    if let Some(times) = value_of(b't').filter(|t| *t != b"0 0") {
        push_key(out, "tl");
        push_numberless(out, times);
    }
    if let Some(port) = value_of(b'm').map(|m| Words::of(m).get(1)).and_then(number) {
        push_key(out, "pp");
        out.push_str(if port % 2 == 0 { "even" } else { "odd" });
    }
}

struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    const fn of(text: &'a [u8]) -> Self {
        Self(text)
    }

    fn get(&self, index: usize) -> &'a [u8] {
        self.0.split(|b| *b == b' ').nth(index).unwrap_or_default()
    }
}

/// Range of a session identifier, which hints at its clock or generator.
fn session_id_kind(id: &[u8]) -> &'static str {
    match number(id) {
        None => "text",
        Some(0..=0xffff) => "small",
        // 2001 to 2065 as seconds since 1970, then since 1900 (NTP).
        Some(1_000_000_000..=3_000_000_000) => "unix",
        Some(3_187_296_000..=0xffff_ffff) => "ntp",
        Some(0..=0xffff_ffff) => "32bit",
        Some(_) => "64bit",
    }
}

fn version_kind(id: &[u8], version: &[u8]) -> &'static str {
    match (number(id), number(version)) {
        (Some(id), Some(version)) if id == version => "same",
        (Some(id), Some(version)) if version == id.wrapping_add(1) => "next",
        (_, Some(0)) => "0",
        (_, Some(1)) => "1",
        (_, Some(0..=99)) => "small",
        (_, Some(_)) => "other",
        (_, None) => "text",
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Grammars of the identifiers in one message. The Call-ID and branch of a response were made by the client,
/// so they are left empty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identifiers {
    /// Grammar of the Call-ID up to `@`.
    pub call_id: Grammar,
    /// Grammar of the author's own tag.
    pub tag: Grammar,
    /// Grammar of the author's own branch behind the magic cookie.
    pub branch: Grammar,
}

impl Identifiers {
    /// Names of the identifiers, in order.
    pub const NAMES: [&'static str; 3] = ["call_id", "tag", "branch"];

    /// The grammars of one message.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Self {
        let is_request = matches!(message.start(), StartLine::Request { .. });
        let call_id = message.call_id().filter(|_| is_request).unwrap_or_default();
        let local = call_id.split(|b| *b == b'@').next().unwrap_or_default();
        let via = message.own_via().filter(|_| is_request);
        let branch = via.and_then(|via| via.branch()).unwrap_or_default();
        Self {
            call_id: Grammar::of(local),
            tag: Grammar::of(own_tag(message).unwrap_or_default()),
            branch: Grammar::of(branch.strip_prefix(COOKIE).unwrap_or(branch)),
        }
    }

    /// Adds the grammars of other messages. Returns true if a grammar changed.
    pub fn learn(&mut self, other: &Self) -> bool {
        let news = [
            self.call_id.learn(&other.call_id),
            self.tag.learn(&other.tag),
            self.branch.learn(&other.branch),
        ];
        news.contains(&true)
    }

    /// Each grammar with its name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Grammar)> {
        Self::NAMES.into_iter().zip([self.call_id, self.tag, self.branch])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &str = "INVITE sip:200@b.example;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa1;rport\r\nMax-Forwards: 68\r\nf: \"Ann\" <sip:100@b.example:5070>;tag=x1\r\nTo: <sip:200@b.example>\r\nContact: <sip:100@10.0.0.1:5060>\r\nCall-ID: abc@h\r\nCSeq: 102 INVITE\r\nProxy-Authorization: Digest username=\"100\",algorithm=MD5\r\nUser-Agent: Some Phone 1.0\r\nP-Preferred-Identity: <sip:1@x>\r\nSession-Expires: 1800;refresher=uac\r\nContent-Type: application/sdp\r\nContent-Length:   10\r\n\r\n";
    const OFFER: &str = "v=0\r\no=Talk7 3900000000 3900000001 IN IP4 10.0.0.1\r\ns=Call ID 12\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";

    fn habits(text: &str, body: Option<&[u8]>) -> String {
        let mut out = Readable::default();
        write_habits(&Message::parse(text.as_bytes()), body, &mut out);
        out.to_string()
    }

    #[test]
    fn habits_show_in_a_fixed_order() {
        assert_eq!(
            habits(INVITE, Some(OFFER.as_bytes())),
            "habits2|cf=f|cl=padded|ua=Proxy-Authorization|au=CSeq:Digest,username\",algorithm|oh=P-Preferred-Identity|ru=sip:digits@name,user|df=quoted|dt=none|fu=sip:digits@name:port|vo=branch,rport|vp=none|vh=ip4|dc=none|cu=same|ch=ip4|mf=70|se=1800\\;refresher\\=uac|cq=102|de=body-short|bd=none|on=Talk#|si=ntp|sv=next|oc=same|sn=Call\\ ID\\ #|pp=even"
                .replace("refresher\\=", "refresher=")
        );
    }

    #[test]
    fn identifiers_are_learned_from_several_messages() {
        let other = INVITE.replace("z9hG4bKa1", "z9hG4bKa22").replace("tag=x1", "tag=x29f");
        let mut learned = Identifiers::of(&Message::parse(INVITE.as_bytes()));
        assert!(learned.learn(&Identifiers::of(&Message::parse(other.as_bytes()))));
        let said: Vec<String> = learned.iter().map(|(name, grammar)| format!("{name}: {grammar}")).collect();
        assert_eq!(
            said,
            [
                "call_id: 3 of a-f, beginning abc",
                "tag: 2 to 4 of 0-9 a-f g-z, beginning x",
                "branch: 2 to 3 of 0-9 a-f, beginning a"
            ]
        );
    }
}
