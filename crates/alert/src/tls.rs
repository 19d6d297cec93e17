//! Syslog over TLS, RFC 5425.

use std::io::{self, Read};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::connection::{Connection, Dial, Socket, no_reset_follows};
use crate::deadline::Deadline;
use crate::dial::connect;
use crate::{HostPort, OpenError, TlsFiles};

/// Connects and shakes hands.
pub(crate) struct TlsDial {
    to: HostPort,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl TlsDial {
    /// Reads the files, so that a fault in them shows at the start.
    pub(crate) fn new(to: HostPort, files: &TlsFiles) -> Result<Self, OpenError> {
        let name = files.server_name.as_deref().unwrap_or(&to.host);
        let name =
            ServerName::try_from(name.to_owned()).map_err(|_| OpenError::ServerName(name.to_owned()))?;
        Ok(Self { name, config: Arc::new(config(files)?), to })
    }
}

fn config(files: &TlsFiles) -> Result<ClientConfig, OpenError> {
    let mut roots = RootCertStore::empty();
    match &files.ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| OpenError::File(path.clone(), e.to_string()))?;
            }
        }
    }
    // The provider is named here: other libraries could have set another for the process.
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| OpenError::Tls(e.to_string()))?
        .with_root_certificates(roots);
    match &files.client {
        None => Ok(builder.with_no_client_auth()),
        Some((chain, key_file)) => {
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|e| OpenError::File(key_file.clone(), e.to_string()))?;
            builder
                .with_client_auth_cert(certificates(chain)?, key)
                .map_err(|e| OpenError::File(chain.clone(), e.to_string()))
        }
    }
}

fn certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, OpenError> {
    let wrong = |why: String| OpenError::File(path.to_owned(), why);
    let found: Vec<_> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|e| wrong(e.to_string()))?;
    if found.is_empty() { Err(wrong("holds no certificate".into())) } else { Ok(found) }
}

impl Dial for TlsDial {
    fn dial(&mut self, deadline: Deadline) -> io::Result<Box<dyn Connection>> {
        let (socket, round_trip) = connect(&self.to, deadline)?;
        let tls =
            ClientConnection::new(Arc::clone(&self.config), self.name.clone()).map_err(io::Error::other)?;
        let mut encrypted = Encrypted { socket, tls, round_trip };
        while encrypted.tls.is_handshaking() {
            encrypted.flush(deadline)?;
            if encrypted.tls.is_handshaking() {
                encrypted.listen(deadline)?;
            }
        }
        encrypted.flush(deadline)?;
        Ok(Box::new(encrypted))
    }
}

/// A connection with encryption.
struct Encrypted {
    socket: TcpStream,
    tls: ClientConnection,
    round_trip: Duration,
}

/// The outcome of one read.
#[derive(PartialEq)]
enum Received {
    Something,
    /// It sends no more: `close_notify`, or the end of the TCP connection.
    End,
}

impl Encrypted {
    /// Writes all pending records.
    fn flush(&mut self, deadline: Deadline) -> io::Result<()> {
        while self.tls.wants_write() {
            self.socket.set_write_timeout(Some(deadline.left()?))?;
            match self.tls.write_tls(&mut self.socket) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Waits for records.
    fn listen(&mut self, deadline: Deadline) -> io::Result<Received> {
        self.socket.set_read_timeout(Some(deadline.left()?))?;
        let received = self.take()?;
        if received == Received::End && self.tls.is_handshaking() {
            return Err(io::Error::other("the server ended the connection during the handshake"));
        }
        Ok(received)
    }

    /// Reads records once, as the socket is set.
    fn take(&mut self) -> io::Result<Received> {
        match self.tls.read_tls(&mut self.socket) {
            Ok(0) => return Ok(Received::End),
            Ok(_) => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(Received::Something),
            Err(e) => return Err(e),
        }
        let state = match self.tls.process_new_packets() {
            Ok(state) => state,
            Err(e) => {
                // The alert tells the server why, if it still listens.
                let _ = self.tls.write_tls(&mut self.socket);
                return Err(io::Error::other(e));
            }
        };
        // A syslog server sends no messages (RFC 5425 section 4.3).
        let mut unread = [0; 512];
        let mut left = state.plaintext_bytes_to_read();
        while left > 0 {
            match self.tls.reader().read(&mut unread) {
                Ok(0) | Err(_) => break,
                Ok(read) => left = left.saturating_sub(read),
            }
        }
        Ok(if state.peer_has_closed() { Received::End } else { Received::Something })
    }
}

impl Connection for Encrypted {
    fn check(&mut self) -> io::Result<()> {
        self.socket.set_nonblocking(true)?;
        let received = loop {
            match self.take() {
                Ok(Received::Something) => {}
                Ok(Received::End) => break Err(io::ErrorKind::UnexpectedEof.into()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(e) => break Err(e),
            }
        };
        self.socket.set_nonblocking(false)?;
        received
    }

    fn write(&mut self, octets: &[u8], deadline: Deadline) -> io::Result<()> {
        let mut rest = octets;
        while !rest.is_empty() {
            // The writer takes as much as its buffer has room for.
            let taken = io::Write::write(&mut self.tls.writer(), rest)?;
            rest = rest.get(taken..).unwrap_or_default();
            self.flush(deadline)?;
        }
        Ok(())
    }

    /// RFC 5425 section 4.4: the receiver of a `close_notify` must answer with one, unless it knows that the connection is closed.
    /// So our half of the TCP connection stays open here.
    fn finish(&mut self, deadline: Deadline) -> io::Result<()> {
        self.check()?;
        self.tls.send_close_notify();
        self.flush(deadline)?;
        while self.listen(deadline)? == Received::Something {}
        no_reset_follows(&self.socket, self.round_trip)?;
        self.socket.end().or(Ok(()))
    }
}
