//! SIP programs as message layouts, each drawn from a key.

use bellwether_testkit::Rng;

/// A program: its family decides the form of messages, its version the User-Agent.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Stack {
    pub(crate) family: u64,
    pub(crate) version: u64,
}

/// The form of a program's messages.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The order of From, To, Call-ID, CSeq, Contact, Max-Forwards and User-Agent.
    pub(crate) order: [usize; 7],
    pub(crate) via: &'static str,
    pub(crate) call_id: CallIdForm,
    pub(crate) tag: TagForm,
    pub(crate) branch: &'static str,
    pub(crate) cseq: u32,
    pub(crate) contact: &'static str,
    pub(crate) agent: String,
    pub(crate) allow: &'static str,
    pub(crate) supported: &'static str,
    pub(crate) extra: &'static str,
    pub(crate) origin: &'static str,
    pub(crate) codecs: &'static str,
    pub(crate) media: &'static str,
    pub(crate) has_qop: bool,
    /// True if a refresh carries the last nonce, so that the registrar need not challenge it.
    pub(crate) keeps_nonce: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum CallIdForm {
    Hex,
    HexAtHost,
    Uuid,
    Decimal,
    LettersAtHost,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum TagForm {
    Hex,
    Short,
    Decimal,
    Letters,
}

const ALLOW: [&str; 7] = [
    "INVITE, ACK, CANCEL, BYE, OPTIONS",
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY",
    "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, REFER",
    "ACK, BYE, CANCEL, INFO, INVITE, NOTIFY, OPTIONS, REFER, REGISTER",
    "INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE",
    "INVITE, ACK, OPTIONS, CANCEL, BYE",
    "PRACK, INVITE, ACK, BYE, CANCEL, UPDATE, INFO, SUBSCRIBE, NOTIFY, REFER, MESSAGE, OPTIONS",
];

const SUPPORTED: [&str; 6] = [
    "",
    "Supported: replaces\r\n",
    "Supported: replaces, timer\r\n",
    "Supported: outbound, path, replaces\r\n",
    "Supported: 100rel, timer\r\nSession-Expires: 1800\r\nMin-SE: 90\r\n",
    "Supported: timer\r\nSession-Expires: 1800;refresher=uac\r\n",
];

const EXTRA: [&str; 5] = [
    "",
    "",
    "Accept: application/sdp\r\n",
    "Allow-Events: talk, hold, conference\r\n",
    "Accept-Language: en\r\nP-Preferred-Service: voice\r\n",
];

const CODECS: [(&str, &str); 5] = [
    ("0 8 101", "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"),
    ("8 0 101", "a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"),
    (
        "9 8 0 96",
        "a=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:96 telephone-event/8000\r\na=ptime:20\r\n",
    ),
    (
        "0 18 101",
        "a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n",
    ),
    (
        "8 18 97",
        "a=rtpmap:8 PCMA/8000\r\na=rtpmap:18 G729/8000\r\na=rtpmap:97 telephone-event/8000\r\na=sendrecv\r\n",
    ),
];

impl Stack {
    /// The form of its messages.
    pub(crate) fn layout(&self) -> Layout {
        let mut rng = Rng::new(self.family);
        let mut order = [0, 1, 2, 3, 4, 5, 6];
        for place in (1..order.len()).rev() {
            order.swap(place, rng.below(place as u64 + 1) as usize);
        }
        let mut pick = |n: usize| rng.below(n as u64) as usize;
        let call_id = [
            CallIdForm::Hex,
            CallIdForm::HexAtHost,
            CallIdForm::Uuid,
            CallIdForm::Decimal,
            CallIdForm::LettersAtHost,
        ][pick(5)];
        let tag = [TagForm::Hex, TagForm::Short, TagForm::Decimal, TagForm::Letters][pick(4)];
        let (codecs, media) = CODECS[pick(5)];
        let branch = ["z9hG4bK", "z9hG4bK-", "z9hG4bKPj", "z9hG4bK.", "z9hG4bK-524287-1---"][pick(5)];
        let (via, contact) = (["", ";rport"][pick(2)], ["", ";ob", ";transport=udp", ";line=1"][pick(4)]);
        let cseq = [1, 101, 20, 102, 5000][pick(5)];
        let (allow, supported, extra) = (ALLOW[pick(7)], SUPPORTED[pick(6)], EXTRA[pick(5)]);
        let origin = ["-", "root", "user", "mxsip"][pick(4)];
        let (has_qop, keeps_nonce) = (pick(2) == 0, pick(2) == 0);
        let agent = format!(
            "{} {}.{}.{}",
            product(rng.bits()),
            self.version % 4 + 1,
            self.version / 4 % 12,
            self.version / 48 % 20
        );
        Layout {
            order,
            via,
            call_id,
            tag,
            branch,
            cseq,
            contact,
            agent,
            allow,
            supported,
            extra,
            origin,
            codecs,
            media,
            has_qop,
            keeps_nonce,
        }
    }
}

/// An invented name of a product.
fn product(key: u64) -> String {
    let mut rng = Rng::new(key);
    let mut syllable = || {
        let (c, v) = (b"bcdfgklmnprstvz"[rng.below(15) as usize], b"aeiou"[rng.below(5) as usize]);
        [char::from(c), char::from(v)]
    };
    let mut name: String = (0..3).flat_map(|_| syllable()).collect();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let kind = ["Phone", "SIP", "PBX", "Softphone", "IP", "Voice"][rng.below(6) as usize];
    format!("{name}{kind}")
}
