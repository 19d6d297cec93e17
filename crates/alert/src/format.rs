use bellwether_base::OutgoingAlert;

use crate::{Sender, cef, local, rfc5424};

/// The format of a syslog message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 5424 with structured data: the default for servers.
    Rfc5424,
    /// An RFC 5424 header with a message in ArcSight's Common Event Format.
    Cef,
    /// The format of the C library: the default for the local socket.
    Local,
}

/// Formats alerts as syslog messages.
#[derive(Clone)]
pub(crate) struct Formatter {
    pub(crate) format: Format,
    pub(crate) sender: Sender,
    /// The longest message in octets.
    pub(crate) max_len: usize,
}

impl Formatter {
    /// One alert as one line without a line end.
    pub(crate) fn line(&self, outgoing: &OutgoingAlert) -> String {
        let write = match self.format {
            Format::Rfc5424 => rfc5424::message,
            Format::Cef => cef::message,
            Format::Local => local::message,
        };
        write(outgoing, &self.sender, self.max_len)
    }
}
