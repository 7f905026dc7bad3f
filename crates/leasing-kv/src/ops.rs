//! Operations by their keys, for tests.

use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest};

fn op(request: Op) -> RequestOp {
    RequestOp { request: Some(request) }
}

/// A compare that holds if the key is there, or if it is not.
pub(crate) fn exists(key: &str, is_there: bool) -> Compare {
    Compare {
        result: if is_there { CompareResult::Greater } else { CompareResult::Equal }.into(),
        target: CompareTarget::Version.into(),
        key: key.to_owned().into(),
        range_end: bytes::Bytes::new(),
        target_union: Some(TargetUnion::Version(0)),
    }
}

pub(crate) fn get(key: &str) -> RequestOp {
    op(Op::RequestRange(RangeRequest { key: key.to_owned().into(), ..RangeRequest::default() }))
}

pub(crate) fn put(key: &str) -> RequestOp {
    op(Op::RequestPut(PutRequest { key: key.to_owned().into(), value: "v".into(), ..PutRequest::default() }))
}

pub(crate) fn delete(key: &str, range_end: &str) -> RequestOp {
    let (key, range_end) = (key.to_owned().into(), range_end.to_owned().into());
    op(Op::RequestDeleteRange(DeleteRangeRequest { key, range_end, prev_kv: false }))
}

pub(crate) fn txn(txn: TxnRequest) -> RequestOp {
    op(Op::RequestTxn(txn))
}
