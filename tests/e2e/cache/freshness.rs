//! What is written elsewhere: kept answers lack it for the maximum age at most, or as long as an event takes.

use std::time::Duration;

use e2e::{Client, Cluster, Proxy, SOON, Shape, eventually};
use proto_gen::etcdserverpb::{CompactionRequest, RangeRequest};

use super::{FOR_EVER, read, serializable, value};
use crate::requests::{delete, get, put, range};

#[tokio::test]
async fn a_foreign_write_is_seen_when_the_answer_is_too_old() {
    let cluster = Cluster::start(Shape::single()).await;
    let member = cluster.member(0).client();
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let patient = Proxy::start(&cluster.endpoints(), &[FOR_EVER]).await;
    for (index, writer) in [&member, &patient.client()].into_iter().enumerate() {
        let key = format!("k{index}");
        member.kv().put(put(&key, "old")).await.expect("a write");
        assert_eq!(value(&proxy.client(), &key).await, "old");
        writer.kv().put(put(&key, "new")).await.expect("a write");
        // Nothing is waited for here: this is the promise.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(value(&proxy.client(), &key).await, "new");
    }
    // What is read a few times is not read often, so nothing but its age could end this answer.
    assert_eq!(value(&patient.client(), "k").await, "");
    member.kv().put(put("k", "new")).await.expect("a write");
    assert_eq!(value(&patient.client(), "k").await, "", "the answer is kept");
}

#[tokio::test]
async fn what_is_read_often_follows_every_write() {
    for flags in [&[FOR_EVER][..], &[FOR_EVER, "--watch-coalescing=off", "--namespace=tenant/"]] {
        let cluster = Cluster::start(Shape::single()).await;
        let member = cluster.member(0).client();
        let prefix = if flags.len() > 1 { "tenant/" } else { "" };
        let proxy = Proxy::start(&cluster.endpoints(), flags).await;
        let client = proxy.client();
        for round in 0..5 {
            let written = round.to_string();
            member.kv().put(put(&format!("{prefix}k/1"), &written)).await.expect("a write");
            eventually("a key that is read often is fresh", SOON, async || {
                (value(&client, "k/1").await == written).then_some(())
            })
            .await;
            eventually("a range that is read often is fresh", SOON, async || {
                let all = read(&client, range("k/", "k0")).await.expect("a read");
                (all.kvs.first()?.value == written).then_some(())
            })
            .await;
        }
        member.kv().delete_range(delete("\0", "\0")).await.expect("a write");
        eventually("what was deleted is gone", SOON, async || {
            (read(&client, get("k/1")).await.expect("a read").count == 0).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_foreign_compaction_is_heeded() {
    let cluster = Cluster::start(Shape::single()).await;
    let member = cluster.member(0).client();
    let proxy = Proxy::start(&cluster.endpoints(), &["--cache-max-age=2s"]).await;
    for value in ["1", "2", "3"] {
        member.kv().put(put("k", value)).await.expect("a write");
    }
    let past = || RangeRequest { revision: 2, ..serializable(get("k")) };
    assert_eq!(proxy.client().kv().range(past()).await.expect("a read").into_inner().count, 1);
    member.kv().compact(CompactionRequest { revision: 4, physical: true }).await.expect("a compaction");
    eventually("the past is refused", SOON, async || {
        let refused = proxy.client().kv().range(past()).await.err()?;
        assert_eq!(refused.message(), "etcdserver: mvcc: required revision has been compacted");
        Some(())
    })
    .await;
}

/// Answers about a key, of whatever kind, come with headers that never go back.
#[tokio::test]
async fn headers_never_go_back_for_a_key() {
    let cluster = Cluster::start(Shape::single()).await;
    let member = cluster.member(0).client();
    let proxy = Proxy::start(&cluster.endpoints(), &[FOR_EVER]).await;
    let clients: Vec<Client> = (0..3).map(|_| proxy.client()).collect();
    proxy.client().kv().put(put("k", "0")).await.expect("a write");
    let mut newest = 0;
    for round in 0..60 {
        let client = &clients[round % clients.len()];
        let request = if round % 7 == 3 { get("k") } else { serializable(get("k")) };
        let revision =
            client.kv().range(request).await.expect("a read").into_inner().header.expect("a header").revision;
        assert!(revision >= newest, "{revision} after {newest} in round {round}");
        newest = revision;
        member.kv().put(put("elsewhere", &round.to_string())).await.expect("a write");
        if round % 10 == 9 {
            let written = client.kv().put(put("k", &round.to_string())).await.expect("a write").into_inner();
            newest = written.header.expect("a header").revision;
        }
    }
}
