//! Live HEP listener: receives messages of capture agents by UDP or TCP.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bellwether_capture::{Frames, Record};
use bellwether_wire::{LinkType, hep3_len};

use crate::clock::now;
use crate::seats::{Admission, Place, Seats};
use crate::sources::FrameSender;

/// Longest wait of a thread before it checks the stop flag, and time and number of messages per batch.
const WAIT: Duration = Duration::from_millis(50);
const GATHER: Duration = Duration::from_millis(20);
const AT_ONCE: usize = 256;

/// Address at which agents are received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HepAddress {
    /// Any version by UDP.
    Udp(SocketAddr),
    /// Version 3 by TCP.
    Tcp(SocketAddr),
}

impl fmt::Display for HepAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "hep:udp:{address}"),
            Self::Tcp(address) => write!(f, "hep:tcp:{address}"),
        }
    }
}

/// A bound listener.
pub(crate) struct Listener {
    socket: Socket,
    address: SocketAddr,
}

enum Socket {
    Udp(UdpSocket),
    Tcp(TcpListener),
}

/// Losses of a listener so far.
#[derive(Default)]
pub(crate) struct ListenerLosses {
    /// Datagrams dropped because the socket buffer was full.
    pub(crate) socket_full: AtomicU64,
    /// Connections that carried data other than HEP.
    pub(crate) desync: AtomicU64,
    /// Connections refused beyond the limit.
    pub(crate) refused: AtomicU64,
    /// Connections evicted by others.
    pub(crate) evicted: AtomicU64,
}

impl Listener {
    pub(crate) fn bind(at: HepAddress) -> io::Result<Self> {
        Ok(match at {
            HepAddress::Udp(address) => {
                let socket = UdpSocket::bind(address)?;
                socket.set_read_timeout(Some(WAIT))?;
                Self { socket: Socket::Udp(socket), address }
            }
            HepAddress::Tcp(address) => {
                let socket = TcpListener::bind(address)?;
                socket.set_nonblocking(true)?;
                Self { socket: Socket::Tcp(socket), address }
            }
        })
    }

    /// Serves until `stop` is set, or until the receiver of frames ends.
    pub(crate) fn run(&self, stop: &AtomicBool, losses: &ListenerLosses, to: &FrameSender) {
        match &self.socket {
            Socket::Udp(socket) => self.datagrams(socket, stop, losses, to),
            Socket::Tcp(socket) => self.connections(socket, stop, losses, to),
        }
    }

    fn datagrams(&self, socket: &UdpSocket, stop: &AtomicBool, losses: &ListenerLosses, to: &FrameSender) {
        let mut buffer = vec![0; 65_536];
        let mut gathered = Gathered::default();
        while !stop.load(Ordering::Relaxed) {
            if let Ok((len, from)) = socket.recv_from(&mut buffer) {
                gathered.push(from, self.address, buffer.get(..len).unwrap_or_default());
            }
            if gathered.is_due() {
                losses.socket_full.store(dropped(self.address), Ordering::Relaxed);
                if !to.send(gathered.take()) {
                    return;
                }
            }
        }
        to.send(gathered.take());
    }

    fn connections(
        &self,
        socket: &TcpListener,
        stop: &AtomicBool,
        losses: &ListenerLosses,
        to: &FrameSender,
    ) {
        let seats = Mutex::new(Seats::new());
        std::thread::scope(|scope| {
            while !stop.load(Ordering::Relaxed) {
                let Ok((stream, from)) = socket.accept() else {
                    std::thread::sleep(WAIT);
                    continue;
                };
                let Ok(handle) = stream.try_clone() else {
                    losses.refused.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                let admission = locked(&seats).admit(Place::of(from.ip()), handle);
                let number = match admission {
                    Admission::Seated(number) => number,
                    Admission::InPlaceOf(number, other) => {
                        losses.evicted.fetch_add(1, Ordering::Relaxed);
                        // Its thread then reads the end of the connection and ends.
                        let _ = other.shutdown(Shutdown::Both);
                        number
                    }
                    Admission::Refused => {
                        losses.refused.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                };
                let seats = &seats;
                let serve = move || {
                    let is_hep = self.connection(stream, from, stop, to, &|| locked(seats).heard(number));
                    let had_its_seat = locked(seats).leave(number);
                    if !is_hep && had_its_seat {
                        losses.desync.fetch_add(1, Ordering::Relaxed);
                    }
                };
                // The system may refuse more threads; the other connections are still served.
                let started = std::thread::Builder::new().name("hep-agent".into()).spawn_scoped(scope, serve);
                if started.is_err() {
                    locked(seats).leave(number);
                    losses.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }

    /// Reads one connection to its end. Returns true if it carried only complete HEP messages.
    fn connection(
        &self,
        mut stream: TcpStream,
        from: SocketAddr,
        stop: &AtomicBool,
        to: &FrameSender,
        heard: &dyn Fn(),
    ) -> bool {
        if stream.set_nonblocking(false).and_then(|()| stream.set_read_timeout(Some(WAIT))).is_err() {
            return true;
        }
        let mut unread = Vec::new();
        let mut buffer = vec![0; 65_536];
        let mut gathered = Gathered::default();
        loop {
            let is_over = match stream.read(&mut buffer) {
                Ok(0) => true,
                Ok(len) => {
                    unread.extend_from_slice(buffer.get(..len).unwrap_or_default());
                    false
                }
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                    ) =>
                {
                    stop.load(Ordering::Relaxed)
                }
                Err(_) => true,
            };
            let mut done = 0;
            let is_hep = loop {
                let rest = unread.get(done..).unwrap_or_default();
                match hep3_len(rest) {
                    Ok(Some(len)) if rest.len() >= len => {
                        gathered.push(from, self.address, rest.get(..len).unwrap_or_default());
                        done += len;
                    }
                    Ok(_) => break true,
                    Err(_) => break false,
                }
            };
            unread.drain(..done);
            if done > 0 {
                heard();
            }
            let is_over = is_over || !is_hep;
            if (is_over || gathered.is_due()) && !to.send(gathered.take()) {
                return true;
            }
            if is_over {
                return is_hep && unread.is_empty();
            }
        }
    }
}

/// A panic of another thread leaves the state consistent, because each lock protects a single call.
fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Messages for the feed, each wrapped in the datagram of its transport.
#[derive(Default)]
struct Gathered {
    frames: Frames,
    since: Option<Instant>,
    packet: Vec<u8>,
}

impl Gathered {
    fn push(&mut self, from: SocketAddr, to: SocketAddr, message: &[u8]) {
        self.since.get_or_insert_with(Instant::now);
        datagram(&mut self.packet, from, to, message);
        let original_len = self.packet.len() as u32;
        self.frames.push(&Record { at: now(), link: LinkType::RawIp, original_len, frame: &self.packet });
    }

    fn is_due(&self) -> bool {
        self.frames.len() >= AT_ONCE || self.since.is_some_and(|since| since.elapsed() >= GATHER)
    }

    fn take(&mut self) -> Frames {
        self.since = None;
        std::mem::take(&mut self.frames)
    }
}

/// Builds an IP packet with a UDP datagram, so that listener input takes the same path as mirror input.
/// Lengths that do not fit are set to 0, as in segmentation offload.
fn datagram(packet: &mut Vec<u8>, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
    packet.clear();
    let udp_len = u16::try_from(payload.len() + 8).unwrap_or(0);
    match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(src), to) => {
            let total = if udp_len == 0 { 0 } else { udp_len.checked_add(20).unwrap_or(0) };
            packet.extend([0x45, 0]);
            packet.extend(total.to_be_bytes());
            packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
            packet.extend(src.octets());
            packet.extend(if let IpAddr::V4(dst) = to { dst.octets() } else { [0; 4] });
        }
        (IpAddr::V6(src), to) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend(udp_len.to_be_bytes());
            packet.extend([17, 64]);
            packet.extend(src.octets());
            packet.extend(match to {
                IpAddr::V6(dst) => dst.octets(),
                IpAddr::V4(dst) => dst.to_ipv6_mapped().octets(),
            });
        }
    }
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(udp_len.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
}

/// Datagrams dropped by the kernel because the socket buffer was full: the last column of its socket table.
fn dropped(address: SocketAddr) -> u64 {
    let table = if address.is_ipv4() { "/proc/self/net/udp" } else { "/proc/self/net/udp6" };
    let port = format!(":{:04X}", address.port());
    let text = std::fs::read_to_string(table).unwrap_or_default();
    text.lines()
        .filter(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&port)))
        .filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok())
        .sum()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::queues::FrameBatch;
    use crate::sources::Source;
    use bellwether_wire::{Decoded, TunnelPorts, decode};

    /// A HEP 3 message with one padding chunk only.
    fn message(mark: u8) -> Vec<u8> {
        let mut message = b"HEP3\0\x0d".to_vec();
        message.extend([0, 0, 0, 1, 0, 7, mark]);
        message
    }

    /// Runs a listener thread on the loopback network, and the test against it.
    fn listening(test: impl FnOnce(SocketAddr, &ListenerLosses, &crossbeam_channel::Receiver<FrameBatch>)) {
        let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = Listener::bind(HepAddress::Tcp(address)).unwrap();
        let Socket::Tcp(socket) = &listener.socket else { panic!("it is TCP") };
        let bound = socket.local_addr().unwrap();
        let (stop, losses) = (AtomicBool::new(false), ListenerLosses::default());
        let (frames_to, frames) = crossbeam_channel::bounded(1024);
        std::thread::scope(|scope| {
            let (_source, handover) = Source::new(0, &frames_to);
            let (listener, stop, losses) = (&listener, &stop, &losses);
            let serving = scope.spawn(move || listener.run(stop, losses, &handover));
            // The thread must end even if the test fails.
            let outcome =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| test(bound, losses, &frames)));
            stop.store(true, Ordering::Relaxed);
            serving.join().unwrap();
            if let Err(found) = outcome {
                std::panic::resume_unwind(found);
            }
        });
    }

    /// Connects from one of the loopback addresses.
    fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
        use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
        let stream = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        bind(&stream, &SocketAddr::from((from, 0))).unwrap();
        connect(&stream, &to).unwrap();
        TcpStream::from(stream)
    }

    fn count(frames: &crossbeam_channel::Receiver<FrameBatch>) -> usize {
        frames.recv_timeout(Duration::from_secs(10)).unwrap().frames.len()
    }

    #[test]
    fn an_agent_keeps_its_connection_through_a_flood_of_idle_ones() {
        listening(|to, losses, frames| {
            let mut agent = connect([127, 0, 0, 2], to);
            agent.write_all(&message(1)).unwrap();
            assert_eq!(count(frames), 1);
            // Silent connections from one source, and from many sources.
            let mut idle: Vec<TcpStream> = (0..100).map(|_| connect([127, 0, 0, 3], to)).collect();
            idle.extend((0..400_u16).map(|n| connect([127, 1, (n >> 8) as u8, n as u8], to)));
            while losses.evicted.load(Ordering::Relaxed) + losses.refused.load(Ordering::Relaxed) < 100 {
                std::thread::sleep(WAIT);
            }
            agent.write_all(&message(2)).unwrap();
            assert_eq!(count(frames), 1);
            let mut late = connect([127, 0, 0, 4], to);
            late.write_all(&message(3)).unwrap();
            assert_eq!(count(frames), 1);
            assert_eq!(losses.desync.load(Ordering::Relaxed), 0);
        });
    }

    #[test]
    fn a_connection_that_holds_something_else_is_counted_and_closed() {
        listening(|to, losses, _| {
            let mut other = connect([127, 0, 0, 5], to);
            other.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            assert!(matches!(other.read(&mut [0; 8]), Ok(0) | Err(_)));
            while losses.desync.load(Ordering::Relaxed) < 1 {
                std::thread::sleep(WAIT);
            }
        });
    }

    #[test]
    fn a_message_travels_as_the_datagram_it_might_have_come_in() {
        for (from, to) in [("192.0.2.1:9", "192.0.2.2:9060"), ("[2001:db8::1]:9", "[::]:9060")] {
            for len in [0, 100, 65_507, 65_535] {
                let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
                let message = vec![7; len];
                let mut packet = Vec::new();
                datagram(&mut packet, from, to, &message);
                let frame = decode(LinkType::RawIp, &packet, &TunnelPorts::default());
                let Decoded::Udp { flow, payload, is_cut: false, .. } = frame.what else {
                    panic!("{len}: {:?}", frame.what)
                };
                assert_eq!(
                    (flow.src.port(), flow.dst.port(), payload),
                    (9, 9060, message.as_slice()),
                    "{len}"
                );
            }
        }
    }
}
