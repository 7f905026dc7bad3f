//! Range, Put, DeleteRange, Txn, Compact and RangeStream answer as etcd does.

use e2e::{Pair, Shape, Side, Transcript};
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto_gen::etcdserverpb::{
    CompactionRequest, Compare, DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest,
};
use tokio_stream::StreamExt;

use crate::requests::{compare, create, delete, get, grant, op_delete, op_get, op_put, op_txn, put, range};

/// One member: what is said during an election is nobody's promise, and a follower may be behind.
#[tokio::test]
async fn kv_answers_are_equal() {
    compare_all(&Pair::start(Shape::single()).await).await;
}

/// Every scenario of this theme, on a pair of clusters that have seen nothing yet.
pub(crate) async fn compare_all(pair: &Pair) {
    pair.compare(puts).await;
    pair.compare(ranges).await;
    pair.compare(sorted_ranges).await;
    pair.compare(filtered_ranges).await;
    pair.compare(transactions).await;
    pair.compare(nested_transactions).await;
    pair.compare(range_streams).await;
    pair.compare(deletes).await;
    pair.compare(compactions).await;
    pair.compare(binary_and_large_values).await;
}

async fn puts(seen: &mut Transcript, side: &Side<'_>) {
    let (mut kv, mut lease) = (side.client.kv(), side.client.lease());
    seen.answer("grant", lease.lease_grant(grant(7001, 3000)).await);
    seen.answer("first put", kv.put(put("put/a", "1")).await);
    seen.answer("second put", kv.put(put("put/a", "2")).await);
    seen.answer("prev_kv", kv.put(PutRequest { prev_kv: true, ..put("put/a", "3") }).await);
    seen.answer("prev_kv of a new key", kv.put(PutRequest { prev_kv: true, ..put("put/b", "1") }).await);
    seen.answer("with a lease", kv.put(PutRequest { lease: 7001, ..put("put/a", "4") }).await);
    seen.answer("ignore_lease", kv.put(PutRequest { ignore_lease: true, ..put("put/a", "5") }).await);
    seen.answer(
        "ignore_value",
        kv.put(PutRequest { ignore_value: true, prev_kv: true, ..put("put/a", "") }).await,
    );
    seen.answer(
        "ignore_value unknown",
        kv.put(PutRequest { ignore_value: true, ..put("put/none", "") }).await,
    );
    seen.answer("ignore_value, value", kv.put(PutRequest { ignore_value: true, ..put("put/a", "x") }).await);
    seen.answer(
        "ignore_lease, lease",
        kv.put(PutRequest { ignore_lease: true, lease: 1, ..put("put/a", "x") }).await,
    );
    seen.answer("unknown lease", kv.put(PutRequest { lease: 99, ..put("put/a", "x") }).await);
    seen.answer("empty key", kv.put(put("", "x")).await);
    seen.answer("empty value", kv.put(put("put/empty", "")).await);
    seen.answer("what is there", kv.range(range("put/", "put0")).await);
}

async fn ranges(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    for index in 0..12 {
        seen.answer("put", kv.put(put(&format!("r/{index:02}"), &format!("{}", 100 - index))).await);
    }
    let asked = [
        ("one key", get("r/03")),
        ("a key that is not there", get("r/none")),
        ("a prefix", range("r/", "r0")),
        ("half a range", range("r/03", "r/07")),
        ("a range that is empty", range("r/07", "r/03")),
        ("from a key on", range("r/05", "\0")),
        ("everything", range("\0", "\0")),
        ("limit", RangeRequest { limit: 3, ..range("r/", "r0") }),
        ("limit of all", RangeRequest { limit: 12, ..range("r/", "r0") }),
        ("a negative limit", RangeRequest { limit: -1, ..range("r/", "r0") }),
        ("keys only", RangeRequest { keys_only: true, ..range("r/", "r0") }),
        ("count only", RangeRequest { count_only: true, ..range("r/", "r0") }),
        ("count only with limit", RangeRequest { count_only: true, limit: 2, ..range("r/", "r0") }),
        ("serializable", RangeRequest { serializable: true, ..range("r/", "r0") }),
        ("serializable again", RangeRequest { serializable: true, ..range("r/", "r0") }),
        ("an old revision", RangeRequest { revision: 8, ..range("", "\0") }),
        ("an old revision of a prefix", RangeRequest { revision: 12, ..range("r/", "r0") }),
        (
            "a serializable old revision",
            RangeRequest { revision: 12, serializable: true, ..range("r/", "r0") },
        ),
        ("a future revision", RangeRequest { revision: 9999, ..get("r/03") }),
        ("a negative revision", RangeRequest { revision: -5, ..get("r/03") }),
        ("an empty key", get("")),
    ];
    for (what, request) in asked {
        seen.answer(what, kv.range(request).await);
    }
}

async fn sorted_ranges(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    seen.answer("another version", kv.put(put("r/04", "zzz")).await);
    let targets =
        [SortTarget::Key, SortTarget::Version, SortTarget::Create, SortTarget::Mod, SortTarget::Value];
    for target in targets {
        for order in [SortOrder::None, SortOrder::Ascend, SortOrder::Descend] {
            let request = RangeRequest {
                sort_order: order.into(),
                sort_target: target.into(),
                limit: 5,
                ..range("r/", "r0")
            };
            seen.answer(&format!("{target:?} {order:?}"), kv.range(request).await);
        }
    }
}

async fn filtered_ranges(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let all = range("r/", "r0");
    let asked = [
        ("min mod", RangeRequest { min_mod_revision: 14, ..all.clone() }),
        ("max mod", RangeRequest { max_mod_revision: 14, ..all.clone() }),
        ("min create", RangeRequest { min_create_revision: 14, ..all.clone() }),
        ("max create", RangeRequest { max_create_revision: 14, ..all.clone() }),
        ("both ends", RangeRequest { min_mod_revision: 10, max_mod_revision: 13, ..all.clone() }),
        ("with limit", RangeRequest { min_mod_revision: 10, limit: 2, ..all.clone() }),
    ];
    for (what, request) in asked {
        seen.answer(what, kv.range(request).await);
    }
}

async fn transactions(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    seen.answer("created", kv.txn(create("t/a", "1")).await);
    seen.answer("there already", kv.txn(create("t/a", "2")).await);
    seen.answer("an empty one", kv.txn(TxnRequest::default()).await);
    seen.answer(
        "several writes",
        kv.txn(both(Vec::new(), vec![op_put("t/b", "1"), op_put("t/c", "1")])).await,
    );
    seen.answer("write and read", kv.txn(both(Vec::new(), vec![op_put("t/b", "2"), op_get("t/b")])).await);
    seen.answer("delete", kv.txn(both(Vec::new(), vec![op_delete("t/c"), op_get("t/c")])).await);
    let targets = [
        (CompareTarget::Version, TargetUnion::Version(1)),
        (CompareTarget::Create, TargetUnion::CreateRevision(20)),
        (CompareTarget::Mod, TargetUnion::ModRevision(20)),
        (CompareTarget::Value, TargetUnion::Value("1".into())),
        (CompareTarget::Lease, TargetUnion::Lease(0)),
    ];
    for (target, value) in targets {
        for result in
            [CompareResult::Equal, CompareResult::Greater, CompareResult::Less, CompareResult::NotEqual]
        {
            let txn = both(vec![compare("t/a", result, target, value.clone())], vec![op_get("t/a")]);
            seen.answer(&format!("{target:?} {result:?}"), kv.txn(txn).await);
        }
    }
    let over_range = |value: &str| Compare {
        range_end: "t0".into(),
        ..compare(
            "t/",
            CompareResult::Equal,
            CompareTarget::Value,
            TargetUnion::Value(value.to_owned().into()),
        )
    };
    seen.answer("all keys of a range", kv.txn(both(vec![over_range("1")], vec![op_get("t/a")])).await);
    seen.answer("write over a range", kv.txn(both(Vec::new(), vec![op_put("t/b", "1")])).await);
    seen.answer("all keys of a range now", kv.txn(both(vec![over_range("1")], vec![op_get("t/a")])).await);
    seen.answer(
        "duplicate key",
        kv.txn(both(Vec::new(), vec![op_put("t/d", "1"), op_put("t/d", "2")])).await,
    );
    seen.answer(
        "put in a deleted key",
        kv.txn(both(Vec::new(), vec![op_put("t/d", "1"), op_delete("t/d")])).await,
    );
    seen.answer("too many operations", kv.txn(both(Vec::new(), vec![op_get("t/a"); 129])).await);
    seen.answer("empty key", kv.txn(both(Vec::new(), vec![op_put("", "1")])).await);
    seen.answer("operation without request", kv.txn(both(Vec::new(), vec![Default::default()])).await);
    seen.answer("compare without key", kv.txn(both(vec![Compare::default()], Vec::new())).await);
    seen.answer("after all that", kv.range(range("t/", "t0")).await);
}

async fn nested_transactions(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let deepest = both(Vec::new(), vec![op_put("n/deepest", "1"), op_get("n/deepest")]);
    let middle = both(vec![], vec![op_put("n/middle", "1"), op_txn(deepest.clone())]);
    seen.answer("three levels", kv.txn(both(Vec::new(), vec![op_put("n/top", "1"), op_txn(middle)])).await);
    seen.answer("seen at once", kv.range(RangeRequest { serializable: true, ..range("n/", "n0") }).await);
    let twice = both(Vec::new(), vec![op_put("n/deepest", "1"), op_txn(deepest)]);
    seen.answer("duplicate key in depth", kv.txn(twice).await);
    let empty_inside = both(Vec::new(), vec![op_txn(both(Vec::new(), vec![Default::default()]))]);
    seen.answer("operation without request in depth", kv.txn(empty_inside).await);
    seen.answer("an empty nested one", kv.txn(both(Vec::new(), vec![op_txn(TxnRequest::default())])).await);
}

/// etcd cuts a streamed range into chunks as it likes: what must be equal is their sum.
async fn range_streams(seen: &mut Transcript, side: &Side<'_>) {
    let asked = [
        ("all", range("r/", "r0")),
        ("limit", RangeRequest { limit: 4, ..range("r/", "r0") }),
        ("keys only", RangeRequest { keys_only: true, ..range("r/", "r0") }),
        ("count only", RangeRequest { count_only: true, ..range("r/", "r0") }),
        ("nothing", range("none/", "none0")),
        (
            "custom sort",
            RangeRequest { sort_target: SortTarget::Value.into(), sort_order: 2, ..range("r/", "r0") },
        ),
        ("future", RangeRequest { revision: 9999, ..range("r/", "r0") }),
        ("empty key", range("", "")),
    ];
    for (what, request) in asked {
        streamed_range(seen, side, what, request).await;
    }
}

async fn streamed_range(seen: &mut Transcript, side: &Side<'_>, what: &str, request: RangeRequest) {
    let mut stream = match side.client.kv().range_stream(request).await {
        Ok(response) => response.into_inner(),
        Err(status) => return seen.error(what, &status),
    };
    let mut kvs = Vec::new();
    while let Some(chunk) = stream.next().await {
        match chunk.map(|chunk| chunk.range_response.unwrap_or_default()) {
            Ok(mut chunk) => {
                kvs.append(&mut chunk.kvs);
                if chunk.header.is_some() {
                    seen.note(what, &chunk);
                }
            }
            Err(status) => seen.error(what, &status),
        }
    }
    seen.note(what, &kvs);
}

async fn deletes(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    seen.answer("one", kv.delete_range(delete("r/00", "")).await);
    seen.answer("one that is not there", kv.delete_range(delete("r/00", "")).await);
    let with_prev = DeleteRangeRequest { prev_kv: true, ..delete("r/01", "r/04") };
    seen.answer("a range with prev_kv", kv.delete_range(with_prev).await);
    seen.answer("an empty key", kv.delete_range(delete("", "")).await);
    seen.answer("what is left", kv.range(range("r/", "r0")).await);
    seen.answer("from a key on", kv.delete_range(delete("r/10", "\0")).await);
    seen.answer("everything that is left", kv.range(range("", "\0")).await);
}

async fn compactions(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    seen.answer("now", kv.range(get("r/05")).await);
    seen.answer("compact", kv.compact(CompactionRequest { revision: 20, physical: true }).await);
    seen.answer("compact again", kv.compact(CompactionRequest { revision: 20, physical: false }).await);
    seen.answer(
        "compact the future",
        kv.compact(CompactionRequest { revision: 9999, physical: false }).await,
    );
    seen.answer("compact zero", kv.compact(CompactionRequest { revision: 0, physical: false }).await);
    seen.answer("read before", kv.range(RangeRequest { revision: 12, ..range("r/", "r0") }).await);
    let serializable = RangeRequest { revision: 12, serializable: true, ..range("r/", "r0") };
    seen.answer("read before, serializable", kv.range(serializable).await);
    seen.answer("read at the edge", kv.range(RangeRequest { revision: 20, ..range("r/", "r0") }).await);
    seen.answer("read now", kv.range(range("r/", "r0")).await);
}

async fn binary_and_large_values(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let binary =
        PutRequest { key: vec![0, 255, 128].into(), value: vec![255, 0, 1].into(), ..Default::default() };
    seen.answer("binary", kv.put(binary).await);
    seen.answer(
        "binary back",
        kv.range(RangeRequest { key: vec![0, 255, 128].into(), ..Default::default() }).await,
    );
    let large =
        |index: usize| PutRequest { value: vec![b'x'; 1 << 20].into(), ..put(&format!("large/{index}"), "") };
    for index in 0..6 {
        seen.answer("a large value", kv.put(large(index)).await);
    }
    let answer = kv.range(range("large/", "large0")).await.expect("an answer of 6 MiB").into_inner();
    let sizes: Vec<usize> = answer.kvs.iter().map(|kv| kv.value.len()).collect();
    seen.note("6 MiB in one answer", sizes);
}

fn both(compare: Vec<Compare>, success: Vec<proto_gen::etcdserverpb::RequestOp>) -> TxnRequest {
    TxnRequest { compare, success, failure: vec![op_get("t/b")] }
}
