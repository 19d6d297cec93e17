//! The calls of a site as SIP messages, with the truth about each.
//!
//! A platform family becomes a message layout, drawn from its key: order of headers, classes of Call-ID, tag and branch,
//! Via parameters, allowed methods. Products become User-Agents, and exact fingerprints become optional headers.
//! There is no media.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};

use bellwether_base::{Span, Timestamp};
use bellwether_senders::CallerAccess;
use bellwether_testkit::{Frame, Rng, udp_frame};

use crate::kinds::Kind;
use crate::site::{Call, CallParty, Device, Site};

/// The proxy and registrar of the site.
const PROXY: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 20, 0, 2), 5060);

/// A Monday, at midnight.
const START: i64 = 1_794_787_200;

/// Area codes of the callers' numbers.
const AREAS: [&str; 20] = [
    "201", "202", "212", "213", "214", "216", "303", "305", "312", "313", "404", "412", "415", "503", "512",
    "602", "612", "617", "702", "713",
];

/// A captured site.
pub(crate) struct Captured {
    pub(crate) frames: Vec<Frame>,
    /// A JSON object for each call.
    pub(crate) truth: String,
}

/// Plays a kind of sender on a site of its own, as [`crate::judge::judge`] does.
pub(crate) fn capture(kind: &Kind, seed: u64, has_registrations: bool) -> Captured {
    let site = Site::with_sender(kind, seed, has_registrations);
    let mut writer = Writer {
        rng: Rng::new(seed),
        frames: Vec::new(),
        truth: String::new(),
        numbers: BTreeMap::new(),
        lines: BTreeMap::new(),
        addresses: BTreeMap::new(),
        registered: BTreeMap::new(),
    };
    for (place, call) in site.calls.iter().enumerate() {
        writer.call(place, call, kind);
    }
    writer.frames.sort_by_key(|frame| frame.at);
    Captured { frames: writer.frames, truth: writer.truth }
}

struct Writer {
    rng: Rng,
    frames: Vec<Frame>,
    truth: String,
    /// Numbers and addresses by their keys, and the lines of each block so far.
    numbers: BTreeMap<u64, String>,
    lines: BTreeMap<u64, u64>,
    addresses: BTreeMap<u64, SocketAddrV4>,
    /// The end of the registration of a number at an address.
    registered: BTreeMap<(u64, u64), f64>,
}

/// Hours for which a registration holds.
const EXPIRES: f64 = 12.0;

impl Writer {
    fn number(&mut self, key: u64, block: u64) -> String {
        if let Some(known) = self.numbers.get(&key) {
            return known.clone();
        }
        let line = self.lines.entry(block).or_default();
        *line += 1;
        // A block has a thousand lines. A sender with more numbers has several.
        let block = block.wrapping_add(*line / 1000);
        let area = AREAS.get((block % 20) as usize).copied().unwrap_or("212");
        let exchange = 220 + block / 20 % 700;
        let number = format!("+1{area}{exchange}{}{:03}", block / 14_000 % 10, *line % 1000);
        self.numbers.insert(key, number.clone());
        number
    }

    fn address(&mut self, key: u64) -> SocketAddrV4 {
        let count = self.addresses.len() as u32;
        let spread = count.wrapping_mul(7919) % 131_000;
        let ip = Ipv4Addr::from_bits(u32::from_be_bytes([198, 18, 0, 1]) + spread);
        *self.addresses.entry(key).or_insert(SocketAddrV4::new(ip, 5060))
    }

    fn send(&mut self, at: f64, from: SocketAddrV4, to: SocketAddrV4, text: &str) {
        let at = Timestamp::from_nanos(START * 1_000_000_000) + Span::from_nanos((at * 3.6e12) as i64);
        self.frames.push(udp_frame(at, from, to, 0, text.as_bytes()));
    }

    fn call(&mut self, place: usize, call: &Call, kind: &Kind) {
        let caller = self.number(call.caller.number, call.caller.block);
        let callee = self.number(call.callee, call.callee % 20_000);
        let host = self.address(call.caller.address);
        if matches!(call.access, CallerAccess::Registered | CallerAccess::RegisteredLately) {
            self.registers(call, &caller, host);
        }
        let layout = Layout::of(&call.caller.device);
        let dialog = Dialog::new(&layout, place, (&caller, &callee), host, &mut self.rng);
        let second = 1.0 / 3600.0;
        let (start, answer) = (call.at, call.at + call.ring * second);
        self.send(start, host, PROXY, &dialog.request("INVITE", 1));
        self.send(start + 0.02 * second, PROXY, host, &dialog.response("100 Trying", "INVITE"));
        self.send(start + 0.3 * second, PROXY, host, &dialog.response("180 Ringing", "INVITE"));
        match call.talk {
            Some(talk) => {
                let end = answer + talk * second;
                self.send(answer, PROXY, host, &dialog.response("200 OK", "INVITE"));
                self.send(answer + 0.05 * second, host, PROXY, &dialog.request("ACK", 1));
                let (from, to) = if call.is_ended_by_caller { (host, PROXY) } else { (PROXY, host) };
                let bye = dialog.bye(call.is_ended_by_caller);
                self.send(end, from, to, &bye);
            }
            None => {
                let status =
                    if call.is_ended_by_caller { "487 Request Terminated" } else { "480 Unavailable" };
                if call.is_ended_by_caller {
                    self.send(answer, host, PROXY, &dialog.request("CANCEL", 1));
                }
                self.send(answer + 0.02 * second, PROXY, host, &dialog.response(status, "INVITE"));
                self.send(answer + 0.05 * second, host, PROXY, &dialog.request("ACK", 1));
            }
        }
        let is_fraud = kind.is_fraud && call.party == CallParty::Sender;
        let actor = match call.party {
            CallParty::Sender => kind.name,
            CallParty::Bystander => "bystanders",
            CallParty::Background => "background",
        };
        let label = if is_fraud { "fraud" } else { "legit" };
        let _ = writeln!(
            self.truth,
            "{{\"call_id\":\"{}\",\"label\":\"{label}\",\"actor\":\"{actor}\"}}",
            dialog.call_id
        );
    }

    /// Shows the registration of a caller, unless the last one still holds.
    fn registers(&mut self, call: &Call, number: &str, host: SocketAddrV4) {
        let key = (call.caller.number, call.caller.address);
        let is_first = !self.registered.contains_key(&key);
        if self.registered.get(&key).is_some_and(|until| *until > call.at) {
            return;
        }
        // An account of the site was registered long before its first call.
        let before = match (is_first, call.access) {
            (true, CallerAccess::Registered) => 0.75,
            _ => 0.05,
        };
        self.registered.insert(key, call.at - before + EXPIRES);
        let device = call.caller.device;
        let layout = Layout::of(&Device { family: device.family ^ 1, ..device });
        let id = self.rng.bits();
        let ip = host.ip();
        let message = format!(
            "Via: SIP/2.0/UDP {ip}:5060;branch=z9hG4bK{id:x}\r\nMax-Forwards: 70\r\nFrom: <sip:{number}@voice.example.net>;tag={id:x}\r\n\
             To: <sip:{number}@voice.example.net>{{tag}}\r\nCall-ID: {id:x}@{ip}\r\nCSeq: 1 REGISTER\r\nContact: <sip:{number}@{ip}>;expires=43200\r\n"
        );
        let request = message.replace("{tag}", "");
        let agent = &layout.agent;
        let request =
            format!("REGISTER sip:voice.example.net SIP/2.0\r\n{request}{agent}Content-Length: 0\r\n\r\n");
        let response = message.replace("{tag}", ";tag=r");
        let response = format!("SIP/2.0 200 OK\r\n{response}Content-Length: 0\r\n\r\n");
        self.send(call.at - before, host, PROXY, &request);
        self.send(call.at - before + 0.0001, PROXY, host, &response);
    }
}

/// What the code of a stack decides, drawn from the key of its family.
struct Layout {
    order: [usize; 6],
    via: &'static str,
    id: u64,
    tag: u64,
    allow: &'static str,
    origin: &'static str,
    /// Lines that a User-Agent and a configuration add.
    agent: String,
    extra: &'static str,
}

const ALLOW: [&str; 6] = [
    "INVITE, ACK, CANCEL, BYE, OPTIONS",
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY",
    "INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, SUBSCRIBE, NOTIFY, REFER",
    "ACK, BYE, CANCEL, INFO, INVITE, NOTIFY, OPTIONS, REFER, REGISTER",
    "INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE",
    "INVITE, ACK, OPTIONS, CANCEL, BYE",
];

impl Layout {
    fn of(device: &Device) -> Self {
        let mut rng = Rng::new(device.family);
        let mut order = [0, 1, 2, 3, 4, 5];
        for place in (1..order.len()).rev() {
            order.swap(place, rng.below(place as u64 + 1) as usize);
        }
        let mut one = |n: u64| rng.below(n);
        let via = ["", ";rport"][one(2) as usize];
        let (id, tag) = (one(4), one(3));
        let allow = ALLOW.get(one(6) as usize).copied().unwrap_or_default();
        let origin = ["-", "box", "user1"][one(3) as usize];
        let agent = match device.product {
            0 => String::new(),
            product => {
                format!("User-Agent: {}/{}.{}\r\n", word(product), device.agent % 7, device.agent % 11)
            }
        };
        let extra = [
            "",
            "Supported: replaces\r\n",
            "Supported: timer\r\nSession-Expires: 1800\r\n",
            "Accept: application/sdp\r\n",
            "Organization: x\r\n",
        ][(device.print % 5) as usize];
        Self { order, via, id, tag, allow, origin, agent, extra }
    }
}

/// A name of a product.
fn word(key: u64) -> String {
    let mut rng = Rng::new(key);
    (0..7).map(|_| char::from(b"abcdefghijklmnoprstuvz"[rng.below(22) as usize])).collect()
}

/// One call's identifiers.
struct Dialog<'a> {
    layout: &'a Layout,
    call_id: String,
    tag: String,
    branch: u64,
    parties: (&'a str, &'a str),
    host: SocketAddrV4,
}

impl<'a> Dialog<'a> {
    fn new(
        layout: &'a Layout,
        place: usize,
        parties: (&'a str, &'a str),
        host: SocketAddrV4,
        rng: &mut Rng,
    ) -> Self {
        let bits = rng.bits();
        let call_id = match layout.id {
            0 => format!("{bits:016x}{place:08x}"),
            1 => format!("{bits:016x}{place:08x}@{}", host.ip()),
            2 => {
                let (a, b) = (bits >> 32 & 0xffff, bits >> 48);
                format!(
                    "{place:08x}-{a:04x}-4{:03x}-a{:03x}-{:012x}",
                    b & 0xfff,
                    a & 0xfff,
                    bits & 0xffff_ffff_ffff
                )
            }
            _ => format!("{}-{place}", bits % 10_000_000),
        };
        let tag = match layout.tag {
            0 => format!("{:08x}", bits as u32),
            1 => format!("as{:08x}", bits as u32),
            _ => format!("{}", bits % 1_000_000_000),
        };
        Self { layout, call_id, tag, branch: bits, parties, host }
    }

    fn request(&self, method: &str, cseq: u32) -> String {
        let (ip, (caller, callee)) = (self.host.ip(), self.parties);
        let branch = match method {
            "INVITE" | "CANCEL" => self.branch,
            "ACK" => self.branch ^ 1,
            _ => self.branch ^ 2,
        };
        let to_tag = if method == "INVITE" || method == "CANCEL" { "" } else { ";tag=c" };
        let lines = [
            "Max-Forwards: 70\r\n".to_owned(),
            format!("From: <sip:{caller}@{ip}>;tag={}\r\n", self.tag),
            format!("To: <sip:{callee}@voice.example.net>{to_tag}\r\n"),
            format!("Call-ID: {}\r\n", self.call_id),
            format!("CSeq: {cseq} {method}\r\n"),
            format!("Contact: <sip:{caller}@{ip}:5060>\r\n"),
        ];
        let via = format!("Via: SIP/2.0/UDP {ip}:5060;branch=z9hG4bK{branch:016x}{}\r\n", self.layout.via);
        let mut text = format!("{method} sip:{callee}@voice.example.net SIP/2.0\r\n{via}");
        self.layout.order.iter().filter_map(|place| lines.get(*place)).for_each(|line| text += line);
        text += &self.layout.agent;
        if method != "INVITE" {
            return text + "Content-Length: 0\r\n\r\n";
        }
        let origin = self.layout.origin;
        let sdp = format!(
            "v=0\r\no={origin} {} 1 IN IP4 {ip}\r\ns={origin}\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP 0 8 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n",
            self.branch % 1_000_000,
            16_384 + self.branch % 8_000 * 2,
        );
        let (allow, extra) = (self.layout.allow, self.layout.extra);
        text += &format!("Allow: {allow}\r\n{extra}Content-Type: application/sdp\r\n");
        text + &format!("Content-Length: {}\r\n\r\n{sdp}", sdp.len())
    }

    fn response(&self, status: &str, method: &str) -> String {
        let (ip, (caller, callee)) = (self.host.ip(), self.parties);
        let tag = if status.starts_with("100") { "" } else { ";tag=c" };
        format!(
            "SIP/2.0 {status}\r\nVia: SIP/2.0/UDP {ip}:5060;branch=z9hG4bK{:016x}{}\r\nFrom: <sip:{caller}@{ip}>;tag={}\r\n\
             To: <sip:{callee}@voice.example.net>{tag}\r\nCall-ID: {}\r\nCSeq: 1 {method}\r\nContact: <sip:10.20.0.2>\r\nContent-Length: 0\r\n\r\n",
            self.branch, self.layout.via, self.tag, self.call_id,
        )
    }

    fn bye(&self, is_of_caller: bool) -> String {
        if is_of_caller {
            return self.request("BYE", 2);
        }
        let (ip, (caller, callee)) = (self.host.ip(), self.parties);
        format!(
            "BYE sip:{caller}@{ip}:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.20.0.2:5060;branch=z9hG4bKb{:016x}\r\nMax-Forwards: 69\r\n\
             From: <sip:{callee}@voice.example.net>;tag=c\r\nTo: <sip:{caller}@{ip}>;tag={}\r\nCall-ID: {}\r\nCSeq: 7 BYE\r\nContent-Length: 0\r\n\r\n",
            self.branch, self.tag, self.call_id,
        )
    }
}
