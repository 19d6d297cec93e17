//! TLS of the server, from PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::{ServeError, TlsFiles};

/// The configuration of TLS.
pub(crate) fn config(files: &TlsFiles) -> Result<Arc<ServerConfig>, ServeError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| ServeError::Option(e.to_string()))?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|e| wrong(path, &e))?;
            }
            // A client without a certificate may have a token.
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .allow_unauthenticated()
                .build()
                .map_err(|e| wrong(path, &e))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|e| wrong(&files.key, &e))?;
    let mut config = builder
        .with_single_cert(certificates(&files.certificates)?, key)
        .map_err(|e| wrong(&files.certificates, &e))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    let found = CertificateDer::pem_file_iter(path).map_err(|e| wrong(path, &e))?;
    let found = found.collect::<Result<Vec<_>, _>>().map_err(|e| wrong(path, &e))?;
    if found.is_empty() {
        return Err(ServeError::Option(format!("{} has no certificate", path.display())));
    }
    Ok(found)
}

fn wrong(path: &Path, why: &dyn std::fmt::Display) -> ServeError {
    ServeError::Option(format!("{}: {why}", path.display()))
}
