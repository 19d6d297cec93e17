//! The second door: a SIP redirect server (RFC 3261, 8.3) for switches that cannot ask over HTTP.
//!
//! A switch sends its INVITE here and acts on the final response: route advance (503 or 404) lets the call pass, 302 diverts it, and
//! 603, 607 or 608 (RFC 8688) refuses it. The door answers whoever is on its list of peers and is never in the path of a call. It
//! keeps no state: a retransmission gets the same answer (RFC 3261, 8.2.7).

mod stream;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bellwether_answers::{ScoreAnswer, ScoreRequest};
use bellwether_sip::{Message, Method, Name, StartLine, Via};
use ipnet::IpNet;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::Semaphore;

use crate::auth;
use crate::state::State;

/// Longest datagram.
const MAX_DATAGRAM: usize = 65_535;

/// Questions under way at once. Further INVITEs get no answer: the switch's timer sends them again.
const MAX_UNDER_WAY: usize = 256;

/// Time that the door waits for the packets of the call, which the mirror shows at the same moment.
const WAITS_MS: u64 = 50;

/// What the door does with a call that nobody objects to.
const DEFAULT_PASS: u16 = 503;

/// Rules of the door.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RedirectRules {
    /// Networks whose requests are answered. Others are dropped without an answer.
    pub peers: Vec<IpNet>,
    /// Status for a call that may pass: 503 or 404.
    pub pass: u16,
    /// Status for a call to quarantine: 603, 607 or 608; 302 to divert it.
    pub quarantine: u16,
    /// The Contact of a 302; none if nothing is diverted.
    pub divert_to: Option<String>,
    /// The Call-Info of a 608, with the address at which callers can object (RFC 8688, 3.2).
    pub redress: Option<String>,
}

impl Default for RedirectRules {
    fn default() -> Self {
        let loopback = ["127.0.0.0/8", "::1/128"].into_iter().filter_map(|net| net.parse().ok());
        Self {
            peers: loopback.collect(),
            pass: DEFAULT_PASS,
            quarantine: 608,
            divert_to: None,
            redress: None,
        }
    }
}

impl RedirectRules {
    /// Checks the statuses.
    ///
    /// # Errors
    /// The setting at fault.
    pub fn check(&self) -> Result<(), String> {
        if ![404, 503].contains(&self.pass) {
            return Err("pass is not 503 or 404".to_owned());
        }
        if ![302, 603, 607, 608].contains(&self.quarantine) {
            return Err("quarantine is not 302, 603, 607 or 608".to_owned());
        }
        if self.quarantine == 302 && self.divert_to.is_none() {
            return Err("quarantine is 302, and divert_to names no address".to_owned());
        }
        let is_plain = |text: &String| !text.contains(|c: char| c.is_control() || "<>".contains(c));
        if !self.divert_to.iter().chain(&self.redress).all(is_plain) {
            return Err("divert_to and redress are addresses without brackets".to_owned());
        }
        Ok(())
    }

    /// Status, reason phrase and further header lines of the answer to an INVITE.
    fn outcome(&self, answer: &ScoreAnswer) -> (u16, &'static str, String) {
        let score = answer.score.map_or_else(|| "none".to_owned(), |score| score.to_string());
        let reason = format!(
            "Reason: SIP;cause=CAUSE;text=\"{} by {} knowledge, score {score}\"\r\n",
            answer.disposition,
            answer.basis.name()
        );
        let status = if answer.disposition == "quarantine" { self.quarantine } else { self.pass };
        let (phrase, more) = match status {
            302 => {
                let contact = self.divert_to.as_deref().unwrap_or_default();
                ("Moved Temporarily", format!("Contact: <{contact}>\r\n"))
            }
            404 => ("Not Found", String::new()),
            603 => ("Decline", String::new()),
            607 => ("Unwanted", String::new()),
            608 => {
                let card =
                    self.redress.as_ref().map(|card| format!("Call-Info: <{card}>;purpose=jwscard\r\n"));
                ("Rejected", card.unwrap_or_default())
            }
            _ => ("Service Unavailable", String::new()),
        };
        (status, phrase, format!("{}{more}", reason.replace("CAUSE", &status.to_string())))
    }
}

/// The sockets of the door, open.
pub struct RedirectDoor {
    datagrams: std::net::UdpSocket,
    connections: std::net::TcpListener,
    rules: RedirectRules,
}

impl RedirectDoor {
    /// Opens the door on an address, for UDP and TCP.
    ///
    /// # Errors
    /// If one of the sockets cannot be opened.
    pub fn open(address: SocketAddr, rules: RedirectRules) -> std::io::Result<Self> {
        let datagrams = std::net::UdpSocket::bind(address)?;
        datagrams.set_nonblocking(true)?;
        // The same port, also where the system chose it.
        let connections = std::net::TcpListener::bind(datagrams.local_addr()?)?;
        connections.set_nonblocking(true)?;
        Ok(Self { datagrams, connections, rules })
    }

    /// Answers until the task is dropped.
    pub(crate) async fn run(self, state: Arc<State>) {
        let Self { datagrams, connections, rules } = self;
        let rules = Arc::new(rules);
        let (Ok(datagrams), Ok(connections)) =
            (UdpSocket::from_std(datagrams), TcpListener::from_std(connections))
        else {
            return;
        };
        let streams = stream::run(connections, Arc::clone(&rules), Arc::clone(&state));
        tokio::join!(streams, answer_datagrams(datagrams, rules, state));
    }
}

/// Answers datagrams until the task is dropped.
async fn answer_datagrams(socket: UdpSocket, rules: Arc<RedirectRules>, state: Arc<State>) {
    let socket = Arc::new(socket);
    let room = Arc::new(Semaphore::new(MAX_UNDER_WAY));
    let mut datagram = vec![0; MAX_DATAGRAM];
    loop {
        // An error of an earlier answer to a closed port is no fault of the socket.
        let Ok((len, from)) = socket.recv_from(&mut datagram).await else { continue };
        if !is_peer(&rules, from.ip()) {
            continue;
        }
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else { continue };
        let request = datagram.get(..len).unwrap_or_default().to_vec();
        let (socket, rules, state) = (Arc::clone(&socket), Arc::clone(&rules), Arc::clone(&state));
        tokio::spawn(async move {
            if let Some(response) = respond(&request, from, &rules, &state).await {
                let _ = socket.send_to(&response, from).await;
            }
            drop(place);
        });
    }
}

fn is_peer(rules: &RedirectRules, address: IpAddr) -> bool {
    rules.peers.iter().any(|net| net.contains(&address.to_canonical()))
}

/// The response to a request; none for what gets no response.
async fn respond(octets: &[u8], from: SocketAddr, rules: &RedirectRules, state: &State) -> Option<Vec<u8>> {
    let message = Message::parse(octets);
    let StartLine::Request { method, .. } = message.start() else { return None };
    match method {
        Method::Ack => None,
        Method::Invite => {
            let answer = ask(&message, octets, rules, state).await;
            let (status, phrase, lines) = rules.outcome(&answer);
            response(&message, from, (status, phrase), &lines)
        }
        Method::Options => response(&message, from, (200, "OK"), "Allow: INVITE, ACK, OPTIONS\r\n"),
        _ => response(&message, from, (405, "Method Not Allowed"), "Allow: INVITE, ACK, OPTIONS\r\n"),
    }
}

async fn ask(message: &Message<'_>, octets: &[u8], rules: &RedirectRules, state: &State) -> ScoreAnswer {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let request = ScoreRequest {
        call_id: message.call_id().map(text),
        from_tag: message.from().and_then(|from| from.tag()).map(text),
        invite: Some(octets.to_vec()),
        source_ip: origin(message, rules),
        wait_ms: WAITS_MS,
        ..ScoreRequest::default()
    };
    // A switch that gets no answer routes the call, and so does one that gets the neutral answer.
    crate::api::score::answer(state, request).await.unwrap_or_else(|_| ScoreAnswer::neutral())
}

/// The address from which the peers received the INVITE. Each hop writes into the Via below its own where the request came from
/// (RFC 3261, 18.2.1), so the first Via below those of the peers was written by one of them. What stands further below is the
/// caller's own text.
fn origin(message: &Message<'_>, rules: &RedirectRules) -> Option<IpAddr> {
    let addresses = message.vias().skip(1).map(|via| address_of(&via?));
    addresses.into_iter().find(|address| address.is_none_or(|address| !is_peer(rules, address)))?
}

/// `received` of a Via, else its host if that is an address.
fn address_of(via: &Via<'_>) -> Option<IpAddr> {
    let received = via.params.get("received").and_then(|param| param.value);
    let text = std::str::from_utf8(received.unwrap_or(via.host)).ok()?;
    text.trim_matches(['[', ']']).parse().ok()
}

/// A response with the headers that a request lends it (RFC 3261, 8.2.6.2). None for a request that lacks one of them.
fn response(
    message: &Message<'_>,
    from: SocketAddr,
    (status, phrase): (u16, &str),
    lines: &str,
) -> Option<Vec<u8>> {
    let (call_id, to) = (message.get(Name::CallId)?, message.get(Name::To)?);
    let (caller, cseq) = (message.get(Name::From)?, message.get(Name::CSeq)?);
    let mut out = format!("SIP/2.0 {status} {phrase}\r\n").into_bytes();
    let mut is_first = true;
    for via in message.all(Name::Via) {
        for value in bellwether_sip::comma_values(via.value) {
            out.extend_from_slice(b"Via: ");
            out.extend(value.iter().map(one_line));
            // The response goes back to where the request came from (RFC 3581, 4).
            if std::mem::take(&mut is_first) {
                out.extend_from_slice(format!(";received={}", from.ip().to_canonical()).as_bytes());
            }
            out.extend_from_slice(b"\r\n");
        }
    }
    if is_first {
        return None;
    }
    let mut line = |name: &str, value: &[u8], more: &str| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend(value.iter().map(one_line));
        out.extend_from_slice(more.as_bytes());
        out.extend_from_slice(b"\r\n");
    };
    // The same request gets the same tag.
    let tag = auth::sha256(&[call_id, b" ", caller].concat());
    let has_tag = bellwether_sip::tag_of(to).is_some();
    let tag = if has_tag { String::new() } else { format!(";tag=bw{}", tag.get(..16).unwrap_or_default()) };
    line("From", caller, "");
    line("To", to, &tag);
    line("Call-ID", call_id, "");
    line("CSeq", cseq, "");
    out.extend_from_slice(lines.as_bytes());
    out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    Some(out)
}

/// An octet of a value that may have continuation lines: a response has none.
const fn one_line(octet: &u8) -> u8 {
    if matches!(*octet, b'\r' | b'\n' | 0) { b' ' } else { *octet }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(disposition: &str) -> ScoreAnswer {
        ScoreAnswer { disposition: disposition.to_owned(), ..ScoreAnswer::neutral() }
    }

    const INVITE: &str = "INVITE sip:b@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\r\n\
        Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bK0;received=203.0.113.9\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\n\
        Call-ID: c\r\nCSeq: 7 INVITE\r\n\r\n";

    #[test]
    fn a_call_passes_unless_it_is_to_quarantine() {
        let rules =
            RedirectRules { redress: Some("https://x.example/card".into()), ..RedirectRules::default() };
        let status = |disposition| rules.outcome(&answer(disposition)).0;
        assert_eq!(["standard", "monitor", "not_judged", "quarantine"].map(status), [503, 503, 503, 608]);
        let (_, phrase, lines) = rules.outcome(&answer("quarantine"));
        assert_eq!(phrase, "Rejected");
        assert!(lines.contains("purpose=jwscard") && lines.contains("cause=608"), "{lines}");
        let divert = RedirectRules {
            quarantine: 302,
            divert_to: Some("sip:trap@x".into()),
            ..RedirectRules::default()
        };
        assert!(divert.outcome(&answer("quarantine")).2.contains("Contact: <sip:trap@x>"));
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        let rules = RedirectRules::default;
        assert!(rules().check().is_ok());
        for wrong in [
            RedirectRules { pass: 200, ..rules() },
            RedirectRules { quarantine: 486, ..rules() },
            RedirectRules { quarantine: 302, ..rules() },
            RedirectRules { redress: Some("x>\r\nEvil: y".into()), ..rules() },
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_response_goes_back_the_way_of_the_request_and_is_the_same_each_time() {
        let message = Message::parse(INVITE.as_bytes());
        let from = SocketAddr::from(([10, 0, 0, 2], 5060));
        let made = || response(&message, from, (503, "Service Unavailable"), "").unwrap();
        let text = String::from_utf8(made()).unwrap();
        assert_eq!(text.as_bytes(), made());
        assert!(text.starts_with("SIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1;received=10.0.0.2\r\n"));
        assert!(text.contains("To: <sip:b@x>;tag=bw") && text.contains("CSeq: 7 INVITE\r\n"), "{text}");
    }

    #[test]
    fn the_callers_own_via_is_no_origin() {
        let peers = RedirectRules { peers: vec!["10.0.0.0/24".parse().unwrap()], ..RedirectRules::default() };
        let of = |text: &str| origin(&Message::parse(text.as_bytes()), &peers);
        let real = Some(IpAddr::from([203, 0, 113, 9]));
        assert_eq!(of(INVITE), real);
        // A proxy of the peers in between, and a Via that the caller invented below its own.
        let proxied = INVITE.replace(
            "Via: SIP/2.0/UDP 198",
            "Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKx\r\nVia: SIP/2.0/UDP 198",
        );
        assert_eq!(of(&proxied), real);
        for invented in ["192.0.2.77", "10.0.0.3", "foo.invalid"] {
            let forged =
                proxied.replace("From:", &format!("Via: SIP/2.0/UDP {invented};branch=z9hG4bKy\r\nFrom:"));
            assert_eq!(of(&forged), real, "{invented}");
        }
        assert_eq!(
            of(&INVITE
                .replace("198.51.100.9;branch=z9hG4bK0;received=203.0.113.9", "foo.invalid;branch=z9hG4bK0")),
            None
        );
    }

    #[test]
    fn a_value_adds_no_header_to_the_response() {
        let hostile = INVITE.replace("Call-ID: c", "Call-ID: c\r\n Evil: x");
        let message = Message::parse(hostile.as_bytes());
        let out = response(&message, SocketAddr::from(([10, 0, 0, 2], 5060)), (503, "x"), "").unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.lines().any(|line| line.trim_start().starts_with("Evil")), "{text}");
    }
}
