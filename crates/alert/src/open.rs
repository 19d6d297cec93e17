use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::stream::{Connection, Dial, Framing, Plain, Stream};
use crate::tls::TlsDial;
use crate::udp::Udp;
use crate::unix::Local;
use crate::webhook::Webhook;
use crate::{HostPort, Notice, Receiver, Sender, Target, cef, dial, local, rfc5424};

/// How notices are delivered to a [`Target`].
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Who speaks.
    pub sender: Sender,
    /// How syslog messages are written; none is what the target's readers know best. Webhooks always get JSON.
    pub format: Option<Format>,
    /// The longest syslog message in octets. RFC 5424 section 6.1: 480 must be taken by every receiver, 2048 should be.
    pub longest: usize,
    /// How long things may take.
    pub patience: Timeouts,
    /// Whether a portion over TCP or TLS has to be confirmed by the server's end of the connection. Only for servers that do not end a connection
    /// when they are told to it should be false: what lay unread in a server that died is then lost, if it was more than the last 64.
    pub confirm: bool,
    /// Certificates, for TLS and webhooks.
    pub tls: TlsFiles,
    /// What webhooks are signed with.
    pub secret: Option<Vec<u8>>,
}

impl Delivery {
    /// As it should be where nothing else is said.
    #[must_use]
    pub fn new(sender: Sender) -> Self {
        Self {
            sender,
            format: None,
            longest: 2048,
            patience: Timeouts::default(),
            confirm: true,
            tls: TlsFiles::default(),
            secret: None,
        }
    }
}

/// How a syslog message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 5424 with structured data: what is best for servers.
    Rfc5424,
    /// An RFC 5424 header with a message in ArcSight's Common Event Format.
    Cef,
    /// As the C library writes to the local socket: what is best there.
    Local,
}

/// How long things may take before the receiver counts as away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Looking up the name, connecting and shaking hands.
    pub connect: Duration,
    /// Writing one message.
    pub write: Duration,
    /// The server's end of a connection that was ended, or its answer to a post.
    pub confirm: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(10), write: seconds(5), confirm: seconds(10) }
    }
}

/// Files in PEM that TLS needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// Who may have signed the server's certificate; the public authorities (Mozilla's list) if none.
    pub ca: Option<PathBuf>,
    /// The name in the server's certificate, if it is not the target's host.
    pub server_name: Option<String>,
    /// This sensor's certificates and key, for servers that want to know who speaks.
    pub client: Option<(PathBuf, PathBuf)>,
}

/// Why a [`Target`] cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A certificate or key file is missing, or is not what it should be.
    #[error("cannot use {0}: {1}")]
    File(PathBuf, String),
    /// That can be no name in a certificate.
    #[error("{0} can be no name in a certificate")]
    ServerName(String),
    /// A webhook's address is none.
    #[error("the webhook's address cannot be used: {0}")]
    Url(String),
    /// The TLS library refuses.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// CEF and the local format are for syslog.
    #[error("a webhook gets JSON: leave the format out")]
    Format,
    /// The certificate of a webhook's server must bear the host's name.
    #[error("a webhook's server name is the host in its address: leave it out")]
    WebhookName,
}

impl Target {
    /// A receiver that connects when the first notice comes.
    ///
    /// # Errors
    /// If files or names cannot be used. That nobody answers is none.
    pub fn open(&self, delivery: &Delivery) -> Result<Box<dyn Receiver>, OpenError> {
        let writer = |otherwise| Writer {
            format: delivery.format.unwrap_or(otherwise),
            sender: delivery.sender.clone(),
            // What every receiver takes is the least.
            longest: delivery.longest.max(480),
        };
        let patience = delivery.patience;
        let stream = |dial| {
            let counting = Framing::OctetCounting;
            Stream::new(dial, counting, writer(Format::Rfc5424), patience, delivery.confirm)
        };
        Ok(match self {
            Self::Udp(to) => {
                let writer = writer(Format::Rfc5424);
                Box::new(Udp { to: to.clone(), writer, patience, socket: None })
            }
            Self::Tcp(to) => Box::new(stream(Box::new(TcpDial(to.clone())))),
            Self::Tls(to) => Box::new(stream(Box::new(TlsDial::new(to.clone(), &delivery.tls)?))),
            Self::Unix(path) => {
                Box::new(Local::new(path.clone(), writer(Format::Local), patience, delivery.confirm))
            }
            Self::Webhook(url) => Box::new(Webhook::new(url, delivery)?),
        })
    }
}

/// Writes syslog messages.
#[derive(Clone)]
pub(crate) struct Writer {
    format: Format,
    sender: Sender,
    longest: usize,
}

impl Writer {
    /// A notice as one line, without its end.
    pub(crate) fn line(&self, notice: &Notice) -> String {
        let write = match self.format {
            Format::Rfc5424 => rfc5424::message,
            Format::Cef => cef::message,
            Format::Local => local::message,
        };
        write(notice, &self.sender, self.longest)
    }
}

/// Connects over TCP.
struct TcpDial(HostPort);

impl Dial for TcpDial {
    fn dial(&mut self, deadline: Deadline) -> io::Result<Box<dyn Connection>> {
        let (socket, round_trip) = dial::connect(&self.0, deadline)?;
        Ok(Box::new(Plain { socket, round_trip }))
    }
}
