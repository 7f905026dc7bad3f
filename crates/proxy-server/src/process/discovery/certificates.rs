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

/// Whom to trust. etcd opens a connection and looks at no certificate; here it must lead to these authorities and carry
/// the domain's name or the member's.
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
        let mut reasons = Vec::new();
        let domain = discovery.domain.trim_end_matches('.');
        for name in [domain, &found.service.host] {
            match timeout(TIMEOUT, self.shake_hands(discovery, &found.service, name)).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(error)) => reasons.push(format!("as {name}: {error}")),
                Err(_) => reasons.push(format!("as {name}: no answer within {TIMEOUT:?}")),
            }
        }
        Err(format!("\"{url}\" failed to dial ({})", reasons.join("; ")))
    }

    async fn shake_hands(&self, discovery: &Discovery, service: &Service, name: &str) -> io::Result<()> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let addresses = discovery.resolver.addresses(&service.host, service.port).await?;
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        TlsConnector::from(Arc::clone(&self.0)).connect(name, stream).await.map(drop)
    }
}
