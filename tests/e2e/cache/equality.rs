//! After every kind of write through the proxy, every read shows what it shows without a proxy, though nothing that is
//! kept ever gets too old.

use e2e::{Pair, Shape, Side, Transcript};
use proto_gen::etcdserverpb::{CompactionRequest, LeaseRevokeRequest, PutRequest, RangeRequest, TxnRequest};
use proto_gen::v3electionpb::{ProclaimRequest, ResignRequest};
use proto_gen::v3lockpb::UnlockRequest;

use super::{FOR_EVER, serializable};
use crate::lock_election::{campaign, lock};
use crate::requests::{delete, get, grant, op_delete, op_get, op_put, op_txn, put, range};

#[tokio::test]
async fn every_write_through_the_proxy_is_in_the_next_read() {
    compare(&[FOR_EVER]).await;
}

#[tokio::test]
async fn so_it_is_in_a_namespace() {
    compare(&[FOR_EVER, "--namespace=tenant/"]).await;
}

async fn compare(flags: &[&str]) {
    let pair = Pair::start_with(Shape::single(), flags).await;
    pair.compare(keys).await;
    pair.compare(transactions).await;
    pair.compare(leases).await;
    pair.compare(locks_and_elections).await;
    pair.compare(compactions).await;
}

/// Every shape of range, some of them kept before the write that is asked about, some only after.
async fn look(seen: &mut Transcript, side: &Side<'_>, after: &str) {
    let all = range("a", "z");
    let asked = [
        get("k/1"),
        get("k/2"),
        get("none"),
        range("k/", "k0"),
        range("k/2", "\0"),
        range("\0", "\0"),
        RangeRequest { count_only: true, ..range("k/", "k0") },
        RangeRequest { keys_only: true, ..all.clone() },
        RangeRequest { limit: 2, ..all.clone() },
        RangeRequest { sort_target: 4, sort_order: 2, ..all.clone() },
        RangeRequest { min_mod_revision: 4, ..all },
        range("lock", "lock0"),
        range("vote", "vote0"),
    ];
    for request in asked {
        let what = format!("{after}: {request:?}");
        for _ in 0..2 {
            let answer = side.client.kv().range(serializable(request.clone())).await.expect("a read");
            let answer = answer.into_inner();
            // The revision of a header may be one at which the range was the same.
            seen.note(&what, (answer.count, answer.more, answer.kvs));
        }
    }
}

async fn keys(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    look(seen, side, "at first").await;
    for (key, value) in [("k/1", "1"), ("k/2", "1"), ("k/3", "1"), ("k/1", "2"), ("y", "1"), ("z", "1")] {
        seen.answer("put", kv.put(put(key, value)).await);
        look(seen, side, &format!("put {key}")).await;
    }
    for (key, range_end) in [("k/1", ""), ("k/", "k/3"), ("y", "\0"), ("none", "")] {
        seen.answer("delete", kv.delete_range(delete(key, range_end)).await);
        look(seen, side, &format!("delete {key} {range_end}")).await;
    }
    seen.answer("put", kv.put(put("k/2", "again")).await);
    seen.answer("delete all", kv.delete_range(delete("\0", "\0")).await);
    look(seen, side, "delete everything").await;
}

async fn transactions(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let txn = |success| TxnRequest { success, ..TxnRequest::default() };
    let three_deep = op_txn(txn(vec![op_txn(txn(vec![op_put("k/2", "deepest"), op_get("k/2")]))]));
    let asked = [
        ("put", txn(vec![op_put("k/1", "1"), op_put("k/2", "1")])),
        ("three deep", txn(vec![op_get("k/1"), three_deep])),
        ("delete in the depth", txn(vec![op_txn(txn(vec![op_delete("k/1")]))])),
        ("otherwise", TxnRequest { failure: vec![op_put("k/3", "1")], ..txn(vec![op_put("k/1", "then")]) }),
        ("refused", txn(vec![op_put("k/1", "1"), op_put("k/1", "2")])),
    ];
    for (what, request) in asked {
        seen.answer(what, kv.txn(request).await);
        look(seen, side, what).await;
    }
}

async fn leases(seen: &mut Transcript, side: &Side<'_>) {
    let (mut kv, mut lease) = (side.client.kv(), side.client.lease());
    for id in [71, 72] {
        seen.answer("grant", lease.lease_grant(grant(id, 3000)).await);
    }
    seen.answer("put", kv.put(PutRequest { lease: 71, ..put("k/1", "leased") }).await);
    seen.answer("put", kv.put(PutRequest { lease: 72, ..put("k/9", "leased") }).await);
    look(seen, side, "attached").await;
    seen.answer("revoke", lease.lease_revoke(LeaseRevokeRequest { id: 71 }).await);
    look(seen, side, "revoked").await;
    seen.answer("revoke none", lease.lease_revoke(LeaseRevokeRequest { id: 4711 }).await);
    seen.answer("revoke", lease.lease_revoke(LeaseRevokeRequest { id: 72 }).await);
    look(seen, side, "both revoked").await;
}

async fn locks_and_elections(seen: &mut Transcript, side: &Side<'_>) {
    let (mut locks, mut election) = (side.client.lock(), side.client.election());
    seen.answer("grant", side.client.lease().lease_grant(grant(81, 3000)).await);
    look(seen, side, "before").await;
    let held = seen.answer("lock", locks.lock(lock("lock", 81)).await).expect("a lock");
    look(seen, side, "locked").await;
    seen.answer("unlock", locks.unlock(UnlockRequest { key: held.key }).await);
    look(seen, side, "unlocked").await;
    let won = seen.answer("campaign", election.campaign(campaign("vote", 81, "1")).await).expect("a win");
    look(seen, side, "elected").await;
    let proclaim = ProclaimRequest { leader: won.leader.clone(), value: "2".into() };
    seen.answer("proclaim", election.proclaim(proclaim).await);
    look(seen, side, "proclaimed").await;
    seen.answer("resign", election.resign(ResignRequest { leader: won.leader }).await);
    look(seen, side, "resigned").await;
}

async fn compactions(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let past = |revision| RangeRequest { revision, ..serializable(range("\0", "\0")) };
    for revision in [5, 5, 9, 9, 99_999] {
        let answer = kv.range(past(revision)).await;
        seen.note(
            "the past",
            answer.map(|answer| answer.into_inner().kvs).map_err(|status| status.to_string()),
        );
    }
    seen.answer("compact", kv.compact(CompactionRequest { revision: 8, physical: true }).await);
    for revision in [5, 9] {
        let answer = kv.range(past(revision)).await;
        seen.note(
            "the past",
            answer.map(|answer| answer.into_inner().kvs).map_err(|status| status.to_string()),
        );
    }
    look(seen, side, "compacted").await;
}
