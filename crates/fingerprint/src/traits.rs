//! Catalogue of traits: the field, the level that it distinguishes, and the hops that it survives.

/// The level that a trait distinguishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Stacks and products.
    Stack,
    /// Deployments of one stack: settings and sites.
    Deployment,
    /// Single processes or devices.
    Instance,
}

impl Level {
    /// Lower-case name as printed in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Deployment => "deployment",
            Self::Instance => "instance",
        }
    }
}

/// One trait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trait {
    /// The form that holds it: `sip`, `sdp`, `path`, `habits`, `identifiers`, `rtp`.
    pub form: &'static str,
    /// Its key in the form.
    pub key: &'static str,
    /// Description for a person.
    pub title: &'static str,
    /// The level that it distinguishes.
    pub level: Level,
    /// Hops that it survives: P a proxy, T a proxy that hides topology, B a back-to-back user agent, S a
    /// border controller that anchors media.
    pub survives: &'static str,
    /// True if it is part of the hash; the others are learned beside the hash.
    pub is_hashed: bool,
}

const fn hashed(form: &'static str, key: &'static str, survives: &'static str, title: &'static str) -> Trait {
    Trait { form, key, title, level: Stack, survives, is_hashed: true }
}

/// A trait of the configuration, which is part of the SDP author's hash.
const fn setting(key: &'static str, title: &'static str) -> Trait {
    Trait { form: "sdp", key, title, level: Deployment, survives: "PTB", is_hashed: true }
}

const fn learned(
    form: &'static str,
    key: &'static str,
    level: Level,
    survives: &'static str,
    title: &'static str,
) -> Trait {
    Trait { form, key, title, level, survives, is_hashed: false }
}

use Level::{Deployment, Instance, Stack};

/// All traits.
pub const TRAITS: &[Trait] = &[
    hashed("sip", "m", "PT", "message: the method of a request, method and status of an answer"),
    hashed("sip", "rp", "PT", "reason phrase of an answer"),
    hashed("sip", "wa", "PT", "challenge of an answer: scheme and parameters in order, \" in quotes"),
    hashed("sip", "h", "PT", "headers that the author writes, in order"),
    hashed("sip", "s", "PT", "spellings of header names other than the RFC's"),
    hashed("sip", "w", "PT", "white space around colons other than \": \""),
    hashed("sip", "a", "PT", "Allow: methods in order; ^ no space behind commas, + over several headers"),
    hashed("sip", "k", "PT", "Supported: extensions in order; ^ and + likewise"),
    hashed("sip", "ac", "PT", "Accept: types in order; ^ and + likewise"),
    hashed("sip", "ae", "PT", "Allow-Events: packages in order; ^ and + likewise"),
    hashed("sip", "v", "P", "parameters of the author's own Via, in order; ^ transport not in capitals"),
    hashed("sip", "i", "PT", "layout of the Call-ID, as far as one shows it; @ with a host"),
    hashed("sip", "t", "PT", "layout of the author's tag, as far as one shows it"),
    hashed("sip", "z", "P", "layout of the author's branch, as far as one shows it"),
    hashed("sip", "c", "P", "parameters of Contact: of its URI / of the header"),
    hashed("sip", "ct", "PT", "spelling of the content type of a session description"),
    hashed("sip", "e", "P", "line ends"),
    hashed("sdp", "o", "PTB", "origin: user name is a dash or a name"),
    hashed("sdp", "s", "PTB", "session name is a dash or a name"),
    hashed("sdp", "l", "PTB", "lines and attributes in order (of the session, then of each media section)"),
    setting("m", "kind and profile of a media section"),
    setting("p", "payload types in order of preference"),
    setting("r", "rtpmap: encodings as spelled, in order"),
    setting("f", "fmtp: parameters as spelled, in order"),
    setting("x", "ptime, maxptime, silenceSupp, feedback, DTLS role"),
    learned(
        "path",
        "h",
        Deployment,
        "",
        "proxies from the nearest down: transport, Via parameters, kind of branch",
    ),
    learned("path", "rr", Deployment, "", "entries of Record-Route"),
    learned("path", "d", Deployment, "", "how far Max-Forwards is below a usual start"),
    learned("habits", "cf", Deployment, "P", "compact header names"),
    learned("habits", "cl", Stack, "PT", "Content-Length: missing, plain, or padded"),
    learned("habits", "ua", Stack, "PT", "header in front of User-Agent or Server"),
    learned(
        "habits",
        "au",
        Stack,
        "P",
        "header in front of the credentials, and their parameters in order, \" in quotes",
    ),
    learned("habits", "oh", Deployment, "P", "occasional headers (identity, diversion, P-...), in order"),
    learned("habits", "rq", Stack, "PT", "Require"),
    learned("habits", "pq", Deployment, "P", "Proxy-Require"),
    learned("habits", "al", Deployment, "PT", "Accept-Language"),
    learned("habits", "an", Stack, "PT", "Accept-Encoding"),
    learned(
        "habits",
        "ru",
        Deployment,
        "",
        "form of the Request-URI: scheme, kind of user and host, port, parameters",
    ),
    learned(
        "habits",
        "df",
        Stack,
        "PT",
        "display name of From: bare, quoted, empty, none, or none and no brackets",
    ),
    learned("habits", "dt", Stack, "PT", "display name of To"),
    learned("habits", "dc", Stack, "P", "display name of Contact"),
    learned("habits", "fu", Deployment, "PT", "form of the URI in From"),
    learned("habits", "vo", Stack, "P", "all parameters of the author's own Via, in order"),
    learned("habits", "vp", Stack, "P", "port in the author's own Via: none, 5060, other"),
    learned("habits", "vh", Deployment, "P", "kind of host in the author's own Via"),
    learned("habits", "cu", Stack, "P", "user of Contact: the same as in From, another, none"),
    learned("habits", "ch", Deployment, "P", "kind of host in Contact"),
    learned("habits", "mf", Stack, "PT", "the value that Max-Forwards began with"),
    learned("habits", "se", Deployment, "P", "Session-Expires"),
    learned("habits", "ms", Deployment, "P", "Min-SE"),
    learned("habits", "ex", Deployment, "P", "Expires"),
    learned("habits", "ce", Deployment, "P", "expires parameter of Contact"),
    learned("habits", "cq", Stack, "PT", "CSeq: the number if it is small, else its size in bits"),
    learned("habits", "de", Stack, "PT", "defects"),
    learned("habits", "bd", Stack, "PT", "body: none, sdp, multipart, other"),
    learned(
        "habits",
        "on",
        Deployment,
        "PTB",
        "user name of the description's origin, numbers as #; from if it is the caller's",
    ),
    learned(
        "habits",
        "si",
        Stack,
        "PTB",
        "range of the origin's session id: unix or NTP seconds, small, 32 or 64 bits",
    ),
    learned("habits", "sv", Stack, "PTB", "the origin's version beside its id: same, next, 0, 1"),
    learned("habits", "oc", Deployment, "P", "address of origin and of connection: same or other"),
    learned("habits", "sn", Stack, "PTB", "the session's name, numbers as #"),
    learned("habits", "tl", Stack, "PTB", "time line other than 0 0"),
    learned("habits", "pp", Stack, "PT", "parity of the media port"),
    learned("identifiers", "call_id", Stack, "P", "length, alphabet and beginning of Call-IDs"),
    learned("identifiers", "tag", Stack, "PT", "length, alphabet and beginning of tags"),
    learned("identifiers", "branch", Stack, "P", "length, alphabet and beginning of branches"),
    learned("habits", "rt", Stack, "", "milliseconds between a request and its repetition, on the first hop"),
    learned("rtp", "beginning", Stack, "PTBS", "numbers of the first packet that are not random, marker"),
    learned("rtp", "clock", Stack, "PTBS", "codecs whose media is stamped at another rate than the codec's"),
    learned("instance", "", Instance, "PT", "generators that name their process or device (crate instance)"),
];

impl Trait {
    /// The trait of a field, by its form and key.
    #[must_use]
    pub fn of(form: &str, key: &str) -> Option<&'static Self> {
        TRAITS.iter().find(|t| t.form == form && t.key == key)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bellwether_sip::Message;

    use super::*;

    #[test]
    fn the_specification_lists_this_catalogue() {
        let docs = include_str!("../../../docs/fingerprint.md");
        for t in TRAITS {
            let line = format!(
                "| {} | `{}` | {} | {} | {} | {} |",
                t.form,
                t.key,
                t.title.replace('|', "\\|"),
                t.level.name(),
                t.survives,
                if t.is_hashed { "yes" } else { "" }
            );
            assert!(docs.contains(&line), "docs/fingerprint.md lacks this line:\n{line}");
        }
    }

    #[test]
    fn every_field_is_in_the_catalogue_once() {
        let keys: BTreeSet<_> = TRAITS.iter().map(|t| (t.form, t.key)).collect();
        assert_eq!(keys.len(), TRAITS.len());
        assert!(TRAITS.len() >= 40);
        let text = "INVITE sip:2@b SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=z9hG4bKp\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: <sip:1@b>;tag=x\r\nTo: <sip:2@b>\r\nCall-ID: i\r\nCSeq: 1 INVITE\r\nContact: <sip:1@h>;expires=5\r\nExpires: 180\r\nSession-Expires: 90\r\nMin-SE: 90\r\nRequire: 100rel\r\nProxy-Require: x\r\nAccept-Language: en\r\nAccept-Encoding: gzip\r\nP-Charge-Info: x\r\nAuthorization: Digest a=1\r\nl: 1\r\n\r\n\0";
        let body =
            b"v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 1.1.1.1\r\nt=1 1\r\nm=audio 2 RTP/AVP 0\r\n";
        let message = Message::parse(text.as_bytes());
        let mut habits = crate::Readable::default();
        crate::write_habits(&message, Some(body), &mut habits);
        let forms = [
            ("sip", crate::sip_author(&message).unwrap()),
            ("sdp", crate::sdp_author(body).unwrap()),
            ("path", crate::path(&message)),
            ("habits", habits.to_string()),
        ];
        let mut found = 0;
        for (form, readable) in forms {
            for (key, _) in crate::fields(&readable).skip(1) {
                assert!(Trait::of(form, key).is_some(), "{form}: {key}");
                found += 1;
            }
        }
        assert!(found >= TRAITS.len() - 10, "{found} of {}", TRAITS.len());
    }
}
