//! Operations by their keys, for tests.

use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest};

fn op(request: Op) -> RequestOp {
    RequestOp { request: Some(request) }
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
