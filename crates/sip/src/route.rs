use crate::header::Name;
use crate::lex::{is_lws, trim};
use crate::message::{next_line, skip_empty_lines};
use crate::{Address, Method};

/// The key that selects the worker for a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RouteKey<'a> {
    /// Call-ID, for all messages of a call.
    Call(&'a [u8]),
    /// User and host of the address of record, for all messages of a registration. Some stacks use a new
    /// Call-ID for every refresh.
    Registration {
        /// User part of To.
        user: &'a [u8],
        /// Host of To.
        host: &'a [u8],
    },
    /// User and host of the sender of OPTIONS. Some stacks use a new Call-ID for every OPTIONS.
    Asker {
        /// User part of From.
        user: &'a [u8],
        /// Host of From.
        host: &'a [u8],
    },
    /// The message has no usable key.
    None,
}

/// Reads just enough of a message to route it: start line, Call-ID, To, CSeq, and From for OPTIONS.
///
/// An OPTIONS request with a To tag belongs to a call and is routed by Call-ID. A response to OPTIONS is
/// always routed by From, because every response has a To tag.
///
/// The result must agree with [`crate::Message`]; a property test checks this.
#[must_use]
pub fn route_key(bytes: &[u8]) -> RouteKey<'_> {
    let (start, _, mut rest) = next_line(skip_empty_lines(bytes));
    let is_response = start.get(..4).is_some_and(|s| s.eq_ignore_ascii_case(b"SIP/"));
    let mut method = (!is_response).then(|| {
        let token = trim(start).split(|b| is_lws(*b)).next().unwrap_or_default();
        Method::from_token(token)
    });
    let (mut call_id, mut to, mut from) = (None, None, None);
    while !rest.is_empty() {
        match (method, call_id, to) {
            (Some(Method::Register), _, Some(_)) => break,
            (Some(Method::Options), Some(_), Some(_)) if from.is_some() => break,
            (Some(method), Some(_), _) if !matches!(method, Method::Register | Method::Options) => break,
            _ => {}
        }
        let (line, _, after) = next_line(rest);
        if line.is_empty() {
            break;
        }
        match line.first() {
            Some(b'C' | b'c' | b'I' | b'i' | b'T' | b't') => {}
            Some(b'F' | b'f') if method.is_none_or(|method| method == Method::Options) => {}
            _ => {
                rest = after;
                continue;
            }
        }
        let Some((name, value)) = memchr::memchr(b':', line).and_then(|at| line.split_at_checked(at)) else {
            rest = after;
            continue;
        };
        let (value, after) = unfold(rest, value.get(1..).unwrap_or_default(), after);
        match Name::from_spelling(trim(name)) {
            Name::CallId => call_id = call_id.or(Some(value)),
            Name::To => to = to.or(Some(value)),
            Name::From => from = from.or(Some(value)),
            Name::CSeq if is_response && method.is_none() => {
                let word = value.split(|b| is_lws(*b)).filter(|w| !w.is_empty()).nth(1);
                method = Some(word.map_or(Method::Other, Method::from_token));
            }
            _ => {}
        }
        rest = after;
    }
    if method == Some(Method::Register)
        && let Some(uri) = to.map(Address::parse).and_then(|to| to.uri)
    {
        return RouteKey::Registration { user: uri.user, host: uri.host };
    }
    let is_in_dialog = || to.is_some_and(|to| Address::parse(to).params.get("tag").is_some());
    if method == Some(Method::Options)
        && let Some(uri) = from.map(Address::parse).and_then(|from| from.uri)
        && (is_response || !is_in_dialog())
    {
        return RouteKey::Asker { user: uri.user, host: uri.host };
    }
    match call_id {
        Some(id) if !id.is_empty() => RouteKey::Call(id),
        _ => RouteKey::None,
    }
}

/// Extends a value over its continuation lines; `value` and `after` lie in `from`.
fn unfold<'a>(from: &'a [u8], value: &'a [u8], mut after: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    if !after.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
        return (trim(value), after);
    }
    while after.first().is_some_and(|b| matches!(b, b' ' | b'\t')) {
        after = next_line(after).2;
    }
    let line_len = from.len() - after.len();
    let value_at = memchr::memchr(b':', from).map_or(0, |at| at + 1);
    (trim(from.get(value_at..line_len).unwrap_or(value)), after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Message;
    use proptest::prelude::*;

    #[test]
    fn registrations_route_by_address_of_record_in_both_directions() {
        let expected = RouteKey::Registration { user: b"101", host: b"lab.example" };
        for text in [
            "REGISTER sip:lab.example SIP/2.0\r\nCall-ID: x\r\nTo: \"Ext, 101\" <sip:101@lab.example>\r\n\r\n",
            "SIP/2.0 200 OK\r\nt:\r\n <sip:101@lab.example>;tag=9\r\nCall-ID: x\r\nCSeq: 4 REGISTER\r\n\r\n",
        ] {
            assert_eq!(route_key(text.as_bytes()), expected);
        }
    }

    #[test]
    fn options_route_by_who_asks_unless_they_belong_to_a_call() {
        let asker = RouteKey::Asker { user: b"101", host: b"lab.example" };
        let from = "From: <sip:101@lab.example>;tag=1";
        for (text, expected) in [
            (format!("OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\r\nTo: <sip:a@b>\r\n{from}\r\n\r\n"), asker),
            (
                format!(
                    "SIP/2.0 200 OK\r\n{from}\r\nTo: <sip:a@b>;tag=9\r\nCall-ID: x\r\nCSeq: 4 OPTIONS\r\n\r\n"
                ),
                asker,
            ),
            (
                format!("OPTIONS sip:a@b SIP/2.0\r\n{from}\r\nTo: <sip:a@b>;tag=9\r\nCall-ID: x\r\n\r\n"),
                RouteKey::Call(b"x"),
            ),
            ("OPTIONS sip:a@b SIP/2.0\r\nCall-ID: x\r\n\r\n".to_owned(), RouteKey::Call(b"x")),
        ] {
            assert_eq!(route_key(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn everything_else_routes_by_call_id() {
        for text in [
            "INVITE sip:a@b SIP/2.0\r\nTo: x\r\nI : abc@h \r\n\r\n",
            "SIP/2.0 180 Ringing\nCSeq: 4 INVITE\nCALL-ID:\n abc@h\n\n",
        ] {
            assert_eq!(route_key(text.as_bytes()), RouteKey::Call(b"abc@h"));
        }
        assert_eq!(route_key(b"INVITE sip:a@b SIP/2.0\r\n\r\n"), RouteKey::None);
    }

    proptest! {
        #[test]
        fn routing_agrees_with_parsing(lines in prop::collection::vec(
            prop_oneof![
                Just("Call-ID: a@b"), Just("i:x"), Just("Call-ID"), Just("  folded"), Just("CSeq: 1 INVITE"),
                Just("To: <sip:u@h>"), Just("X: y"), Just("Content-Type:"), Just(": z"), Just("Call-ID:"),
            ], 0..8)) {
            let text = format!("INVITE sip:a@b SIP/2.0\r\n{}\r\n\r\n", lines.join("\r\n"));
            let expected = Message::parse(text.as_bytes()).call_id().map_or(RouteKey::None, RouteKey::Call);
            prop_assert_eq!(route_key(text.as_bytes()), expected);
        }
    }
}
