//! The parts of a server.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use bellwether_answers::{Change, Desk};
use bellwether_base::Timestamp;
use bellwether_store::{Effects, Reader, StoreError};

use crate::{RedirectDoor, Scopes};

/// Makes a desk for one thread.
pub type MakeDesk = Box<dyn Fn() -> Result<Box<dyn Desk>, StoreError> + Send + Sync>;

/// Opens a reader of the database for one thread.
pub type OpenReader = Box<dyn Fn() -> Result<Reader, StoreError> + Send + Sync>;

/// Tries a change out: what would follow it, nothing where that takes too long, or why it cannot be made.
pub type TryOut = Box<dyn Fn(&Change) -> Result<Option<Effects>, String> + Send + Sync>;

/// Turns a name in clear text into the tokens that it may have, in each of some domains.
pub type TokensIn = Box<dyn Fn(&str, &[String]) -> Vec<String> + Send + Sync>;

/// Turns a clear number into tokens.
pub(crate) type TokensOf = Box<dyn Fn(&str) -> Vec<String> + Send + Sync>;

/// True for addresses of the site, its trunks and its subscribers.
pub type IsOwn = dyn Fn(IpAddr) -> bool + Send + Sync;

/// The part of the options that may change while the server runs.
pub struct Renewed {
    /// TLS. A server that began without any stays without.
    pub tls: Option<TlsFiles>,
    /// Clients that may log in. A server that began without a login stays without.
    pub access: Vec<Access>,
}

/// Asks whether the options shall be read again: none if not, else what was read or why it cannot be.
pub type Renew = Box<dyn FnMut() -> Option<Result<Renewed, String>> + Send>;

/// A failure of the server.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An option cannot be used.
    #[error("{0}")]
    Option(String),
    /// The address cannot be listened on, or the system refuses something else.
    #[error("{0}: {1}")]
    Io(String, std::io::Error),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The files of TLS, in PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The certificate chain of the server.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates of authorities whose client certificates are accepted.
    pub client_authorities: Option<PathBuf>,
}

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Access {
    /// The name in the audit log.
    pub name: String,
    /// SHA-256 of the bearer token, or of the client certificate, in hexadecimal digits.
    pub sha256: String,
    /// True for a client certificate.
    pub is_certificate: bool,
    /// Its rights.
    pub scopes: Scopes,
}

/// The parts of a server.
pub struct ServeOptions {
    /// TLS; none for clear text.
    pub tls: Option<TlsFiles>,
    /// Clients that may log in. Without any, everyone on the loopback interface may do everything.
    pub access: Vec<Access>,
    /// Options that are read again at run time.
    pub renew: Renew,
    /// Further names of the server in the Host header, beside its addresses and `localhost`.
    pub host_names: Vec<String>,
    /// Requests per second of one client, of each access and of each address.
    pub requests_per_second: u32,
    /// The redirect server; none if it is off.
    pub redirect: Option<RedirectDoor>,
    /// Makes desks.
    pub make_desk: MakeDesk,
    /// Opens readers.
    pub open_reader: OpenReader,
    /// Turns a clear number into tokens.
    pub tokens_of: TokensOf,
    /// Turns a name in clear text into tokens, for agents. None if numbers are stored in clear text: agents are then refused.
    pub tokens_in: Option<TokensIn>,
    /// The keyed hash of a Call-ID as it was on the wire.
    pub wire_id_of: Box<dyn Fn(&str) -> i64 + Send + Sync>,
    /// Tells the site's own addresses.
    pub is_own: Arc<IsOwn>,
    /// Tries changes out for the preview of the console.
    pub try_out: TryOut,
    /// The present time.
    pub now: fn() -> Timestamp,
    /// The database, for its size in the metrics.
    pub db: PathBuf,
    /// The version of the program.
    pub version: &'static str,
    /// True beside a sensor.
    pub is_beside_sensor: bool,
}

/// Checks what a stranger could reach at an address.
pub(crate) fn check(listen: SocketAddr, access: &[Access], tls: Option<&TlsFiles>) -> Result<(), ServeError> {
    if listen.ip().is_loopback() {
        return Ok(());
    }
    if tls.is_none() {
        let text = format!("{listen} is no loopback address: set serve.certificate_file and serve.key_file");
        return Err(ServeError::Option(text));
    }
    if access.is_empty() {
        let text = format!("{listen} is no loopback address: add an access under serve.access");
        return Err(ServeError::Option(text));
    }
    Ok(())
}
