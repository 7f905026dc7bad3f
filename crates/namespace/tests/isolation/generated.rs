//! Random requests over keys of few, awkward bytes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use proto_gen::etcdserverpb::compare::TargetUnion;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest};

/// Bytes at the ends of what a byte can be.
pub(crate) fn bytes(least: usize, most: usize) -> impl Strategy<Value = Bytes> {
    vec(prop::sample::select(vec![0x00, 0x01, 0xfe, 0xff]), least..=most).prop_map(Bytes::from)
}

/// Seldom empty.
fn key() -> impl Strategy<Value = Bytes> {
    prop_oneof![1 => Just(Bytes::new()), 30 => bytes(1, 3)]
}

/// None, from-key, or another.
fn range_end() -> impl Strategy<Value = Bytes> {
    prop_oneof![1 => Just(Bytes::new()), 1 => Just(Bytes::from_static(b"\0")), 2 => bytes(1, 3)]
}

fn put() -> impl Strategy<Value = PutRequest> {
    (key(), bytes(0, 1), 0..3_i64, any::<bool>()).prop_map(|(key, value, lease, prev_kv)| PutRequest {
        key,
        value,
        lease,
        prev_kv,
        ..Default::default()
    })
}

pub(crate) fn range() -> impl Strategy<Value = RangeRequest> {
    (key(), range_end(), 0..4_i64, 0..3_i32, any::<bool>()).prop_map(
        |(key, range_end, limit, sort_order, count_only)| RangeRequest {
            key,
            range_end,
            limit,
            sort_order,
            count_only,
            ..Default::default()
        },
    )
}

fn delete() -> impl Strategy<Value = DeleteRangeRequest> {
    (key(), range_end(), any::<bool>()).prop_map(|(key, range_end, prev_kv)| DeleteRangeRequest {
        key,
        range_end,
        prev_kv,
    })
}

fn compare() -> impl Strategy<Value = Compare> {
    let target = prop_oneof![
        (0..9_i64).prop_map(|version| (0, TargetUnion::Version(version))),
        (0..9_i64).prop_map(|revision| (1, TargetUnion::CreateRevision(revision))),
        (0..9_i64).prop_map(|revision| (2, TargetUnion::ModRevision(revision))),
        bytes(0, 1).prop_map(|value| (3, TargetUnion::Value(value))),
        (0..3_i64).prop_map(|lease| (4, TargetUnion::Lease(lease))),
    ];
    (key(), range_end(), 0..4_i32, target).prop_map(|(key, range_end, result, (target, union))| Compare {
        key,
        range_end,
        result,
        target,
        target_union: Some(union),
    })
}

fn leaf() -> impl Strategy<Value = Op> {
    prop_oneof![
        put().prop_map(Op::RequestPut),
        range().prop_map(Op::RequestRange),
        delete().prop_map(Op::RequestDeleteRange),
    ]
}

/// A request, transactions in transactions included.
pub(crate) fn op() -> impl Strategy<Value = Op> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        let ops = move || vec(inner.clone().prop_map(|op| RequestOp { request: Some(op) }), 0..=2);
        let txn = (vec(compare(), 0..=2), ops(), ops());
        let txn = txn.prop_map(|(compare, success, failure)| TxnRequest { compare, success, failure });
        prop_oneof![1 => leaf(), 2 => txn.prop_map(Op::RequestTxn)]
    })
}
