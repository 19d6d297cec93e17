//! Bounds of the tables in memory, and timeouts of their entries.

use bellwether_tracker::Limits;
use bellwether_wire::{FragmentLimits, TcpLimits};
use serde::Deserialize;

use super::Config;
use super::units::{Entries, Seconds, TableMib};

/// `[analysis]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Analysis {
    window_s: Seconds,
    ends_early: bool,
    skip_conversations: bool,
}

/// Recordings that are known again by default, about 160 MiB.
const RECORDINGS: usize = 100_000;

/// `[limits]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitSettings {
    calls: Entries,
    transactions: Entries,
    registrations: Entries,
    timers: Entries,
    streams: Entries,
    media_endpoints: Entries,
    listeners: Entries,
    recordings: Entries,
    fragments: Entries,
    fragment_mib: TableMib,
    tcp_flows: Entries,
    tcp_mib: TableMib,
}

/// `[timeouts]`
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Timeouts {
    fragments_s: Seconds,
    tcp_gap_s: Seconds,
    stream_s: Seconds,
    ringing_s: Seconds,
    call_s: Seconds,
    registration_s: Seconds,
}

impl Default for Analysis {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            window_s: limits.analysis_window.into(),
            ends_early: limits.analysis_ends_early,
            skip_conversations: limits.skips_conversations,
        }
    }
}

impl Default for LimitSettings {
    fn default() -> Self {
        let (limits, fragments, tcp) = (Limits::default(), FragmentLimits::default(), TcpLimits::default());
        Self {
            calls: Entries(limits.calls),
            transactions: Entries(limits.transactions),
            registrations: Entries(limits.registrations),
            timers: Entries(limits.timers),
            streams: Entries(limits.streams),
            media_endpoints: Entries(limits.media_endpoints),
            listeners: Entries(limits.listeners),
            recordings: Entries(RECORDINGS),
            fragments: Entries(fragments.datagrams),
            fragment_mib: TableMib::of(fragments.bytes),
            tcp_flows: Entries(tcp.flows),
            tcp_mib: TableMib::of(tcp.bytes),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            fragments_s: FragmentLimits::default().timeout.into(),
            tcp_gap_s: TcpLimits::default().patience.into(),
            stream_s: limits.stream_idle.into(),
            ringing_s: limits.ringing_timeout.into(),
            call_s: limits.call_idle.into(),
            registration_s: limits.registration_idle.into(),
        }
    }
}

impl Config {
    /// The bounds of a worker's tables, and the timeouts of what they hold.
    pub(crate) fn limits(&self) -> Limits {
        let (l, t) = (&self.limits, &self.timeouts);
        Limits {
            calls: l.calls.0,
            transactions: l.transactions.0,
            registrations: l.registrations.0,
            timers: l.timers.0,
            streams: l.streams.0,
            media_endpoints: l.media_endpoints.0,
            listeners: l.listeners.0,
            skips_conversations: self.analysis.skip_conversations,
            analysis_window: self.analysis.window_s.span(),
            analysis_ends_early: self.analysis.ends_early,
            stream_idle: t.stream_s.span(),
            ringing_timeout: t.ringing_s.span(),
            call_idle: t.call_s.span(),
            registration_idle: t.registration_s.span(),
            tells_under_way: false,
        }
    }

    /// Maximum number of recordings that are known again.
    pub(crate) const fn recordings(&self) -> usize {
        self.limits.recordings.0
    }

    /// The bounds of IP reassembly.
    pub(crate) fn fragments(&self) -> FragmentLimits {
        FragmentLimits {
            datagrams: self.limits.fragments.0,
            bytes: self.limits.fragment_mib.bytes(),
            timeout: self.timeouts.fragments_s.span(),
        }
    }

    /// The bounds of TCP reassembly.
    pub(crate) fn tcp(&self) -> TcpLimits {
        TcpLimits {
            flows: self.limits.tcp_flows.0,
            bytes: self.limits.tcp_mib.bytes(),
            patience: self.timeouts.tcp_gap_s.span(),
            ..TcpLimits::default()
        }
    }
}
