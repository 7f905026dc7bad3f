//! Transactions, from memory and around owners.

use e2e::{Pair, Shape, Side, Transcript};
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::{Compare, RequestOp, TxnRequest};

use super::{FLAG, own_at, shown};
use crate::requests::{compare, get, grant, op_delete, op_get, op_put, op_txn, put, range};

const OWNED: [&str; 4] = ["t/1", "t/2", "t/none", "t/3"];

#[tokio::test]
async fn transactions_are_answered_as_etcd_answers_them() {
    let pair = Pair::start_with(Shape::single(), &[FLAG]).await;
    pair.compare(async |seen, side| reading(seen, side, &pair).await).await;
    super::number_is(pair.proxy.address(), "hits_total", |hits| hits > 60.0).await;
    pair.compare(async |seen, side| writing(seen, side, &pair).await).await;
    pair.compare(async |seen, side| as_large_as_etcd_takes_them(seen, side, &pair).await).await;
}

async fn prepare(side: &Side<'_>) {
    let mut kv = side.client.kv();
    for (key, value) in [("t/1", "a"), ("t/1", "b"), ("t/2", "x"), ("t/3", "1"), ("t/9", "unowned")] {
        kv.put(put(key, value)).await.expect("a write");
    }
}

async fn own_all(pair: &Pair, side: &Side<'_>) {
    if side.address == pair.proxy.address() {
        for key in OWNED {
            own_at(&side.address, &side.client, key).await;
        }
    }
}

async fn show(seen: &mut Transcript, side: &Side<'_>, txn: TxnRequest) {
    let answer = side.client.kv().txn(txn.clone()).await;
    let answer = answer.map(tonic::Response::into_inner).map_err(|status| status.to_string());
    seen.text(&shown(&txn), &shown(&answer));
}

fn when(compare: Compare) -> TxnRequest {
    TxnRequest { compare: vec![compare], success: vec![op_get("t/1")], failure: vec![op_get("t/2")] }
}

/// Every target and result, of a key that is there and of one that is not.
async fn compares(side: &Side<'_>) -> Vec<Compare> {
    use {CompareResult as R, CompareTarget as T, TargetUnion as U};
    let mut compares = Vec::new();
    for key in ["t/1", "t/none"] {
        let found = side.client.kv().range(get(key)).await.expect("a read").into_inner().kvs;
        let kv = found.first().cloned().unwrap_or_default();
        for result in [R::Equal, R::NotEqual, R::Greater, R::Less] {
            for more in [-1, 0, 1] {
                compares.push(compare(key, result, T::Version, U::Version(kv.version + more)));
                compares.push(compare(key, result, T::Create, U::CreateRevision(kv.create_revision + more)));
                compares.push(compare(key, result, T::Mod, U::ModRevision(kv.mod_revision + more)));
                compares.push(compare(key, result, T::Lease, U::Lease(kv.lease + more)));
            }
            for value in ["", "a", "b", "ba"] {
                compares.push(compare(key, result, T::Value, U::Value(value.into())));
            }
        }
    }
    compares
}

async fn reading(seen: &mut Transcript, side: &Side<'_>, pair: &Pair) {
    prepare(side).await;
    own_all(pair, side).await;
    for compare in compares(side).await {
        show(seen, side, when(compare)).await;
    }
    let version = |key: &str, version| {
        compare(key, CompareResult::Equal, CompareTarget::Version, TargetUnion::Version(version))
    };
    let inner =
        |version_of_2| TxnRequest { success: vec![op_get("t/3")], ..when(version("t/2", version_of_2)) };
    let irregular = version("t/1", 2);
    for txn in [
        TxnRequest { success: vec![op_get("t/1"), op_get("t/none")], ..TxnRequest::default() },
        TxnRequest { success: vec![op_txn(inner(1)), op_txn(inner(7))], ..TxnRequest::default() },
        TxnRequest {
            success: vec![op_txn(TxnRequest { success: vec![op_txn(inner(1))], ..inner(1) })],
            ..inner(1)
        },
        TxnRequest { success: vec![op_get("t/9")], ..inner(1) },
        TxnRequest { success: vec![crate::requests::op(range_op("t/", "t0"))], ..inner(1) },
        TxnRequest { compare: vec![Compare { range_end: "t0".into(), ..irregular.clone() }], ..inner(1) },
        TxnRequest { compare: vec![Compare { target_union: None, ..irregular.clone() }], ..inner(1) },
        TxnRequest { compare: vec![Compare { target: 2, ..irregular.clone() }], ..inner(1) },
        TxnRequest { compare: vec![Compare { result: 7, ..irregular.clone() }], ..inner(1) },
        TxnRequest { compare: vec![Compare { key: "".into(), ..irregular }], ..inner(1) },
        TxnRequest { success: vec![RequestOp { request: None }], ..inner(1) },
        TxnRequest { success: vec![op_get("")], ..inner(1) },
        TxnRequest::default(),
    ] {
        show(seen, side, txn).await;
    }
}

fn range_op(key: &str, range_end: &str) -> proto_gen::etcdserverpb::request_op::Request {
    proto_gen::etcdserverpb::request_op::Request::RequestRange(range(key, range_end))
}

async fn writing(seen: &mut Transcript, side: &Side<'_>, pair: &Pair) {
    let mut lease = side.client.lease();
    lease.lease_grant(grant(72, 3000)).await.expect("a lease");
    let version = |key: &str, version| {
        compare(key, CompareResult::Equal, CompareTarget::Version, TargetUnion::Version(version))
    };
    let put_prev = |key: &str, value: &str| {
        crate::requests::op(proto_gen::etcdserverpb::request_op::Request::RequestPut(
            proto_gen::etcdserverpb::PutRequest { prev_kv: true, ..put(key, value) },
        ))
    };
    let delete_all = crate::requests::op(proto_gen::etcdserverpb::request_op::Request::RequestDeleteRange(
        proto_gen::etcdserverpb::DeleteRangeRequest { prev_kv: true, ..crate::requests::delete("t/", "t0") },
    ));
    let always = || version("t/none", 0);
    let never = || version("t/none", 9);
    let txn = |compare: Vec<Compare>, success: Vec<RequestOp>, failure: Vec<RequestOp>| TxnRequest {
        compare,
        success,
        failure,
    };
    let nested = |then| op_txn(txn(vec![always()], then, vec![op_put("t/2", "nested else")]));
    let asked = [
        txn(vec![], vec![put_prev("t/1", "plain"), op_get("t/1"), op_get("t/9")], vec![]),
        txn(vec![always()], vec![put_prev("t/1", "then")], vec![]),
        txn(vec![never()], vec![put_prev("t/1", "then")], vec![]),
        txn(vec![always()], vec![put_prev("t/1", "then 2")], vec![op_get("t/1"), op_get("t/none")]),
        txn(vec![never()], vec![put_prev("t/1", "then 2")], vec![op_get("t/1"), op_get("t/none")]),
        txn(vec![always()], vec![op_put("t/1", "then 3")], vec![op_put("t/1", "else"), op_delete("t/2")]),
        txn(vec![never()], vec![op_put("t/1", "then 3")], vec![op_put("t/1", "else"), op_delete("t/2")]),
        txn(
            vec![always()],
            vec![op_delete("t/1"), nested(vec![op_put("t/2", "nested"), op_get("t/2")])],
            vec![],
        ),
        txn(vec![never()], vec![], vec![nested(vec![op_put("t/1", "deep")]), op_get("t/1")]),
        txn(
            vec![],
            vec![nested(vec![op_txn(txn(vec![never()], vec![], vec![op_put("t/3", "deepest")]))])],
            vec![],
        ),
        txn(vec![], vec![op_put("t/1", "1"), op_put("t/1", "2")], vec![]),
        txn(vec![always()], vec![op_put("", "x")], vec![]),
        txn(vec![], vec![], vec![op_put("t/1", "without a compare there is no else")]),
        txn(vec![], vec![delete_all.clone()], vec![]),
        txn(vec![always()], vec![op_put("t/1", "x"), delete_all.clone()], vec![]),
        txn(vec![never()], vec![op_put("t/1", "x")], vec![delete_all]),
    ];
    for round in ["unowned", "owned"] {
        for (number, request) in asked.iter().enumerate() {
            if round == "owned" && number % 4 == 0 {
                own_all(pair, side).await;
            }
            show(seen, side, request.clone()).await;
            for key in OWNED {
                let found = side.client.kv().range(get(key)).await.expect("a read").into_inner();
                seen.text(&format!("{round} {number}: {key}"), &shown(&found));
            }
        }
    }
}

/// etcd takes 128 operations.
async fn as_large_as_etcd_takes_them(seen: &mut Transcript, side: &Side<'_>, pair: &Pair) {
    if side.address == pair.proxy.address() {
        for key in ["many/000", "many/064"] {
            own_at(&side.address, &side.client, key).await;
        }
    }
    let puts = |count: usize| (0..count).map(|n| op_put(&format!("many/{n:03}"), "v")).collect::<Vec<_>>();
    let missing = compare("many/none", CompareResult::Equal, CompareTarget::Version, TargetUnion::Version(0));
    for count in [128, 129] {
        show(seen, side, TxnRequest { success: puts(count), ..TxnRequest::default() }).await;
    }
    let guarded =
        |count| TxnRequest { compare: vec![missing.clone()], success: puts(count), failure: vec![] };
    for count in [127, 128, 129] {
        show(seen, side, guarded(count)).await;
    }
    let either = |count| TxnRequest { failure: puts(2), ..guarded(count) };
    for count in [100, 129] {
        show(seen, side, either(count)).await;
    }
}
