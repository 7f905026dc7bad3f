//! `Guarded`: a transaction that happens only where its guards hold, exactly once, and what its answer says.
//!
//! ```text
//!  no compares, no else           If guards            Then ops
//!  else only reads                If guards, compares  Then ops    Else else, reads of the guards
//!  else writes                    If guards            Then [Txn compares, ops, else]
//! ```
//!
//! Operations stay at the top where they can: etcd before 3.4.42, 3.5.28 and 3.6.9 does not ask whether the caller may
//! do what is nested.

use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as OpAnswer;
use proto_gen::etcdserverpb::{Compare, PutRequest, RequestOp, ResponseOp, TxnRequest, TxnResponse};

use crate::guards::Guards;
use crate::writes::writes;

/// Operations in one transaction that asks for permission only.
const CHECKED_AT_ONCE: usize = 64;

/// Where the caller's transaction is in the one that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Plain,
    Merged,
    Nested,
}

/// What the answer says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    /// It happened, with this answer to the caller's transaction.
    Done(TxnResponse),
    /// Somebody owns what it writes. Nothing happened.
    Refused,
    /// This is not an answer to what was sent.
    Strange,
}

/// The shape for a transaction.
pub(crate) fn shape(user: &TxnRequest) -> Shape {
    match (user.compare.is_empty() && user.failure.is_empty(), writes(&user.failure)) {
        (true, _) => Shape::Plain,
        (false, false) => Shape::Merged,
        (false, true) => Shape::Nested,
    }
}

/// The transaction with its guards. `asked` are operations that never happen where the guards hold and that etcd checks
/// the caller's permission for.
pub(crate) fn guarded(user: &TxnRequest, guards: &Guards, shape: Shape, asked: &[RequestOp]) -> TxnRequest {
    let compares = guards.compares();
    match shape {
        Shape::Plain => {
            TxnRequest { compare: compares.collect(), success: user.success.clone(), failure: asked.to_vec() }
        }
        Shape::Merged => TxnRequest {
            compare: compares.chain(user.compare.iter().cloned()).collect(),
            success: user.success.clone(),
            failure: user.failure.iter().cloned().chain(guards.reads()).collect(),
        },
        Shape::Nested => {
            let nested = RequestOp { request: Some(Op::RequestTxn(user.clone())) };
            TxnRequest { compare: compares.collect(), success: vec![nested], failure: Vec::new() }
        }
    }
}

/// What an answer to [`guarded`] says.
pub(crate) fn reply(user: &TxnRequest, guards: &Guards, shape: Shape, mut answer: TxnResponse) -> Reply {
    match (shape, answer.succeeded) {
        (Shape::Plain | Shape::Merged, true) => Reply::Done(answer),
        (Shape::Plain | Shape::Nested, false) => Reply::Refused,
        (Shape::Merged, false) => {
            let reads = answer.responses.split_off(user.failure.len().min(answer.responses.len()));
            let ranges: Option<Vec<_>> = reads.iter().map(range).collect();
            match ranges.and_then(|ranges| guards.held(&ranges)) {
                Some(true) if answer.responses.len() == user.failure.len() => Reply::Done(answer),
                Some(false) => Reply::Refused,
                Some(true) | None => Reply::Strange,
            }
        }
        (Shape::Nested, true) => match answer.responses.pop().and_then(|op| op.response) {
            Some(OpAnswer::ResponseTxn(nested)) => {
                Reply::Done(TxnResponse { header: answer.header, ..nested })
            }
            _ => Reply::Strange,
        },
    }
}

fn range(answer: &ResponseOp) -> Option<&proto_gen::etcdserverpb::RangeResponse> {
    match &answer.response {
        Some(OpAnswer::ResponseRange(range)) => Some(range),
        _ => None,
    }
}

/// Transactions that change nothing and that etcd refuses where the caller may not do all of what a nested one does.
pub(crate) fn permission_questions(user: &TxnRequest, guards: &Guards) -> Vec<TxnRequest> {
    let Some(never) = guards.compares().next().map(never) else { return Vec::new() };
    let mut asked = Asked::default();
    asked.collect(user);
    let ask = |compare: &[Compare], success: &[RequestOp]| TxnRequest {
        compare: std::iter::once(never.clone()).chain(compare.iter().cloned()).collect(),
        success: success.to_vec(),
        failure: Vec::new(),
    };
    let compares = asked.compares.chunks(CHECKED_AT_ONCE).map(|compares| ask(compares, &[]));
    // etcd refuses a transaction that puts what it deletes, be it in branches that exclude each other.
    let kinds = [&asked.puts, &asked.others];
    let operations = kinds.into_iter().flat_map(|kind| kind.chunks(CHECKED_AT_ONCE)).map(|ops| ask(&[], ops));
    compares.chain(operations).collect()
}

/// No key has a version below zero, nor has one that is missing.
fn never(compare: Compare) -> Compare {
    Compare {
        result: CompareResult::Less.into(),
        target: CompareTarget::Version.into(),
        target_union: Some(TargetUnion::Version(0)),
        ..compare
    }
}

/// All that a transaction does at any depth.
#[derive(Default)]
struct Asked {
    compares: Vec<Compare>,
    puts: Vec<RequestOp>,
    others: Vec<RequestOp>,
}

impl Asked {
    fn collect(&mut self, txn: &TxnRequest) {
        self.compares.extend(txn.compare.iter().cloned());
        for op in txn.success.iter().chain(&txn.failure) {
            match &op.request {
                Some(Op::RequestPut(put)) => self.put(put),
                Some(Op::RequestRange(_) | Op::RequestDeleteRange(_)) => self.others.push(op.clone()),
                Some(Op::RequestTxn(txn)) => self.collect(txn),
                None => {}
            }
        }
    }

    fn put(&mut self, put: &PutRequest) {
        let is_same =
            |op: &RequestOp| matches!(&op.request, Some(Op::RequestPut(other)) if other.key == put.key);
        if !put.key.is_empty() && !self.puts.iter().any(is_same) {
            let put = PutRequest { key: put.key.clone(), ..PutRequest::default() };
            self.puts.push(RequestOp { request: Some(Op::RequestPut(put)) });
        }
    }
}

#[cfg(test)]
mod tests;
