use bellwether_base::Span;

/// Number of virtual shards. The number is fixed, so that evictions are the same for any number of workers.
/// It is large enough to spread a few heavy trunks over the workers of a large machine.
pub const VIRTUAL_SHARDS: u16 = 64;

/// Bounds of all tables, over the whole sensor, and the time-outs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Maximum number of open calls.
    pub calls: usize,
    /// Maximum number of SIP transactions remembered.
    pub transactions: usize,
    /// Maximum number of open device timelines.
    pub registrations: usize,
    /// Maximum number of other open device timers.
    pub timers: usize,
    /// Maximum number of open media streams.
    pub streams: usize,
    /// Maximum number of negotiated media endpoints remembered.
    pub media_endpoints: usize,
    /// Maximum number of streams that are listened to at once, so that recordings are known again.
    pub listeners: usize,
    /// True if people who take turns are not listened to any longer.
    pub skips_conversations: bool,
    /// Length of a stream's beginning that is analysed for silence (the paper: 30 s).
    pub analysis_window: Span,
    /// True if the analysis ends as soon as the noise is known well enough.
    pub analysis_ends_early: bool,
    /// A stream ends after this time without packets.
    pub stream_idle: Span,
    /// An INVITE without a final response is given up after this time (RFC 3261 Timer C is above 180 s).
    pub ringing_timeout: Span,
    /// An answered call without signalling is given up after this time.
    pub call_idle: Span,
    /// A device timeline without a REGISTER closes after this time.
    pub registration_idle: Span,
    /// True if open calls, devices, timers and streams are reported while they last, for live displays.
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
            listeners: 16_384,
            skips_conversations: true,
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
    /// The share of one shard in a limit.
    pub(crate) fn per_shard(total: usize) -> usize {
        total.div_ceil(usize::from(VIRTUAL_SHARDS)).max(1)
    }
}
