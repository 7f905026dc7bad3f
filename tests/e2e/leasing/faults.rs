//! Cuts, restarts and compactions.

use std::time::{Duration, Instant};

use e2e::{Cluster, Proxy, SOON, Shape, eventually, soon};
use proto_gen::etcdserverpb::CompactionRequest;

use super::{FLAG, leased, number_is, own, read, value};
use crate::requests::{get, put};

#[tokio::test]
async fn cut_off_from_the_cluster_owned_keys_are_answered_until_the_lease_ends_and_no_longer() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[FLAG, "--leasing-session-ttl=8"]).await;
    let client = proxy.client();
    client.kv().put(put("a", "1")).await.expect("a write");
    own(&proxy, &client, "a").await;
    own(&proxy, &client, "b").await;
    cluster.member(0).freeze();
    let cut = Instant::now();
    // More than a read waits for etcd before memory answers it.
    let impatient = client.with_deadline(Duration::from_secs(10));
    let mut answered = 0;
    // Whoever is never refused would be answered for ever.
    let refused =
        eventually("an end of answers from memory", SOON, async || match read(&impatient, get("a")).await {
            Ok(answer) => {
                assert_eq!(answer.kvs[0].value, "1");
                answered += 1;
                None
            }
            Err(status) => Some(status),
        })
        .await;
    assert!(cut.elapsed() >= Duration::from_secs(3), "refused after {:?} with {refused}", cut.elapsed());
    assert!(answered >= 20, "{answered} answers");
    number_is(proxy.address(), "disconnected_hits_total", |hits| hits > 0.0).await;
    number_is(proxy.address(), "keys", |keys| keys == 0.0).await;
    cluster.member(0).thaw();
    eventually("reads are answered again", SOON, async || read(&client, get("a")).await.ok()).await;
    own(&proxy, &client, "a").await;
}

/// What is counted is the processor's time, because a loop that never waits uses a whole core.
async fn assert_idle(proxy: &Proxy, when: &str) {
    let before = proxy.ticks();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let used = proxy.ticks() - before;
    assert!(used < 80, "{used} ticks in four seconds: {when}");
}

#[tokio::test]
async fn a_compaction_and_a_restart_of_etcd_cost_no_idle_time_and_owners_still_give_back() {
    let mut cluster = Cluster::start(Shape::single()).await;
    let endpoints = cluster.endpoints();
    let owner = Proxy::start(&endpoints, &[FLAG]).await;
    let client = owner.client();
    for n in 0..50 {
        own(&owner, &client, &format!("k/{n}")).await;
    }
    let direct = cluster.member(0).client();
    let mut revision = 0;
    for n in 0..20 {
        let answer = direct.kv().put(put("unrelated", &n.to_string())).await.expect("a write").into_inner();
        revision = answer.header.expect("a header").revision;
    }
    direct.kv().compact(CompactionRequest { revision, physical: true }).await.expect("a compaction");
    assert_idle(&owner, "compacted").await;
    cluster.member_mut(0).kill();
    assert_idle(&owner, "etcd is away").await;
    cluster.member_mut(0).restart();
    cluster.ready().await;
    assert_idle(&owner, "etcd is back").await;
    let writer = Proxy::start(&endpoints, &[FLAG]).await;
    for n in 0..50 {
        let key = format!("k/{n}");
        soon("a write", writer.client().kv().put(put(&key, "new"))).await.expect("a write");
        assert_eq!(value(&client, &key).await, "new");
    }
}

#[tokio::test]
async fn a_lease_that_is_taken_away_takes_ownership_with_it() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[FLAG, "--leasing-session-ttl=15"]).await;
    let client = proxy.client();
    own(&proxy, &client, "a").await;
    let direct = cluster.member(0).client();
    let found = direct.kv().range(get("_l/a")).await.expect("a read").into_inner();
    let revoke = proto_gen::etcdserverpb::LeaseRevokeRequest { id: found.kvs[0].lease };
    direct.lease().lease_revoke(revoke).await.expect("a revocation");
    number_is(proxy.address(), "keys", |keys| keys == 0.0).await;
    direct.kv().put(put("a", "2")).await.expect("a write");
    assert_eq!(value(&client, "a").await, "2");
    eventually("the key is owned again, with another lease", SOON, async || {
        value(&client, "a").await;
        (leased(&cluster).await == ["a"]).then_some(())
    })
    .await;
    own(&proxy, &client, "a").await;
}

#[tokio::test]
async fn an_owner_that_is_gone_holds_up_writers_until_its_lease_ends_and_no_longer() {
    let cluster = Cluster::start(Shape::single()).await;
    let endpoints = cluster.endpoints();
    // Two thirds of it are left at least when its owner goes.
    let mut owner = Proxy::start(&endpoints, &[FLAG, "--leasing-session-ttl=12"]).await;
    let writer = Proxy::start(&endpoints, &[FLAG]).await;
    own(&owner, &owner.client(), "a").await;
    owner.end_by("KILL");
    let impatient = writer.client().with_deadline(Duration::from_millis(300));
    let refused = impatient.kv().put(put("a", "1")).await.expect_err("the owner is still believed to live");
    let is_late = matches!(refused.code(), tonic::Code::DeadlineExceeded | tonic::Code::Cancelled);
    assert!(is_late, "{refused}");
    soon("a write", writer.client().kv().put(put("a", "2"))).await.expect("a write");
    assert_eq!(value(&writer.client(), "a").await, "2");
}
