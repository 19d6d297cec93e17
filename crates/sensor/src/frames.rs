use bellwether_base::Counters;

/// Counters for every captured frame, except frames counted as a named loss. The sum always holds: captured =
/// sip + media + tcp + fragments + other + losses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    /// Frames read.
    pub(crate) captured: u64,
    /// UDP datagrams with a SIP message.
    pub(crate) sip: u64,
    /// UDP datagrams with the header of RTP, RTCP or DTLS.
    pub(crate) media: u64,
    /// TCP segments.
    pub(crate) tcp: u64,
    /// Fragments, except the one that completes its datagram, which counts by the content of the datagram.
    pub(crate) fragments: u64,
    /// All other complete frames: ARP, DNS, STUN, keep-alives.
    pub(crate) other: u64,
}

impl Frames {
    pub(crate) fn report(&self, counters: &mut Counters) {
        for (name, n) in [
            ("captured", self.captured),
            ("sip", self.sip),
            ("media", self.media),
            ("tcp", self.tcp),
            ("fragments", self.fragments),
            ("other", self.other),
        ] {
            counters.add("frames", name, n);
        }
    }
}
