//! The factory on top: from a [`Target`] to its [`Receiver`].

use crate::format::Formatter;
use crate::stream::{Framing, Stream};
use crate::tcp::TcpDial;
use crate::tls::TlsDial;
use crate::udp::Udp;
use crate::unix::Local;
use crate::webhook::Webhook;
use crate::{Delivery, Format, OpenError, Receiver, Target};

/// The message length that every receiver takes (RFC 5424 section 6.1).
const MIN_MAX_LEN: usize = 480;

impl Target {
    /// Makes a receiver, which connects at its first alert.
    ///
    /// # Errors
    /// If files or names cannot be used. An unreachable server is no error here.
    pub fn open(&self, delivery: &Delivery) -> Result<Box<dyn Receiver>, OpenError> {
        let formatter = |default| Formatter {
            format: delivery.format.unwrap_or(default),
            sender: delivery.sender.clone(),
            max_len: delivery.max_len.max(MIN_MAX_LEN),
        };
        let timeouts = delivery.timeouts;
        let stream = |dial| {
            let counting = Framing::OctetCounting;
            Stream::new(dial, counting, formatter(Format::Rfc5424), timeouts, delivery.confirm)
        };
        Ok(match self {
            Self::Udp(to) => Box::new(Udp::new(to.clone(), formatter(Format::Rfc5424), timeouts)),
            Self::Tcp(to) => Box::new(stream(Box::new(TcpDial(to.clone())))),
            Self::Tls(to) => Box::new(stream(Box::new(TlsDial::new(to.clone(), &delivery.tls)?))),
            Self::Unix(path) => {
                Box::new(Local::new(path.clone(), formatter(Format::Local), timeouts, delivery.confirm))
            }
            Self::Webhook(url) => Box::new(Webhook::new(url, delivery)?),
        })
    }
}
