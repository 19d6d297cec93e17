use std::fmt;
use std::path::PathBuf;

/// Why a [`crate::Target`] cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// A file of certificates or a key is missing or malformed.
    File(PathBuf, String),
    /// The text can be no name in a certificate.
    ServerName(String),
    /// The address of a webhook is malformed.
    Url(String),
    /// The TLS library refuses the configuration.
    Tls(String),
    /// A webhook has a syslog format.
    Format,
    /// A webhook has a server name other than its host.
    WebhookName,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, why) => write!(f, "cannot use {}: {why}", path.display()),
            Self::ServerName(name) => write!(f, "{name} can be no name in a certificate"),
            Self::Url(why) => write!(f, "the webhook's address cannot be used: {why}"),
            Self::Tls(why) => write!(f, "TLS cannot be set up: {why}"),
            Self::Format => f.write_str("a webhook gets JSON: leave the format out"),
            Self::WebhookName => {
                f.write_str("a webhook's server name is the host in its address: leave it out")
            }
        }
    }
}

impl std::error::Error for OpenError {}
