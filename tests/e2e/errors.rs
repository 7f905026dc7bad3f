//! Errors that need a cluster in a special state: code and text arrive as etcd gave them.
//!
//! The errors of ordinary calls are provoked where those calls are tested; `errors_are_not_vacuous` says which texts
//! a member gives, so that equal silence cannot pass for equal errors.

use std::time::Duration;

use e2e::{Client, Pair, Proxy, Shape, Side, Transcript, eventually, soon};
use proto_gen::etcdserverpb::{
    AuthenticateRequest, CompactionRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest, MemberRemoveRequest,
    PutRequest, RangeRequest,
};
use tonic::{Code, Status};

use crate::lease::{keep_alive, ping};
use crate::requests::{get, grant, put, watch, watch_key};

#[tokio::test]
async fn errors_are_not_vacuous() {
    let pair = Pair::start(Shape::single()).await;
    for client in [pair.direct_side().client, pair.proxied_side().client] {
        for (code, text, status) in ordinary_errors(&client).await {
            assert_eq!((status.code(), status.message()), (code, text), "from {}", client.address());
        }
    }
}

async fn ordinary_errors(client: &Client) -> Vec<(Code, &'static str, Status)> {
    let (mut kv, mut lease) = (client.kv(), client.lease());
    lease.lease_grant(grant(77, 3000)).await.expect("a lease");
    let authenticate = AuthenticateRequest { name: "root".to_owned(), password: "root".to_owned() };
    vec![
        (Code::InvalidArgument, "etcdserver: key is not provided", refused(kv.put(put("", "x")).await)),
        (
            Code::InvalidArgument,
            "etcdserver: value is provided",
            refused(kv.put(PutRequest { ignore_value: true, ..put("a", "x") }).await),
        ),
        (
            Code::OutOfRange,
            "etcdserver: mvcc: required revision is a future revision",
            refused(kv.range(RangeRequest { revision: 99, ..get("a") }).await),
        ),
        (
            Code::OutOfRange,
            "etcdserver: mvcc: required revision is a future revision",
            refused(kv.compact(CompactionRequest { revision: 99, physical: false }).await),
        ),
        (
            Code::NotFound,
            "etcdserver: requested lease not found",
            refused(kv.put(PutRequest { lease: 1, ..put("a", "x") }).await),
        ),
        (
            Code::FailedPrecondition,
            "etcdserver: lease already exists",
            refused(lease.lease_grant(grant(77, 3000)).await),
        ),
        (
            Code::NotFound,
            "etcdserver: requested lease not found",
            refused(lease.lease_revoke(LeaseRevokeRequest { id: 1 }).await),
        ),
        (
            Code::NotFound,
            "etcdserver: member not found",
            refused(client.cluster().member_remove(MemberRemoveRequest { id: 1 }).await),
        ),
        (
            Code::FailedPrecondition,
            "etcdserver: authentication is not enabled",
            refused(client.auth().authenticate(authenticate).await),
        ),
    ]
}

fn refused<T: std::fmt::Debug>(result: Result<T, Status>) -> Status {
    result.expect_err("a refusal")
}

#[tokio::test]
async fn a_full_database_says_so() {
    let pair = Pair::start(Shape::single().flag("--quota-backend-bytes=8388608")).await;
    pair.compare(async |seen, side| {
        let large = |index: i32| PutRequest {
            value: vec![b'x'; 1 << 20].into(),
            ..put(&format!("full/{index}"), "")
        };
        let mut kv = side.client.kv();
        let refusal =
            eventually("the quota is used up", e2e::SOON, async || kv.put(large(1)).await.err()).await;
        seen.error("full", &refusal);
        seen.answer("the alarm stands", kv.put(put("small", "x")).await.map(|_| tonic::Response::new(())));
        seen.answer(
            "leases need room too",
            side.client.lease().lease_grant(grant(1, 3000)).await.map(|_| tonic::Response::new(())),
        );
        let read = kv.range(RangeRequest { count_only: true, ..get("full/1") }).await;
        seen.note(
            "reads go on",
            read.map(|answer| answer.into_inner().count).map_err(|status| status.to_string()),
        );
    })
    .await;
}

#[tokio::test]
async fn oversized_requests_are_refused_as_etcd_refuses_them() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(async |seen, side| {
        for size in [1_500_000, 1_600_000, 3_000_000, 9_000_000] {
            let request = PutRequest { value: vec![b'x'; size].into(), ..put("size", "") };
            seen.answer(&format!("{size} bytes"), side.client.kv().put(request).await);
            seen.answer(
                "the connection lives",
                side.client.kv().range(RangeRequest { count_only: true, ..get("size") }).await,
            );
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_leader_those_who_ask_for_one_are_told() {
    let mut pair = Pair::start_in_front_of_member_0(Shape::three()).await;
    let streams = [watched(&pair.direct_side()).await, watched(&pair.proxied_side()).await];
    for cluster in [&mut pair.direct, &mut pair.proxied] {
        cluster.member_mut(1).kill();
        cluster.member_mut(2).kill();
    }
    pair.compare(leaderless).await;
    for mut watching in streams {
        let status = watching.try_next().await.expect_err("an open watch is told too");
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "etcdserver: no leader"));
    }
}

fn with_leader(side: &Side<'_>) -> Client {
    side.client.with("hasleader", "true")
}

async fn watched(side: &Side<'_>) -> crate::watch::Watching {
    crate::watch::create_watch(&with_leader(side), watch_key("leader", 0)).await.0
}

async fn leaderless(seen: &mut Transcript, side: &Side<'_>) {
    let asks = with_leader(side);
    let serializable = || RangeRequest { serializable: true, ..get("a") };
    eventually("the member notices", e2e::SOON, async || asks.kv().range(serializable()).await.err()).await;
    seen.answer("a read", asks.kv().range(serializable()).await);
    seen.answer("a write", asks.kv().put(put("a", "1")).await);
    seen.answer("a serializable read by one who does not ask", side.client.kv().range(serializable()).await);
    let mut watching = crate::watch::open(&asks);
    watching.send(watch(watch_key("a", 0))).await;
    // One who shares a stream that is about to end may still be told that his watch is created.
    let told = loop {
        match watching.try_next().await {
            Ok(response) => {
                assert!(response.is_some_and(|response| response.created), "no events without a leader")
            }
            Err(status) => break status,
        }
    };
    seen.error("a watch", &told);
    let mut alive = keep_alive(&asks);
    alive.send(ping(1)).await;
    seen.error("a keep-alive", &alive.try_next().await.expect_err("no keep-alive without a leader"));
    seen.answer(
        "a lease",
        asks.lease().lease_time_to_live(LeaseTimeToLiveRequest { id: 1, keys: false }).await,
    );
}

#[tokio::test]
async fn without_a_quorum_calls_end_as_they_end_at_the_member() {
    let mut pair = Pair::start_in_front_of_member_0(Shape::three()).await;
    for cluster in [&mut pair.direct, &mut pair.proxied] {
        cluster.member_mut(1).kill();
        cluster.member_mut(2).kill();
    }
    pair.compare(async |seen, side| {
        let patient = side.client.with_deadline(Duration::from_secs(15));
        let write = patient.kv().put(put("a", "1")).await.expect_err("no quorum");
        seen.note("a write", write.code());
        let hasty = side.client.with_deadline(Duration::from_millis(500));
        // The client's clock and the server's race for the word.
        seen.note("a hasty read", soon("a hasty read", hasty.kv().range(get("a"))).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_learner_refuses_what_learners_refuse() {
    let mut cluster = e2e::Cluster::start(Shape::single()).await;
    let learner = cluster.add_learner().await;
    let proxy = Proxy::start(cluster.member(learner).address(), &[]).await;
    let (mut seen_directly, mut seen_proxied) = (Transcript::default(), Transcript::default());
    learned(&mut seen_directly, &cluster.member(learner).client()).await;
    learned(&mut seen_proxied, &proxy.client()).await;
    e2e::transcript::assert_same(&seen_directly, &seen_proxied);
    assert!(seen_directly.read().contains("not supported for learner"), "{}", seen_directly.read());
}

async fn learned(seen: &mut Transcript, client: &Client) {
    seen.answer("a write", client.kv().put(put("a", "1")).await);
    seen.answer("a read", client.kv().range(get("a")).await);
    seen.answer(
        "a serializable read",
        client.kv().range(RangeRequest { serializable: true, ..get("a") }).await,
    );
    seen.answer("a lease", client.lease().lease_grant(grant(1, 100)).await);
}
