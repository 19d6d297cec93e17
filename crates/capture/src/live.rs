use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bellwether_base::Timestamp;
use bellwether_wire::LinkType;
use pcap::{Active, Capture, Inactive};

use crate::Record;
use crate::attach;
use crate::error::{plain, words};
use crate::fanout;
use crate::filter;

/// How long the kernel may keep packets back to hand them over together, in milliseconds.
pub const HOLD_MS: i32 = 50;

/// Packets taken from the ring at once.
const AT_ONCE: usize = 4096;

/// Reads in a row that bring nothing before the ring is taken to be empty: one may be broken by a wake, one by an error.
const LAST_READS: u32 = 4;

/// Filters in libpcap's language: no packet is shorter than one octet, and an empty one keeps all.
const NOTHING: &str = "less 0";
const EVERYTHING: &str = "";

/// What to capture, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveOptions {
    /// The interface.
    pub interface: String,
    /// A filter in libpcap's language. Fragments and tunnels of what it keeps are kept too, unless `is_exact`.
    pub filter: Option<String>,
    /// Whether the filter means exactly what it says.
    pub is_exact: bool,
    /// Octets kept of each packet.
    pub snap_length: u32,
    /// The kernel's ring, for each socket, in MiB.
    pub ring_mib: u32,
    /// Whether frames for other stations are wanted: a mirror port brings nothing else.
    pub is_promiscuous: bool,
    /// Sockets that share the interface's packets, flow by flow.
    pub sockets: u16,
    /// Whose clock says when a packet came.
    pub stamps: Stamps,
}

/// Whose clock stamps packets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stamps {
    /// The kernel's, when it gets them.
    #[default]
    Kernel,
    /// The NIC's, when they come off the wire. Somebody has to keep it to the system's clock.
    Nic,
}

impl Stamps {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Nic => "nic",
        }
    }
}

/// Why an interface cannot be captured from.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LiveError {
    /// There is no such interface; these are there.
    #[error("there is no interface {0}; there are {known}", known = .1.join(", "))]
    NoInterface(String, Vec<String>),
    /// The kernel does not let this user capture.
    #[error(
        "capturing from {0} needs the capability CAP_NET_RAW; grant it once with: sudo setcap cap_net_raw=ep \"$(command -v bellwether)\""
    )]
    NotPermitted(String),
    /// The NIC does not stamp every packet.
    #[error(
        "the hardware of {0} does not stamp every packet it receives (ethtool -T {0}); leave --stamps at kernel"
    )]
    NoStamps(String),
    /// The NIC's clock is so many seconds ahead of the system's.
    #[error(
        "the clock of {0} is {1} s ahead of the system's: packets of several sources are out of order, and what waits for time waits wrongly; keep it to the system's with phc2sys"
    )]
    ClocksApart(String, i64),
    /// The interface is down.
    #[error(
        "the interface {0}, or its link, is down; see to its cable, or bring it up with: sudo ip link set {0} up"
    )]
    Down(String),
    /// The filter does not compile.
    #[error("the filter \"{0}\" does not compile: {1}")]
    Filter(String, String),
    /// The interface was removed and made again, and the kernel does not let the socket follow it.
    #[error(
        "the interface {0} was removed and made again; start the sensor again, since its socket cannot follow: {1}"
    )]
    Replaced(String, String),
    /// Anything else, in libpcap's words.
    #[error("cannot capture from {0}: {1}")]
    Other(String, String),
}

/// What the kernel counted since the socket was opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LiveCounts {
    /// Packets that did not fit into the ring.
    pub ring_full: u64,
    /// Packets that the interface or its driver dropped.
    pub interface: u64,
}

/// One socket on an interface.
pub struct LiveCapture {
    capture: Capture<Active>,
    interface: String,
    /// The number of the interface that the socket is bound to; none of the pseudo-device of all interfaces.
    index: Option<u32>,
    is_promiscuous: bool,
    is_woken: Arc<AtomicBool>,
    link: LinkType,
    /// The kernel's 32-bit counter as last read, to see it wrap.
    raw: u32,
    /// What the interface had dropped when it was last asked; none if another socket tells.
    dropped: Option<u64>,
    counts: LiveCounts,
}

/// Ends the wait of a [`LiveCapture`], from another thread.
pub struct Waker {
    handle: pcap::BreakLoop,
    is_woken: Arc<AtomicBool>,
}

impl Waker {
    /// The read that waits, or the next one, returns at once.
    pub fn wake(&self) {
        self.is_woken.store(true, Ordering::Relaxed);
        self.handle.breakloop();
    }
}

impl LiveCapture {
    /// Opens an interface with as many sockets as asked for.
    ///
    /// # Errors
    /// If there is no such interface, it is down, this user may not capture, or the filter does not compile.
    pub fn open(options: &LiveOptions, group: u16) -> Result<Vec<Self>, LiveError> {
        let mut sockets = Vec::new();
        for _ in 0..options.sockets.max(1) {
            let mut socket = Self::socket(options)?;
            if options.sockets > 1 {
                // Until it has joined, a socket gets everything that the others get too.
                socket.filter(NOTHING, true)?;
                fanout::join(&socket.capture, group)
                    .map_err(|e| LiveError::Other(options.interface.clone(), e.to_string()))?;
            }
            sockets.push(socket);
        }
        // All sockets of an interface see the same counters.
        for other in sockets.iter_mut().skip(1) {
            other.dropped = None;
        }
        for socket in &mut sockets {
            match &options.filter {
                Some(text) => socket.filter(text, options.is_exact)?,
                None => socket.filter(EVERYTHING, true)?,
            }
        }
        let LiveOptions { interface, snap_length, ring_mib, .. } = options;
        tracing::debug!(interface, sockets = sockets.len(), snap_length, ring_mib, "interface opened");
        Ok(sockets)
    }

    fn socket(options: &LiveOptions) -> Result<Self, LiveError> {
        let name = &options.interface;
        // Without a device, libpcap opens the first it finds.
        let known: Vec<String> =
            pcap::Device::list().unwrap_or_default().into_iter().map(|device| device.name).collect();
        if !known.is_empty() && !known.contains(name) {
            // libpcap also lists devices that are no network interfaces: Bluetooth, D-Bus, netfilter's logs.
            let is_network = |n: &String| Path::new("/sys/class/net").join(n).exists();
            let shown = known.into_iter().filter(is_network).collect();
            return Err(LiveError::NoInterface(name.clone(), shown));
        }
        if options.stamps == Stamps::Nic && !crate::nic::stamps_all(name) {
            return Err(LiveError::NoStamps(name.clone()));
        }
        let refused = |e: pcap::Error| match refusal(name, &e) {
            LiveError::NotPermitted(name) if options.stamps == Stamps::Nic => LiveError::Other(
                name,
                "time stamps of the NIC need the capability CAP_NET_ADMIN beside CAP_NET_RAW".to_owned(),
            ),
            other => other,
        };
        let ring = i32::try_from(u64::from(options.ring_mib) << 20).unwrap_or(i32::MAX);
        let inactive: Capture<Inactive> = Capture::from_device(name.as_str())
            .map_err(refused)?
            // The pseudo-device of all interfaces warns that it cannot, and a warning is an error here.
            .promisc(options.is_promiscuous && name != "any")
            .snaplen(i32::try_from(options.snap_length).unwrap_or(i32::MAX))
            .buffer_size(ring)
            .timeout(HOLD_MS)
            .precision(pcap::Precision::Nano);
        let inactive = match options.stamps {
            Stamps::Kernel => inactive,
            // What libpcap calls synchronised, drivers have not offered for long.
            Stamps::Nic => inactive.tstamp_type(pcap::TimestampType::AdapterUnsynced),
        };
        let capture = inactive.open().map_err(refused)?;
        let link = LinkType::from_number(u32::try_from(capture.get_datalink().0).unwrap_or(u32::MAX));
        let dropped = Some(dropped_by_interface(name));
        Ok(Self {
            capture,
            interface: name.clone(),
            index: attach::index_of(name),
            is_promiscuous: options.is_promiscuous,
            is_woken: Arc::default(),
            link,
            raw: 0,
            dropped,
            counts: LiveCounts::default(),
        })
    }

    fn filter(&mut self, text: &str, is_exact: bool) -> Result<(), LiveError> {
        let refused = |e: pcap::Error| LiveError::Filter(text.to_owned(), words(&e));
        // What the operator wrote is tried alone first, so that an error speaks of it and not of our additions.
        self.capture.compile(text, true).map_err(refused)?;
        let program = if is_exact { text.to_owned() } else { filter::widened(text) };
        self.capture.filter(&program, true).map_err(refused)
    }

    /// What ends this socket's wait.
    pub fn waker(&mut self) -> Waker {
        Waker { handle: self.capture.breakloop_handle(), is_woken: Arc::clone(&self.is_woken) }
    }

    /// Waits for packets for the time that the kernel holds them back. Answers whether there are any: if not, all that came before the wait was
    /// read.
    #[must_use]
    pub fn has_packets(&self) -> bool {
        attach::waits(&self.capture, HOLD_MS)
    }

    /// Waits for packets and takes those that the kernel hands over. None after a wake.
    ///
    /// # Errors
    /// If the interface went down or away.
    pub fn read(&mut self, into: &mut Frames) -> Result<(), LiveError> {
        let link = self.link;
        let taken = self.capture.dispatch(Some(AT_ONCE), |packet| {
            let stamp = packet.header.ts;
            // With nanosecond precision libpcap puts nanoseconds in the microsecond field.
            let at = Timestamp::from_nanos(stamp.tv_sec * 1_000_000_000 + stamp.tv_usec);
            into.push(&Record { at, link, original_len: packet.header.len, frame: packet.data });
        });
        match taken {
            Ok(_) => Ok(()),
            // A broken loop is told as an error without words, or with those of the error before. What is an error comes again.
            Err(_) if self.is_woken.swap(false, Ordering::Relaxed) => Ok(()),
            Err(pcap::Error::PcapError(text)) if text.is_empty() => Ok(()),
            Err(e) => Err(LiveError::Other(self.interface.clone(), words(&e))),
        }
    }

    /// Binds the socket anew if its interface was removed and made again. Answers whether it was.
    ///
    /// # Errors
    /// If the kernel refuses: sockets that share an interface cannot be bound again.
    pub fn follow(&mut self) -> Result<bool, LiveError> {
        let (Some(bound), Some(now)) = (self.index, attach::index_of(&self.interface)) else {
            return Ok(false);
        };
        if bound == now {
            return Ok(false);
        }
        // A refusal is told once: asking again changes nothing.
        self.index = Some(now);
        attach::bind(&self.capture, now, self.is_promiscuous)
            .map_err(|e| LiveError::Replaced(self.interface.clone(), plain(&e)))?;
        Ok(true)
    }

    /// Takes what came into the ring before `until`, without waiting, in portions that are handed to `full`; the
    /// socket is closed then.
    pub fn drain(self, until: Timestamp, mut full: impl FnMut(Frames)) {
        let Ok(capture) = self.capture.setnonblock() else { return };
        let mut rest = Self { capture, ..self };
        let mut empty = 0;
        while empty < LAST_READS {
            let mut frames = Frames::default();
            // An interface that is gone says so first, and then gives what came before.
            let _ = rest.read(&mut frames);
            empty = if frames.is_empty() { empty + 1 } else { 0 };
            let is_last = frames.newest() >= Some(until);
            full(frames);
            if is_last {
                return;
            }
        }
    }

    /// What the kernel counted so far.
    pub fn counts(&mut self) -> LiveCounts {
        if let Ok(now) = self.capture.stats() {
            self.counts.ring_full += u64::from(now.dropped.wrapping_sub(self.raw));
            self.raw = now.dropped;
        }
        if let Some(last) = &mut self.dropped {
            let now = dropped_by_interface(&self.interface);
            // An interface that was made again counts from nothing.
            self.counts.interface += now.checked_sub(*last).unwrap_or(now);
            *last = now;
        }
        self.counts
    }
}

/// The number of an interface that can bring packets: it is there, it is up, and so is its link. Interfaces that cannot
/// tell (loopback, tunnels) count as up. The number is another when the interface was removed and made again.
#[must_use]
pub fn up(interface: &str) -> Option<u32> {
    let state = Path::new("/sys/class/net").join(interface).join("operstate");
    // Where the file system shows no interfaces nothing can be told.
    let is_up = !Path::new("/sys/class/net").exists()
        || interface == "any"
        || std::fs::read_to_string(state)
            .is_ok_and(|state| !matches!(state.trim(), "down" | "lowerlayerdown"));
    is_up.then(|| attach::index_of(interface).unwrap_or_default())
}

/// Packets that the NIC missed, and that the kernel dropped between it and any socket (a full backlog); libpcap
/// knows the first kind only.
fn dropped_by_interface(name: &str) -> u64 {
    let folder = Path::new("/sys/class/net").join(name).join("statistics");
    let counter = |file: &str| -> u64 {
        std::fs::read_to_string(folder.join(file)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    };
    counter("rx_missed_errors") + counter("rx_dropped")
}

/// Frames taken together, in one allocation that is used again and again.
#[derive(Default)]
pub struct Frames {
    bytes: Vec<u8>,
    metas: Vec<FrameMeta>,
}

#[derive(Clone, Copy)]
struct FrameMeta {
    at: Timestamp,
    link: LinkType,
    original_len: u32,
    end: usize,
}

impl Frames {
    /// Adds a frame.
    pub fn push(&mut self, record: &Record<'_>) {
        self.bytes.extend_from_slice(record.frame);
        let (at, link, original_len) = (record.at, record.link, record.original_len);
        self.metas.push(FrameMeta { at, link, original_len, end: self.bytes.len() });
    }

    /// Number of frames.
    #[must_use]
    pub fn len(&self) -> usize {
        self.metas.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.metas.is_empty()
    }

    /// The frame of this number, in the order of arrival.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        let meta = self.metas.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.metas.get(before)).map_or(0, |m| m.end);
        let frame = self.bytes.get(start..meta.end)?;
        Some(Record { at: meta.at, link: meta.link, original_len: meta.original_len, frame })
    }

    /// When the newest was captured.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.metas.last().map(|meta| meta.at)
    }

    /// Forgets all and keeps the room.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.metas.clear();
    }
}

fn refusal(name: &str, error: &pcap::Error) -> LiveError {
    let text = words(error);
    let name = name.to_owned();
    if text.contains("permission") || text.contains("not permitted") {
        LiveError::NotPermitted(name)
    } else if text.contains("not up") {
        LiveError::Down(name)
    } else {
        LiveError::Other(name, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_and_the_room_is_used_again() {
        let mut frames = Frames::default();
        for turn in 0..2_u8 {
            for (i, frame) in [&b"abc"[..], b"", b"defgh"].into_iter().enumerate() {
                let at = Timestamp::from_nanos(i64::from(turn) * 10 + i as i64);
                frames.push(&Record { at, link: LinkType::Ethernet, original_len: 99, frame });
            }
            let out: Vec<&[u8]> = (0..frames.len()).filter_map(|i| frames.get(i)).map(|r| r.frame).collect();
            assert_eq!(out, [&b"abc"[..], b"", b"defgh"]);
            assert_eq!(frames.newest(), Some(Timestamp::from_nanos(i64::from(turn) * 10 + 2)));
            assert!(frames.get(3).is_none());
            frames.clear();
            assert!(frames.is_empty());
        }
    }

    #[test]
    fn refusals_say_what_to_do() {
        let pcap = |text: &str| pcap::Error::PcapError(text.to_owned());
        let said = refusal("eth0", &pcap("You don't have permission to perform this capture")).to_string();
        assert!(said.contains("CAP_NET_RAW") && said.contains("setcap"), "{said}");
        let said = refusal("eth0", &pcap("That device is not up")).to_string();
        assert!(said.contains("ip link set eth0 up"), "{said}");
        let options = LiveOptions {
            interface: "no-such-interface".into(),
            filter: None,
            is_exact: false,
            snap_length: 65_535,
            ring_mib: 1,
            is_promiscuous: true,
            sockets: 1,
            stamps: Stamps::Kernel,
        };
        let said = LiveCapture::open(&options, 1).err().unwrap().to_string();
        assert!(said.contains("no-such-interface"), "{said}");
    }
}
