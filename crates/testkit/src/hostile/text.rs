use std::fmt::Write;

/// A description of one audio stream, as an offer.
pub(super) const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n";

/// A request by fields. Unchanged fields are ordinary.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) method: &'static str,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) host: String,
    pub(super) branch: String,
    pub(super) tag: String,
    pub(super) to_tag: String,
    pub(super) call_id: String,
    pub(super) cseq: u32,
    pub(super) agent: String,
    /// Header lines before the others.
    pub(super) first: String,
    /// Header lines after the others.
    pub(super) more: String,
    pub(super) kind: String,
    pub(super) body: String,
    /// True if the request has mandatory headers only.
    pub(super) is_short: bool,
}

impl Text {
    /// The `n`th request of one caller to one callee. An INVITE offers audio.
    pub(super) fn new(method: &'static str, n: u32) -> Self {
        Self {
            method,
            from: "493011111111".into(),
            to: "494022222222".into(),
            host: "10.0.0.1".into(),
            branch: format!("z9hG4bK{n:x}"),
            tag: format!("t{n}"),
            to_tag: String::new(),
            call_id: format!("c{n}@h"),
            cseq: 1,
            agent: "x/1".into(),
            first: String::new(),
            more: String::new(),
            kind: "application/sdp".into(),
            body: if method == "INVITE" { OFFER.into() } else { String::new() },
            is_short: false,
        }
    }

    pub(super) fn octets(&self) -> Vec<u8> {
        let Self { method, from, to, host, branch, tag, call_id, cseq, agent, first, more, .. } = self;
        let to_tag = if self.to_tag.is_empty() { String::new() } else { format!(";tag={}", self.to_tag) };
        let (hops, contact) = if self.is_short {
            ("", String::new())
        } else {
            ("Max-Forwards: 70\r\n", format!("Contact: <sip:{from}@{host}:5060>\r\nUser-Agent: {agent}\r\n"))
        };
        let mut out = format!(
            "{method} sip:{to}@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP {host}:5060;branch={branch}\r\n{first}{hops}From: <sip:{from}@{host}>;tag={tag}\r\nTo: <sip:{to}@10.0.0.2>{to_tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{contact}{more}"
        );
        self.end(&mut out, &self.body);
        out.into_bytes()
    }

    /// The server's response, with a tag of its own.
    pub(super) fn answer(&self, status: &str, tag: &str, more: &str, body: &str) -> Vec<u8> {
        let Self { method, from, to, host, branch, call_id, cseq, first, .. } = self;
        let first = if first.starts_with("Via") { first } else { "" };
        let mut out = format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP {host}:5060;branch={branch}\r\n{first}From: <sip:{from}@{host}>;tag={}\r\nTo: <sip:{to}@10.0.0.2>;tag={tag}\r\nCall-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{more}",
            self.tag
        );
        self.end(&mut out, body);
        out.into_bytes()
    }

    fn end(&self, out: &mut String, body: &str) {
        if !body.is_empty() {
            let _ = write!(out, "Content-Type: {}\r\n", self.kind);
        }
        let _ = write!(out, "Content-Length: {}\r\n\r\n{body}", body.len());
    }

    /// Adds header lines after the others.
    pub(super) fn with(mut self, more: impl Into<String>) -> Self {
        self.more = more.into();
        self
    }

    /// Replaces the body.
    pub(super) fn saying(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }
}

/// `unit` as often as it fits into `octets`.
pub(super) fn fill(unit: &str, octets: usize) -> String {
    unit.repeat(octets / unit.len())
}

/// Numbered pieces up to a length of `octets`.
pub(super) fn count(octets: usize, piece: impl Fn(usize) -> String) -> String {
    let mut out = String::with_capacity(octets + 200);
    let mut n = 0;
    loop {
        let next = piece(n);
        if out.len() + next.len() > octets {
            return out;
        }
        out.push_str(&next);
        n += 1;
    }
}
