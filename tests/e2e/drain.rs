//! SIGTERM: newcomers are turned away, streams end with `Unavailable`, calls finish, the exit code is 0.

use e2e::{Client, Cluster, Proxy, Shape, Side, eventually, http1, soon};
use proto_gen::v3lockpb::UnlockRequest;
use tonic::Code;

use crate::lease::{KeepingAlive, keep_alive, ping};
use crate::lock_election::{lock, queued};
use crate::requests::{grant, put, range, watch_key};
use crate::watch::{Watching, create_watch};

/// A proxy with a watch, a keep-alive and a waiting Lock on it.
struct Busy {
    cluster: Cluster,
    proxy: Proxy,
    watching: Watching,
    alive: KeepingAlive,
    waiting: tokio::task::JoinHandle<Result<(), tonic::Status>>,
    held: UnlockRequest,
}

impl Busy {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    async fn with(flags: &[&str]) -> Self {
        let cluster = Cluster::start(Shape::single()).await;
        let proxy = Proxy::start(&cluster.endpoints(), flags).await;
        let client = proxy.client();
        for id in [1, 2] {
            client.lease().lease_grant(grant(id, 3000)).await.expect("a lease");
        }
        let key = client.lock().lock(lock("drain", 1)).await.expect("the lock").into_inner().key;
        let (watching, _) = create_watch(&client, watch_key("a", 0)).await;
        let alive = kept_alive(&client).await;
        let mut locks = client.lock();
        let waiting = tokio::spawn(async move { locks.lock(lock("drain", 2)).await.map(drop) });
        let side = Side { cluster: &cluster, client, address: proxy.address().to_owned() };
        queued(&side, "drain/", 2).await;
        Self { cluster, proxy, watching, alive, waiting, held: UnlockRequest { key } }
    }

    /// Waits until both streams have ended as they should.
    async fn streams_end(&mut self) {
        let watch = self.watching.try_next().await.expect_err("the watch ends with a status");
        assert_eq!(watch.code(), Code::Unavailable, "{watch:?}");
        let alive = self.alive.try_next().await.expect_err("the keep-alive ends with a status");
        assert_eq!(alive.code(), Code::Unavailable, "{alive:?}");
    }
}

async fn kept_alive(client: &Client) -> KeepingAlive {
    let mut alive = keep_alive(client);
    alive.send(ping(1)).await;
    alive.next().await;
    alive
}

#[tokio::test]
async fn sigterm_lets_calls_finish_and_ends_streams() {
    let mut busy = Busy::start().await;
    busy.proxy.terminate();
    busy.streams_end().await;
    let address = busy.proxy.address().to_owned();
    eventually("newcomers are turned away", e2e::SOON, async || {
        tokio::net::TcpStream::connect(&address).await.is_err().then_some(())
    })
    .await;
    assert!(!busy.proxy.has_ended() && !busy.waiting.is_finished(), "the call under way is waited for");
    busy.cluster.member(0).client().lock().unlock(busy.held.clone()).await.expect("unlocked");
    soon("the call under way", busy.waiting).await.expect("no panic").expect("the lock");
    assert_eq!(busy.proxy.end().await.code(), Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let mut busy = Busy::start().await;
    busy.proxy.terminate();
    busy.streams_end().await;
    assert!(!busy.proxy.has_ended(), "the call under way is waited for");
    busy.proxy.terminate();
    busy.proxy.end().await;
}

/// A call that waits for somebody else uses up the time that there is, and no more.
#[tokio::test]
async fn what_does_not_end_by_itself_is_ended_at_the_deadline() {
    // Time enough for streams to end as they should.
    let mut busy = Busy::with(&["--drain-timeout=5s"]).await;
    busy.proxy.terminate();
    busy.streams_end().await;
    assert_eq!(busy.proxy.end().await.code(), Some(0));
    let ended = soon("the call under way", busy.waiting).await.expect("no panic");
    assert!(ended.is_err(), "the lock was never free");
    let told = |line: &serde_json::Value| line["msg"] == "closing the connections that are left";
    assert!(busy.proxy.log().iter().any(told), "{:?}", busy.proxy.log());
}

/// The registration is taken back before anything else, but a cluster that does not answer holds nobody up for long.
#[tokio::test]
async fn a_cluster_that_is_away_does_not_hold_up_the_end() {
    let cluster = Cluster::start(Shape::single()).await;
    let flags = ["--resolver-prefix=/proxies", "--resolver-ttl=3600"];
    let mut proxy = Proxy::start_advertised(&cluster.endpoints(), &flags).await;
    let direct = cluster.member(0).client();
    eventually("the registration", e2e::SOON, async || {
        let found = direct.kv().range(range("/proxies/", "/proxies0")).await.expect("a read");
        (found.into_inner().count == 1).then_some(())
    })
    .await;
    cluster.member(0).freeze();
    proxy.terminate();
    assert_eq!(proxy.end().await.code(), Some(0));
    let told = |line: &serde_json::Value| {
        line["msg"].as_str().is_some_and(|text| text.starts_with("leaving without telling etcd"))
            || line["msg"].as_str().is_some_and(|text| text.contains("registration"))
    };
    assert!(proxy.log().iter().any(told), "{:?}", proxy.log());
    cluster.member(0).thaw();
}

#[tokio::test]
async fn an_idle_proxy_ends_with_zero() {
    let cluster = Cluster::start(Shape::single()).await;
    for signal in ["TERM", "INT"] {
        let mut proxy = Proxy::start(&cluster.endpoints(), &[]).await;
        proxy.end_by(signal);
        assert_eq!(proxy.end().await.code(), Some(0), "after SIG{signal}");
    }
}

/// Who balances the load looks every few seconds: until then newcomers are served, and told to stay away.
#[tokio::test]
async fn newcomers_are_served_during_the_drain_delay_and_told_of_the_end() {
    let cluster = Cluster::start(Shape::single()).await;
    let flags = ["--drain-delay=1h", "--resolver-prefix=/proxies", "--resolver-ttl=3600"];
    let mut proxy = Proxy::start_advertised(&cluster.endpoints(), &flags).await;
    let address = proxy.address().to_owned();
    let direct = cluster.member(0).client();
    let registered = async |count: i64| {
        eventually("the registration", e2e::SOON, async || {
            let found = direct.kv().range(range("/proxies/", "/proxies0")).await.expect("a read");
            (found.into_inner().count == count).then_some(())
        })
        .await;
    };
    registered(1).await;
    let early = proxy.client();
    let (mut watching, _) = create_watch(&early, watch_key("a", 0)).await;
    proxy.terminate();
    eventually("/readyz tells of the drain", e2e::SOON, async || {
        let page = http1::page(&address, "GET", "/readyz").await.ok()?;
        (page.status == 503).then_some(())
    })
    .await;
    registered(0).await;
    Client::of(&address).kv().put(put("a", "1")).await.expect("a newcomer is served");
    assert_eq!(watching.next().await.events.len(), 1, "and so is who was there");
    proxy.terminate();
    assert_eq!(proxy.end().await.code(), Some(0), "a second signal waits for nothing");
}

#[tokio::test]
async fn after_the_drain_delay_the_drain_goes_on() {
    let cluster = Cluster::start(Shape::single()).await;
    let mut proxy = Proxy::start(&cluster.endpoints(), &["--drain-delay=50ms"]).await;
    let (mut watching, _) = create_watch(&proxy.client(), watch_key("a", 0)).await;
    proxy.terminate();
    let ended = watching.try_next().await.expect_err("the watch ends with a status");
    assert_eq!(ended.code(), Code::Unavailable, "{ended:?}");
    assert_eq!(proxy.end().await.code(), Some(0));
    let said = |msg: &str| proxy.log().iter().any(|line| line["msg"] == msg);
    assert!(said("serving on until everybody has heard of the end") && said("all connections ended"));
}
