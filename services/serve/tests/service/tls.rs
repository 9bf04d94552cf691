//! TLS 1.3 on both doors, and client certificates.

use std::path::Path;
use std::sync::Arc;

use hushtag_serve::door::bind;
use hushtag_serve::sandbox::demo::RECIPIENT;
use hushtag_serve::settings::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{World, WorldTerms, runtime, world};

/// Makes a root, a certificate of the server, one of a client, and one of a client that is over.
fn certificates(folder: &Path) -> TlsFiles {
    let write = |name: &str, text: String| {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name)
    };
    let root_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&root_key).unwrap();
    let issuer = Issuer::from_params(&params, &root_key);
    let client_roots = write("root.pem", root.pem());
    let mut files = Vec::new();
    for name in ["server", "client", "over"] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        if name == "over" {
            (params.not_before, params.not_after) = (date_time_ymd(2024, 1, 1), date_time_ymd(2025, 1, 1));
        }
        let certificate = params.signed_by(&key, &issuer).unwrap();
        files.push((
            write(&format!("{name}.pem"), certificate.pem()),
            write(&format!("{name}.key"), key.serialize_pem()),
        ));
    }
    let (certificate, key) = files.remove(0);
    TlsFiles { certificate, key, client_roots: Some(client_roots) }
}

fn config(
    folder: &Path,
    client: Option<&str>,
    version: &'static rustls::SupportedProtocolVersion,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("root.pem")).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    if let Some(name) = client {
        let certificate = CertificateDer::from_pem_file(folder.join(format!("{name}.pem"))).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join(format!("{name}.key"))).unwrap();
        builder.with_client_auth_cert(vec![certificate], key).unwrap()
    } else {
        builder.with_no_client_auth()
    }
}

/// The first line of the answer to a request over TLS.
async fn health(world: &World, config: ClientConfig) -> std::io::Result<String> {
    let stream = TcpStream::connect(world.http).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned())
}

#[test]
fn both_doors_speak_tls_with_client_certificates_and_nothing_else() {
    let place = tempfile::tempdir().unwrap();
    let tls = certificates(place.path());
    let world = world(WorldTerms { people: 200, tls: Some(tls), ..WorldTerms::default() });
    let tls13 = &rustls::version::TLS13;
    runtime().block_on(async {
        let answer = health(&world, config(place.path(), Some("client"), tls13)).await.unwrap();
        assert_eq!(answer, "HTTP/1.1 200 OK");
        assert!(health(&world, config(place.path(), None, tls13)).await.is_err(), "without a certificate");
        assert!(health(&world, config(place.path(), Some("over"), tls13)).await.is_err(), "one that is over");

        let mut plain = TcpStream::connect(world.http).await.unwrap();
        plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let _ = plain.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP"), "without TLS");

        // The wire without TLS: refused before a password is asked for.
        let dsn = format!("{} sslmode=disable", world.dsn());
        let error = tokio_postgres::connect(&dsn, tokio_postgres::NoTls).await.map(|_| ()).unwrap_err();
        assert_eq!(error.as_db_error().unwrap().code().code(), "28000");

        // The wire with TLS: SSLRequest, then the handshake, then the login.
        let mut stream = TcpStream::connect(world.postgres).await.unwrap();
        stream.write_all(&[0, 0, 0, 8, 4, 210, 22, 47]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'S');
        let mut config = config(place.path(), Some("client"), tls13);
        config.alpn_protocols = vec![b"postgresql".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        body.extend(format!("user\0{RECIPIENT}\0database\0hushtag\0\0").as_bytes());
        let length = u32::try_from(body.len() + 4).unwrap();
        stream.write_all(&[&length.to_be_bytes(), body.as_slice()].concat()).await.unwrap();
        stream.flush().await.unwrap();
        let mut asked = [0; 9];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, [b'R', 0, 0, 0, 8, 0, 0, 0, 3]);

        // Someone on the way who puts bytes behind the SSLRequest gets nowhere.
        let mut stream = TcpStream::connect(world.postgres).await.unwrap();
        stream
            .write_all(&[&[0, 0, 0, 8, 4, 210, 22, 47][..], &length.to_be_bytes(), &body].concat())
            .await
            .unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.len() <= 1 || answer[0] == b'S' && !answer.contains(&b'R'), "{answer:?}");
    });
}

#[test]
fn no_door_opens_on_the_network_without_tls() {
    runtime().block_on(async {
        let open = "0.0.0.0:0".parse().unwrap();
        assert!(bind(open, false, false).await.unwrap_err().to_string().contains("--insecure"));
        assert!(bind(open, true, false).await.is_ok());
        assert!(bind(open, false, true).await.is_ok());
        assert!(bind("127.0.0.1:0".parse().unwrap(), false, false).await.is_ok());
        assert!(
            bind("[::1]:0".parse().unwrap(), false, false).await.is_ok()
                || !Path::new("/proc/net/if_inet6").exists()
        );
    });
}
