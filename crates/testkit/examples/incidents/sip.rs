//! The messages of one dialog.

use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_testkit::Rng;

use crate::stack::{CallIdForm, Layout, TagForm};

/// The proxy and registrar of the site.
pub(crate) const PROXY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 20, 0, 2), 5060);

/// The domain of the site's accounts.
pub(crate) const DOMAIN: &str = "voice.example.net";

/// The identifiers and parties of one dialog.
pub(crate) struct Dialog<'a> {
    pub(crate) layout: &'a Layout,
    pub(crate) at: SocketAddrV4,
    /// The user and domain of the caller.
    pub(crate) from: (String, String),
    /// The dialled user.
    pub(crate) to: String,
    /// The domain that the request names.
    pub(crate) domain: String,
    pub(crate) call_id: String,
    pub(crate) from_tag: String,
    pub(crate) to_tag: String,
    pub(crate) branch: u64,
    pub(crate) media_port: u64,
    /// Lines of the INVITE or REGISTER beside those of the layout.
    pub(crate) more: String,
}

impl Layout {
    /// A Call-ID. The number keeps those of one capture apart.
    pub(crate) fn new_call_id(&self, at: SocketAddrV4, number: usize, rng: &mut Rng) -> String {
        let (high, low) = (rng.bits(), rng.bits());
        match self.call_id {
            CallIdForm::Hex => format!("{high:016x}{number:08x}"),
            CallIdForm::HexAtHost => format!("{number:06x}{high:016x}@{}", at.ip()),
            CallIdForm::Uuid => {
                let (a, b, c) = (high >> 48, high & 0xfff, low & 0xffff_ffff_ffff);
                format!("{number:08x}-{a:04x}-4{b:03x}-a{:03x}-{c:012x}", low >> 52)
            }
            CallIdForm::Decimal => format!("{}-{number}-{}", high % 1_000_000_000, low % 100_000),
            CallIdForm::LettersAtHost => format!("{}{number}@{}", letters(high, 12), at.ip()),
        }
    }

    /// A tag.
    pub(crate) fn new_tag(&self, rng: &mut Rng) -> String {
        let bits = rng.bits();
        match self.tag {
            TagForm::Hex => format!("{bits:016x}"),
            TagForm::Short => format!("as{:08x}", bits as u32),
            TagForm::Decimal => format!("{}", bits % 4_000_000_000),
            TagForm::Letters => letters(bits, 9),
        }
    }
}

fn letters(bits: u64, count: usize) -> String {
    let mut rng = Rng::new(bits);
    (0..count)
        .map(|_| char::from(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[rng.below(52) as usize]))
        .collect()
}

impl Dialog<'_> {
    fn sender_line(&self) -> String {
        format!("<sip:{}@{}>;tag={}", self.from.0, self.from.1, self.from_tag)
    }

    fn receiver_line(&self, has_tag: bool) -> String {
        let tag = if has_tag { format!(";tag={}", self.to_tag) } else { String::new() };
        format!("<sip:{}@{}>{tag}", self.to, self.domain)
    }

    fn via(&self, branch: u64) -> String {
        let port = if self.at.port() == 5060 { String::new() } else { format!(":{}", self.at.port()) };
        let Layout { via, branch: start, .. } = self.layout;
        format!("Via: SIP/2.0/UDP {}{port}{via};branch={start}{branch:016x}\r\n", self.at.ip())
    }

    /// The branch of a transaction.
    fn branch_of(&self, method: &str, cseq: u32) -> u64 {
        let own = if method == "BYE" { 7 } else { 0 };
        self.branch.wrapping_add(u64::from(cseq) * 0x0123_4567).wrapping_add(own)
    }

    fn head(&self, method: &str, target: &str, cseq: u32, has_tag: bool) -> String {
        // The ACK of an answer is a transaction of its own.
        let branch = match (method, has_tag) {
            ("ACK", true) => self.branch_of("INVITE", cseq) ^ 0xff,
            ("CANCEL" | "ACK", _) => self.branch_of("INVITE", cseq),
            _ => self.branch_of(method, cseq),
        };
        let (from, user) = (self.sender_line(), &self.from.0);
        let (ip, port, contact) = (self.at.ip(), self.at.port(), self.layout.contact);
        let to = self.receiver_line(has_tag || method == "ACK");
        let lines = [
            format!("From: {from}\r\n"),
            format!("To: {to}\r\n"),
            format!("Call-ID: {}\r\n", self.call_id),
            format!("CSeq: {cseq} {method}\r\n"),
            format!("Contact: <sip:{user}@{ip}:{port}{contact}>\r\n"),
            "Max-Forwards: 70\r\n".to_owned(),
            format!("User-Agent: {}\r\n", self.layout.agent),
        ];
        let mut text = format!("{method} {target} SIP/2.0\r\n{}", self.via(branch));
        let is_without_contact = matches!(method, "ACK" | "CANCEL" | "BYE");
        for place in self.layout.order {
            if place != 4 || !is_without_contact {
                text += lines.get(place).map_or("", String::as_str);
            }
        }
        text
    }

    fn target(&self) -> String {
        format!("sip:{}@{}", self.to, self.domain)
    }

    /// An INVITE with its description of media.
    pub(crate) fn invite(&self, cseq: u32, credentials: &str) -> String {
        let (layout, ip, id) = (self.layout, self.at.ip(), self.branch % 10_000_000);
        let sdp = format!(
            "v=0\r\no={} {id} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP {}\r\n{}",
            layout.origin, self.media_port, layout.codecs, layout.media
        );
        let head = self.head("INVITE", &self.target(), cseq, false);
        let Layout { allow, supported, extra, .. } = layout;
        format!(
            "{head}{credentials}{}Allow: {allow}\r\n{supported}{extra}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
            self.more,
            sdp.len()
        )
    }

    /// A REGISTER. Its target is the domain.
    pub(crate) fn register(&self, cseq: u32, credentials: &str) -> String {
        let head = self.head("REGISTER", &format!("sip:{}", self.domain), cseq, false);
        format!("{head}{credentials}{}Allow: {}\r\nContent-Length: 0\r\n\r\n", self.more, self.layout.allow)
    }

    /// An ACK or BYE of the caller. The flag tells that the call was answered.
    pub(crate) fn request(&self, method: &str, cseq: u32, is_answered: bool) -> String {
        let head = self.head(method, &self.target(), cseq, is_answered);
        format!("{head}Content-Length: 0\r\n\r\n")
    }

    /// A CANCEL of the caller, with a line for its reason.
    pub(crate) fn cancel(&self, cseq: u32, reason: &str) -> String {
        let head = self.head("CANCEL", &self.target(), cseq, false);
        format!("{head}{reason}Content-Length: 0\r\n\r\n")
    }

    /// A response to a request of the caller.
    pub(crate) fn response(&self, status: &str, method: &str, cseq: u32, more: &str) -> String {
        let via = self.via(self.branch_of(if method == "CANCEL" { "INVITE" } else { method }, cseq));
        let (from, to) = (self.sender_line(), self.receiver_line(!status.starts_with("100")));
        format!(
            "SIP/2.0 {status}\r\n{via}From: {from}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n{more}",
            self.call_id
        )
    }

    /// A BYE of the called party, as the proxy sends it.
    pub(crate) fn bye_of_callee(&self) -> String {
        let (ip, port) = (self.at.ip(), self.at.port());
        format!(
            "BYE sip:{}@{ip}:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKb{:016x}\r\nMax-Forwards: 69\r\n\
             From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
            self.from.0,
            PROXY.ip(),
            self.branch,
            self.receiver_line(true),
            self.sender_line(),
            self.call_id
        )
    }

    /// The answer of the caller to that BYE.
    pub(crate) fn answer_to_bye(&self) -> String {
        format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKb{:016x}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 2 BYE\r\n\
             Content-Length: 0\r\n\r\n",
            PROXY.ip(),
            self.branch,
            self.receiver_line(true),
            self.sender_line(),
            self.call_id
        )
    }

    /// The header with credentials.
    pub(crate) fn credentials(&self, header: &str, account: &str, nonce: &str, rng: &mut Rng) -> String {
        let qop = if self.layout.has_qop { ", qop=auth, cnonce=\"3f1c\", nc=00000001" } else { "" };
        format!(
            "{header}: Digest username=\"{account}\", realm=\"{DOMAIN}\", nonce=\"{nonce}\", uri=\"sip:{DOMAIN}\", response=\"{}\", algorithm=MD5{qop}\r\n",
            rng.hex(32)
        )
    }
}
