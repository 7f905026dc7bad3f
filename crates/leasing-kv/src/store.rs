//! What requests do to keys, by etcd's rules, for the etcd of the tests.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use proto_gen::KeyRange;
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as OpAnswer;
use proto_gen::etcdserverpb::{
    Compare, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse,
    RequestOp, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
};
use proto_gen::mvccpb::KeyValue;
use tonic::Status;

use crate::double::What;

pub(crate) type Keys = BTreeMap<Bytes, KeyValue>;

/// What was answered, whatever was asked.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) revision: i64,
    pub(crate) number: i64,
    pub(crate) range: RangeResponse,
    pub(crate) put: PutResponse,
    pub(crate) delete: DeleteRangeResponse,
    pub(crate) txn: TxnResponse,
}

/// Whether anything was changed, and the answer. What changes has this revision.
pub(crate) fn apply(
    keys: &mut Keys,
    revision: i64,
    leases: &HashSet<i64>,
    what: &What,
) -> Result<(bool, Done), Status> {
    let mut state = State { keys, revision, leases, is_changed: false };
    let mut done = Done::default();
    match what {
        What::Range(request) => done.range = state.range(request),
        What::Put(request) => done.put = state.put(request)?,
        What::Delete(request) => done.delete = state.delete(request),
        What::Txn(request) => {
            state.check(request)?;
            done.txn = state.txn(request)?;
        }
        What::Grant(_) | What::Revoke(_) | What::Ping(_) => {}
    }
    Ok((state.is_changed, done))
}

struct State<'a> {
    keys: &'a mut Keys,
    revision: i64,
    leases: &'a HashSet<i64>,
    is_changed: bool,
}

impl State<'_> {
    fn select(&self, key: &Bytes, range_end: &Bytes) -> Vec<KeyValue> {
        let range = KeyRange::new(key, range_end);
        self.keys.values().filter(|kv| range.holds(&kv.key)).cloned().collect()
    }

    fn range(&self, request: &RangeRequest) -> RangeResponse {
        let kvs = self.select(&request.key, &request.range_end);
        let limit = if request.limit > 0 { request.limit as usize } else { usize::MAX };
        let header = Some(ResponseHeader { revision: self.revision - 1, ..ResponseHeader::default() });
        let (count, more) = (kvs.len() as i64, kvs.len() > limit);
        RangeResponse { header, count, more, kvs: kvs.into_iter().take(limit).collect() }
    }

    fn put(&mut self, request: &PutRequest) -> Result<PutResponse, Status> {
        let before = self.keys.get(&request.key).cloned();
        if before.is_none() && (request.ignore_value || request.ignore_lease) {
            return Err(Status::invalid_argument("etcdserver: key not found"));
        }
        if request.lease != 0 && !self.leases.contains(&request.lease) {
            return Err(Status::not_found("etcdserver: requested lease not found"));
        }
        let kept = before.clone().unwrap_or_default();
        let kv = KeyValue {
            key: request.key.clone(),
            value: if request.ignore_value { kept.value } else { request.value.clone() },
            lease: if request.ignore_lease { kept.lease } else { request.lease },
            create_revision: before.as_ref().map_or(self.revision, |kv| kv.create_revision),
            mod_revision: self.revision,
            version: kept.version + 1,
        };
        self.keys.insert(request.key.clone(), kv);
        self.is_changed = true;
        Ok(PutResponse { header: None, prev_kv: before.filter(|_| request.prev_kv) })
    }

    fn delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let gone = self.select(&request.key, &request.range_end);
        for kv in &gone {
            self.keys.remove(&kv.key);
        }
        self.is_changed |= !gone.is_empty();
        let deleted = gone.len() as i64;
        DeleteRangeResponse { header: None, deleted, prev_kvs: if request.prev_kv { gone } else { vec![] } }
    }

    /// Nothing is done where anything of it cannot be done.
    fn check(&self, txn: &TxnRequest) -> Result<(), Status> {
        for op in txn.success.iter().chain(&txn.failure) {
            match &op.request {
                Some(Op::RequestPut(put)) if put.lease != 0 && !self.leases.contains(&put.lease) => {
                    return Err(Status::not_found("etcdserver: requested lease not found"));
                }
                Some(Op::RequestTxn(txn)) => self.check(txn)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn txn(&mut self, request: &TxnRequest) -> Result<TxnResponse, Status> {
        let succeeded = request.compare.iter().all(|compare| self.holds(compare));
        let ops = if succeeded { &request.success } else { &request.failure };
        let responses =
            ops.iter().map(|op| Ok(ResponseOp { response: self.op(op)? })).collect::<Result<_, Status>>()?;
        Ok(TxnResponse { header: None, succeeded, responses })
    }

    fn op(&mut self, op: &RequestOp) -> Result<Option<OpAnswer>, Status> {
        Ok(Some(match op.request.as_ref().expect("an operation") {
            Op::RequestRange(range) => OpAnswer::ResponseRange(self.range(range)),
            Op::RequestPut(put) => OpAnswer::ResponsePut(self.put(put)?),
            Op::RequestDeleteRange(delete) => OpAnswer::ResponseDeleteRange(self.delete(delete)),
            Op::RequestTxn(txn) => OpAnswer::ResponseTxn(self.txn(txn)?),
        }))
    }

    fn holds(&self, compare: &Compare) -> bool {
        let kvs = self.select(&compare.key, &compare.range_end);
        if kvs.is_empty() {
            return compare.target() != CompareTarget::Value && agrees(compare, &KeyValue::default());
        }
        kvs.iter().all(|kv| agrees(compare, kv))
    }
}

fn agrees(compare: &Compare, kv: &KeyValue) -> bool {
    let ordering = match compare.target_union.as_ref().expect("something to compare with") {
        TargetUnion::Version(version) => kv.version.cmp(version),
        TargetUnion::CreateRevision(revision) => kv.create_revision.cmp(revision),
        TargetUnion::ModRevision(revision) => kv.mod_revision.cmp(revision),
        TargetUnion::Value(value) => kv.value.cmp(value),
        TargetUnion::Lease(lease) => kv.lease.cmp(lease),
    };
    match compare.result() {
        CompareResult::Equal => ordering.is_eq(),
        CompareResult::Greater => ordering.is_gt(),
        CompareResult::Less => ordering.is_lt(),
        CompareResult::NotEqual => ordering.is_ne(),
    }
}
