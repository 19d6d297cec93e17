use crate::Counters;

/// The cost of a loss.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LossKind {
    /// A captured frame that reached no analysis: `captured = delivered + sum of these`.
    Frame,
    /// Traffic that never reached the sensor, as far as another component counted it.
    Missed,
    /// Frames were delivered, but part of their content could not be used.
    Partial,
    /// No loss; the event weakens conclusions about time or order.
    Notice,
}

macro_rules! losses {
    ($($variant:ident $name:literal $kind:ident $cause:literal $remedy:literal;)*) => {
        /// Every reason for which traffic may not be analysed, each with its own name.
        ///
        /// `docs/losses.md` is the user's table of these; a test compares both.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum Loss {
            $(#[doc = $cause] $variant,)*
        }

        impl Loss {
            /// Every loss, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Name in reports and in the database.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The cost of the loss.
            #[must_use]
            pub const fn kind(self) -> LossKind {
                match self { $(Self::$variant => LossKind::$kind,)* }
            }

            /// The cause, for a person.
            #[must_use]
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$variant => $cause,)* }
            }

            /// The remedy, for a person.
            #[must_use]
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
}

losses! {
    LinkUnsupported "link_unsupported" Frame
        "Bellwether does not read the link type of the frame."
        "Capture on an Ethernet, raw IP, Linux cooked or loopback interface; the README lists the link types.";
    EncapsulationUnsupported "encapsulation_unsupported" Frame
        "The frame has an unsupported encapsulation: MACsec, compressed or encrypted PPP, NSH, source-routed GRE, or ATM. Encrypted, fragmented and aggregated 802.11 frames are unsupported too."
        "Mirror the traffic without this encapsulation, or remove the encapsulation before the sensor.";
    TunnelMalformed "tunnel_malformed" Frame
        "The header of a tunnel is truncated or inconsistent."
        "Check the snap length and the mirror's truncation; otherwise crafted traffic.";
    TunnelTooDeep "tunnel_too_deep" Frame
        "The frame has more nested headers than any real network."
        "Usually crafted traffic; otherwise look for a mirror that receives its own copies.";
    HepMalformed "hep_malformed" Frame
        "A HEP message is truncated or inconsistent, lacks addresses, or is too long after decompression."
        "Check the HEP agent; otherwise crafted traffic.";
    LinkMalformed "link_malformed" Frame
        "The link-layer header is truncated or has too many VLAN tags."
        "Check the snap length and the mirror's encapsulation.";
    IpMalformed "ip_malformed" Frame
        "The IP header is truncated or inconsistent."
        "Usually crafted or corrupted traffic; check the mirror if the loss is frequent.";
    TransportMalformed "transport_malformed" Frame
        "The UDP or TCP header is truncated, or its length contradicts the packet."
        "Usually crafted or corrupted traffic; check the mirror if the loss is frequent.";
    SnapLength "snap_length" Frame
        "The capture kept only the first bytes of the frame, and required bytes are missing."
        "Capture whole frames (snap length 0).";
    FragmentMalformed "fragment_malformed" Frame
        "An IP fragment has an impossible offset or length."
        "Usually an attack; look at the source.";
    FragmentOverlap "fragment_overlap" Frame
        "An IP fragment overlaps an earlier fragment with different bytes; the earlier bytes are kept."
        "Usually an attack on reassembly; look at the source.";
    FragmentTimeout "fragment_timeout" Frame
        "Fragments of a datagram did not arrive within the time limit, or before the end of the capture."
        "Look for loss on the mirror, and for capture filters that drop fragments.";
    FragmentTableFull "fragment_table_full" Frame
        "The number of incomplete datagrams exceeded the limit; the oldest were dropped."
        "Raise limits.fragments if the traffic is legitimate.";
    RingFull "ring_full" Missed
        "The kernel's capture ring was full because the sensor was too slow."
        "Raise --ring-mib for bursts; for steady overload add workers, or filter other traffic than VoIP.";
    InterfaceDropped "interface_dropped" Missed
        "The interface or its driver dropped packets before the capture saw them."
        "Raise the ring of the interface (ethtool -G), and look for a slower link behind the mirror.";
    HepSocketFull "hep_socket_full" Missed
        "The socket of the HEP listener was full because agents sent faster than the sensor read."
        "Raise net.core.rmem_default, or let agents send by TCP.";
    InterfaceAway "interface_away" Missed
        "A captured interface was removed, down, or without a link."
        "Check the mirror port and the cable, and find the reason in the log of the system.";
    SensorDown "sensor_down" Missed
        "The sensor ended unexpectedly (killed, crashed, power lost) and captured nothing until its next start."
        "Look for the reason in the log of the service manager.";
    SensorStopped "sensor_stopped" Missed
        "The sensor was stopped regularly and captured nothing until its next start."
        "None for an intended stop; otherwise find the reason in the log of the service manager.";
    RecordDamaged "record_damaged" Partial
        "A capture file is truncated or damaged; the records before the damage were read."
        "Copy the file again or repair it.";
    TimestampBackward "timestamp_backward" Notice
        "A frame has an earlier timestamp than the previous frame; the frame got the previous time."
        "Merge captures in time order; check the capture host's clock.";
    TcpFlowEvicted "tcp_flow_evicted" Partial
        "The number of TCP flows or unread bytes exceeded the limit. One flow was evicted with its unread bytes: a flow without a reply, or the largest flow."
        "Raise limits.tcp_flows or limits.tcp_mib if the traffic is legitimate.";
    HepConnectionEvicted "hep_connection_evicted" Partial
        "A connection to the HEP listener was closed to make room for another connection. The closed connection had sent no message, or its source had the most connections."
        "Look for clients that connect and send nothing; restrict the port with a firewall.";
    HepConnectionRefused "hep_connection_refused" Partial
        "The number of connections to the HEP listener reached its limit; the new connection was closed."
        "Look for an agent with many connections; let agents send by UDP.";
    HepDesync "hep_desync" Partial
        "A TCP connection with HEP contained other data; reading continued at the next HEP header."
        "Check the HEP agent.";
    HepClockOff "hep_clock_off" Notice
        "The timestamp of a HEP message is more than an hour from its arrival; the arrival time was used."
        "Set the agent's clock (NTP), or use HEP version 2 or 3.";
    WebSocketUnreadable "websocket_unreadable" Partial
        "A WebSocket connection uses compression or another extension; the rest of the connection is not read."
        "Switch off permessage-deflate at the proxy.";
    TcpGap "tcp_gap" Partial
        "Bytes of a TCP stream never arrived; reading continued at the next SIP message."
        "Look for loss on the mirror.";
    TcpBufferFull "tcp_buffer_full" Partial
        "The unread bytes of a TCP flow exceeded the limit; the bytes were skipped."
        "Usually an attack, or a flow without SIP.";
    SipTooLong "sip_too_long" Partial
        "A SIP message over TCP or WebSocket was longer than 64 KiB; its beginning was read and the rest was skipped."
        "Usually an attack; look at the source.";
    TcpOverlap "tcp_overlap" Notice
        "A TCP segment repeats bytes that were already read."
        "Few are normal; many mean a bad path, or a mirror with duplicate frames.";
    TcpConflict "tcp_conflict" Notice
        "A TCP segment repeats a part of the stream with different bytes; the first bytes are kept."
        "Look at the source: an attack on reassembly, or a broken device on the path. The receiver may have read the other bytes.";
    SipMalformed "sip_malformed" Partial
        "A message looks like SIP, but Call-ID, CSeq or From is missing or unusable."
        "Look at the source: scanners and fuzzers send these.";
    CallEvicted "call_evicted" Partial
        "The number of open calls exceeded the limit; the oldest call was closed early."
        "Raise limits.calls.";
    RegistrationEvicted "registration_evicted" Partial
        "The number of open registrations exceeded the limit; the oldest registration was closed early."
        "Raise limits.registrations.";
    TimerEvicted "timer_evicted" Partial
        "The number of open device timers (keep-alives, OPTIONS, subscriptions, sessions) exceeded the limit; the oldest timer was closed early."
        "Raise limits.timers.";
    RecordingUnheard "recording_unheard" Partial
        "Too many streams began within 20 s; the beginning of this one was not compared with recordings."
        "Raise limits.listeners.";
    StreamEvicted "stream_evicted" Partial
        "The number of open media streams exceeded the limit; the oldest stream was closed early."
        "Raise limits.streams.";
    TransactionEvicted "transaction_evicted" Notice
        "The number of open SIP transactions exceeded the limit; a late retransmission may count twice."
        "Raise limits.transactions.";
    PlatformDeferred "platform_deferred" Notice
        "Too many new platforms appeared at once; such a platform is learned at its second message, and not at its first."
        "Look for a flood of messages with different structures. Platforms with one message lack the readable form and the habits.";
    MediaEndpointEvicted "media_endpoint_evicted" Notice
        "The number of negotiated media endpoints exceeded the limit; a late stream may have no call."
        "Raise limits.media_endpoints.";
    MediaEndpointRefused "media_endpoint_refused" Notice
        "A session description has too many media endpoints or candidates for one side of a call; the first ones were kept."
        "Crafted traffic, or a program with very many interfaces. Media at the other endpoints may have no call.";
    DatabaseLocked "database_locked" Notice
        "Another program held the database locked; rows waited."
        "End the program with the lock, for example a shell with an open transaction, or a hanging backup.";
    RowsDropped "rows_dropped" Partial
        "Another program held the database locked until the queue of rows was full; later rows were dropped."
        "End the program with the lock; raise database.waiting_rows if memory is free.";
    PacketNotKept "packet_not_kept" Notice
        "The ring of signalling packets on disk was too slow or could not be written; packets were analysed, and not kept as evidence."
        "Give `ring.folder` a faster disk with free space; read the sensor's log for the reason.";
    AlertPassedOver "alert_passed_over" Notice
        "A receiver was unreachable until the waiting alerts exceeded the backlog; the oldest alerts were skipped."
        "Read the missed alerts with `report alerts`; repair the receiver, or raise alerts.backlog.";
    AlertRefused "alert_refused" Notice
        "A receiver rejected an alert permanently."
        "Read the log of the receiver; `report alerts` has the alert.";
}

impl Loss {
    /// The loss with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|loss| loss.name() == name)
    }

    /// True if the sensor could not receive or store traffic for a time. Such a time is stored as an
    /// interval, and reports mark the calls within it. Losses that one packet or one connection causes for
    /// itself do not count, or an attacker could mark every call as doubtful.
    #[must_use]
    pub const fn is_blindness(self) -> bool {
        matches!(
            self,
            Self::FragmentTableFull
                | Self::RingFull
                | Self::InterfaceDropped
                | Self::HepSocketFull
                | Self::InterfaceAway
                | Self::SensorDown
                | Self::SensorStopped
                | Self::RecordDamaged
                | Self::TcpFlowEvicted
                | Self::HepConnectionEvicted
                | Self::HepConnectionRefused
                | Self::CallEvicted
                | Self::RegistrationEvicted
                | Self::TimerEvicted
                | Self::StreamEvicted
                | Self::DatabaseLocked
                | Self::RowsDropped
        )
    }
}

/// One counter per [`Loss`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Losses([u64; Loss::ALL.len()]);

impl Default for Losses {
    fn default() -> Self {
        Self([0; Loss::ALL.len()])
    }
}

impl Losses {
    /// Counts one loss.
    pub fn count(&mut self, loss: Loss) {
        self.add(loss, 1);
    }

    /// Counts `n` losses.
    pub fn add(&mut self, loss: Loss, n: u64) {
        self.0[loss as usize] += n;
    }

    /// The count of a loss.
    #[must_use]
    pub fn get(&self, loss: Loss) -> u64 {
        self.0[loss as usize]
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }

    /// Sum over the losses that cost whole frames.
    #[must_use]
    pub fn frames(&self) -> u64 {
        Loss::ALL.iter().filter(|l| l.kind() == LossKind::Frame).map(|l| self.get(*l)).sum()
    }

    /// Adds all counts to the named counters, under the kind `loss`.
    pub fn report(&self, counters: &mut Counters) {
        for loss in Loss::ALL {
            counters.add("loss", loss.name(), self.get(*loss));
        }
    }
}
