//! Why a door cannot be opened.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::settings::SettingsError;

/// Why a door cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// A certificate or its key cannot be used together, or is malformed. That it is over is for clients to find.
    #[error("`{}` is no certificate that can be used", .0.display())]
    Certificate(PathBuf, #[source] rustls::Error),
    /// The roots of client certificates cannot be used.
    #[error("`{}` has no roots that can be used", .0.display())]
    Roots(PathBuf, #[source] rustls::server::VerifierBuilderError),
    /// A file of TLS is no PEM of what it should hold.
    #[error("`{}` is not a PEM file of {what}", .path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// `certificates` or `a private key`.
        what: &'static str,
        /// What was found instead.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
    /// The operator's socket cannot be made, or another service listens there.
    #[error("cannot listen on `{}`", .0.display())]
    Socket(PathBuf, #[source] std::io::Error),
    /// The settings forbid it.
    #[error("{0}")]
    Settings(#[from] SettingsError),
}
