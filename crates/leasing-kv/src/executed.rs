//! What a transaction has written, by its answer.

use bytes::Bytes;
use proto_gen::KeyRange;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as OpAnswer;
use proto_gen::etcdserverpb::{PutRequest, TxnRequest, TxnResponse};
use proto_gen::mvccpb::KeyValue;

/// One write that happened.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect<'a> {
    Put(&'a PutRequest),
    Delete(KeyRange),
}

/// The writes of the branches that were taken, in their order. None where the answer is not one to this transaction.
pub(crate) fn effects<'a>(txn: &'a TxnRequest, answer: &TxnResponse) -> Option<Vec<Effect<'a>>> {
    let mut effects = Vec::new();
    collect(txn, answer, &mut effects)?;
    Some(effects)
}

fn collect<'a>(txn: &'a TxnRequest, answer: &TxnResponse, effects: &mut Vec<Effect<'a>>) -> Option<()> {
    let taken = if answer.succeeded { &txn.success } else { &txn.failure };
    if taken.len() != answer.responses.len() {
        return None;
    }
    for (op, answer) in taken.iter().zip(&answer.responses) {
        match (&op.request, &answer.response) {
            (Some(Op::RequestPut(put)), Some(OpAnswer::ResponsePut(_))) => effects.push(Effect::Put(put)),
            (Some(Op::RequestDeleteRange(delete)), Some(OpAnswer::ResponseDeleteRange(_))) => {
                effects.push(Effect::Delete(KeyRange::new(&delete.key, &delete.range_end)));
            }
            (Some(Op::RequestTxn(txn)), Some(OpAnswer::ResponseTxn(answer))) => {
                collect(txn, answer, effects)?
            }
            (Some(Op::RequestRange(_)), Some(OpAnswer::ResponseRange(_))) => {}
            _ => return None,
        }
    }
    Some(())
}

/// A key after it was put at this revision. None where that cannot be told.
pub(crate) fn put(before: Option<&KeyValue>, put: &PutRequest, revision: i64) -> Option<KeyValue> {
    let value = match before {
        Some(before) if put.ignore_value => before.value.clone(),
        None if put.ignore_value => return None,
        _ => Bytes::copy_from_slice(&put.value),
    };
    let lease = match before {
        Some(before) if put.ignore_lease => before.lease,
        None if put.ignore_lease => return None,
        _ => put.lease,
    };
    Some(KeyValue {
        key: before.map_or_else(|| Bytes::copy_from_slice(&put.key), |before| before.key.clone()),
        create_revision: before.map_or(revision, |before| before.create_revision),
        mod_revision: revision,
        version: before.map_or(1, |before| before.version.saturating_add(1)),
        value,
        lease,
    })
}

#[cfg(test)]
mod tests {
    use proto_gen::etcdserverpb::{DeleteRangeResponse, PutResponse, RangeResponse, RequestOp, ResponseOp};

    use super::*;
    use crate::ops;

    fn done(answer: OpAnswer) -> ResponseOp {
        ResponseOp { response: Some(answer) }
    }

    #[test]
    fn the_branches_that_were_taken_say_what_was_written() {
        let inner = TxnRequest {
            failure: vec![ops::delete("d", "f")],
            success: vec![ops::put("x")],
            ..Default::default()
        };
        let txn = TxnRequest {
            success: vec![ops::put("a"), ops::get("r"), ops::txn(inner)],
            failure: vec![ops::put("y")],
            ..Default::default()
        };
        let nested = TxnResponse {
            responses: vec![done(OpAnswer::ResponseDeleteRange(DeleteRangeResponse::default()))],
            ..Default::default()
        };
        let answer = TxnResponse {
            succeeded: true,
            responses: vec![
                done(OpAnswer::ResponsePut(PutResponse::default())),
                done(OpAnswer::ResponseRange(RangeResponse::default())),
                done(OpAnswer::ResponseTxn(nested)),
            ],
            ..Default::default()
        };
        let effects_of = |answer: &TxnResponse| effects(&txn, answer).map(|effects| effects.len());
        let found = effects(&txn, &answer).unwrap();
        assert!(matches!(&found[0], Effect::Put(put) if put.key == "a"));
        assert_eq!(found[1], Effect::Delete(KeyRange::new(&"d".into(), &"f".into())));
        assert_eq!(found.len(), 2);
        assert_eq!(effects_of(&TxnResponse { succeeded: false, ..answer.clone() }), None);
        let mut short = answer.clone();
        short.responses.pop();
        assert_eq!(effects_of(&short), None);
        let mut mixed = answer;
        mixed.responses.swap(0, 1);
        assert_eq!(effects_of(&mixed), None);
    }

    #[test]
    fn a_put_keeps_what_it_is_told_to_keep() {
        let before = KeyValue {
            key: "a".into(),
            value: "1".into(),
            create_revision: 3,
            mod_revision: 5,
            version: 2,
            lease: 0,
        };
        let request = PutRequest { key: "a".into(), value: "2".into(), lease: 9, ..PutRequest::default() };
        let after = put(Some(&before), &request, 7).unwrap();
        assert_eq!((after.create_revision, after.mod_revision, after.version), (3, 7, 3));
        assert_eq!((after.value, after.lease), ("2".into(), 9));
        let kept = PutRequest { ignore_value: true, ignore_lease: true, ..request.clone() };
        let after = put(Some(&before), &kept, 7).unwrap();
        assert_eq!((after.value, after.lease, after.version), ("1".into(), 0, 3));
        assert_eq!(put(None, &kept, 7), None);
        let first = put(None, &request, 7).unwrap();
        assert_eq!((first.create_revision, first.mod_revision, first.version), (7, 7, 1));
    }

    #[test]
    fn an_operation_that_is_none_is_no_answer() {
        let txn = TxnRequest { success: vec![RequestOp { request: None }], ..Default::default() };
        let answer =
            TxnResponse { succeeded: true, responses: vec![ResponseOp { response: None }], header: None };
        assert_eq!(effects(&txn, &answer), None);
    }
}
