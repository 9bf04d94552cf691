//! TLS 1.3 by rustls, with client certificates where roots for them are given.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::DoorError;
use crate::settings::TlsFiles;

/// Accepts TLS 1.3 connections that speak `protocol`.
///
/// # Errors
/// [`DoorError`]
pub fn acceptor(files: &TlsFiles, protocol: &[u8]) -> Result<TlsAcceptor, DoorError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let broken = |error| DoorError::Certificate(files.certificate.clone(), error);
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(broken)?;
    let builder = match &files.client_roots {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for root in certificates(path)? {
                roots.add(root).map_err(|error| DoorError::Certificate(path.clone(), error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder
                .with_client_cert_verifier(verifier.map_err(|error| DoorError::Roots(path.clone(), error))?)
        }
    };
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|source| DoorError::Pem {
        path: files.key.clone(),
        what: "a private key",
        source,
    })?;
    let mut config = builder.with_single_cert(certificates(&files.certificate)?, key).map_err(broken)?;
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, DoorError> {
    let broken = |source| DoorError::Pem { path: path.into(), what: "certificates", source };
    let all: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(broken)?.collect();
    all.map_err(broken)
}
