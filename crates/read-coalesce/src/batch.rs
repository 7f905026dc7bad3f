//! Reads to one transaction, and its answer to theirs.

use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as OpAnswer;
use proto_gen::etcdserverpb::{
    RangeRequest, RangeResponse, RequestOp, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
};

/// etcd: what `--max-txn-ops` is exceeded with.
pub(crate) const TOO_MANY_OPERATIONS: &str = "etcdserver: too many operations in txn request";

/// One transaction that only reads, each read an operation.
pub(crate) fn transaction(reads: impl Iterator<Item = RangeRequest>) -> TxnRequest {
    let operation = |read| RequestOp { request: Some(Op::RequestRange(read)) };
    TxnRequest { success: reads.map(operation).collect(), ..TxnRequest::default() }
}

/// The answers in the order of the reads, as Range would have given them; none where they are not that many ranges.
pub(crate) fn answers(answer: TxnResponse, reads: usize) -> Option<Vec<RangeResponse>> {
    let TxnResponse { header, succeeded, responses } = answer;
    if !succeeded || responses.len() != reads {
        return None;
    }
    responses.into_iter().map(|operation| range(operation, header)).collect()
}

/// Of an operation's header etcd fills the revision only; a Range's has all that the transaction's has.
fn range(operation: ResponseOp, header: Option<ResponseHeader>) -> Option<RangeResponse> {
    let Some(OpAnswer::ResponseRange(mut range)) = operation.response else { return None };
    let own = range.header.map(|own| own.revision).filter(|revision| *revision != 0);
    range.header = header.map(|whole| ResponseHeader { revision: own.unwrap_or(whole.revision), ..whole });
    Some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: ResponseHeader = ResponseHeader { cluster_id: 1, member_id: 2, revision: 9, raft_term: 4 };

    fn operation(revision: i64) -> ResponseOp {
        let header = ResponseHeader { revision, ..ResponseHeader::default() };
        let range = RangeResponse { header: Some(header), count: 3, more: true, ..RangeResponse::default() };
        ResponseOp { response: Some(OpAnswer::ResponseRange(range)) }
    }

    fn answer(responses: Vec<ResponseOp>) -> TxnResponse {
        TxnResponse { header: Some(HEADER), succeeded: true, responses }
    }

    #[test]
    fn a_transaction_only_reads_and_keeps_the_order() {
        let read = |key: &'static str| RangeRequest { key: key.into(), ..RangeRequest::default() };
        let transaction = transaction([read("b"), read("a")].into_iter());
        assert!(transaction.compare.is_empty() && transaction.failure.is_empty());
        let keys: Vec<_> = transaction
            .success
            .into_iter()
            .map(|operation| match operation.request {
                Some(Op::RequestRange(read)) => read.key,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(keys, ["b", "a"]);
    }

    #[test]
    fn an_answer_has_the_whole_header_and_its_own_revision() {
        let answers = answers(answer(vec![operation(9), operation(0)]), 2).unwrap();
        assert!(answers.iter().all(|answer| answer.header == Some(HEADER)));
        assert!(answers.iter().all(|answer| answer.count == 3 && answer.more));
    }

    #[test]
    fn an_answer_of_another_shape_is_none() {
        let strange = ResponseOp { response: Some(OpAnswer::ResponseTxn(TxnResponse::default())) };
        for response in [
            answer(vec![operation(9)]),
            answer(vec![operation(9), operation(9), operation(9)]),
            answer(vec![operation(9), strange]),
            answer(vec![operation(9), ResponseOp { response: None }]),
            TxnResponse { succeeded: false, ..answer(vec![operation(9), operation(9)]) },
        ] {
            assert_eq!(answers(response, 2), None);
        }
    }
}
