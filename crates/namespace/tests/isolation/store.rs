//! A small store of keys that serves KV by etcd's rules.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::vec;

use bytes::Bytes;
use futures_util::stream::{Iter, iter};
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as Done;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, Compare, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
    PutResponse, RangeRequest, RangeResponse, RangeStreamResponse, RequestOp, ResponseHeader, ResponseOp,
    TxnRequest, TxnResponse,
};
use proto_gen::mvccpb::KeyValue;
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// The keys of a cluster.
#[derive(Debug, Default)]
pub(crate) struct Store(Mutex<State>);

#[derive(Clone, Debug, Default)]
struct State {
    revision: i64,
    kvs: BTreeMap<Bytes, KeyValue>,
    /// Whether the transaction that is being applied has written.
    wrote: bool,
}

impl Store {
    /// A store that holds these keys since before its first revision.
    pub(crate) fn holding(keys: impl IntoIterator<Item = Bytes>) -> Self {
        let kvs =
            keys.into_iter().map(|key| (key.clone(), KeyValue { key, version: 7, ..KeyValue::default() }));
        Self(Mutex::new(State { kvs: kvs.collect(), ..State::default() }))
    }

    /// Everything that it holds.
    pub(crate) fn contents(&self) -> Vec<KeyValue> {
        self.state().kvs.values().cloned().collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn apply<T>(&self, check: Result<(), Status>, apply: impl FnOnce(&mut State) -> T) -> Answer<T> {
        check?;
        let mut state = self.state();
        let done = apply(&mut state);
        state.revision += i64::from(std::mem::take(&mut state.wrote));
        Ok(Response::new(done))
    }
}

/// etcd: an empty key is refused wherever it stands.
fn check_key(key: &Bytes) -> Result<(), Status> {
    if key.is_empty() { Err(Status::invalid_argument("etcdserver: key is not provided")) } else { Ok(()) }
}

fn check_txn(txn: &TxnRequest) -> Result<(), Status> {
    txn.compare.iter().try_for_each(|compare| check_key(&compare.key))?;
    txn.success.iter().chain(&txn.failure).try_for_each(check_op)
}

fn check_op(op: &RequestOp) -> Result<(), Status> {
    match &op.request {
        Some(Op::RequestRange(range)) => check_key(&range.key),
        Some(Op::RequestPut(put)) => check_key(&put.key),
        Some(Op::RequestDeleteRange(delete)) => check_key(&delete.key),
        Some(Op::RequestTxn(txn)) => check_txn(txn),
        None => Err(Status::invalid_argument("etcdserver: key not found")),
    }
}

impl State {
    fn header(&self) -> Option<ResponseHeader> {
        Some(ResponseHeader { revision: self.revision + i64::from(self.wrote), ..ResponseHeader::default() })
    }

    fn select(&self, key: &Bytes, range_end: &Bytes) -> Vec<KeyValue> {
        let holds = |candidate: &Bytes| match &range_end[..] {
            [] => candidate == key,
            [0] => candidate >= key,
            _ => candidate >= key && candidate < range_end,
        };
        self.kvs.values().filter(|kv| holds(&kv.key)).cloned().collect()
    }

    fn range(&self, request: &RangeRequest) -> RangeResponse {
        let mut kvs = self.select(&request.key, &request.range_end);
        let count = kvs.len();
        if request.sort_order == 2 {
            kvs.reverse();
        }
        let limit = if request.limit > 0 { request.limit as usize } else { usize::MAX };
        kvs.truncate(if request.count_only { 0 } else { limit });
        RangeResponse { header: self.header(), count: count as i64, more: count > limit, kvs }
    }

    fn put(&mut self, request: &PutRequest) -> PutResponse {
        let old = self.kvs.get(&request.key).cloned();
        self.wrote = true;
        let revision = self.revision + 1;
        let fresh = KeyValue { key: request.key.clone(), create_revision: revision, ..KeyValue::default() };
        let mut kv = old.clone().unwrap_or(fresh);
        kv.version += 1;
        (kv.mod_revision, kv.value, kv.lease) = (revision, request.value.clone(), request.lease);
        self.kvs.insert(request.key.clone(), kv);
        PutResponse { header: self.header(), prev_kv: old.filter(|_| request.prev_kv) }
    }

    fn delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let gone = self.select(&request.key, &request.range_end);
        self.kvs.retain(|key, _| !gone.iter().any(|kv| kv.key == key));
        self.wrote |= !gone.is_empty();
        let deleted = gone.len() as i64;
        let prev_kvs = if request.prev_kv { gone } else { Vec::new() };
        DeleteRangeResponse { header: self.header(), deleted, prev_kvs }
    }

    fn txn(&mut self, request: &TxnRequest) -> TxnResponse {
        let succeeded = request.compare.iter().all(|compare| self.holds(compare));
        let ops = if succeeded { &request.success } else { &request.failure };
        let responses = ops.iter().map(|op| ResponseOp { response: self.op(op) }).collect();
        TxnResponse { header: self.header(), succeeded, responses }
    }

    fn op(&mut self, op: &RequestOp) -> Option<Done> {
        Some(match op.request.as_ref()? {
            Op::RequestRange(range) => Done::ResponseRange(self.range(range)),
            Op::RequestPut(put) => Done::ResponsePut(self.put(put)),
            Op::RequestDeleteRange(delete) => Done::ResponseDeleteRange(self.delete(delete)),
            Op::RequestTxn(txn) => Done::ResponseTxn(self.txn(txn)),
        })
    }

    /// etcd: every key of the range has to agree; a key that is not there has zeros, and no value to compare.
    fn holds(&self, compare: &Compare) -> bool {
        let kvs = self.select(&compare.key, &compare.range_end);
        if kvs.is_empty() {
            return compare.target() != CompareTarget::Value && agrees(compare, &KeyValue::default());
        }
        kvs.iter().all(|kv| agrees(compare, kv))
    }
}

fn agrees(compare: &Compare, kv: &KeyValue) -> bool {
    let ordering = match &compare.target_union {
        Some(TargetUnion::Version(version)) => kv.version.cmp(version),
        Some(TargetUnion::CreateRevision(revision)) => kv.create_revision.cmp(revision),
        Some(TargetUnion::ModRevision(revision)) => kv.mod_revision.cmp(revision),
        Some(TargetUnion::Value(value)) => kv.value.cmp(value),
        Some(TargetUnion::Lease(lease)) => kv.lease.cmp(lease),
        None => kv.version.cmp(&0),
    };
    match compare.result() {
        CompareResult::Equal => ordering.is_eq(),
        CompareResult::Greater => ordering.is_gt(),
        CompareResult::Less => ordering.is_lt(),
        CompareResult::NotEqual => ordering.is_ne(),
    }
}

#[tonic::async_trait]
impl Kv for Store {
    async fn range(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        let range = request.get_ref();
        self.apply(check_key(&range.key), |state| state.range(range))
    }

    type RangeStreamStream = Iter<vec::IntoIter<Result<RangeStreamResponse, Status>>>;

    async fn range_stream(&self, request: Request<RangeRequest>) -> Answer<Self::RangeStreamStream> {
        let response = self.range(request).await?;
        Ok(response.map(|range| iter(vec![Ok(RangeStreamResponse { range_response: Some(range) })])))
    }

    async fn put(&self, request: Request<PutRequest>) -> Answer<PutResponse> {
        let put = request.get_ref();
        self.apply(check_key(&put.key), |state| state.put(put))
    }

    async fn delete_range(&self, request: Request<DeleteRangeRequest>) -> Answer<DeleteRangeResponse> {
        let delete = request.get_ref();
        self.apply(check_key(&delete.key), |state| state.delete(delete))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        let txn = request.get_ref();
        self.apply(check_txn(txn), |state| state.txn(txn))
    }

    async fn compact(&self, _: Request<CompactionRequest>) -> Answer<CompactionResponse> {
        Ok(Response::new(CompactionResponse { header: self.state().header() }))
    }
}
