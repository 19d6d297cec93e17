use bellwether_base::Counters;

/// Where every captured frame went, except those that a named loss counts:
/// captured = sip + media + tcp + fragments + other + losses, always.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frames {
    /// Frames read.
    pub(crate) captured: u64,
    /// UDP datagrams with a SIP message.
    pub(crate) sip: u64,
    /// UDP datagrams that look like media: RTP, RTCP, DTLS.
    pub(crate) media: u64,
    /// TCP segments.
    pub(crate) tcp: u64,
    /// Fragments but the one that completed its datagram, which counts as what the datagram is.
    pub(crate) fragments: u64,
    /// Everything that is complete and no VoIP: ARP, DNS, STUN, keep-alives.
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
