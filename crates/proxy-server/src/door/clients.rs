//! Who is connected, and how much each asks for: counted by runtime, so that no two threads write to one place.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::door::limits::Certified;

/// Clients that a runtime knows by name. More are counted as one.
const MAX_CLIENTS: usize = 4096;

/// The clients of all runtimes; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clients(Arc<Mutex<Vec<ClientShard>>>);

/// The clients of one runtime; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientShard(Arc<Mutex<Table>>);

/// By address; none for those who found no room.
#[derive(Debug, Default)]
struct Table {
    clients: HashMap<Option<IpAddr>, Arc<Counts>>,
    gone: Usage,
}

/// One client on one runtime. No other's counts are on its cache lines.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Counts {
    connections: AtomicU64,
    streams: AtomicU64,
    calls: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

/// A connection of a client, until it is dropped.
#[derive(Debug)]
pub(crate) struct ClientSeat {
    shard: ClientShard,
    peer: SocketAddr,
    /// Whom its certificate names, where limits ask for it.
    certified: Option<Certified>,
    /// Under which it is counted.
    address: Option<IpAddr>,
    counts: Arc<Counts>,
}

/// Counts the bytes of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic(Arc<Counts>);

/// A call under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct ClientCall(Arc<Counts>);

/// What a client has and had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Connections that are open.
    pub(crate) connections: u64,
    /// Calls and streams under way.
    pub(crate) streams: u64,
    /// Calls begun since the first of its connections that are open.
    pub(crate) calls: u64,
    /// Bytes that came from it.
    pub(crate) received: u64,
    /// Bytes that went to it.
    pub(crate) sent: u64,
}

impl Clients {
    /// The place for the clients of one more runtime.
    pub(crate) fn shard(&self) -> ClientShard {
        let shard = ClientShard::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(shard.clone());
        shard
    }

    /// Everybody who is connected, by address; none is all those for whom there was no room.
    pub(crate) fn usage(&self) -> HashMap<Option<IpAddr>, Usage> {
        let mut all: HashMap<Option<IpAddr>, Usage> = HashMap::new();
        for shard in self.shards() {
            for (address, counts) in &shard.table().clients {
                all.entry(*address).or_default().add(counts.usage());
            }
        }
        all
    }

    /// What all clients have had since the start.
    pub(crate) fn total(&self) -> Usage {
        let mut total = Usage::default();
        for shard in self.shards() {
            let table = shard.table();
            total.add(table.gone);
            table.clients.values().for_each(|counts| total.add(counts.usage()));
        }
        total
    }

    fn shards(&self) -> Vec<ClientShard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientShard {
    /// A connection from this address.
    pub(crate) fn enter(&self, peer: SocketAddr) -> ClientSeat {
        let mut table = self.table();
        let address = Some(peer.ip().to_canonical());
        let known = table.clients.contains_key(&address) || table.clients.len() < MAX_CLIENTS;
        let address = address.filter(|_| known);
        let counts = Arc::clone(table.clients.entry(address).or_default());
        counts.connections.fetch_add(1, Ordering::Relaxed);
        drop(table);
        ClientSeat { shard: self.clone(), peer, certified: None, address, counts }
    }

    /// Every change is whole by itself, so what a panicking thread left can be gone on with.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSeat {
    /// The same with a certificate.
    pub(crate) fn with_certificate(mut self, certified: Option<Certified>) -> Self {
        self.certified = certified;
        self
    }

    pub(crate) fn certified(&self) -> Option<Certified> {
        self.certified
    }

    /// Where the connection comes from.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// What counts the connection's bytes.
    pub(crate) fn traffic(&self) -> Traffic {
        Traffic(Arc::clone(&self.counts))
    }

    /// A call begins.
    pub(crate) fn begin(&self) -> ClientCall {
        self.counts.calls.fetch_add(1, Ordering::Relaxed);
        self.counts.streams.fetch_add(1, Ordering::Relaxed);
        ClientCall(Arc::clone(&self.counts))
    }
}

impl Drop for ClientSeat {
    fn drop(&mut self) {
        let mut table = self.shard.table();
        if self.counts.connections.fetch_sub(1, Ordering::Relaxed) == 1 {
            table.clients.remove(&self.address);
            let Usage { calls, received, sent, .. } = self.counts.usage();
            table.gone.add(Usage { calls, received, sent, ..Usage::default() });
        }
    }
}

impl Traffic {
    pub(crate) fn received(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.0.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Drop for ClientCall {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counts {
    fn usage(&self) -> Usage {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Usage {
            connections: load(&self.connections),
            streams: load(&self.streams),
            calls: load(&self.calls),
            received: load(&self.received),
            sent: load(&self.sent),
        }
    }
}

impl Usage {
    fn add(&mut self, other: Self) {
        self.connections += other.connections;
        self.streams += other.streams;
        self.calls += other.calls;
        self.received += other.received;
        self.sent += other.sent;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(last: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(last))
    }

    fn peer(last: u32) -> SocketAddr {
        SocketAddr::new(address(last), 1)
    }

    #[test]
    fn a_client_is_the_sum_of_its_connections_on_all_runtimes_while_it_has_one() {
        let clients = Clients::default();
        let shards = [clients.shard(), clients.shard()];
        let mapped = SocketAddr::new(Ipv4Addr::from_bits(1).to_ipv6_mapped().into(), 1);
        let seats = [shards[0].enter(peer(1)), shards[1].enter(mapped), shards[1].enter(peer(2))];
        let call = seats[0].begin();
        drop(seats[1].begin());
        seats[1].traffic().received(10);
        seats[2].traffic().sent(5);
        let one = Usage { connections: 2, streams: 1, calls: 2, received: 10, sent: 0 };
        assert_eq!(clients.usage()[&Some(address(1))], one);
        drop(call);
        drop(seats);
        assert!(clients.usage().is_empty());
        assert_eq!(clients.total(), Usage { calls: 2, received: 10, sent: 5, ..Usage::default() });
    }

    #[test]
    fn those_who_find_no_room_are_counted_together() {
        let clients = Clients::default();
        let shard = clients.shard();
        let seats: Vec<_> = (0..MAX_CLIENTS as u32 + 3).map(|last| shard.enter(peer(last))).collect();
        assert_eq!(clients.usage().len(), MAX_CLIENTS + 1);
        assert_eq!(clients.usage()[&None].connections, 3);
        drop(seats);
        assert!(clients.usage().is_empty());
    }
}
