//! What travels beside the messages: client-api-version, deadlines, cancellations, and methods nobody knows.

use std::time::Duration;

use bytes::Bytes;
use e2e::raw::frame;
use e2e::{Cluster, Pair, Proxy, RawConnection, Shape, Side, Transcript, eventually, metrics, soon};
use tonic::Code;

use crate::lease::{keep_alive, ping};
use crate::lock_election::{campaign, lock, queued};
use crate::requests::{get, grant, put, watch_range};

#[tokio::test]
async fn unknown_services_and_methods_are_answered_as_etcd_answers() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(async |seen, side| {
        let raw = RawConnection::connect(&side.address).await;
        let unknown = [
            "/nobody.knows.This/Method",
            "/etcdserverpb.Auth/Nothing",
            "/etcdserverpb.Maintenance/Nothing",
            "/etcdserverpb.Cluster/Nothing",
            "/etcdserverpb.KV/Nothing",
            "/etcdserverpb.Watch/Nothing",
            "/etcdserverpb.Lease/Nothing",
            "/v3lockpb.Lock/Nothing",
            "/v3electionpb.Election/Nothing",
            "/etcdserverpb.KV",
            "/nothing",
        ];
        for path in unknown {
            let answer = raw.call(path, &[], frame(b"")).await.expect("an answer");
            seen.note(path, (answer.status, answer.grpc()));
        }
    })
    .await;
}

#[tokio::test]
async fn the_clients_api_version_reaches_etcd() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let client = proxy.client().with("client-api-version", "3.4.77");
    client.kv().put(put("a", "1")).await.expect("a write");
    client.kv().range(get("a")).await.expect("a read");
    let (_watching, _) = crate::watch::create_watch(&client, crate::requests::watch_key("a", 0)).await;
    let label = ["client_api_version=\"3.4.77\""];
    let counted =
        metrics::sum(cluster.member(0).address(), "etcd_server_client_requests_total", &label).await;
    assert!(counted >= 2.0, "etcd counted {counted} calls of that version");
}

#[tokio::test]
async fn a_deadline_travels() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let (side, member) = (side_of(&cluster, &proxy), cluster.member(0).address());
    for id in [1, 2] {
        side.client.lease().lease_grant(grant(id, 3000)).await.expect("a lease");
    }
    side.client.lock().lock(lock("deadline", 1)).await.expect("the lock");
    // Enough for etcd to put the waiter into the queue: who is cut off before may stay there.
    let hasty = side.client.with_deadline(Duration::from_secs(5));
    let status = hasty.lock().lock(lock("deadline", 2)).await.expect_err("somebody else holds the lock");
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");
    eventually("etcd has ended the call", e2e::SOON, async || {
        (metrics::open_calls(member, "Lock").await == 0.0).then_some(())
    })
    .await;
    queued(&side, "deadline/", 1).await;
}

#[tokio::test]
async fn a_deadline_that_only_the_server_knows_is_kept() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(async |seen, side| {
        for id in [1, 2] {
            side.client.lease().lease_grant(grant(id, 3000)).await.expect("a lease");
        }
        side.client.lock().lock(lock("silent", 1)).await.expect("the lock");
        let raw = RawConnection::connect(&side.address).await;
        let request = frame(&prost::Message::encode_to_vec(&lock("silent", 2)));
        let answer = raw.call("/v3lockpb.Lock/Lock", &[("grpc-timeout", "5S")], request).await;
        // etcd resets the stream; a status other than OK says the same.
        let ended = answer
            .map_or_else(|error| error.is_reset(), |answer| answer.grpc().0.is_some_and(|code| code != "0"));
        seen.note("ended", ended);
        queued(side, "silent/", 1).await;
    })
    .await;
}

fn side_of<'a>(cluster: &'a Cluster, proxy: &Proxy) -> Side<'a> {
    Side { cluster, client: proxy.client(), address: proxy.address().to_owned() }
}

#[tokio::test]
async fn a_cancelled_call_is_cancelled_at_etcd() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let (side, member) = (side_of(&cluster, &proxy), cluster.member(0).address());
    for id in [1, 2] {
        side.client.lease().lease_grant(grant(id, 3000)).await.expect("a lease");
    }
    side.client.lock().lock(lock("cancelled", 1)).await.expect("the lock");
    side.client.election().campaign(campaign("seat", 1, "x")).await.expect("the seat");
    let before = watchers(member).await;
    let (watching, _) = crate::watch::create_watch(&side.client, watch_range("c/", "c0", 0)).await;
    let mut alive = keep_alive(&side.client);
    alive.send(ping(1)).await;
    alive.next().await;
    let (mut locks, mut election) = (side.client.lock(), side.client.election());
    let waiting = tokio::spawn(async move { locks.lock(lock("cancelled", 2)).await });
    let running = tokio::spawn(async move { election.campaign(campaign("seat", 2, "y")).await });
    queued(&side, "cancelled/", 2).await;
    queued(&side, "seat/", 2).await;
    drop((watching, alive));
    waiting.abort();
    running.abort();
    for method in ["Lock", "Campaign"] {
        eventually(&format!("etcd has ended {method}"), e2e::SOON, async || {
            (metrics::open_calls(member, method).await == 0.0).then_some(())
        })
        .await;
    }
    eventually("the watcher is gone", e2e::SOON, async || (watchers(member).await <= before).then_some(()))
        .await;
}

async fn watchers(member: &str) -> f64 {
    metrics::sum(member, "etcd_debugging_mvcc_watcher_total", &[]).await
}

#[tokio::test]
async fn fields_that_nobody_knows_yet_pass() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(unknown_fields).await;
}

/// Field 1000 as a varint behind an otherwise empty request.
async fn unknown_fields(seen: &mut Transcript, side: &Side<'_>) {
    let raw = RawConnection::connect(&side.address).await;
    let extra: &[u8] = &[0xc0, 0x3e, 0x01];
    for path in
        ["/etcdserverpb.Auth/AuthStatus", "/etcdserverpb.Auth/UserList", "/etcdserverpb.Lease/LeaseLeases"]
    {
        let answer = soon(path, raw.call(path, &[], frame(extra))).await.expect("an answer");
        seen.note(path, (answer.status, answer.grpc()));
    }
    let broken = Bytes::from_static(&[0, 0, 0, 0, 2, 0x0a, 0xff]);
    for path in ["/etcdserverpb.KV/Range", "/etcdserverpb.Auth/UserAdd"] {
        let answer = raw.call(path, &[], broken.clone()).await.expect("an answer");
        seen.note(&format!("{path} with a message that is none"), (answer.status, answer.grpc().0));
    }
}
