use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Span, Timestamp};
use bellwether_rtp::g711::Law;

use crate::{Frame, Rng, Timer, udp_frame};

/// A user agent: an address, a user, and a message style.
#[derive(Clone, Debug)]
pub struct Agent {
    /// Its signalling address.
    pub at: SocketAddrV4,
    /// Its user part.
    pub user: String,
    /// Its User-Agent.
    pub product: String,
    /// Selects one of two header orders, each typical for a family of programs.
    pub is_terse: bool,
}

/// The media of one side.
#[derive(Clone, Debug)]
pub struct Talk {
    /// The G.711 law.
    pub law: Law,
    /// The payloads of its packets, 20 ms each.
    pub packets: Vec<Vec<u8>>,
}

/// A call between two agents, with media both ways.
#[derive(Clone, Debug)]
pub struct Call {
    /// The calling agent.
    pub caller: Agent,
    /// The called agent.
    pub callee: Agent,
    /// Time of the INVITE.
    pub start: Timestamp,
    /// Time from INVITE to answer.
    pub rings: Span,
    /// Media of the caller. The call lasts as long as the longer side.
    pub caller_talk: Talk,
    /// Media of the callee.
    pub callee_talk: Talk,
    /// True if the INVITE is challenged first.
    pub is_challenged: bool,
}

/// A device with recurring registration.
#[derive(Clone, Debug)]
pub struct Registration {
    /// The device.
    pub device: Agent,
    /// Its registrar.
    pub registrar: SocketAddrV4,
    /// Its timer.
    pub timer: Timer,
    /// The granted expiry in seconds.
    pub granted_s: u32,
    /// True if every refresh is challenged.
    pub is_challenged: bool,
    /// Time of the first refresh.
    pub start: Timestamp,
    /// Number of refreshes.
    pub refreshes: usize,
}

struct Dialog {
    call_id: String,
    from_tag: String,
    to_tag: String,
    branch: u64,
}

impl Agent {
    /// An agent on port 5060.
    #[must_use]
    pub fn new(ip: [u8; 4], user: &str, product: &str) -> Self {
        Self {
            at: SocketAddrV4::new(Ipv4Addr::from(ip), 5060),
            user: user.into(),
            product: product.into(),
            is_terse: false,
        }
    }

    fn media(&self) -> SocketAddrV4 {
        SocketAddrV4::new(*self.at.ip(), 10_000 + 2 * (self.at.port() % 1000))
    }

    fn description(&self, law: Law) -> String {
        let (pt, name) = match law {
            Law::Mu => (0, "PCMU"),
            Law::A => (8, "PCMA"),
        };
        let (ip, port) = (self.at.ip(), self.media().port());
        format!(
            "v=0\r\no=- 4711 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP {pt} 101\r\na=rtpmap:{pt} {name}/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
    }
}

impl Call {
    /// Its Call-ID, by which results refer to the call.
    #[must_use]
    pub fn call_id(&self) -> String {
        format!("{:x}-{}@{}", self.start.as_nanos(), self.caller.at.port(), self.caller.at.ip())
    }

    /// All frames of the call in time order.
    pub fn frames(&self, rng: &mut Rng) -> Vec<Frame> {
        let mut d =
            Dialog { call_id: self.call_id(), from_tag: rng.hex(8), to_tag: rng.hex(8), branch: rng.bits() };
        let (from, to) = (&self.caller, &self.callee);
        let ms = Span::from_millis;
        let mut frames = Vec::new();
        let mut id = 1;
        let mut send = |at: Timestamp, a: &Agent, b: &Agent, text: String| {
            id += 1;
            frames.push(udp_frame(at, a.at, b.at, id, text.as_bytes()));
        };
        let mut at = self.start;
        let offer = from.description(self.caller_talk.law);
        if self.is_challenged {
            send(at, from, to, request(from, to, &d, "INVITE", 1, "", &offer));
            send(at + ms(5), to, from, response(from, to, &d, "401 Unauthorized", "INVITE", 1, ""));
            send(at + ms(10), from, to, request(from, to, &d, "ACK", 1, "", ""));
            at = at + ms(15);
            d.branch += 1;
        }
        let authorisation = if self.is_challenged { "Authorization: Digest username=\"x\"\r\n" } else { "" };
        send(at, from, to, request(from, to, &d, "INVITE", 2, authorisation, &offer));
        send(at + ms(10), to, from, response(from, to, &d, "180 Ringing", "INVITE", 2, ""));
        let answered = at + self.rings;
        let answer = to.description(self.callee_talk.law);
        send(answered, to, from, response(from, to, &d, "200 OK", "INVITE", 2, &answer));
        d.branch += 1;
        send(answered + ms(5), from, to, request(from, to, &d, "ACK", 2, "", ""));
        let packets = self.caller_talk.packets.len().max(self.callee_talk.packets.len());
        let ends = answered + ms(20 + 20 * packets as i64);
        d.branch += 1;
        send(ends, from, to, request(from, to, &d, "BYE", 3, "", ""));
        send(ends + ms(5), to, from, response(from, to, &d, "200 OK", "BYE", 3, ""));
        for (a, b, talk) in [(from, to, &self.caller_talk), (to, from, &self.callee_talk)] {
            frames.extend(media(a, b, talk, answered + ms(10), rng));
        }
        frames.sort_by_key(|f| f.at);
        frames
    }
}

impl Registration {
    /// All frames in time order. The times of the refreshes are the timer's; see [`Timer::refreshes`].
    pub fn frames(&self, rng: &mut Rng) -> Vec<Frame> {
        let server = Agent { at: self.registrar, ..Agent::new([0; 4], &self.device.user, "registrar") };
        let d = &self.device;
        let mut dialog = Dialog {
            call_id: format!("reg-{}@{}", rng.hex(12), d.at.ip()),
            from_tag: rng.hex(8),
            to_tag: rng.hex(8),
            branch: rng.bits(),
        };
        let ms = Span::from_millis;
        let mut frames = Vec::new();
        let mut cseq = 0;
        for at in self.timer.refreshes(self.start, self.refreshes, rng) {
            let mut at = at;
            let contact = format!("Expires: {}\r\n", self.granted_s);
            let mut send = |at, a: &Agent, b: &Agent, text: String| {
                frames.push(udp_frame(at, a.at, b.at, frames.len() as u16 + 1, text.as_bytes()));
            };
            if self.is_challenged {
                cseq += 1;
                dialog.branch += 1;
                send(at, d, &server, request(d, &server, &dialog, "REGISTER", cseq, &contact, ""));
                let challenge = response(d, &server, &dialog, "401 Unauthorized", "REGISTER", cseq, "");
                send(at + ms(2), &server, d, challenge);
                at = at + ms(2) + self.timer.round_trip;
            }
            cseq += 1;
            dialog.branch += 1;
            let authorised = format!("Authorization: Digest username=\"{}\"\r\n{contact}", d.user);
            send(at, d, &server, request(d, &server, &dialog, "REGISTER", cseq, &authorised, ""));
            let granted = format!("Contact: <sip:{}@{}>;expires={}\r\n", d.user, d.at, self.granted_s);
            let ok = response(d, &server, &dialog, "200 OK", "REGISTER", cseq, "");
            send(at + ms(2), &server, d, ok.replace("Content-Length", &format!("{granted}Content-Length")));
        }
        frames.sort_by_key(|f| f.at);
        frames
    }
}

fn media(from: &Agent, to: &Agent, talk: &Talk, start: Timestamp, rng: &mut Rng) -> Vec<Frame> {
    let (ssrc, first_seq, first_ticks) = (rng.bits() as u32, rng.bits() as u16, rng.bits() as u32);
    let payload_type = match talk.law {
        Law::Mu => 0,
        Law::A => 8,
    };
    talk.packets
        .iter()
        .enumerate()
        .map(|(i, payload)| {
            let mut rtp = vec![0x80, payload_type];
            rtp.extend(first_seq.wrapping_add(i as u16).to_be_bytes());
            rtp.extend(first_ticks.wrapping_add(160 * i as u32).to_be_bytes());
            rtp.extend(ssrc.to_be_bytes());
            rtp.extend(payload);
            let at = start + Span::from_millis(20 * i as i64);
            // A host numbers all its datagrams in one sequence. Its signalling uses lower numbers.
            udp_frame(at, from.media(), to.media(), 1000 + i as u16, &rtp)
        })
        .collect()
}

/// A request in the agent's style.
fn request(from: &Agent, to: &Agent, d: &Dialog, method: &str, cseq: u32, extra: &str, body: &str) -> String {
    let to_tag = if matches!(method, "ACK" | "BYE") { format!(";tag={}", d.to_tag) } else { String::new() };
    let via = format!("Via: SIP/2.0/UDP {};branch=z9hG4bK{:016x};rport", from.at, d.branch);
    let from_line = format!("From: <sip:{}@example.org>;tag={}", from.user, d.from_tag);
    let to_line = format!("To: <sip:{}@example.org>{to_tag}", to.user);
    let call_id = format!("Call-ID: {}", d.call_id);
    let cseq = format!("CSeq: {cseq} {method}");
    let contact = format!("Contact: <sip:{}@{}>", from.user, from.at);
    let agent = format!("User-Agent: {}", from.product);
    let order: [&str; 8] = if from.is_terse {
        [&via, "Max-Forwards: 70", &contact, &to_line, &from_line, &call_id, &cseq, &agent]
    } else {
        [&via, &from_line, &to_line, &call_id, &cseq, &contact, "Max-Forwards: 70", &agent]
    };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let headers = order.join("\r\n");
    let target = format!("sip:{}@{}", to.user, to.at);
    format!(
        "{method} {target} SIP/2.0\r\n{headers}\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// The response of `to` to a request of `from`.
fn response(
    from: &Agent,
    to: &Agent,
    d: &Dialog,
    status: &str,
    method: &str,
    cseq: u32,
    body: &str,
) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP {};branch=z9hG4bK{:016x};rport=5060\r\nFrom: <sip:{}@example.org>;tag={}\r\nTo: <sip:{}@example.org>;tag={}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n{kind}Content-Length: {}\r\n\r\n{body}",
        from.at,
        d.branch,
        from.user,
        d.from_tag,
        to.user,
        d.to_tag,
        d.call_id,
        body.len()
    )
}
