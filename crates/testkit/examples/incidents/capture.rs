//! The calls and registrations of a world as frames, with the truth about each call.

use std::fmt::Write as _;
use std::net::SocketAddrV4;

use bellwether_base::{Span, Timestamp};
use bellwether_testkit::{Frame, Rng, udp_frame};

use crate::relay::{forwarded, passed};
use crate::sip::{DOMAIN, Dialog, PROXY};
use crate::world::{Call, End, Host, Identity, World};

/// A Monday, at midnight. A seed may begin on another day.
const MONDAY: i64 = 1_794_787_200;

/// A captured world.
pub(crate) struct Captured {
    pub(crate) frames: Vec<Frame>,
    /// A JSON object for each call.
    pub(crate) truth: String,
}

/// Writes all messages of a world.
pub(crate) fn capture(mut world: World, seed: u64) -> Captured {
    world.calls.sort_by(|a, b| a.at.total_cmp(&b.at));
    keep_apart(&mut world.calls);
    let mut writer = Writer {
        rng: Rng::new(seed ^ 0x0051_7ca1),
        start: MONDAY + (seed % 7) as i64 * 86_400,
        frames: Vec::new(),
        truth: String::new(),
        is_challenging: world.is_challenging,
    };
    for (number, call) in world.calls.iter().enumerate() {
        writer.call(number, call);
    }
    for (number, registration) in world.registrations.iter().enumerate() {
        writer.registration(number, registration);
    }
    for (number, refusal) in world.refusals.iter().enumerate() {
        writer.refusal(number, refusal);
    }
    writer.frames.sort_by_key(|frame| frame.at);
    Captured { frames: writer.frames, truth: writer.truth }
}

/// Gives each call a beginning of its own, so that calls in order of time are those of the truth.
fn keep_apart(calls: &mut [Call]) {
    let mut last = -1.0;
    for call in calls {
        call.at = call.at.max(last + 0.002);
        last = call.at;
    }
}

/// A capture in the making.
pub(crate) struct Writer {
    pub(crate) rng: Rng,
    start: i64,
    frames: Vec<Frame>,
    truth: String,
    is_challenging: bool,
}

impl Writer {
    /// Adds a message.
    pub(crate) fn send(&mut self, at: f64, from: SocketAddrV4, to: SocketAddrV4, text: &str) {
        let at = Timestamp::from_nanos(self.start * 1_000_000_000) + Span::from_nanos((at * 1e9) as i64);
        self.frames.push(udp_frame(at, from, to, 0, text.as_bytes()));
    }

    /// A message of the caller, and its forwarded copy.
    fn up(&mut self, at: f64, call: &Call, text: &str) {
        self.send(at, call.caller.host.at, call.toward, text);
        if let Some(next) = call.relay {
            self.send(at + 0.002, PROXY, next.at, &forwarded(text));
        }
    }

    /// A message of the called party, and its forwarded copy.
    fn down(&mut self, at: f64, call: &Call, text: &str) {
        let from = match call.relay {
            Some(next) => {
                self.send(at - 0.002, next.at, PROXY, &passed(text));
                PROXY
            }
            None => call.toward,
        };
        self.send(at, from, call.caller.host.at, text);
    }

    fn call(&mut self, number: usize, call: &Call) {
        let Host { at: host, stack } = call.caller.host;
        let layout = stack.layout();
        let is_ours = !matches!(call.caller.identity, Identity::Outside);
        let is_asserted = !is_ours && layout.cseq % 2 == 0;
        let dialog = Dialog {
            at: host,
            from: (call.caller.user.clone(), if is_ours { DOMAIN.to_owned() } else { host.ip().to_string() }),
            to: call.to.clone(),
            domain: if call.toward == PROXY { DOMAIN.to_owned() } else { call.toward.ip().to_string() },
            call_id: layout.new_call_id(host, number, &mut self.rng),
            from_tag: layout.new_tag(&mut self.rng),
            to_tag: self.rng.hex(10),
            branch: self.rng.bits(),
            media_port: 10_000 + 2 * self.rng.below(20_000),
            more: match is_asserted {
                true => format!("P-Asserted-Identity: <sip:{}@{}>\r\n", call.caller.user, host.ip()),
                false => String::new(),
            },
            layout: &layout,
        };
        self.play(call, &dialog);
        let label = if call.campaign.is_some() { "fraud" } else { "legit" };
        let (campaign, group) = (call.campaign, call.group);
        let line = serde_json::json!({
            "call_id": dialog.call_id, "label": label, "campaign": campaign, "group": group,
        });
        let _ = writeln!(self.truth, "{line}");
    }

    fn play(&mut self, call: &Call, dialog: &Dialog) {
        let trip = 0.004 + 0.06 * self.rng.uniform();
        let (mut at, mut cseq) = (call.at, dialog.layout.cseq);
        let host = call.caller.host.at;
        let mut credentials = String::new();
        if let (true, Identity::Account(account)) = (self.is_challenging, &call.caller.identity) {
            self.send(at, host, call.toward, &dialog.invite(cseq, ""));
            let nonce = self.rng.hex(24);
            let challenge = format!("Proxy-Authenticate: Digest realm=\"{DOMAIN}\", nonce=\"{nonce}\"\r\n");
            let refused = dialog.response(
                "407 Proxy Authentication Required",
                "INVITE",
                cseq,
                &(challenge + "Content-Length: 0\r\n\r\n"),
            );
            self.send(at + 0.001, call.toward, host, &refused);
            self.send(at + trip, host, call.toward, &dialog.request("ACK", cseq, false));
            at += trip + 0.003;
            cseq += 1;
            credentials = dialog.credentials("Proxy-Authorization", account, &nonce, &mut self.rng);
        }
        let answer = self.answer(call, dialog);
        self.up(at, call, &dialog.invite(cseq, &credentials));
        let done = "Content-Length: 0\r\n\r\n";
        self.send(at + 0.001, call.toward, host, &dialog.response("100 Trying", "INVITE", cseq, done));
        let ring = match call.end {
            End::Talk { ring, .. }
            | End::Cancel { ring }
            | End::Elsewhere { ring, .. }
            | End::Refused { ring, .. } => ring,
        };
        let post_dial = 0.05 + (0.1 + 0.8 * self.rng.uniform()).min(0.6 * ring);
        if ring > 0.0 {
            self.down(at + post_dial, call, &dialog.response("180 Ringing", "INVITE", cseq, &answer));
        }
        let at = at + ring.max(post_dial + 0.05);
        match call.end {
            End::Talk { talk, is_by_caller, .. } => {
                let description = self.description(call);
                let (head, length) = (answer.replace("Content-Length: 0\r\n\r\n", ""), description.len());
                let answer = format!(
                    "{head}Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{description}"
                );
                self.down(at, call, &dialog.response("200 OK", "INVITE", cseq, &answer));
                self.up(at + trip, call, &dialog.request("ACK", cseq, true));
                let at = at + talk.max(trip + 0.05);
                if is_by_caller {
                    self.up(at, call, &dialog.request("BYE", cseq + 1, true));
                    self.down(at + 0.02, call, &dialog.response("200 OK", "BYE", cseq + 1, done));
                } else {
                    self.down(at, call, &dialog.bye_of_callee());
                    self.up(at + trip, call, &dialog.answer_to_bye());
                }
            }
            End::Cancel { .. } | End::Elsewhere { .. } => {
                let reason = match call.end {
                    End::Elsewhere { has_reason: true, .. } => {
                        "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n"
                    }
                    _ => "",
                };
                self.up(at, call, &dialog.cancel(cseq, reason));
                self.send(at + 0.003, call.toward, host, &dialog.response("200 OK", "CANCEL", cseq, done));
                let gone = dialog.response("487 Request Terminated", "INVITE", cseq, done);
                self.down(at + 0.02, call, &gone);
                self.up(at + 0.02 + trip, call, &dialog.request("ACK", cseq, false));
            }
            End::Refused { status, .. } => {
                let header = match status {
                    401 => format!(
                        "WWW-Authenticate: Digest realm=\"{DOMAIN}\", nonce=\"{}\"\r\n",
                        self.rng.hex(24)
                    ),
                    407 => format!(
                        "Proxy-Authenticate: Digest realm=\"{DOMAIN}\", nonce=\"{}\"\r\n",
                        self.rng.hex(24)
                    ),
                    _ => String::new(),
                };
                let refused = dialog.response(status_line(status), "INVITE", cseq, &(header + done));
                self.down(at, call, &refused);
                self.up(at + trip, call, &dialog.request("ACK", cseq, false));
            }
        }
    }

    /// The headers that an answer has beside the repeated ones.
    fn answer(&mut self, call: &Call, dialog: &Dialog) -> String {
        let (ip, agent) = match call.relay {
            Some(next) => (*next.at.ip(), next.stack.layout().agent),
            None => (*call.toward.ip(), "Switchboard 4.2".to_owned()),
        };
        format!("Contact: <sip:{}@{ip}>\r\nServer: {agent}\r\nContent-Length: 0\r\n\r\n", dialog.to)
    }

    fn description(&mut self, call: &Call) -> String {
        let (ip, id) =
            (call.relay.map_or(*call.toward.ip(), |next| *next.at.ip()), self.rng.below(1_000_000_000));
        let port = 20_000 + 2 * self.rng.below(20_000);
        format!(
            "v=0\r\no=- {id} 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n\
             a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        )
    }
}

pub(crate) fn status_line(status: u16) -> &'static str {
    match status {
        401 => "401 Unauthorized",
        403 => "403 Forbidden",
        404 => "404 Not Found",
        407 => "407 Proxy Authentication Required",
        408 => "408 Request Timeout",
        410 => "410 Gone",
        480 => "480 Temporarily Unavailable",
        484 => "484 Address Incomplete",
        486 => "486 Busy Here",
        488 => "488 Not Acceptable Here",
        503 => "503 Service Unavailable",
        604 => "604 Does Not Exist Anywhere",
        _ => "603 Decline",
    }
}
