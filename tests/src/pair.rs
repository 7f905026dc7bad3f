//! Two fresh clusters of equal shape: one is asked directly, the other through the proxy.

use crate::client::Client;
use crate::cluster::{Cluster, Shape, Slot, slot};
use crate::etcdctl::Etcdctl;
use crate::proxy::Proxy;
use crate::transcript::{Transcript, assert_same};

/// Two clusters and the proxy in front of the second.
#[derive(Debug)]
pub struct Pair {
    /// Reads and writes go straight to its member 0.
    pub direct: Cluster,
    /// Reads and writes go through [`Pair::proxy`].
    pub proxied: Cluster,
    /// The proxy in front of `proxied`.
    pub proxy: Proxy,
    _slot: Slot,
}

/// One of the two, as a scenario sees it.
#[derive(Debug)]
pub struct Side<'a> {
    /// The cluster behind the client.
    pub cluster: &'a Cluster,
    /// A client of member 0 or of the proxy.
    pub client: Client,
    /// `host:port` of that member or of the proxy.
    pub address: String,
}

impl Side<'_> {
    /// etcdctl with this side's address as its endpoint.
    #[must_use]
    pub fn etcdctl(&self) -> Etcdctl {
        Etcdctl::of(&self.address)
    }
}

impl Pair {
    /// Starts both clusters, and the proxy in front of all members of the second.
    pub async fn start(shape: Shape) -> Self {
        Self::start_with(shape, &[]).await
    }

    /// Starts both, and gives the proxy these flags.
    pub async fn start_with(shape: Shape, flags: &[&str]) -> Self {
        let slot = slot().await;
        let (direct, proxied) = tokio::join!(
            Cluster::start_in_callers_slot(shape.clone()),
            Cluster::start_in_callers_slot(shape)
        );
        let proxy = Proxy::start(&proxied.endpoints(), flags).await;
        Self { direct, proxied, proxy, _slot: slot }
    }

    /// Starts both, and the proxy in front of member 0 of the second only: for calls that are about one member.
    pub async fn start_in_front_of_member_0(shape: Shape) -> Self {
        let mut pair = Self::start(shape).await;
        pair.proxy = Proxy::start(pair.proxied.member(0).address(), &[]).await;
        pair
    }

    /// Runs a scenario on both sides and fails unless it saw the same.
    pub async fn compare(&self, scenario: impl AsyncFn(&mut Transcript, &Side<'_>)) {
        let (mut seen_directly, mut seen_proxied) = (Transcript::default(), Transcript::default());
        let (direct, proxied) = (self.direct_side(), self.proxied_side());
        tokio::join!(scenario(&mut seen_directly, &direct), scenario(&mut seen_proxied, &proxied));
        assert_same(&seen_directly, &seen_proxied);
    }

    /// The side that is asked directly.
    #[must_use]
    pub fn direct_side(&self) -> Side<'_> {
        side(&self.direct, self.direct.member(0).address())
    }

    /// The side that is asked through the proxy.
    #[must_use]
    pub fn proxied_side(&self) -> Side<'_> {
        side(&self.proxied, self.proxy.address())
    }
}

fn side<'a>(cluster: &'a Cluster, address: &str) -> Side<'a> {
    Side { cluster, client: Client::of(address), address: address.to_owned() }
}
