//! Several proxies, ours and etcd's, and a writer that knows the protocol, on one prefix.

use std::time::Duration;

use e2e::{Client, Cluster, ExistingProxy, Proxy, SOON, Shape, eventually, soon};
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{PutRequest, TxnRequest};

use super::{FLAG, PREFIX, calls, hits, leased, number_is, own, value};
use crate::requests::{compare, delete, get, op, op_put, put, range};

/// Writes as the protocol asks: only where nobody owns the key, and after asking whoever does.
async fn write_by_protocol(member: &Client, key: &str, value: &str) {
    let leasing_key = format!("{PREFIX}{key}");
    let unowned =
        compare(&leasing_key, CompareResult::Equal, CompareTarget::Create, TargetUnion::CreateRevision(0));
    let ask = PutRequest { ignore_lease: true, ..put(&leasing_key, "REVOKE") };
    let txn = TxnRequest {
        compare: vec![unowned],
        success: vec![op_put(key, value)],
        failure: vec![op(Op::RequestPut(ask))],
    };
    eventually("the owner gives the key back", SOON, async || {
        let answer = member.kv().txn(txn.clone()).await.expect("an answer").into_inner();
        answer.succeeded.then_some(())
    })
    .await;
}

#[tokio::test]
async fn all_kinds_of_writers_and_owners_respect_each_other() {
    let cluster = Cluster::start(Shape::single()).await;
    let endpoints = cluster.endpoints();
    let (one, other) = (Proxy::start(&endpoints, &[FLAG]).await, Proxy::start(&endpoints, &[FLAG]).await);
    let existing = ExistingProxy::start(&endpoints, &[FLAG]).await;
    let existing = Client::of(existing.address());
    let member = cluster.member(0).client();
    let through = [&one.client(), &other.client(), &existing];
    let mut random = fastrand_like(7);
    for round in 0..120 {
        let key = format!("shared/{}", random(3));
        let written = round.to_string();
        match random(4) {
            3 => soon("a write by protocol", write_by_protocol(&member, &key, &written)).await,
            who => drop(soon("a write", through[who].kv().put(put(&key, &written))).await.expect("a write")),
        }
        for client in through {
            assert_eq!(soon("a read", value(client, &key)).await, written, "round {round}");
        }
        // Time to own something.
        if round % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(2100)).await;
            for turn in 0..3 {
                for key in 0..3 {
                    value(through[(round / 10 + turn) % 3], &format!("shared/{key}")).await;
                }
            }
        }
    }
    number_is(one.address(), "revocations_given_total", |given| given > 0.0).await;
    number_is(one.address(), "revocations_asked_total", |asked| asked > 0.0).await;
    number_is(other.address(), "revocations_given_total", |given| given > 0.0).await;
}

/// A sequence that is the same each time.
fn fastrand_like(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |bound| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % bound
    }
}

#[tokio::test]
async fn deletions_of_every_shape_ask_every_owner() {
    let cluster = Cluster::start(Shape::single()).await;
    let endpoints = cluster.endpoints();
    let (owner, writer) = (Proxy::start(&endpoints, &[FLAG]).await, Proxy::start(&endpoints, &[FLAG]).await);
    let (reading, mut kv) = (owner.client(), writer.client().kv());
    let keys = ["d/1", "d/2", "z"];
    for (key, range_end, deleted) in
        [("d/1", "", 1), ("d/1", "d/3", 2), ("d/", "d0", 2), ("d/2", "\0", 2), ("\0", "\0", 3)]
    {
        // What others asked for is left alone for a while.
        for key in keys {
            kv.put(put(key, "there")).await.expect("a write");
            own(&owner, &reading, key).await;
        }
        let answer = soon("a deletion", kv.delete_range(delete(key, range_end))).await.expect("a deletion");
        assert_eq!(answer.into_inner().deleted, deleted, "{key} {range_end:?}");
        let all = kv.range(range("a", "\0")).await.expect("a read").into_inner().kvs;
        for key in keys {
            let there = if all.iter().any(|kv| kv.key == key) { "there" } else { "" };
            assert_eq!(value(&reading, key).await, there, "{key} after {range_end:?}");
        }
    }
}

/// A deletion that takes leasing keys away, too, is one more thing that owners have to be asked about.
#[tokio::test]
async fn leasing_keys_in_a_deleted_range_belong_to_owners_elsewhere() {
    let cluster = Cluster::start(Shape::single()).await;
    let endpoints = cluster.endpoints();
    let (owner, writer) = (Proxy::start(&endpoints, &[FLAG]).await, Proxy::start(&endpoints, &[FLAG]).await);
    let mut kv = writer.client().kv();
    kv.put(put("zebra", "1")).await.expect("a write");
    own(&owner, &owner.client(), "zebra").await;
    // From "_" to "a": no client's key is in there, the leasing keys are.
    soon("a deletion", kv.delete_range(delete("_", "a"))).await.expect("a deletion");
    number_is(owner.address(), "revocations_given_total", |given| given == 1.0).await;
    kv.put(put("zebra", "2")).await.expect("a write");
    assert_eq!(value(&owner.client(), "zebra").await, "2");
}

#[tokio::test]
async fn a_write_of_what_nobody_else_owns_is_one_transaction() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[FLAG]).await;
    let client = proxy.client();
    let mut kv = client.kv();
    for owned in [false, true] {
        if owned {
            own(&proxy, &client, "k/0").await;
        }
        let before = (calls(&cluster, "Txn").await, calls(&cluster, "Put").await);
        for n in 0..50 {
            kv.put(put("k/0", &n.to_string())).await.expect("a write");
        }
        kv.delete_range(delete("k/0", "")).await.expect("a deletion");
        let after = (calls(&cluster, "Txn").await, calls(&cluster, "Put").await);
        assert_eq!((after.0 - before.0, after.1 - before.1), (51.0, 0.0), "owned: {owned}");
    }
    let before = hits(proxy.address(), &client, "k/0").await;
    for n in 0..50 {
        kv.put(put("k/0", &n.to_string())).await.expect("a write");
        assert_eq!(value(&client, "k/0").await, n.to_string());
    }
    // Own writes keep memory right.
    number_is(proxy.address(), "hits_total", |hits| hits >= before + 40.0).await;
}

#[tokio::test]
async fn a_proxy_that_leaves_gives_everything_back() {
    let cluster = Cluster::start(Shape::single()).await;
    let mut proxy = Proxy::start(&cluster.endpoints(), &[FLAG]).await;
    for n in 0..10 {
        own(&proxy, &proxy.client(), &format!("k/{n}")).await;
    }
    assert_eq!(leased(&cluster).await.len(), 10);
    proxy.terminate();
    eventually("all is given back", SOON, async || leased(&cluster).await.is_empty().then_some(())).await;
    assert!(proxy.end().await.success());
}

#[tokio::test]
async fn keys_with_a_lease_ranges_and_the_past_are_never_owned() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[FLAG]).await;
    let client = proxy.client();
    client.lease().lease_grant(crate::requests::grant(5, 3000)).await.expect("a lease");
    client.kv().put(PutRequest { lease: 5, ..put("leased", "1") }).await.expect("a write");
    for _ in 0..20 {
        value(&client, "leased").await;
        client.kv().range(range("a", "z")).await.expect("a read");
        client.kv().range(get("_l/x")).await.expect("a read");
        let past = proto_gen::etcdserverpb::RangeRequest { revision: 2, ..get("past") };
        client.kv().range(past).await.expect("a read");
    }
    own(&proxy, &client, "other").await;
    assert_eq!(leased(&cluster).await, ["other"]);
    number_is(proxy.address(), "keys", |keys| keys == 1.0).await;
}
