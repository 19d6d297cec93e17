use bellwether_base::Span;

/// Virtual shards. Fixed, so that what a full table evicts is the same for any number of workers; enough
/// that a few heavy trunks spread over the workers of a large machine.
pub const VIRTUAL_SHARDS: u16 = 64;

/// Bounds of all tables, over the whole sensor, and the time-outs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Calls open at once.
    pub calls: usize,
    /// SIP transactions remembered at once.
    pub transactions: usize,
    /// Device timelines open at once.
    pub registrations: usize,
    /// Other timers of devices open at once.
    pub timers: usize,
    /// Media streams open at once.
    pub streams: usize,
    /// Negotiated media endpoints remembered at once.
    pub media_endpoints: usize,
    /// How much of a stream's beginning is analysed for silence (the paper: 30 s).
    pub analysis_window: Span,
    /// Whether that ends as soon as the noise is known well enough.
    pub analysis_ends_early: bool,
    /// A stream without packets for this long has ended.
    pub stream_idle: Span,
    /// An INVITE without a final answer for this long is given up (RFC 3261 Timer C is above 180 s).
    pub ringing_timeout: Span,
    /// An answered call without any signalling for this long is given up.
    pub call_idle: Span,
    /// A device without a REGISTER for this long is closed.
    pub registration_idle: Span,
    /// Whether devices, timers and streams are told of while they go on, for those who look at a live run.
    pub tells_under_way: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls: 500_000,
            transactions: 500_000,
            registrations: 1_000_000,
            timers: 250_000,
            streams: 1_000_000,
            media_endpoints: 1_000_000,
            analysis_window: Span::from_secs(30),
            analysis_ends_early: false,
            stream_idle: Span::from_secs(30),
            ringing_timeout: Span::from_secs(200),
            call_idle: Span::from_secs(6 * 3600),
            registration_idle: Span::from_secs(4 * 3600),
            tells_under_way: false,
        }
    }
}

impl Limits {
    /// One shard's part of a limit.
    pub(crate) fn per_shard(total: usize) -> usize {
        total.div_ceil(usize::from(VIRTUAL_SHARDS)).max(1)
    }
}
