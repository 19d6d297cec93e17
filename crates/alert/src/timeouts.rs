use std::time::Duration;

/// Time limits. A receiver that exceeds one counts as unreachable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the name lookup, the connection and the TLS handshake together.
    pub connect: Duration,
    /// For writing one message.
    pub write: Duration,
    /// For the server's end of a connection after our end, or for its answer to a post.
    pub confirm: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), write: seconds(5), confirm: seconds(10) }
    }
}
