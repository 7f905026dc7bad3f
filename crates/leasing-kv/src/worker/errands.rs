//! Errands as transactions, and their outcomes.

use bytes::Bytes;
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as OpAnswer;
use proto_gen::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest, TxnResponse,
};
use proto_gen::mvccpb::KeyValue;

use crate::holdings::{Errand, Outcome};
use crate::names::Names;

/// What is written to ask an owner.
const REVOKE: &[u8] = b"REVOKE";

/// All errands as one transaction: a single one as it is, several each in one of its own.
pub(super) fn transaction(errands: &[Errand], names: &Names) -> TxnRequest {
    match errands {
        [errand] => single(errand, names),
        _ => TxnRequest {
            success: errands.iter().map(|errand| operation(Op::RequestTxn(single(errand, names)))).collect(),
            ..TxnRequest::default()
        },
    }
}

/// Their outcomes, in their order. None where this is not an answer to their transaction.
pub(super) fn outcomes(errands: &[Errand], answer: TxnResponse) -> Option<Vec<Outcome>> {
    let revision = answer.header.as_ref()?.revision;
    if let [errand] = errands {
        return Some(vec![outcome(errand, answer, revision)?]);
    }
    let answers = answer.responses.into_iter().map(|op| match op.response {
        Some(OpAnswer::ResponseTxn(answer)) => Some(answer),
        _ => None,
    });
    let answers = answers.collect::<Option<Vec<_>>>().filter(|answers| answers.len() == errands.len())?;
    errands.iter().zip(answers).map(|(errand, answer)| outcome(errand, answer, revision)).collect()
}

fn single(errand: &Errand, names: &Names) -> TxnRequest {
    let leasing_key = names.leasing_key(errand.key());
    match errand {
        Errand::Acquire { key, lease } => TxnRequest {
            compare: vec![
                equal(&leasing_key, CompareTarget::Create, TargetUnion::CreateRevision(0)),
                equal(key, CompareTarget::Lease, TargetUnion::Lease(0)),
            ],
            success: vec![
                read(key),
                put(PutRequest { key: leasing_key.clone(), lease: *lease, ..PutRequest::default() }),
            ],
            failure: vec![read(key), read(&leasing_key)],
        },
        Errand::Return { create, .. } => TxnRequest {
            compare: vec![equal(&leasing_key, CompareTarget::Create, TargetUnion::CreateRevision(*create))],
            success: vec![operation(Op::RequestDeleteRange(DeleteRangeRequest {
                key: leasing_key,
                ..DeleteRangeRequest::default()
            }))],
            failure: Vec::new(),
        },
        Errand::Refresh { key, create } => TxnRequest {
            compare: vec![equal(&leasing_key, CompareTarget::Create, TargetUnion::CreateRevision(*create))],
            success: vec![read(key)],
            failure: Vec::new(),
        },
        Errand::Ask { .. } => TxnRequest {
            compare: vec![equal(&leasing_key, CompareTarget::Value, TargetUnion::Value(Bytes::new()))],
            success: vec![put(PutRequest {
                key: leasing_key.clone(),
                value: Bytes::from_static(REVOKE),
                ignore_lease: true,
                ..PutRequest::default()
            })],
            failure: vec![read(&leasing_key)],
        },
    }
}

fn outcome(errand: &Errand, answer: TxnResponse, revision: i64) -> Option<Outcome> {
    let TxnResponse { succeeded, responses, .. } = answer;
    let mut ranges = responses.into_iter().filter_map(|op| match op.response {
        Some(OpAnswer::ResponseRange(range)) => Some(range.kvs.into_iter().next()),
        _ => None,
    });
    Some(match (errand, succeeded) {
        (Errand::Acquire { .. }, true) => Outcome::Ours { create: revision, revision, state: ranges.next()? },
        (Errand::Acquire { lease, .. }, false) => {
            let state = ranges.next()?;
            match ranges.next()? {
                // An earlier attempt has come to this, whose answer nobody heard.
                Some(KeyValue { lease: owner, value, create_revision, .. })
                    if owner == *lease && value.is_empty() =>
                {
                    Outcome::Ours { create: create_revision, revision, state }
                }
                _ => Outcome::NotOurs,
            }
        }
        (Errand::Return { .. }, _) | (Errand::Ask { .. }, true) => Outcome::Done,
        (Errand::Refresh { create, .. }, true) => {
            Outcome::Ours { create: *create, revision, state: ranges.next()? }
        }
        (Errand::Refresh { .. }, false) => Outcome::NotOurs,
        (Errand::Ask { .. }, false) => match ranges.next()? {
            Some(_) => Outcome::AskedBefore,
            None => Outcome::NotOurs,
        },
    })
}

fn equal(key: &Bytes, target: CompareTarget, with: TargetUnion) -> Compare {
    Compare {
        result: CompareResult::Equal.into(),
        target: target.into(),
        key: key.clone(),
        range_end: Bytes::new(),
        target_union: Some(with),
    }
}

fn operation(request: Op) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn read(key: &Bytes) -> RequestOp {
    operation(Op::RequestRange(RangeRequest { key: key.clone(), ..RangeRequest::default() }))
}

fn put(put: PutRequest) -> RequestOp {
    operation(Op::RequestPut(put))
}
