//! What is answered from memory, and what is written around owners, is what etcd itself would have answered.

use e2e::{Pair, Shape, Side, Transcript};
use proto_gen::etcdserverpb::{DeleteRangeRequest, LeaseRevokeRequest, PutRequest, RangeRequest};
use proto_gen::v3lockpb::UnlockRequest;

use super::{FLAG, own_at, shown};
use crate::lock_election::{campaign, lock};
use crate::requests::{delete, get, grant, put, range};

const KEYS: [&str; 5] = ["k/1", "k/2", "k/3", "none", "y"];

#[tokio::test]
async fn every_read_and_write_is_answered_as_etcd_answers_it() {
    compare(&[FLAG]).await;
}

#[tokio::test]
async fn so_it_is_in_a_namespace_and_without_other_layers() {
    compare(&[FLAG, "--namespace=tenant/", "--read-coalescing=off", "--cache-max-entries=0"]).await;
}

async fn compare(flags: &[&str]) {
    let pair = Pair::start_with(Shape::single(), flags).await;
    pair.compare(async |seen, side| options(seen, side, &pair).await).await;
    pair.compare(async |seen, side| writes(seen, side, &pair).await).await;
    pair.compare(async |seen, side| locks(seen, side, &pair).await).await;
    pair.compare(refusals).await;
    super::number_is(pair.proxy.address(), "hits_total", |hits| hits > 100.0).await;
}

/// On the side of the proxy: reads the keys until memory answers.
async fn own_all(pair: &Pair, side: &Side<'_>, keys: &[&str]) {
    if side.address == pair.proxy.address() {
        for key in keys {
            own_at(&side.address, &side.client, key).await;
        }
    }
}

async fn show_read(seen: &mut Transcript, side: &Side<'_>, when: &str, request: RangeRequest) {
    let answer = side.client.kv().range(request.clone()).await;
    let answer = answer.map(tonic::Response::into_inner).map_err(|status| status.to_string());
    // What was asked may name revisions, which differ.
    let asked = shown(&request);
    seen.text(&format!("{when}: read {asked}"), &shown(&answer));
}

/// Every option of a read, at a key in every state.
async fn options(seen: &mut Transcript, side: &Side<'_>, pair: &Pair) {
    let mut kv = side.client.kv();
    for state in ["absent", "new", "changed", "changed again", "deleted", "anew"] {
        match state {
            "absent" => {}
            "deleted" => drop(kv.delete_range(delete("o", "")).await.expect("a deletion")),
            value => drop(kv.put(put("o", value)).await.expect("a write")),
        }
        own_all(pair, side, &["o"]).await;
        let current = kv.range(get("o")).await.expect("a read").into_inner();
        let (modified, created) =
            current.kvs.first().map_or((1, 1), |kv| (kv.mod_revision, kv.create_revision));
        let asked = [
            get("o"),
            RangeRequest { limit: 1, ..get("o") },
            RangeRequest { limit: -1, ..get("o") },
            RangeRequest { keys_only: true, ..get("o") },
            RangeRequest { count_only: true, ..get("o") },
            RangeRequest { count_only: true, keys_only: true, limit: 7, ..get("o") },
            RangeRequest { sort_order: 2, sort_target: 4, ..get("o") },
            RangeRequest { min_mod_revision: modified, ..get("o") },
            RangeRequest { min_mod_revision: modified + 1, ..get("o") },
            RangeRequest { max_mod_revision: modified, ..get("o") },
            RangeRequest { max_mod_revision: modified - 1, ..get("o") },
            RangeRequest { min_create_revision: created, ..get("o") },
            RangeRequest { min_create_revision: created + 1, ..get("o") },
            RangeRequest { max_create_revision: created, keys_only: true, ..get("o") },
            RangeRequest { max_create_revision: created - 1, ..get("o") },
            RangeRequest { min_mod_revision: -1, max_create_revision: -1, ..get("o") },
            RangeRequest { revision: 1, ..get("o") },
            range("o", "p"),
        ];
        for request in asked {
            show_read(seen, side, state, request.clone()).await;
            show_read(seen, side, state, RangeRequest { serializable: true, ..request }).await;
        }
    }
}

/// All keys, each by itself, and all at once.
async fn look(seen: &mut Transcript, side: &Side<'_>, after: &str) {
    for key in KEYS {
        show_read(seen, side, after, get(key)).await;
    }
    show_read(seen, side, after, range("a", "z")).await;
}

/// Every way to write, with every key unowned and owned before. What is answered tells how often it was written.
async fn writes(seen: &mut Transcript, side: &Side<'_>, pair: &Pair) {
    side.client.lease().lease_grant(grant(71, 3000)).await.expect("a lease");
    let with = |key: &str, value: &str| PutRequest { prev_kv: true, ..put(key, value) };
    let puts = [
        with("k/1", "1"),
        with("k/1", "2"),
        with("k/2", "1"),
        with("k/3", "1"),
        with("y", "1"),
        PutRequest { ignore_value: true, ..with("k/1", "") },
        PutRequest { lease: 71, ..with("k/2", "leased") },
        PutRequest { ignore_lease: true, ..with("k/2", "still leased") },
        PutRequest { ignore_value: true, ..with("k/2", "") },
        PutRequest { ignore_value: true, ignore_lease: true, ..with("k/3", "") },
        PutRequest { ignore_value: true, ..with("none", "") },
        PutRequest { ignore_lease: true, ..with("none", "x") },
        PutRequest { ignore_value: true, ..with("k/1", "value") },
        PutRequest { lease: 4711, ..with("k/1", "x") },
        PutRequest { ignore_lease: true, lease: 71, ..with("k/1", "x") },
        put("k/3", "no previous"),
        put("", "no key"),
    ];
    for round in ["unowned", "owned"] {
        if round == "owned" {
            own_all(pair, side, &["k/1", "k/3", "none", "y"]).await;
        }
        for request in &puts {
            let answer = side.client.kv().put(request.clone()).await;
            let answer = answer.map(tonic::Response::into_inner).map_err(|status| status.to_string());
            seen.text(&format!("{round}: {request:?}"), &shown(&answer));
            look(seen, side, &format!("{round}: {request:?}")).await;
        }
    }
    seen.answer(
        "revoke",
        side.client
            .lease()
            .lease_revoke(LeaseRevokeRequest { id: 71 })
            .await
            .map(|_| tonic::Response::new(())),
    );
    look(seen, side, "revoked").await;
    let deletions = [
        ("k/1", ""),
        ("k/1", ""),
        ("none", ""),
        ("k/2", "k/3"),
        ("k/", "k0"),
        ("y", "\0"),
        ("k/3", "k/1"),
        ("\0", "\0"),
        ("", ""),
    ];
    for round in ["unowned", "owned"] {
        for (key, range_end) in deletions {
            for key in ["k/1", "k/2", "k/3", "y"] {
                side.client.kv().put(put(key, round)).await.expect("a write");
            }
            if round == "owned" {
                // What others want is left alone for two seconds, so not all of it is owned each time.
                own_all(pair, side, &["k/1"]).await;
            }
            let request = DeleteRangeRequest { prev_kv: true, ..delete(key, range_end) };
            let answer = side.client.kv().delete_range(request).await;
            let mut answer = answer.map(tonic::Response::into_inner).map_err(|status| status.to_string());
            if let Ok(answer) = &mut answer
                && key == "\0"
            {
                answer.prev_kvs.retain(|kv| !kv.key.starts_with(super::PREFIX.as_bytes()));
            }
            seen.text(&format!("{round}: delete {key:?} {range_end:?}"), &shown(&answer));
            look(seen, side, &format!("{round}: deleted {key:?} {range_end:?}")).await;
        }
    }
}

/// Keys that etcd writes under a name were read, and so owned, before.
async fn locks(seen: &mut Transcript, side: &Side<'_>, pair: &Pair) {
    for id in [0x51, 0x52] {
        side.client.lease().lease_grant(grant(id, 3000)).await.expect("a lease");
    }
    let (held, won) = ("mutex/51", "vote/52");
    own_all(pair, side, &[held, won]).await;
    let mut look = async |when: &str| {
        for key in [held, won] {
            show_read(seen, side, when, get(key)).await;
        }
    };
    let (mut locks, mut election) = (side.client.lock(), side.client.election());
    let key = locks.lock(lock("mutex", 0x51)).await.expect("a lock").into_inner().key;
    look("locked").await;
    locks.unlock(UnlockRequest { key }).await.expect("an end");
    look("unlocked").await;
    election.campaign(campaign("vote", 0x52, "1")).await.expect("a win");
    look("elected").await;
}

/// Errors are etcd's, word for word.
async fn refusals(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let large = vec![b'x'; 3 << 19];
    seen.answer("no key", kv.put(put("", "v")).await);
    seen.answer("no key", kv.delete_range(delete("", "")).await);
    seen.answer("no key", kv.range(get("")).await);
    seen.answer("too large", kv.put(PutRequest { value: large.into(), ..put("k", "") }).await);
}
