//! Members that DNS names, by a real DNS server.

mod gateway;
mod members;
mod proxy;
mod secure;

use e2e::{Dns, dns::ZONE};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A service of the name that etcd's clients look for, at a host of the zone, and that host at an address.
pub(crate) fn service(name: &str, priority: u16, weight: u16, host: &str, address: &str) -> String {
    let (ip, port) = address.rsplit_once(':').expect("host:port");
    format!("_{name}._tcp SRV {priority} {weight} {port} {host}\n{host} A {ip}\n")
}

/// Looks for members there, and often.
pub(crate) fn flags(dns: &Dns) -> [String; 3] {
    [
        format!("--discovery-srv={ZONE}"),
        format!("--dns-server={}", dns.address()),
        "--discovery-interval=100ms".to_owned(),
    ]
}

/// Carries connections from one address to another until it is dropped, and ends them with it.
pub(crate) struct Forward(JoinHandle<()>);

impl Forward {
    pub(crate) async fn start(from: &str, to: &str) -> Self {
        let listener = TcpListener::bind(from).await.expect("an address of the loopback");
        let to = to.to_owned();
        Self(tokio::spawn(async move {
            let mut carried = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let to = to.clone();
                carried.spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(to).await {
                        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        }))
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.0.abort();
    }
}
