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

/// Longest time in milliseconds that the kernel holds packets to deliver them together.
pub const HOLD_MS: i32 = 50;

/// Packets taken from the ring per read.
const AT_ONCE: usize = 4096;

/// Consecutive empty reads after which the ring counts as drained: a read may also end early by a wake or an
/// error.
const LAST_READS: u32 = 4;

/// Filters in libpcap's language: no packet is shorter than one octet, and an empty filter accepts every
/// packet.
const NOTHING: &str = "less 0";
const EVERYTHING: &str = "";

/// Settings of a live capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LiveOptions {
    /// The interface.
    pub interface: String,
    /// A filter in libpcap's language. Fragments and tunnels are accepted too, unless `is_exact` is set.
    pub filter: Option<String>,
    /// True if the filter is applied without extension.
    pub is_exact: bool,
    /// Snap length: octets kept of each packet.
    pub snap_length: u32,
    /// Size of the kernel's ring per socket, in MiB.
    pub ring_mib: u32,
    /// True for promiscuous mode, which a mirror port needs.
    pub is_promiscuous: bool,
    /// Number of sockets that share the interface's flows.
    pub sockets: u16,
    /// Source of packet timestamps.
    pub stamps: Stamps,
}

/// The clock for packet timestamps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Stamps {
    /// The kernel's clock, read when it receives the packet.
    #[default]
    Kernel,
    /// The NIC's clock, read when the packet arrives on the wire. Another program must synchronise it with
    /// the system clock.
    Nic,
}

impl Stamps {
    /// Name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Nic => "nic",
        }
    }
}

/// An interface that cannot be captured from.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LiveError {
    /// The interface does not exist; the second field lists existing ones.
    #[error("there is no interface {0}; there are {known}", known = .1.join(", "))]
    NoInterface(String, Vec<String>),
    /// The user lacks the capability to capture.
    #[error(
        "capturing from {0} needs the capability CAP_NET_RAW; grant it once with: sudo setcap cap_net_raw=ep \"$(command -v bellwether)\""
    )]
    NotPermitted(String),
    /// The NIC does not timestamp every packet.
    #[error(
        "the hardware of {0} does not stamp every packet it receives (ethtool -T {0}); use --stamps kernel"
    )]
    NoStamps(String),
    /// The NIC's clock is this many seconds ahead of the system clock.
    #[error(
        "the clock of {0} is {1} s ahead of the system clock: packets of several sources are out of order, and timers are wrong; synchronise it with phc2sys"
    )]
    ClocksApart(String, i64),
    /// The interface is down.
    #[error(
        "the interface {0}, or its link, is down; check its cable, or bring it up with: sudo ip link set {0} up"
    )]
    Down(String),
    /// The filter does not compile.
    #[error("the filter \"{0}\" does not compile: {1}")]
    Filter(String, String),
    /// The interface was removed and created again, and the kernel refused to bind the socket to it.
    #[error(
        "the interface {0} was removed and created again; restart the sensor, because its socket cannot be bound again: {1}"
    )]
    Replaced(String, String),
    /// Any other error, with libpcap's text.
    #[error("cannot capture from {0}: {1}")]
    Other(String, String),
}

/// Kernel drop counters since the socket was opened.
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
    /// Index of the interface that the socket is bound to; none for the pseudo-device "any".
    index: Option<u32>,
    is_promiscuous: bool,
    is_woken: Arc<AtomicBool>,
    link: LinkType,
    /// Last value of the kernel's 32-bit counter, to detect wrap-around.
    raw: u32,
    /// Last value of the interface's drop counter; none if another socket reports it.
    dropped: Option<u64>,
    counts: LiveCounts,
}

/// Ends the wait of a [`LiveCapture`] from another thread.
pub struct Waker {
    handle: pcap::BreakLoop,
    is_woken: Arc<AtomicBool>,
}

impl Waker {
    /// Makes the current read, or the next one, return at once.
    pub fn wake(&self) {
        self.is_woken.store(true, Ordering::Relaxed);
        self.handle.breakloop();
    }
}

impl LiveCapture {
    /// Opens an interface with the requested number of sockets.
    ///
    /// # Errors
    /// [`LiveError`] if the interface does not exist or is down, the user may not capture, or the filter does
    /// not compile.
    pub fn open(options: &LiveOptions, group: u16) -> Result<Vec<Self>, LiveError> {
        let mut sockets = Vec::new();
        for _ in 0..options.sockets.max(1) {
            let mut socket = Self::socket(options)?;
            if options.sockets > 1 {
                // A socket receives every packet until it has joined the group, so it starts with a filter
                // that drops all.
                socket.filter(NOTHING, true)?;
                fanout::join(&socket.capture, group)
                    .map_err(|e| LiveError::Other(options.interface.clone(), e.to_string()))?;
            }
            sockets.push(socket);
        }
        // All sockets of an interface see the same counters; only the first reports them.
        for other in sockets.iter_mut().skip(1) {
            other.dropped = None;
        }
        for socket in &mut sockets {
            match &options.filter {
                Some(text) => socket.filter(text, options.is_exact)?,
                None => socket.filter(EVERYTHING, true)?,
            }
        }
        Ok(sockets)
    }

    fn socket(options: &LiveOptions) -> Result<Self, LiveError> {
        let name = &options.interface;
        // Without a device name libpcap opens the first device it finds.
        let known: Vec<String> =
            pcap::Device::list().unwrap_or_default().into_iter().map(|device| device.name).collect();
        if !known.is_empty() && !known.contains(name) {
            // libpcap also lists devices that are no network interfaces: Bluetooth, D-Bus, netfilter logs.
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
                "timestamps of the NIC need the capability CAP_NET_ADMIN beside CAP_NET_RAW".to_owned(),
            ),
            other => other,
        };
        let ring = i32::try_from(u64::from(options.ring_mib) << 20).unwrap_or(i32::MAX);
        let inactive: Capture<Inactive> = Capture::from_device(name.as_str())
            .map_err(refused)?
            // The pseudo-device "any" has no promiscuous mode and gives a warning, and a warning is an error
            // here.
            .promisc(options.is_promiscuous && name != "any")
            .snaplen(i32::try_from(options.snap_length).unwrap_or(i32::MAX))
            .buffer_size(ring)
            .timeout(HOLD_MS)
            .precision(pcap::Precision::Nano);
        let inactive = match options.stamps {
            Stamps::Kernel => inactive,
            // Drivers no longer offer the timestamp type that libpcap calls synchronised.
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
        // The operator's filter is compiled alone first, so that an error message refers to it and not to the
        // extension.
        self.capture.compile(text, true).map_err(refused)?;
        let program = if is_exact { text.to_owned() } else { filter::widened(text) };
        self.capture.filter(&program, true).map_err(refused)
    }

    /// A handle that ends this socket's wait.
    pub fn waker(&mut self) -> Waker {
        Waker { handle: self.capture.breakloop_handle(), is_woken: Arc::clone(&self.is_woken) }
    }

    /// Waits for packets as long as the kernel may hold them back. Returns true if there are any. If not, all
    /// packets from before the wait were read.
    #[must_use]
    pub fn has_packets(&self) -> bool {
        attach::waits(&self.capture, HOLD_MS)
    }

    /// Waits for packets and takes those that the kernel delivers. Takes none after a wake.
    ///
    /// # Errors
    /// [`LiveError`] if the interface went down or was removed.
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
            // A wake is reported as an error with an empty text or with the text of the previous error. A
            // real error is reported again by the next read.
            Err(_) if self.is_woken.swap(false, Ordering::Relaxed) => Ok(()),
            Err(pcap::Error::PcapError(text)) if text.is_empty() => Ok(()),
            Err(e) => Err(LiveError::Other(self.interface.clone(), words(&e))),
        }
    }

    /// Binds the socket again if its interface was removed and created again. Returns true if so.
    ///
    /// # Errors
    /// [`LiveError`] if the kernel refuses: sockets that share an interface cannot be bound again.
    pub fn follow(&mut self) -> Result<bool, LiveError> {
        let (Some(bound), Some(now)) = (self.index, attach::index_of(&self.interface)) else {
            return Ok(false);
        };
        if bound == now {
            return Ok(false);
        }
        // A refusal is reported once, because another attempt would fail too.
        self.index = Some(now);
        attach::bind(&self.capture, now, self.is_promiscuous)
            .map_err(|e| LiveError::Replaced(self.interface.clone(), plain(&e)))?;
        Ok(true)
    }

    /// Reads all packets that reached the ring before `until`, without waiting, and passes them in batches to
    /// `full`. Closes the socket afterwards.
    pub fn drain(self, until: Timestamp, mut full: impl FnMut(Frames)) {
        let Ok(capture) = self.capture.setnonblock() else { return };
        let mut rest = Self { capture, ..self };
        let mut empty = 0;
        while empty < LAST_READS {
            let mut frames = Frames::default();
            // A removed interface first returns an error and then the remaining packets.
            let _ = rest.read(&mut frames);
            empty = if frames.is_empty() { empty + 1 } else { 0 };
            let is_last = frames.newest() >= Some(until);
            full(frames);
            if is_last {
                return;
            }
        }
    }

    /// The kernel's drop counters so far.
    pub fn counts(&mut self) -> LiveCounts {
        if let Ok(now) = self.capture.stats() {
            self.counts.ring_full += u64::from(now.dropped.wrapping_sub(self.raw));
            self.raw = now.dropped;
        }
        if let Some(last) = &mut self.dropped {
            let now = dropped_by_interface(&self.interface);
            // An interface that was created again counts from zero.
            self.counts.interface += now.checked_sub(*last).unwrap_or(now);
            *last = now;
        }
        self.counts
    }
}

/// Index of an interface that exists and is up, with its link up. Interfaces without a link state (loopback,
/// tunnels) count as up. The index changes when the interface is removed and created again.
#[must_use]
pub fn up(interface: &str) -> Option<u32> {
    let state = Path::new("/sys/class/net").join(interface).join("operstate");
    // Without sysfs the state is unknown and counts as up.
    let is_up = !Path::new("/sys/class/net").exists()
        || interface == "any"
        || std::fs::read_to_string(state)
            .is_ok_and(|state| !matches!(state.trim(), "down" | "lowerlayerdown"));
    is_up.then(|| attach::index_of(interface).unwrap_or_default())
}

/// Packets that the NIC missed, and packets that the kernel dropped before any socket (a full backlog).
/// libpcap reports only the first kind.
fn dropped_by_interface(name: &str) -> u64 {
    let folder = Path::new("/sys/class/net").join(name).join("statistics");
    let counter = |file: &str| -> u64 {
        std::fs::read_to_string(folder.join(file)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    };
    counter("rx_missed_errors") + counter("rx_dropped")
}

/// A batch of frames in one reusable allocation.
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

    /// True if the batch is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.metas.is_empty()
    }

    /// The frame with this index, in order of arrival.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        let meta = self.metas.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.metas.get(before)).map_or(0, |m| m.end);
        let frame = self.bytes.get(start..meta.end)?;
        Some(Record { at: meta.at, link: meta.link, original_len: meta.original_len, frame })
    }

    /// Capture time of the newest frame.
    #[must_use]
    pub fn newest(&self) -> Option<Timestamp> {
        self.metas.last().map(|meta| meta.at)
    }

    /// Removes all frames and keeps the allocation.
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
