//! One authority a seal, and a certificate for each role: who connects is known by the role that its certificate names.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};
use zeroize::Zeroizing;

use crate::error::Error;

/// What a process is. Its certificate is valid for this name, wherever the process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Plans, and hands tasks out; holds no key of an epoch.
    Scheduler,
    /// Reads, merges and counts.
    Executor,
    /// Seals: hands out keys, and alone opens the totals.
    Operator,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Scheduler, Self::Executor, Self::Operator];

    /// The name of its files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::Executor => "executor",
            Self::Operator => "operator",
        }
    }

    /// The name that its certificate is valid for.
    #[must_use]
    pub const fn domain(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler.hushtag.invalid",
            Self::Executor => "executor.hushtag.invalid",
            Self::Operator => "operator.hushtag.invalid",
        }
    }

    /// Whether a certificate, of which the authority was checked, is of this role.
    #[must_use]
    pub fn is_of(self, certificate: &CertificateDer<'_>) -> bool {
        let (Ok(certificate), Ok(name)) =
            (webpki::EndEntityCert::try_from(certificate), ServerName::try_from(self.domain()))
        else {
            return false;
        };
        certificate.verify_is_valid_for_subject_name(&name).is_ok()
    }
}

const AUTHORITY: &str = "ca.crt";

/// Makes an authority and the certificates of all roles, each in a folder of its own; the key of the authority is kept nowhere.
///
/// # Errors
/// [`Error::Folder`] for a folder that is there.
pub fn make(folder: &Path) -> Result<(), Error> {
    let wrong = |why: String| Error::Folder { folder: folder.to_owned(), why };
    let failed = |error: rcgen::Error| wrong(error.to_string());
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.distinguished_name.push(DnType::CommonName, "hushtag cluster of one seal");
    let key = KeyPair::generate().map_err(failed)?;
    let root = authority.self_signed(&key).map_err(failed)?.pem();
    let issuer = Issuer::new(authority, key);
    fs::DirBuilder::new().mode(0o700).create(folder).map_err(|error| wrong(error.to_string()))?;
    for role in Role::ALL {
        let mut of_role = CertificateParams::new(vec![role.domain().to_owned()]).map_err(failed)?;
        of_role.distinguished_name.push(DnType::CommonName, role.as_str());
        of_role.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        of_role.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = of_role.signed_by(&key, &issuer).map_err(failed)?.pem();
        let place = folder.join(role.as_str());
        fs::DirBuilder::new().mode(0o700).create(&place).map_err(|error| wrong(error.to_string()))?;
        let key = Zeroizing::new(key.serialize_pem());
        let files = [(AUTHORITY, &root), ("tls.crt", &certificate), ("tls.key", &*key)];
        for (name, text) in files {
            write(&place.join(name), text)?;
        }
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Error> {
    let wrong = |error: std::io::Error| Error::Certificate { file: file.to_owned(), why: error.to_string() };
    let mut open =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(wrong)?;
    open.write_all(text.as_bytes()).map_err(wrong)
}

/// The certificate of one process, its key, and the authority of the seal.
#[derive(Clone)]
pub struct Certificates {
    folder: PathBuf,
    authority: String,
    certificate: String,
    key: Zeroizing<String>,
}

impl Certificates {
    /// Those of a folder that [`make`] made for one role.
    ///
    /// # Errors
    /// [`Error::Certificate`] for files that are missing, or of another role.
    pub fn read(folder: &Path, role: Role) -> Result<Self, Error> {
        let text = |name: &str| {
            let file = folder.join(name);
            fs::read_to_string(&file).map_err(|error| Error::Certificate { file, why: error.to_string() })
        };
        let all = Self {
            folder: folder.to_owned(),
            authority: text(AUTHORITY)?,
            certificate: text("tls.crt")?,
            key: Zeroizing::new(text("tls.key")?),
        };
        let is_of_role = all.chain()?.first().is_some_and(|certificate| role.is_of(certificate));
        if is_of_role {
            Ok(all)
        } else {
            Err(all.wrong("tls.crt", &format!("no certificate of a {}", role.as_str())))
        }
    }

    fn wrong(&self, name: &str, why: &str) -> Error {
        Error::Certificate { file: self.folder.join(name), why: why.to_owned() }
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let all = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>();
        all.map_err(|_| self.wrong("tls.crt", "no certificate in PEM"))
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes());
        key.map_err(|_| self.wrong("tls.key", "no private key in PEM"))
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, Error> {
        let mut roots = RootCertStore::empty();
        let wrong = || self.wrong(AUTHORITY, "no certificate in PEM");
        for root in CertificateDer::pem_slice_iter(self.authority.as_bytes()) {
            roots.add(root.map_err(|_| wrong())?).map_err(|_| wrong())?;
        }
        Ok(Arc::new(roots))
    }

    /// For servers of the engine: only clients of this authority.
    #[must_use]
    pub fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(Identity::from_pem(&self.certificate, &self.key))
            .client_ca_root(Certificate::from_pem(&self.authority))
    }

    /// For clients of the engine that connect to a process of this role.
    #[must_use]
    pub fn client(&self, role: Role) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&self.authority))
            .identity(Identity::from_pem(&self.certificate, &self.key))
            .domain_name(role.domain())
    }

    /// For the server that hands out keys: only clients of this authority.
    pub(crate) fn key_server(&self) -> Result<Arc<ServerConfig>, Error> {
        let verifier = WebPkiClientVerifier::builder(self.roots()?).build();
        let verifier = verifier.map_err(|error| self.wrong(AUTHORITY, &error.to_string()))?;
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain()?, self.private_key()?);
        config.map(Arc::new).map_err(|error| self.wrong("tls.key", &error.to_string()))
    }

    /// For an executor that takes them.
    pub(crate) fn key_client(&self) -> Result<Arc<ClientConfig>, Error> {
        let config = ClientConfig::builder()
            .with_root_certificates(self.roots()?)
            .with_client_auth_cert(self.chain()?, self.private_key()?);
        config.map(Arc::new).map_err(|error| self.wrong("tls.key", &error.to_string()))
    }
}
