//! Short ways to say the requests that most scenarios begin with.

use proto_gen::etcdserverpb::watch_request::RequestUnion;
use proto_gen::etcdserverpb::{
    Compare, DeleteRangeRequest, LeaseGrantRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
    WatchCancelRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, compare, request_op,
};

pub(crate) fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: key.to_owned().into(), value: value.to_owned().into(), ..Default::default() }
}

pub(crate) fn get(key: &str) -> RangeRequest {
    RangeRequest { key: key.to_owned().into(), ..Default::default() }
}

pub(crate) fn range(key: &str, range_end: &str) -> RangeRequest {
    RangeRequest { range_end: range_end.to_owned().into(), ..get(key) }
}

pub(crate) fn delete(key: &str, range_end: &str) -> DeleteRangeRequest {
    DeleteRangeRequest { key: key.to_owned().into(), range_end: range_end.to_owned().into(), prev_kv: false }
}

pub(crate) fn grant(id: i64, ttl: i64) -> LeaseGrantRequest {
    LeaseGrantRequest { id, ttl }
}

pub(crate) fn op(request: request_op::Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

pub(crate) fn op_put(key: &str, value: &str) -> RequestOp {
    op(request_op::Request::RequestPut(put(key, value)))
}

pub(crate) fn op_get(key: &str) -> RequestOp {
    op(request_op::Request::RequestRange(get(key)))
}

pub(crate) fn op_delete(key: &str) -> RequestOp {
    op(request_op::Request::RequestDeleteRange(delete(key, "")))
}

pub(crate) fn op_txn(txn: TxnRequest) -> RequestOp {
    op(request_op::Request::RequestTxn(txn))
}

pub(crate) fn compare(
    key: &str,
    result: compare::CompareResult,
    target: compare::CompareTarget,
    value: compare::TargetUnion,
) -> Compare {
    Compare {
        key: key.to_owned().into(),
        result: result.into(),
        target: target.into(),
        target_union: Some(value),
        ..Default::default()
    }
}

/// A transaction that writes `key` only if it does not exist.
pub(crate) fn create(key: &str, value: &str) -> TxnRequest {
    let missing = compare(
        key,
        compare::CompareResult::Equal,
        compare::CompareTarget::Version,
        compare::TargetUnion::Version(0),
    );
    TxnRequest { compare: vec![missing], success: vec![op_put(key, value)], failure: vec![op_get(key)] }
}

pub(crate) fn watch(create: WatchCreateRequest) -> WatchRequest {
    WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }
}

pub(crate) fn watch_key(key: &str, start_revision: i64) -> WatchCreateRequest {
    WatchCreateRequest { key: key.to_owned().into(), start_revision, ..Default::default() }
}

pub(crate) fn watch_range(key: &str, range_end: &str, start_revision: i64) -> WatchCreateRequest {
    WatchCreateRequest { range_end: range_end.to_owned().into(), ..watch_key(key, start_revision) }
}

pub(crate) fn watch_cancel(watch_id: i64) -> WatchRequest {
    WatchRequest { request_union: Some(RequestUnion::CancelRequest(WatchCancelRequest { watch_id })) }
}

pub(crate) fn watch_progress() -> WatchRequest {
    WatchRequest { request_union: Some(RequestUnion::ProgressRequest(WatchProgressRequest {})) }
}
