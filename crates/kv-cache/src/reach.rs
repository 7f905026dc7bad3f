//! Which keys a request touches.

use bytes::Bytes;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{DeleteRangeRequest, PutRequest, RequestOp, TxnRequest};

use proto_gen::KeyRange;

/// The key that is put.
pub(crate) fn of_put(request: &PutRequest) -> Vec<KeyRange> {
    vec![KeyRange::point(&request.key)]
}

/// The keys that are deleted.
pub(crate) fn of_delete(request: &DeleteRangeRequest) -> Vec<KeyRange> {
    vec![KeyRange::new(&request.key, &request.range_end)]
}

/// All keys that a transaction compares, reads or writes, in either branch and at any depth, which the decoder bounds.
pub(crate) fn of_txn(request: &TxnRequest) -> Vec<KeyRange> {
    let mut ranges = Vec::new();
    collect(request, &mut ranges);
    ranges
}

/// The keys that etcd makes under the name of a lock or an election.
pub(crate) fn of_name(name: &Bytes) -> Vec<KeyRange> {
    vec![KeyRange::prefix(name)]
}

fn collect(txn: &TxnRequest, ranges: &mut Vec<KeyRange>) {
    ranges.extend(txn.compare.iter().map(|compare| KeyRange::new(&compare.key, &compare.range_end)));
    for RequestOp { request } in txn.success.iter().chain(&txn.failure) {
        match request {
            Some(Op::RequestRange(range)) => ranges.push(KeyRange::new(&range.key, &range.range_end)),
            Some(Op::RequestPut(put)) => ranges.extend(of_put(put)),
            Some(Op::RequestDeleteRange(delete)) => ranges.extend(of_delete(delete)),
            Some(Op::RequestTxn(txn)) => collect(txn, ranges),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proto_gen::etcdserverpb::{Compare, RangeRequest};

    use super::*;

    #[test]
    fn a_transaction_reaches_what_it_names_at_any_depth() {
        let key = |name: &'static str| Bytes::from_static(name.as_bytes());
        let op = |request| RequestOp { request: Some(request) };
        let put = PutRequest { key: key("put"), ..PutRequest::default() };
        let delete = DeleteRangeRequest { key: key("d"), range_end: key("\0"), prev_kv: false };
        let range = RangeRequest { key: key("r"), range_end: key("s"), ..RangeRequest::default() };
        let deepest = TxnRequest { failure: vec![op(Op::RequestDeleteRange(delete))], ..Default::default() };
        let inner = TxnRequest {
            success: vec![op(Op::RequestPut(put)), op(Op::RequestTxn(deepest))],
            ..Default::default()
        };
        let txn = TxnRequest {
            compare: vec![Compare { key: key("c"), ..Compare::default() }],
            success: vec![op(Op::RequestRange(range)), RequestOp { request: None }],
            failure: vec![op(Op::RequestTxn(inner))],
        };
        let expected = [
            KeyRange::point(&key("c")),
            KeyRange::new(&key("r"), &key("s")),
            KeyRange::point(&key("put")),
            KeyRange::new(&key("d"), &key("\0")),
        ];
        assert_eq!(of_txn(&txn), expected);
    }
}
