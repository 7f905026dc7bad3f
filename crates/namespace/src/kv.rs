//! The messages of KV.

use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as Answer;
use proto_gen::etcdserverpb::{
    Compare, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse,
    RangeStreamResponse, RequestOp, ResponseOp, TxnRequest, TxnResponse,
};
use proto_gen::mvccpb::KeyValue;

use crate::message::{Enter, Leave};
use crate::prefix::Prefix;

impl Enter for RangeRequest {
    fn enter(&mut self, prefix: &Prefix) {
        prefix.enter_range(&mut self.key, &mut self.range_end);
    }
}

impl Enter for PutRequest {
    fn enter(&mut self, prefix: &Prefix) {
        prefix.enter_key(&mut self.key);
    }
}

impl Enter for DeleteRangeRequest {
    fn enter(&mut self, prefix: &Prefix) {
        prefix.enter_range(&mut self.key, &mut self.range_end);
    }
}

impl Enter for Compare {
    fn enter(&mut self, prefix: &Prefix) {
        prefix.enter_range(&mut self.key, &mut self.range_end);
    }
}

/// Depth is bounded by the decoder, which refuses messages nested more than 100 deep.
impl Enter for TxnRequest {
    fn enter(&mut self, prefix: &Prefix) {
        self.compare.iter_mut().for_each(|compare| compare.enter(prefix));
        self.success.iter_mut().chain(&mut self.failure).for_each(|op| op.enter(prefix));
    }
}

/// An operation without a request is left for etcd to refuse.
impl Enter for RequestOp {
    fn enter(&mut self, prefix: &Prefix) {
        match &mut self.request {
            Some(Op::RequestRange(range)) => range.enter(prefix),
            Some(Op::RequestPut(put)) => put.enter(prefix),
            Some(Op::RequestDeleteRange(delete)) => delete.enter(prefix),
            Some(Op::RequestTxn(txn)) => txn.enter(prefix),
            None => (),
        }
    }
}

impl Leave for RangeResponse {
    fn leave(&mut self, prefix: &Prefix) {
        leave_all(&mut self.kvs, prefix);
    }
}

impl Leave for RangeStreamResponse {
    fn leave(&mut self, prefix: &Prefix) {
        self.range_response.leave(prefix);
    }
}

impl Leave for PutResponse {
    fn leave(&mut self, prefix: &Prefix) {
        leave_one(&mut self.prev_kv, prefix);
    }
}

impl Leave for DeleteRangeResponse {
    fn leave(&mut self, prefix: &Prefix) {
        leave_all(&mut self.prev_kvs, prefix);
    }
}

impl Leave for TxnResponse {
    fn leave(&mut self, prefix: &Prefix) {
        self.responses.iter_mut().for_each(|response| response.leave(prefix));
    }
}

impl Leave for ResponseOp {
    fn leave(&mut self, prefix: &Prefix) {
        match &mut self.response {
            Some(Answer::ResponseRange(range)) => range.leave(prefix),
            Some(Answer::ResponsePut(put)) => put.leave(prefix),
            Some(Answer::ResponseDeleteRange(delete)) => delete.leave(prefix),
            Some(Answer::ResponseTxn(txn)) => txn.leave(prefix),
            None => (),
        }
    }
}

fn leave_all(kvs: &mut Vec<KeyValue>, prefix: &Prefix) {
    kvs.retain_mut(|kv| prefix.leave_key(&mut kv.key));
}

/// Takes the prefix off the key, or the whole pair out.
pub(crate) fn leave_one(kv: &mut Option<KeyValue>, prefix: &Prefix) {
    if !kv.as_mut().is_none_or(|kv| prefix.leave_key(&mut kv.key)) {
        *kv = None;
    }
}
