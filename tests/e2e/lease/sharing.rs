//! What etcd sees of many clients, and what a client sees of leases that change.

use std::time::{Duration, Instant};

use e2e::{Client, Cluster, Proxy, Shape, Side, Transcript, eventually, metrics};
use proto_gen::etcdserverpb::{LeaseRevokeRequest, PutRequest};
use tonic::Code;

use super::{KeepingAlive, keep_alive, ping};
use crate::requests::{get, grant, put};

const METHOD: &str = "grpc_method=\"LeaseKeepAlive\"";
/// For how long the proxy answers from memory.
const WINDOW: Duration = Duration::from_millis(100);

/// After so much silence of etcd's what waits is asked again on another stream.
const STALL: Duration = Duration::from_millis(500);
/// The streams of a machine on which etcd is silent for so long now and then.
const FEW: f64 = 10.0;

async fn streams(member: &str) -> f64 {
    metrics::sum(member, "grpc_server_started_total", &[METHOD]).await
}

async fn pings(member: &str) -> f64 {
    metrics::sum(member, "grpc_server_msg_received_total", &[METHOD]).await
}

async fn proxied() -> (Cluster, Proxy) {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--worker-threads=2"]).await;
    (cluster, proxy)
}

async fn granted(client: &Client, leases: std::ops::Range<i64>) {
    for id in leases {
        client.lease().lease_grant(grant(id, 3000)).await.expect("a lease");
    }
}

/// Leases from 1 on, each kept alive on a stream of its own; ten connections.
fn one_stream_each(proxy: &Proxy, leases: std::ops::Range<i64>) -> Vec<(i64, KeepingAlive)> {
    let clients: Vec<Client> = (0..10).map(|_| proxy.client()).collect();
    leases.map(|id| (id, keep_alive(&clients[id as usize % clients.len()]))).collect()
}

#[tokio::test]
async fn etcd_sees_one_stream_however_many_clients_there_are() {
    let (cluster, proxy) = proxied().await;
    let member = cluster.member(0).address();
    granted(&proxy.client(), 1..201).await;
    let mut alive = one_stream_each(&proxy, 1..201);
    let mut may_stall = false;
    for _ in 0..2 {
        let started = Instant::now();
        for (id, stream) in &mut alive {
            stream.send(ping(*id)).await;
        }
        for (id, stream) in &mut alive {
            let answer = stream.next().await;
            assert_eq!((answer.id, answer.ttl >= 2999), (*id, true));
            assert!(answer.header.is_some_and(|header| header.cluster_id != 0 && header.revision > 0));
        }
        may_stall |= started.elapsed() >= STALL;
        tokio::time::sleep(WINDOW).await;
    }
    let (streams, pings) = (streams(member).await, pings(member).await);
    assert!(streams <= if may_stall { FEW } else { 1.0 }, "{streams} streams");
    // Another stream is asked at most what its predecessor has not answered.
    let asked_again = 200.0 * (streams - 1.0);
    assert!((400.0..=400.0 + asked_again).contains(&pings), "{pings} pings on {streams} streams");
}

#[tokio::test]
async fn a_hammered_lease_costs_etcd_a_ping_each_window() {
    let (cluster, proxy) = proxied().await;
    let member = cluster.member(0).address();
    granted(&proxy.client(), 1..2).await;
    let mut alive = one_stream_each(&proxy, 0..20);
    let started = Instant::now();
    for _ in 0..50 {
        for (_, stream) in &mut alive {
            stream.send(ping(1)).await;
        }
        for (_, stream) in &mut alive {
            let answer = stream.next().await;
            assert!((2999..=3000).contains(&answer.ttl), "{answer:?}");
        }
    }
    let windows = started.elapsed().as_millis() / WINDOW.as_millis() + 2;
    let pings = pings(member).await;
    assert!(pings <= windows as f64, "{pings} pings in {windows} windows, of 1000");
}

#[tokio::test]
async fn what_is_revoked_or_granted_here_is_known_here_at_once() {
    let (_cluster, proxy) = proxied().await;
    let (client, other) = (proxy.client(), proxy.client());
    let mut alive = [keep_alive(&client), keep_alive(&other)];
    for round in 0..30 {
        let ttl = 1000 + round;
        client.lease().lease_grant(grant(7, ttl)).await.expect("a lease");
        for stream in &mut alive {
            stream.send(ping(7)).await;
            let answer = stream.next().await;
            assert!(answer.ttl == ttl || answer.ttl == ttl - 1, "round {round}: {answer:?}");
        }
        other.lease().lease_revoke(LeaseRevokeRequest { id: 7 }).await.expect("revoked");
        for stream in &mut alive {
            stream.send(ping(7)).await;
            assert_eq!(stream.next().await.ttl, 0, "round {round}");
        }
    }
}

#[tokio::test]
async fn what_is_revoked_elsewhere_is_known_after_the_window() {
    let (cluster, proxy) = proxied().await;
    let mut alive = keep_alive(&proxy.client());
    let direct = cluster.member(0).client();
    for _ in 0..5 {
        direct.lease().lease_grant(grant(7, 1000)).await.expect("a lease");
        alive.send(ping(7)).await;
        assert_eq!(alive.next().await.ttl, 1000);
        direct.lease().lease_revoke(LeaseRevokeRequest { id: 7 }).await.expect("revoked");
        tokio::time::sleep(WINDOW).await;
        alive.send(ping(7)).await;
        assert_eq!(alive.next().await.ttl, 0);
    }
}

#[tokio::test]
async fn a_lease_lives_while_it_is_pinged_and_dies_when_its_client_falls_silent() {
    let (cluster, proxy) = proxied().await;
    let (client, member) = (proxy.client(), cluster.member(0).address());
    let direct = cluster.member(0).client();
    // Long enough for a slow machine to ping in time.
    client.lease().lease_grant(grant(7, 10)).await.expect("a lease");
    client.kv().put(PutRequest { lease: 7, ..put("kept", "1") }).await.expect("a key");
    let mut alive = keep_alive(&client);
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(14) {
        alive.send(ping(7)).await;
        assert_eq!(alive.next().await.ttl, 10);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert_eq!(direct.kv().range(get("kept")).await.expect("a read").into_inner().count, 1);
    let before = pings(member).await;
    // The stream stays open.
    eventually("the lease expires", e2e::SOON, async || {
        let read = direct.kv().range(get("kept")).await.expect("a read").into_inner();
        (read.count == 0).then_some(())
    })
    .await;
    assert_eq!(pings(member).await, before, "nobody pings for a client that does not");
    alive.send(ping(7)).await;
    assert_eq!(alive.next().await.ttl, 0);
}

#[tokio::test]
async fn many_leases_on_one_stream_are_answered_in_order() {
    let (cluster, proxy) = proxied().await;
    let client = proxy.client();
    granted(&client, 1..101).await;
    let mut alive = keep_alive(&client);
    let mut sender = tokio::task::JoinSet::new();
    // More than may wait for their answers at once, half of them on leases that are not there.
    let asked = || (0..5000).map(|index| 1 + index % 200);
    let requests = alive.sender();
    sender.spawn(async move {
        for id in asked() {
            let _ = requests.send(ping(id)).await;
        }
    });
    for id in asked() {
        let answer = alive.next().await;
        assert_eq!((answer.id, answer.ttl > 0), (id, id <= 100));
    }
    let streams = streams(cluster.member(0).address()).await;
    assert!(streams <= FEW, "{streams} streams");
}

#[tokio::test]
async fn a_deadline_ends_a_keep_alive_as_it_does_at_etcd() {
    e2e::Pair::start(Shape::single()).await.compare(deadlines).await;
}

async fn deadlines(seen: &mut Transcript, side: &Side<'_>) {
    side.client.lease().lease_grant(grant(7, 3000)).await.expect("a lease");
    let mut alive = keep_alive(&side.client.with_deadline(Duration::from_secs(10)));
    alive.send(ping(7)).await;
    seen.note("in time", alive.next().await);
    let end = alive.try_next().await.expect_err("the deadline ends it");
    // The client's clock and the server's race for the word, and etcd 3.4 has none of its own for it.
    assert!(matches!(end.code(), Code::DeadlineExceeded | Code::Cancelled | Code::Unknown), "{end:?}");
}
