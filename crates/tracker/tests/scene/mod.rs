//! One worker that sees a call's messages and media. Controls arrive with the sensor's maximum delay.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bellwether_base::{Endpoint, FlowKey, HashKey, Span, Timestamp};
use bellwether_tracker::{
    Content, Control, Fact, Item, Limits, Outbox, Side, Silence, StreamFact, Tally, VIRTUAL_SHARDS, Worker,
};

/// Maximum delay of controls on their way to the media owners.
const NEWS: Span = Span::from_millis(400);

pub(crate) struct Scene {
    worker: Worker,
    key: HashKey,
    out: Outbox,
    news: VecDeque<(Timestamp, Control)>,
    facts: Vec<Fact>,
    seq: u64,
    pub(crate) now_ms: i64,
}

/// A call's identifier, a message's CSeq, and the tags of From and To.
pub(crate) struct Dialog<'a> {
    id: &'a str,
    cseq: &'a str,
    tags: [&'a str; 2],
}

/// The facts and counters of a finished scene.
pub(crate) struct Outcome {
    facts: Vec<Fact>,
    pub(crate) tally: Tally,
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_nanos(1_700_000_000_000_000_000 + ms * 1_000_000)
}

fn end(text: &str) -> Endpoint {
    let socket: SocketAddr = text.parse().unwrap();
    Endpoint::new(socket.ip(), socket.port())
}

/// A description of one audio section.
pub(crate) fn sdp(at: &str, more: &str) -> String {
    sdp_of(at, "RTP/AVP 0", more)
}

pub(crate) fn sdp_of(at: &str, media: &str, more: &str) -> String {
    let socket: SocketAddr = at.parse().unwrap();
    let version = if matches!(socket.ip(), IpAddr::V4(_)) { 4 } else { 6 };
    let (ip, port) = (socket.ip(), socket.port());
    format!(
        "v=0\r\no=- 1 1 IN IP{version} {ip}\r\ns=-\r\nc=IN IP{version} {ip}\r\nt=0 0\r\nm=audio {port} {media}\r\n{more}"
    )
}

/// Quiet G.711, 20 ms.
pub(crate) fn quiet() -> Vec<u8> {
    (0..160).map(|i| if i % 7 == 0 { 0x7e } else { 0xff }).collect()
}

/// Pseudo-random octets, distributed like ciphertext.
pub(crate) fn ciphered(seed: u32, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as u8
    };
    (0..len).map(|_| next()).collect()
}

pub(crate) fn rtp(ssrc: u32, seq: u16, payload_type: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(seq.to_be_bytes());
    packet.extend((u32::from(seq) * 160).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

/// An ICE check (RFC 8445 section 7.2).
pub(crate) fn check(asked: &str, asking: &str) -> Vec<u8> {
    let name = format!("{asked}:{asking}");
    let mut attribute = vec![0, 6];
    attribute.extend((name.len() as u16).to_be_bytes());
    attribute.extend(name.as_bytes());
    attribute.resize(attribute.len().next_multiple_of(4), 0);
    let mut message = vec![0, 1];
    message.extend((attribute.len() as u16).to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    message.extend(attribute);
    message
}

/// A DTLS handshake record of the first epoch.
pub(crate) fn handshake(kind: u8) -> Vec<u8> {
    vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, kind]
}

impl Scene {
    pub(crate) fn new() -> Self {
        let key = HashKey::new([9; 16]);
        let worker = Worker::new(0, 1, &Limits::default(), key);
        let (out, news) = (Outbox::default(), VecDeque::new());
        Self { worker, key, out, news, facts: Vec::new(), seq: 0, now_ms: 0 }
    }

    pub(crate) fn send(&mut self, ms: i64, from: &str, to: &str, content: Content, bytes: &[u8]) {
        self.now_ms = ms;
        let now = at(ms);
        while self.news.front().is_some_and(|(due, _)| *due <= now) {
            let (_, control) = self.news.pop_front().unwrap();
            self.worker.control(&control);
        }
        let flow = FlowKey { src: end(from), dst: end(to) };
        let is_sip = content == Content::SipDatagram;
        let pair = if is_sip { 0 } else { self.key.media_pair(flow) };
        self.seq += 1;
        let item = Item {
            seq: self.seq,
            at: now,
            stamp: now,
            agent: None,
            mirror: None,
            flow,
            content,
            shard: if is_sip { 3 } else { (pair >> 32) as u16 % VIRTUAL_SHARDS },
            pair,
            ip_id: self.seq as u16,
            is_cut: false,
            bytes,
        };
        self.worker.handle(&item, &mut self.out);
        self.collect();
    }

    fn collect(&mut self) {
        let (facts, controls) = self.out.drain(Vec::new());
        self.facts.extend(facts.into_iter().map(|stamped| stamped.fact));
        self.news.extend(controls.into_iter().map(|(order, control)| (order.at + NEWS, control)));
    }

    /// A message of a call between two signalling hosts.
    fn sip(&mut self, ms: i64, way: [&str; 2], start: &str, dialog: Dialog<'_>, body: (&str, &str)) {
        let Dialog { id, cseq, tags } = dialog;
        let [from, to] = way;
        let (user, peer) = (format!("<sip:a@{id}.example>;tag={}", tags[0]), "<sip:b@example.net>");
        let tag = if tags[1].is_empty() { String::new() } else { format!(";tag={}", tags[1]) };
        let (kind, body) = body;
        let kind = if kind.is_empty() { String::new() } else { format!("Content-Type: {kind}\r\n") };
        let text = format!(
            "{start}\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{id}{}\r\nMax-Forwards: 70\r\nFrom: {user}\r\nTo: {peer}{tag}\r\nCall-ID: {id}\r\nCSeq: {cseq}\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            cseq.replace(' ', ""),
            body.len(),
        );
        self.send(ms, from, to, Content::SipDatagram, text.as_bytes());
    }

    const CALLER: &'static str = "203.0.113.1:5060";
    const CALLEE: &'static str = "203.0.113.2:5060";

    /// An INVITE of the caller, the first one or within the dialog.
    pub(crate) fn invite(&mut self, ms: i64, id: &str, cseq: u32, body: &str) {
        self.request(ms, id, cseq, "INVITE", ("application/sdp", body));
    }

    /// The 200 response to an INVITE.
    pub(crate) fn answer(&mut self, ms: i64, id: &str, cseq: u32, body: &str) {
        let dialog = Dialog { id, cseq: &format!("{cseq} INVITE"), tags: ["f", "t"] };
        self.sip(ms, [Self::CALLEE, Self::CALLER], "SIP/2.0 200 OK", dialog, ("application/sdp", body));
    }

    /// An INFO of the caller.
    pub(crate) fn info(&mut self, ms: i64, id: &str, cseq: u32, body: &str) {
        self.request(ms, id, cseq, "INFO", ("application/trickle-ice-sdpfrag", body));
    }

    pub(crate) fn ack(&mut self, ms: i64, id: &str, cseq: u32, body: &str) {
        self.request(ms, id, cseq, "ACK", ("application/sdp", body));
    }

    /// An UPDATE of the caller, and its response.
    pub(crate) fn update(&mut self, ms: i64, id: &str, cseq: u32, body: &str, status: &str, answer: &str) {
        self.request(ms, id, cseq, "UPDATE", ("application/sdp", body));
        let dialog = Dialog { id, cseq: &format!("{cseq} UPDATE"), tags: ["f", "t"] };
        let start = format!("SIP/2.0 {status}");
        self.sip(ms + 50, [Self::CALLEE, Self::CALLER], &start, dialog, ("application/sdp", answer));
    }

    pub(crate) fn bye(&mut self, ms: i64, id: &str, cseq: u32) {
        self.request(ms, id, cseq, "BYE", ("", ""));
    }

    fn request(&mut self, ms: i64, id: &str, cseq: u32, method: &str, body: (&str, &str)) {
        let to = if cseq == 1 { "" } else { "t" };
        let start = format!("{method} sip:b@example.net SIP/2.0");
        let dialog = Dialog { id, cseq: &format!("{cseq} {method}"), tags: ["f", to] };
        self.sip(ms, [Self::CALLER, Self::CALLEE], &start, dialog, body);
    }

    /// Packets of plain G.711, 20 ms apart.
    pub(crate) fn talk(&mut self, ms: i64, from: &str, to: &str, ssrc: u32, seqs: std::ops::Range<u16>) {
        self.stream(ms, from, to, seqs, |seq| rtp(ssrc, seq, 0, &quiet()));
    }

    pub(crate) fn stream(
        &mut self,
        ms: i64,
        from: &str,
        to: &str,
        seqs: std::ops::Range<u16>,
        packet: impl Fn(u16) -> Vec<u8>,
    ) {
        let first = seqs.start;
        for seq in seqs {
            self.send(ms + i64::from(seq - first) * 20, from, to, Content::Rtp, &packet(seq));
        }
    }

    pub(crate) fn finish(mut self) -> Outcome {
        for shard in 0..VIRTUAL_SHARDS {
            self.worker.finish(shard, at(self.now_ms), &mut self.out);
            self.collect();
        }
        Outcome { facts: self.facts, tally: self.worker.tally }
    }
}

impl Outcome {
    /// The last fact of a stream.
    pub(crate) fn stream(&self, from: &str, to: &str) -> &StreamFact {
        let is_it = |s: &StreamFact| s.flow == FlowKey { src: end(from), dst: end(to) };
        let streams = self.facts.iter().rev().filter_map(|fact| match fact {
            Fact::Stream(stream) => Some(&**stream),
            _ => None,
        });
        streams.into_iter().find(|s| is_it(s)).unwrap()
    }

    /// The Call-ID of a stream, and the side whose media it carries.
    pub(crate) fn owner(&self, from: &str, to: &str) -> Option<(String, Side)> {
        let stream = self.stream(from, to);
        let call = stream.call?;
        let started = self.facts.iter().find_map(|fact| match fact {
            Fact::CallStarted(started) if started.call == call => Some(started.call_id.expose().to_owned()),
            _ => None,
        });
        Some((started.unwrap(), stream.sender.unwrap()))
    }

    /// `read` if the stream's noise was read at any time, else `encrypted` or `codec`.
    pub(crate) fn reading(&self, from: &str, to: &str) -> &'static str {
        let flow = FlowKey { src: end(from), dst: end(to) };
        let silences = self.facts.iter().filter_map(|fact| match fact {
            Fact::Stream(stream) if stream.flow == flow => Some(&stream.silence),
            _ => None,
        });
        silences.fold("codec", |known, silence| match silence {
            Silence::Found(..) | Silence::NoneFound => "read",
            Silence::Encrypted => "encrypted",
            Silence::Codec | Silence::Pending => known,
        })
    }

    /// Number of packets whose noise was read.
    pub(crate) fn packets_read(&self, from: &str, to: &str) -> u64 {
        match &self.stream(from, to).silence {
            Silence::Found(_, Some(pauses)) => u64::from(pauses.observed_packets),
            _ => 0,
        }
    }
}
