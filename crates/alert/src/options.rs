use std::path::PathBuf;

use crate::{Format, Sender, Timeouts};

/// Options for the delivery to one [`crate::Target`].
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The sender that each message names.
    pub sender: Sender,
    /// The format of syslog messages; the target's default if none. Webhooks always get JSON.
    pub format: Option<Format>,
    /// The longest syslog message in octets. RFC 5424 section 6.1: each receiver must take 480, and should take 2048.
    pub max_len: usize,
    /// The time limits.
    pub timeouts: Timeouts,
    /// True if the server has to confirm each batch over TCP or TLS by the end of the connection. False is for servers that never end a
    /// connection: if such a server dies, unread messages beyond the last 64 are lost.
    pub confirm: bool,
    /// Certificates for TLS and webhooks.
    pub tls: TlsFiles,
    /// The secret that signs webhooks.
    pub secret: Option<Vec<u8>>,
}

impl Delivery {
    /// The default options.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        Self {
            sender,
            format: None,
            max_len: 2048,
            timeouts: Timeouts::default(),
            confirm: true,
            tls: TlsFiles::default(),
            secret: None,
        }
    }
}

/// Files in PEM for TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The authorities that may sign the server's certificate; the public ones (Mozilla's list) if none.
    pub ca: Option<PathBuf>,
    /// The name in the server's certificate, if it is not the target's host.
    pub server_name: Option<String>,
    /// The certificates and the key of this sensor, for servers that authenticate their clients.
    pub client: Option<(PathBuf, PathBuf)>,
}
