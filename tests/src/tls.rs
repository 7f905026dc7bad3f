//! A TLS client that shows what happened.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::certificates::Files;
use crate::patience::soon;

/// A connection to `address`, whose certificate must lead to one of `ca`; `own` is shown where it is asked for. The
/// protocols are offered in this order.
///
/// # Errors
/// When the handshake fails on this side.
pub async fn connect(
    address: &str,
    ca: &Path,
    own: Option<&Files>,
    protocols: &[&str],
) -> io::Result<TlsStream<TcpStream>> {
    connect_speaking(rustls::ALL_VERSIONS, address, ca, own, protocols).await
}

/// The same with these versions of TLS alone.
///
/// # Errors
/// When the handshake fails on this side.
pub async fn connect_speaking(
    versions: &[&'static rustls::SupportedProtocolVersion],
    address: &str,
    ca: &Path,
    own: Option<&Files>,
    protocols: &[&str],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).expect("a CA file") {
        roots.add(certificate.expect("a certificate")).expect("a certificate");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match own {
        Some(own) => {
            let chain =
                CertificateDer::pem_file_iter(&own.cert).expect("a file").map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_file(&own.key).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("a pair")
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let tcp = soon("a TCP connection", TcpStream::connect(address)).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    soon("a TLS handshake", TlsConnector::from(Arc::new(config)).connect(name, tcp)).await
}

/// What is answered to a GET over HTTP/1.1, head and body.
///
/// # Errors
/// When the connection fails.
pub async fn get(address: &str, ca: &Path, own: Option<&Files>, path: &str) -> io::Result<String> {
    request(address, ca, own, &format!("GET {path}"), "").await
}

/// What is answered to a POST over HTTP/1.1, head and body.
///
/// # Errors
/// When the connection fails.
pub async fn post(
    address: &str,
    ca: &Path,
    own: Option<&Files>,
    path: &str,
    body: &str,
) -> io::Result<String> {
    request(address, ca, own, &format!("POST {path}"), body).await
}

async fn request(
    address: &str,
    ca: &Path,
    own: Option<&Files>,
    line: &str,
    body: &str,
) -> io::Result<String> {
    let mut stream = connect(address, ca, own, &["http/1.1"]).await?;
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close");
    stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await?;
    let mut answer = Vec::new();
    soon("an answer", stream.read_to_end(&mut answer)).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
