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
        "The frame's link type is not one that Bellwether reads."
        "Capture on an Ethernet, raw IP, Linux cooked or loopback interface; the README lists what is read.";
    EncapsulationUnsupported "encapsulation_unsupported" Frame
        "The frame carries an encapsulation that cannot be unpacked: MACsec, compressed or encrypted PPP, NSH, a source-routed GRE, ATM, or an 802.11 frame that is encrypted, a fragment, or several in one."
        "Mirror the traffic without it, or end it before the sensor.";
    TunnelMalformed "tunnel_malformed" Frame
        "A tunnel's header is cut short or contradicts itself."
        "Check the snap length and the mirror's truncation; otherwise crafted traffic.";
    TunnelTooDeep "tunnel_too_deep" Frame
        "More headers are nested in the frame than any network nests."
        "Crafted traffic, or a mirror that mirrors itself.";
    HepMalformed "hep_malformed" Frame
        "A HEP message is cut short, lacks addresses, contradicts itself, or unpacks to more than a SIP message can be."
        "Check the agent that sends it; otherwise crafted traffic.";
    LinkMalformed "link_malformed" Frame
        "The link-layer header is cut short or nests more VLAN tags than allowed."
        "Check the snap length and the mirror's encapsulation.";
    IpMalformed "ip_malformed" Frame
        "The IP header contradicts itself or ends too early."
        "Usually crafted or corrupted traffic; check the mirror if it is frequent.";
    TransportMalformed "transport_malformed" Frame
        "The UDP or TCP header is cut short or its length contradicts the packet."
        "Usually crafted or corrupted traffic; check the mirror if it is frequent.";
    SnapLength "snap_length" Frame
        "The capture kept only the first bytes of the frame, and the needed bytes are missing."
        "Capture with snap length 0 (whole frames).";
    FragmentMalformed "fragment_malformed" Frame
        "An IP fragment with an impossible offset or length."
        "Usually an attack; the source is worth a look.";
    FragmentOverlap "fragment_overlap" Frame
        "An IP fragment overlaps one that was already held with other bytes; the first is kept."
        "Usually an attack on reassembly; the source is worth a look.";
    FragmentTimeout "fragment_timeout" Frame
        "The rest of a fragmented datagram did not arrive within the time limit or before the capture ended."
        "Look for loss on the mirror, and for capture filters that drop fragments.";
    FragmentTableFull "fragment_table_full" Frame
        "More fragmented datagrams were in flight than the configured limit; the oldest were dropped."
        "Raise limits.fragments if the traffic is honest.";
    RingFull "ring_full" Missed
        "The kernel's capture ring was full: the sensor did not keep up."
        "Raise --ring-mib for bursts; for steady overload add workers, or filter traffic that is not VoIP.";
    InterfaceDropped "interface_dropped" Missed
        "The interface or its driver dropped packets before the capture saw them."
        "Raise the interface's ring (ethtool -G) and look for a slower link behind the mirror.";
    HepSocketFull "hep_socket_full" Missed
        "The HEP listener's socket was full: agents sent faster than it was read."
        "Raise net.core.rmem_default, or let agents send by TCP.";
    InterfaceAway "interface_away" Missed
        "A captured interface was removed, down, or without a link."
        "Check the mirror port and the cable, and why the interface went away.";
    SensorDown "sensor_down" Missed
        "The sensor ended unexpectedly (killed, crashed, power lost) and captured nothing until its next start."
        "Look for the reason in the log of the service manager.";
    SensorStopped "sensor_stopped" Missed
        "The sensor was stopped regularly and captured nothing until its next start."
        "None if the stop was intended; otherwise find out who stopped it.";
    RecordDamaged "record_damaged" Partial
        "A capture file ended inside a record or holds a damaged one; the records before it were read."
        "Copy the file again or repair it.";
    TimestampBackward "timestamp_backward" Notice
        "A frame has an earlier timestamp than the previous frame; its time was raised to the previous one."
        "Merge captures in time order; check the capture host's clock.";
    TcpFlowEvicted "tcp_flow_evicted" Partial
        "More TCP flows or unread bytes were held than the configured limit. One flow was evicted with its unread bytes: a flow without a reply, or the largest one."
        "Raise limits.tcp_flows or limits.tcp_mib if the traffic is honest.";
    HepConnectionEvicted "hep_connection_evicted" Partial
        "A connection to the HEP listener was closed to make room for another: it had sent no message, or its source held the most connections."
        "Look for clients that connect without sending, and restrict the port with a firewall.";
    HepConnectionRefused "hep_connection_refused" Partial
        "More agents were connected to the HEP listener than its limit; the new connection was closed."
        "Look for an agent that connects again and again; let agents send by UDP.";
    HepDesync "hep_desync" Partial
        "A TCP connection with HEP carried other data; reading continued at the next HEP header."
        "Check the agent that sends it.";
    HepClockOff "hep_clock_off" Notice
        "A HEP message has a timestamp more than an hour from its arrival; the time of arrival was used."
        "Set the agent's clock (NTP), or use HEP version 2 or 3.";
    WebSocketUnreadable "websocket_unreadable" Partial
        "A WebSocket connection uses compression or another extension; the rest of it is not read."
        "Switch off permessage-deflate at the proxy.";
    TcpGap "tcp_gap" Partial
        "Bytes of a TCP stream never arrived; reading continued at the next SIP message."
        "Look for loss on the mirror.";
    TcpBufferFull "tcp_buffer_full" Partial
        "A TCP flow had more unread bytes than the limit; they were skipped."
        "Usually an attack or a stream that is not SIP.";
    SipTooLong "sip_too_long" Partial
        "A SIP message over TCP or WebSocket was longer than 64 KiB; its beginning was read and the rest was skipped."
        "Usually an attack; the source is worth a look.";
    TcpOverlap "tcp_overlap" Notice
        "A TCP segment repeats bytes that were already read."
        "Retransmissions; many of them mean a bad path or a doubled mirror.";
    TcpConflict "tcp_conflict" Notice
        "A TCP segment repeats a part of the stream with other octets; the first ones are kept."
        "An attack on reassembly, or a broken device on the path; the receiver may have read other octets. The source is worth a look.";
    SipMalformed "sip_malformed" Partial
        "A message looked like SIP but has no usable identity (Call-ID, CSeq, From)."
        "Look at the source: scanners and fuzzers send these.";
    CallEvicted "call_evicted" Partial
        "More calls were open than the configured limit; the oldest was closed early."
        "Raise limits.calls.";
    RegistrationEvicted "registration_evicted" Partial
        "More device timelines were open than the configured limit; the oldest was closed early."
        "Raise limits.registrations.";
    TimerEvicted "timer_evicted" Partial
        "More timers of devices (keep-alives, OPTIONS, subscriptions, sessions) were open than the configured limit; the oldest was closed early."
        "Raise limits.timers.";
    StreamEvicted "stream_evicted" Partial
        "More media streams were open than the configured limit; the oldest was closed early."
        "Raise limits.streams.";
    TransactionEvicted "transaction_evicted" Notice
        "More SIP transactions were open than the configured limit; a late duplicate of one may count twice."
        "Raise limits.transactions.";
    PlatformDeferred "platform_deferred" Notice
        "More new platforms appeared at once than are learned from their first message; platforms with a second message are learned completely."
        "Look for a flood of messages that are all built differently; the readable form and the habits of platforms with one message are missing.";
    MediaEndpointEvicted "media_endpoint_evicted" Notice
        "More negotiated media endpoints were remembered than the configured limit; a late stream may stay unlinked."
        "Raise limits.media_endpoints.";
    MediaEndpointRefused "media_endpoint_refused" Notice
        "A description named more media endpoints or candidates than are kept per side of a call; the first ones were kept."
        "Crafted traffic, or a program with very many interfaces; media at the others may stay unlinked.";
    DatabaseLocked "database_locked" Notice
        "Another program held the database locked; rows waited for it."
        "End the program that holds the lock: a shell with an open transaction, a backup that does not end.";
    RowsDropped "rows_dropped" Partial
        "Another program held the database locked until the queue of rows was full; later rows were dropped."
        "End the program that holds the lock; raise database.waiting_rows if there is memory.";
    AlertPassedOver "alert_passed_over" Notice
        "A receiver was unreachable until more alerts waited for it than the configured backlog; the oldest were skipped."
        "See report alerts for the missed alerts; repair the receiver, or raise alerts.backlog.";
    AlertRefused "alert_refused" Notice
        "A receiver rejected an alert permanently."
        "See the receiver's own log; report alerts has the alert.";
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
