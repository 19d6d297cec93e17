use bellwether_sip::{Header, Message, Name, addresses};

use crate::Clear;
use crate::party::{clear, user_text};

/// Maximum number of identifiers and of user parts per request. Larger numbers indicate an attack.
const MOST: usize = 8;

/// Minimum length of an identifier. Two conversations may share a shorter one by chance.
const SHORTEST: usize = 8;

/// Names of extension headers with a conversation identifier, in lower case, without punctuation and prefix.
/// Identifiers of a caller or device are excluded, because all calls of that caller share them.
const IDENTIFYING: [&str; 12] = [
    "callid",
    "calluuid",
    "callguid",
    "ciscoguid",
    "h323confid",
    "ucid",
    "linkedid",
    "uniqueid",
    "sessionid",
    "correlationid",
    "calltraceid",
    "icid",
];

/// References of a request to related calls.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Kin {
    /// Call-IDs of dialogs that the request replaces, joins or targets (RFC 3891, RFC 3911, RFC 4538), and
    /// identifiers of the conversation (RFC 7989, RFC 7315, extension headers of many systems).
    pub ids: Vec<Clear>,
    /// User parts of the diverting parties (RFC 5806, RFC 7044).
    pub sent_on_by: Vec<String>,
    /// True if a party referred the sender to its target (RFC 3892).
    pub is_referred: bool,
}

impl Kin {
    /// The references of a request. `None` if it has none.
    pub(crate) fn of(message: &Message<'_>) -> Option<Box<Self>> {
        let mut kin = Self::default();
        for header in message.headers() {
            match header.name {
                Name::Replaces => kin.identified_by(dialog(header.value)),
                Name::SessionId => kin.identified_by(dialog(header.value)),
                Name::ReferredBy => kin.is_referred = true,
                Name::Diversion | Name::HistoryInfo => kin.sent_on(header.value),
                Name::Other => kin.extension(header),
                _ => {}
            }
        }
        (kin != Self::default()).then(|| Box::new(kin))
    }

    fn identified_by(&mut self, id: &[u8]) {
        // RFC 7989 section 5 writes zeros for an unknown identifier.
        let is_telling = id.len() >= SHORTEST && id.iter().any(|b| !matches!(b, b'0' | b'-'));
        if is_telling
            && self.ids.len() < MOST
            && !self.ids.iter().any(|known| known.expose().as_bytes() == id)
        {
            self.ids.push(clear(id));
        }
    }

    fn sent_on(&mut self, value: &[u8]) {
        for address in addresses(value) {
            let user = user_text(address.user());
            if !user.is_empty() && self.sent_on_by.len() < MOST && !self.sent_on_by.contains(&user) {
                self.sent_on_by.push(user);
            }
        }
    }

    fn extension(&mut self, header: &Header<'_>) {
        let is = |name: &[u8]| header.spelling.eq_ignore_ascii_case(name);
        if is(b"Join") || is(b"Target-Dialog") {
            self.identified_by(dialog(header.value));
        } else if is(b"P-Charging-Vector") {
            let icid = header.value.split(|b| *b == b';').find_map(|part| {
                let (name, value) = part.trim_ascii().split_at_checked(b"icid-value=".len())?;
                name.eq_ignore_ascii_case(b"icid-value=").then_some(value)
            });
            self.identified_by(icid.map(unquoted).unwrap_or_default());
        } else if is_identifying(header.spelling) {
            self.identified_by(dialog(header.value));
        }
    }
}

/// The value before the first parameter.
fn dialog(value: &[u8]) -> &[u8] {
    unquoted(value.split(|b| *b == b';').next().unwrap_or(value).trim_ascii())
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

fn is_identifying(spelling: &[u8]) -> bool {
    let letters =
        || spelling.iter().filter(|b| b.is_ascii_alphanumeric()).map(|b| char::from(b.to_ascii_lowercase()));
    IDENTIFYING.iter().any(|name| {
        let (longer, shorter) = (letters().count(), name.len());
        longer >= shorter && letters().skip(longer - shorter).eq(name.chars())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kin(headers: &str) -> Option<Kin> {
        let text = format!("INVITE sip:2@b SIP/2.0\r\nCall-ID: own-call-id\r\n{headers}\r\n");
        Kin::of(&Message::parse(text.as_bytes())).map(|kin| *kin)
    }

    fn ids(headers: &str) -> Vec<String> {
        kin(headers).map(|kin| kin.ids.iter().map(|id| id.expose().to_owned()).collect()).unwrap_or_default()
    }

    #[test]
    fn headers_that_name_another_dialog_or_the_conversation_are_read() {
        assert_eq!(ids("Replaces: first-call@a;to-tag=1;from-tag=2\r\n"), ["first-call@a"]);
        assert_eq!(ids("Target-Dialog: first-call@a;local-tag=1\r\n"), ["first-call@a"]);
        assert_eq!(
            ids("X-Orig-Call-ID: \"first-call@a\"\r\nX-CallID: other-call\r\n"),
            ["first-call@a", "other-call"]
        );
        assert_eq!(
            ids("P-Charging-Vector: orig-ioi=a;icid-value=\"AyretyU0dm+6O2I\"\r\n"),
            ["AyretyU0dm+6O2I"]
        );
        assert_eq!(ids("Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00\r\n").len(), 1);
        assert_eq!(ids("Cisco-Guid: 3215543209-1213-2949\r\n").len(), 1);
    }

    #[test]
    fn what_every_call_of_a_caller_would_share_identifies_no_conversation() {
        for headers in [
            "X-Caller-ID: +493012345678\r\n",
            "X-Device: 0004f2123456\r\n",
            "Session-ID: 00000000000000000000000000000000\r\n",
            "X-Call-ID: 1\r\n",
        ] {
            assert_eq!(kin(headers), None, "{headers}");
        }
    }

    #[test]
    fn those_who_sent_a_call_on_are_named_and_never_more_than_some() {
        let found = kin(
            "History-Info: <sip:2302@pbx>;index=1, <sip:%2B4930@pbx>;index=1.1\r\nReferred-By: <sip:1@a>\r\n",
        );
        let found = found.unwrap();
        assert_eq!(
            (found.sent_on_by.as_slice(), found.is_referred),
            (&["2302".to_owned(), "+4930".to_owned()][..], true)
        );
        let many: String =
            (0..1000).map(|n| format!("Diversion: <sip:{n}@a>\r\nX-Call-ID: identifier-{n}\r\n")).collect();
        let found = kin(&many).unwrap();
        assert_eq!((found.sent_on_by.len(), found.ids.len()), (MOST, MOST));
    }
}
