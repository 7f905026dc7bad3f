//! A tenant with a cluster to itself cannot tell that it has a namespace: absolute revisions included.

use e2e::{Pair, Shape, Side, Transcript};
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::{Compare, RangeRequest, RequestOp, TxnRequest};
use proto_gen::v3electionpb::{CampaignRequest, LeaderKey, LeaderRequest, ProclaimRequest, ResignRequest};
use proto_gen::v3lockpb::{LockRequest, UnlockRequest};

use crate::requests::{
    compare, delete, get, grant, op_delete, op_get, op_put, op_txn, put, range, watch_key, watch_range,
};
use crate::watch::{create_watch, events};

const NAMESPACE: &str = "--namespace=tenant/";

/// One member: what is said during an election is nobody's promise, and a follower may be behind.
async fn tenant() -> Pair {
    Pair::start_with(Shape::single(), &[NAMESPACE]).await
}

#[tokio::test]
async fn kv_answers_are_equal() {
    crate::kv::compare_all(&tenant().await).await;
}

#[tokio::test]
async fn watch_answers_are_equal() {
    crate::watch::compare_all(&tenant().await).await;
}

#[tokio::test]
async fn relayed_watch_answers_are_equal() {
    let pair = Pair::start_with(Shape::single(), &[NAMESPACE, "--watch-coalescing=off"]).await;
    crate::watch::compare_all(&pair).await;
    pair.compare(watches_of_everything).await;
}

#[tokio::test]
async fn lease_answers_are_equal() {
    crate::lease::compare_all(&tenant().await).await;
}

#[tokio::test]
async fn lock_and_election_answers_are_equal() {
    let pair = tenant().await;
    crate::lock_election::compare_all(&pair).await;
    pair.compare(without_a_name).await;
}

#[tokio::test]
async fn what_is_about_empty_keys_and_whole_spaces_is_equal() {
    let pair = Pair::start_with(Shape::single().flag("--max-txn-ops=4"), &[NAMESPACE]).await;
    pair.compare(empty_keys).await;
    pair.compare(empty_keys_in_transactions).await;
    pair.compare(whole_spaces).await;
    pair.compare(watches_of_everything).await;
}

async fn empty_keys(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    seen.answer("put", kv.put(put("", "x")).await);
    for range_end in ["", "\0", "z"] {
        seen.answer("range", kv.range(range("", range_end)).await);
        seen.answer("delete", kv.delete_range(delete("", range_end)).await);
        let mut streamed = match kv.range_stream(range("", range_end)).await {
            Ok(stream) => stream.into_inner(),
            Err(status) => {
                seen.answer::<()>("range stream", Err(status));
                continue;
            }
        };
        seen.note("range stream", streamed.message().await.map_err(|status| status.message().to_owned()));
    }
}

fn version_of(key: &str, range_end: &str) -> Compare {
    let compare = compare(key, CompareResult::Equal, CompareTarget::Version, TargetUnion::Version(0));
    Compare { range_end: range_end.to_owned().into(), ..compare }
}

fn succeeding(success: Vec<RequestOp>) -> TxnRequest {
    TxnRequest { success, ..Default::default() }
}

async fn empty_keys_in_transactions(seen: &mut Transcript, side: &Side<'_>) {
    let nested = |op: RequestOp| succeeding(vec![op_txn(succeeding(vec![op]))]);
    let five = || vec![op_get("a"), op_get("b"), op_get("c"), op_get("d"), op_put("", "x")];
    let asked = [
        ("put", succeeding(vec![op_put("", "x")])),
        ("get", succeeding(vec![op_get("")])),
        ("delete", succeeding(vec![op_delete("")])),
        (
            "in the branch that is not taken",
            TxnRequest { failure: vec![op_put("", "x")], ..Default::default() },
        ),
        ("nested put", nested(op_put("", "x"))),
        ("nested get", nested(op_get(""))),
        ("nested delete", nested(op_delete(""))),
        ("compare", TxnRequest { compare: vec![version_of("", "")], ..Default::default() }),
        ("compare of a range", TxnRequest { compare: vec![version_of("", "\0")], ..Default::default() }),
        (
            "nested compare",
            succeeding(vec![op_txn(TxnRequest { compare: vec![version_of("", "z")], ..Default::default() })]),
        ),
        ("no operation", succeeding(vec![RequestOp { request: None }, op_put("", "x")])),
        ("too many operations come first", succeeding(five())),
        ("after a good one", succeeding(vec![op_put("a", "1"), op_get("")])),
    ];
    for (what, request) in asked {
        seen.answer(what, side.client.kv().txn(request).await);
    }
}

async fn whole_spaces(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    for key in ["a", "b\0", "b", "\0", "\u{7f}"] {
        seen.answer("put", kv.put(put(key, "1")).await);
    }
    let sorted = |sort_order, sort_target| RangeRequest { sort_order, sort_target, ..range("\0", "\0") };
    let asked =
        [range("\0", "\0"), range("b", "\0"), range("b", "b\0"), get("b"), sorted(2, 0), sorted(1, 3)];
    for request in asked {
        seen.answer("range", kv.range(request).await);
    }
    let all_old = TxnRequest { compare: vec![version_of("\0", "\0")], ..Default::default() };
    seen.answer("a compare of everything", kv.txn(all_old).await);
    let none_there = TxnRequest { compare: vec![version_of("c", "d")], ..Default::default() };
    seen.answer("a compare of nothing", kv.txn(none_there).await);
    seen.answer("delete from a key on", kv.delete_range(delete("b\0", "\0")).await);
    seen.answer("what is left", kv.range(range("\0", "\0")).await);
    seen.answer("delete everything", kv.delete_range(delete("\0", "\0")).await);
    seen.answer("nothing is left", kv.range(range("\0", "\0")).await);
}

async fn watches_of_everything(seen: &mut Transcript, side: &Side<'_>) {
    for watched in [watch_range("", "\0", 0), watch_range("\0", "\0", 0), watch_key("", 0)] {
        let (mut watching, created) = create_watch(&side.client, watched).await;
        seen.note("created", created);
        let before = side.client.kv().put(put("\0", "1")).await;
        seen.answer("put", before);
        seen.note("first event", events(&mut watching, 1).await.first().cloned());
    }
}

async fn without_a_name(seen: &mut Transcript, side: &Side<'_>) {
    side.client.lease().lease_grant(grant(51, 3000)).await.expect("a lease");
    let (mut lock, mut election) = (side.client.lock(), side.client.election());
    let held = seen.answer("lock", lock.lock(LockRequest { name: "".into(), lease: 51 }).await);
    seen.answer("unlock", lock.unlock(UnlockRequest { key: held.expect("a lock").key }).await);
    seen.answer("unlock of no key", lock.unlock(UnlockRequest::default()).await);
    let campaign = CampaignRequest { name: "".into(), lease: 51, value: "me".into() };
    let won = seen.answer("campaign", election.campaign(campaign).await).expect("a leader").leader;
    seen.answer("leader", election.leader(LeaderRequest::default()).await);
    seen.answer(
        "proclaim",
        election.proclaim(ProclaimRequest { leader: won.clone(), value: "I".into() }).await,
    );
    let nameless = LeaderKey { name: "".into(), ..won.clone().expect("a leader") };
    seen.answer("resign", election.resign(ResignRequest { leader: Some(nameless) }).await);
    let keyless = LeaderKey { key: "".into(), ..won.expect("a leader") };
    let proclaim = ProclaimRequest { leader: Some(keyless.clone()), value: "I".into() };
    seen.answer("proclaim without a key", election.proclaim(proclaim).await);
    seen.answer("resign without a key", election.resign(ResignRequest { leader: Some(keyless) }).await);
    seen.answer("nothing is left", side.client.kv().range(range("/", "0")).await);
}
