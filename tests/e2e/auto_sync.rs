//! `--endpoints-auto-sync-interval`: the proxy follows the cluster's members.

use std::sync::Arc;

use e2e::{Client, Cluster, Proxy, SOON, Shape, eventually, metrics};
use proto_gen::etcdserverpb::RangeRequest;
use tokio::task::JoinHandle;
use tonic::Code;

use crate::faults::{Tally, readers, stop};
use crate::requests::{put, watch_range};
use crate::watch::{Watching, create_watch, events};

const EVERY_SECOND: &str = "--endpoints-auto-sync-interval=1s";

/// How often the members were asked for their list.
async fn asked(cluster: &Cluster) -> f64 {
    let mut asked = 0.0;
    for member in cluster.members() {
        asked += metrics::sum(member.address(), "grpc_server_handled_total", &["grpc_method=\"MemberList\""])
            .await;
    }
    asked
}

/// Waits until the proxy has asked a few times more.
async fn asked_again(cluster: &Cluster) {
    let before = asked(cluster).await;
    eventually("the proxy asks for the members", SOON, async || {
        (asked(cluster).await >= before + 3.0).then_some(())
    })
    .await;
}

fn lines(proxy: &Proxy, message: &str, address: &str) -> usize {
    let is_about = |line: &serde_json::Value| {
        let endpoint = line["endpoint"].as_str().unwrap_or_default();
        line["msg"] == message && endpoint.trim_start_matches("http://") == address
    };
    proxy.log().iter().filter(|line| is_about(line)).count()
}

async fn logged(proxy: &Proxy, message: &str, address: &str) {
    let what = format!("{message} {address} in the log");
    eventually(&what, SOON, async || (lines(proxy, message, address) > 0).then_some(())).await;
}

/// A newcomer that was not there yet when it was first asked is back when it is.
async fn serving(proxy: &Proxy, address: &str) {
    let serves = || lines(proxy, "member serves", address) + lines(proxy, "member is back", address);
    eventually("the newcomer serves", SOON, async || (serves() > 0).then_some(())).await;
}

/// Writes keys `load/1`, `load/2` and so on, each until it is acknowledged; gives how many there are.
fn writer(client: Client, tally: Arc<Tally>) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let mut written = 0;
        while tally.running() {
            let key = format!("load/{}", written + 1);
            while let Err(status) = client.kv().put(put(&key, "1")).await {
                // The last words of a leader that was removed.
                let is_stopped = status.message() == "raft: stopped";
                assert!(is_stopped || status.code() == Code::Unavailable, "{status:?}");
            }
            written += 1;
        }
        written
    })
}

/// A key is written again when its first write was acknowledged to nobody.
async fn watched(watching: &mut Watching, written: usize) {
    let mut next = 1;
    while next <= written {
        for event in events(watching, 1).await {
            let key = event.kv.expect("a key").key;
            if key == format!("load/{next}") {
                next += 1;
            } else {
                assert!(next > 1 && key == format!("load/{}", next - 1), "{key:?} instead of load/{next}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_members_are_replaced_one_after_another_under_load_and_no_read_fails() {
    let mut cluster = Cluster::start(Shape::three()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[EVERY_SECOND]).await;
    let client = proxy.client();
    client.kv().put(put("read", "1")).await.expect("a write");
    let (mut watching, _) = create_watch(&client, watch_range("load/", "load0", 0)).await;
    let tally = Arc::new(Tally::default());
    let readers = readers(&proxy, &tally);
    let writer = writer(client.clone(), Arc::clone(&tally));
    let mut left = Vec::new();
    for round in 0..3 {
        tally.more(100, "reads before a member is added").await;
        let by_promotion = round == 0;
        let newcomer = if by_promotion {
            let learner = cluster.add_learner().await;
            let address = cluster.member(learner).address().to_owned();
            tally.more(100, "reads with a learner").await;
            asked_again(&cluster).await;
            assert_eq!(lines(&proxy, "member added", &address), 0, "a learner takes no calls");
            cluster.promote(learner).await;
            learner
        } else {
            let newcomer = cluster.add_unstarted(false).await;
            cluster.member_mut(newcomer).restart();
            newcomer
        };
        cluster.member(newcomer).ready().await;
        let address = cluster.member(newcomer).address().to_owned();
        logged(&proxy, "member added", &address).await;
        serving(&proxy, &address).await;
        let removed = cluster.remove(0).await;
        logged(&proxy, "member removed", removed.address()).await;
        left.push(removed);
        tally.more(100, "reads after a member was removed").await;
    }
    let (failures, longest) = stop(&tally, readers).await;
    println!("the longest read took {longest:?}");
    assert!(failures.is_empty(), "{} reads failed, among them {:?}", failures.len(), failures[0]);
    watched(&mut watching, writer.await.expect("the writer")).await;
    // Nobody of the first three is needed any more.
    left.iter_mut().for_each(e2e::Member::kill);
    client.kv().put(put("after", "1")).await.expect("a write");
}

#[tokio::test]
async fn a_proxy_that_knows_one_member_finds_the_others_and_survives_without_the_first() {
    let mut cluster = Cluster::start(Shape::three()).await;
    let proxy = Proxy::start(cluster.member(0).address(), &[EVERY_SECOND]).await;
    for member in &cluster.members()[1..] {
        logged(&proxy, "member added", member.address()).await;
    }
    assert_eq!(lines(&proxy, "member added", cluster.member(0).address()), 0, "it was there before");
    cluster.member_mut(0).kill();
    let client = proxy.client();
    client.kv().put(put("a", "1")).await.map(drop).or_else(unsent).expect("a write or a lost connection");
    for _ in 0..20 {
        client.kv().range(RangeRequest { key: "a".into(), ..Default::default() }).await.expect("a read");
    }
}

/// A write that was under way to the member when it was killed.
fn unsent(status: tonic::Status) -> Result<(), tonic::Status> {
    if status.code() == Code::Unavailable { Ok(()) } else { Err(status) }
}
