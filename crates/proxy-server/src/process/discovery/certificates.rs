//! Whether members that DNS names can show who they are.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use dns_discovery::{Discovery, Found, Service};
use futures_util::future::join_all;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// As long as etcd's check gives a member.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whom to trust, and by which names besides their own: members are dialled by the same configuration. etcd opens a
/// connection and looks at no certificate.
#[derive(Clone, Debug)]
pub(crate) struct Certificates(pub(crate) Arc<rustls::ClientConfig>);

impl Certificates {
    /// Those who can, and for each of the others why not, in etcd's form.
    pub(super) async fn check(&self, discovery: &Discovery, found: Vec<Found>) -> (Vec<Found>, Vec<String>) {
        let asked = join_all(found.iter().map(|found| self.check_one(discovery, found))).await;
        let (mut believed, mut doubts) = (Vec::new(), Vec::new());
        for (found, doubt) in found.into_iter().zip(asked) {
            match doubt {
                Ok(()) => believed.push(found),
                Err(doubt) => doubts.push(doubt),
            }
        }
        (believed, doubts)
    }

    async fn check_one(&self, discovery: &Discovery, found: &Found) -> Result<(), String> {
        let url = found.url();
        if !found.tls {
            return Err(format!("\"{url}\" is insecure"));
        }
        match timeout(TIMEOUT, self.shake_hands(discovery, &found.service)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("\"{url}\" failed to dial ({error})")),
            Err(_) => Err(format!("\"{url}\" failed to dial (no answer within {TIMEOUT:?})")),
        }
    }

    async fn shake_hands(&self, discovery: &Discovery, service: &Service) -> io::Result<()> {
        let name = ServerName::try_from(service.host.clone()).map_err(io::Error::other)?;
        let addresses = discovery.resolver.addresses(&service.host, service.port).await?;
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await.map(drop)
    }
}
