//! A small etcd for tests: it answers when it is told to, and remembers every revision.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RangeStreamResponse, ResponseHeader, TxnRequest, TxnResponse,
};
use proto_gen::mvccpb::KeyValue;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status};

use proto_gen::KeyRange;

pub(crate) type Keys = BTreeMap<Bytes, KeyValue>;

/// The store, and the calls that wait for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Etcd(Arc<Mutex<Store>>);

#[derive(Debug)]
pub(crate) struct Store {
    /// The keys at each revision from 1 on, at its place less one.
    pub(crate) states: Vec<Keys>,
    pub(crate) calls: VecDeque<Waiting>,
    /// Tokens that are refused.
    pub(crate) refused: HashSet<String>,
    /// Revisions by which the member that is asked is behind for serializable reads.
    pub(crate) lag: usize,
    pub(crate) compacted: i64,
    /// Range calls that were received.
    pub(crate) ranges: usize,
    /// Whether calls are answered as they come.
    pub(crate) prompt: bool,
}

/// A call that was received.
#[derive(Debug)]
pub(crate) struct Waiting {
    what: What,
    token: String,
    /// Filled when it has been carried out.
    outcome: Option<Result<Done, Status>>,
    answer: Option<oneshot::Sender<Result<Done, Status>>>,
}

#[derive(Debug)]
enum What {
    Range(RangeRequest),
    Put(PutRequest),
    Delete(DeleteRangeRequest),
    Txn(TxnRequest),
    Compact(CompactionRequest),
}

#[derive(Debug)]
pub(crate) struct Done {
    revision: i64,
    range: RangeResponse,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            states: vec![Keys::new()],
            calls: VecDeque::new(),
            refused: HashSet::new(),
            lag: 0,
            compacted: 0,
            ranges: 0,
            prompt: false,
        }
    }
}

impl Etcd {
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap()
    }

    pub(crate) fn prompt() -> Self {
        let etcd = Self::default();
        etcd.store().prompt = true;
        etcd
    }

    async fn call<Q>(&self, request: Request<Q>, what: impl FnOnce(Q) -> What) -> Result<Done, Status> {
        let token = request.metadata().get("token").map(|token| token.to_str().unwrap().to_owned());
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            what: what(request.into_inner()),
            token: token.unwrap_or_default(),
            outcome: None,
            answer: Some(answer),
        };
        {
            let mut store = self.store();
            store.calls.push_back(waiting);
            if store.prompt {
                store.carry_out(usize::MAX);
                store.answer(usize::MAX, false);
            }
        }
        answered.await.unwrap_or_else(|_| Err(Status::unavailable("the connection was lost")))
    }
}

impl Store {
    pub(crate) fn revision(&self) -> i64 {
        self.states.len() as i64
    }

    pub(crate) fn at(&self, revision: i64) -> &Keys {
        &self.states[revision as usize - 1]
    }

    /// Carries out one of the calls that wait for it; the newest one for a number beyond them.
    pub(crate) fn carry_out(&mut self, number: usize) {
        let waiting: Vec<usize> =
            (0..self.calls.len()).filter(|index| self.calls[*index].outcome.is_none()).collect();
        let Some(&index) = waiting.get(number.min(waiting.len().wrapping_sub(1))) else { return };
        let Waiting { what, token, .. } = &self.calls[index];
        let refused = self.refused.contains(token);
        let outcome = match what {
            _ if refused => Err(Status::permission_denied("etcdserver: permission denied")),
            What::Range(request) => {
                let request = request.clone();
                self.ranges += 1;
                self.range(&request)
            }
            What::Put(request) => {
                let request = request.clone();
                Ok(self.write(|keys, revision| put(keys, revision, &request)))
            }
            What::Delete(request) => {
                let request = request.clone();
                Ok(self.write(|keys, _| delete(keys, &request)))
            }
            What::Txn(request) => {
                let request = request.clone();
                Ok(self.write(|keys, revision| txn(keys, revision, &request)))
            }
            What::Compact(request) => {
                self.compacted = request.revision;
                Ok(Done { revision: self.revision(), range: RangeResponse::default() })
            }
        };
        self.calls[index].outcome = Some(outcome);
        self.forget_what_is_done();
    }

    /// Answers one of the calls that were carried out, or loses the answer of one, be it carried out or not.
    pub(crate) fn answer(&mut self, number: usize, lost: bool) {
        let ready: Vec<usize> =
            (0..self.calls.len()).filter(|index| lost || self.calls[*index].outcome.is_some()).collect();
        let Some(&index) = ready.get(number.min(ready.len().wrapping_sub(1))) else { return };
        if lost {
            // It may still be carried out, with nobody to hear of it.
            self.calls[index].answer = None;
        } else if let Some(Waiting { outcome: Some(outcome), answer: Some(answer), .. }) =
            self.calls.remove(index)
        {
            let _ = answer.send(outcome);
        }
        self.forget_what_is_done();
    }

    fn forget_what_is_done(&mut self) {
        self.calls.retain(|call| call.answer.is_some() || call.outcome.is_none());
    }

    /// A write by somebody else.
    pub(crate) fn foreign(&mut self, request: &PutRequest) -> i64 {
        self.write(|keys, revision| put(keys, revision, request)).revision
    }

    fn write(&mut self, change: impl FnOnce(&mut Keys, i64) -> bool) -> Done {
        let revision = self.revision() + 1;
        let mut keys = self.at(revision - 1).clone();
        if change(&mut keys, revision) {
            self.states.push(keys);
        }
        Done { revision: self.revision(), range: RangeResponse::default() }
    }

    fn range(&self, request: &RangeRequest) -> Result<Done, Status> {
        let behind = if request.serializable { self.lag as i64 } else { 0 };
        let now = (self.revision() - behind).max(1);
        let revision = if request.revision > 0 { request.revision } else { now };
        if request.revision > 0 && request.revision < self.compacted {
            return Err(Status::out_of_range("etcdserver: mvcc: required revision has been compacted"));
        }
        if revision > now {
            return Err(Status::out_of_range("etcdserver: mvcc: required revision is a future revision"));
        }
        Ok(Done { revision: now, range: shown(self.at(revision), request) })
    }
}

/// What a range shows of these keys.
pub(crate) fn shown(keys: &Keys, request: &RangeRequest) -> RangeResponse {
    let range = KeyRange::new(&request.key, &request.range_end);
    let all: Vec<KeyValue> = keys.values().filter(|kv| range.holds(&kv.key)).cloned().collect();
    let limit = if request.limit > 0 { request.limit as usize } else { usize::MAX };
    RangeResponse {
        header: None,
        count: all.len() as i64,
        more: all.len() > limit,
        kvs: if request.count_only { Vec::new() } else { all.into_iter().take(limit).collect() },
    }
}

fn put(keys: &mut Keys, revision: i64, request: &PutRequest) -> bool {
    let before = keys.get(&request.key);
    let kv = KeyValue {
        key: request.key.clone(),
        value: request.value.clone(),
        mod_revision: revision,
        create_revision: before.map_or(revision, |kv| kv.create_revision),
        version: before.map_or(1, |kv| kv.version + 1),
        lease: request.lease,
    };
    keys.insert(request.key.clone(), kv);
    true
}

fn delete(keys: &mut Keys, request: &DeleteRangeRequest) -> bool {
    let range = KeyRange::new(&request.key, &request.range_end);
    let before = keys.len();
    keys.retain(|key, _| !range.holds(key));
    keys.len() < before
}

fn txn(keys: &mut Keys, revision: i64, request: &TxnRequest) -> bool {
    let changes = request.success.iter().map(|op| match &op.request {
        Some(Op::RequestPut(request)) => put(keys, revision, request),
        Some(Op::RequestDeleteRange(request)) => delete(keys, request),
        Some(Op::RequestTxn(request)) => txn(keys, revision, request),
        Some(Op::RequestRange(_)) | None => false,
    });
    changes.fold(false, |any, change| any | change)
}

fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { cluster_id: 1, member_id: 2, raft_term: 3, revision })
}

#[tonic::async_trait]
impl Kv for Etcd {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        let Done { revision, range } = self.call(request, What::Range).await?;
        Ok(Response::new(RangeResponse { header: header(revision), ..range }))
    }

    type RangeStreamStream = tokio_stream::Empty<Result<RangeStreamResponse, Status>>;

    async fn range_stream(
        &self,
        _: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        Ok(Response::new(tokio_stream::empty()))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let Done { revision, .. } = self.call(request, What::Put).await?;
        Ok(Response::new(PutResponse { header: header(revision), ..PutResponse::default() }))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let Done { revision, .. } = self.call(request, What::Delete).await?;
        Ok(Response::new(DeleteRangeResponse { header: header(revision), ..DeleteRangeResponse::default() }))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let Done { revision, .. } = self.call(request, What::Txn).await?;
        Ok(Response::new(TxnResponse { header: header(revision), succeeded: true, ..TxnResponse::default() }))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        let Done { revision, .. } = self.call(request, What::Compact).await?;
        Ok(Response::new(CompactionResponse { header: header(revision) }))
    }
}
