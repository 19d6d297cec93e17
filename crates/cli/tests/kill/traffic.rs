//! Endless calls on the loopback interface. Some are open at any time, so a sensor receives parts of them.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Calls that are open at a time.
const OPEN: usize = 8;

/// From a call's INVITE to the next one's.
const PACE: Duration = Duration::from_millis(4);

/// One in this number of calls goes to a feature code. Trunks may not dial feature codes, so the call gives an alert.
const SENSITIVE: usize = 16;

/// A trunk that calls through a switch, in a network of its own.
pub(crate) struct Traffic {
    network: u8,
    begun: AtomicUsize,
    stop: AtomicBool,
}

impl Traffic {
    pub(crate) fn new(network: u8) -> Self {
        Self { network, begun: AtomicUsize::new(0), stop: AtomicBool::new(false) }
    }

    pub(crate) fn filter(&self) -> String {
        format!("net 127.{}.0.0/16", self.network)
    }

    /// The `[site]` section of a configuration with trunk and switch.
    pub(crate) fn site(&self) -> String {
        let n = self.network;
        format!(
            "[site]\nproxies = [\"127.{n}.1.1\"]\n[[site.trunks]]\nname = \"pstn\"\nnetworks = [\"127.{n}.0.0/24\"]\n"
        )
    }

    /// Calls whose first packet was sent, or is being sent.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_sensitive(call: usize) -> bool {
        call.is_multiple_of(SENSITIVE)
    }

    /// Sends until the stop, and then ends all open calls.
    pub(crate) fn run(&self) {
        let at = |host| SocketAddrV4::new(Ipv4Addr::new(127, self.network, host, 1), 5060);
        let (trunk, switch) = (at(0), at(1));
        let (of_trunk, of_switch) = (UdpSocket::bind(trunk).unwrap(), UdpSocket::bind(switch).unwrap());
        let ask = |text: String| of_trunk.send_to(text.as_bytes(), switch).map(drop).unwrap();
        let answer = |text: String| of_switch.send_to(text.as_bytes(), trunk).map(drop).unwrap();
        let end = |call: usize| {
            ask(message("BYE sip:s@switch.example SIP/2.0", trunk, call, "2 BYE"));
            answer(message("SIP/2.0 200 OK", trunk, call, "2 BYE"));
        };
        let mut next = 0;
        while !self.stop.load(Ordering::SeqCst) {
            self.begun.store(next + 1, Ordering::SeqCst);
            ask(message(&format!("INVITE {} SIP/2.0", dialled(next)), trunk, next, "1 INVITE"));
            answer(message("SIP/2.0 180 Ringing", trunk, next, "1 INVITE"));
            answer(message("SIP/2.0 200 OK", trunk, next, "1 INVITE"));
            ask(message("ACK sip:s@switch.example SIP/2.0", trunk, next, "1 ACK"));
            if let Some(oldest) = next.checked_sub(OPEN) {
                end(oldest);
            }
            next += 1;
            std::thread::sleep(PACE);
        }
        (next.saturating_sub(OPEN)..next).for_each(end);
    }
}

/// A call's Call-ID.
pub(crate) fn call_id(call: usize) -> String {
    format!("c{call}@trunk.example")
}

/// The call of a Call-ID.
pub(crate) fn call_of(call_id: &str) -> usize {
    call_id.strip_prefix('c').and_then(|id| id.strip_suffix("@trunk.example")?.parse().ok()).unwrap()
}

fn dialled(call: usize) -> String {
    let user = if Traffic::is_sensitive(call) { "%2A72300" } else { "300" };
    format!("sip:{user}@switch.example")
}

fn message(first: &str, trunk: SocketAddrV4, call: usize, cseq: &str) -> String {
    let to_tag = if first.starts_with("INVITE") { "" } else { ";tag=t" };
    format!(
        "{first}\r\nVia: SIP/2.0/UDP {trunk};branch=z9hG4bK{call}{}\r\nMax-Forwards: 70\r\n\
         From: <sip:u{call}@trunk.example>;tag=f{call}\r\nTo: <{}>{to_tag}\r\nCall-ID: {}\r\nCSeq: {cseq}\r\n\
         Contact: <sip:c@{trunk}>\r\nUser-Agent: Trunk/1\r\nContent-Length: 0\r\n\r\n",
        cseq.replace(' ', ""),
        dialled(call),
        call_id(call)
    )
}
