//! A small etcd for tests, with transactions, leases and watchers. It does what it is told to when it is told to, loses
//! what it is told to lose, and remembers every revision.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::kv_server::{Kv, KvServer};
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::lease_server::{Lease, LeaseServer};
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::etcdserverpb::watch_request::RequestUnion;
use proto_gen::etcdserverpb::watch_server::{Watch, WatchServer};
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, LeaseGrantRequest,
    LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseLeasesRequest,
    LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse, PutRequest, PutResponse, RangeRequest, RangeResponse, RangeStreamResponse,
    ResponseHeader, TxnRequest, TxnResponse, WatchRequest, WatchResponse,
};
use proto_gen::mvccpb::event::EventType;
use proto_gen::mvccpb::{Event, KeyValue};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

use crate::store::{Done, Keys, apply};

type Answer<T> = Result<Response<T>, Status>;
type Stream_<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// One client's side of the store.
#[derive(Clone, Debug)]
pub(crate) struct Etcd {
    store: Arc<Mutex<Store>>,
    client: usize,
}

#[derive(Debug)]
pub(crate) struct Store {
    /// The keys at each revision from 1 on, at its place less one.
    pub(crate) states: Vec<Keys>,
    calls: VecDeque<Call>,
    leases: HashMap<i64, (Duration, Instant)>,
    last_lease: i64,
    watchers: Vec<Watcher>,
    /// Clients that nothing reaches and that reach nothing.
    pub(crate) cut: HashSet<usize>,
    compacted: i64,
    /// What callers without a credential are refused with.
    pub(crate) refusal: Option<Status>,
    /// etcd: `--max-txn-ops`.
    pub(crate) most_operations: usize,
    /// Calls that were carried out.
    pub(crate) calls_seen: Vec<&'static str>,
}

#[derive(Debug)]
struct Call {
    client: usize,
    what: What,
    token: bool,
    outcome: Option<Result<Done, Status>>,
    answer: Option<oneshot::Sender<Result<Done, Status>>>,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Range(RangeRequest),
    Put(PutRequest),
    Delete(DeleteRangeRequest),
    Txn(TxnRequest),
    Grant(i64),
    Revoke(i64),
    Ping(i64),
}

#[derive(Debug)]
struct Watcher {
    client: usize,
    prefix: Bytes,
    next: i64,
    responses: mpsc::UnboundedSender<Result<WatchResponse, Status>>,
}

impl Etcd {
    pub(crate) fn new() -> Self {
        let store = Store {
            states: vec![Keys::new()],
            calls: VecDeque::new(),
            leases: HashMap::new(),
            last_lease: 0,
            watchers: Vec::new(),
            cut: HashSet::new(),
            compacted: 0,
            refusal: None,
            most_operations: 128,
            calls_seen: Vec::new(),
        };
        Self { store: Arc::new(Mutex::new(store)), client: 0 }
    }

    pub(crate) fn of_client(&self, client: usize) -> Self {
        Self { client, ..self.clone() }
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    pub(crate) fn kv(&self) -> KvClient<KvServer<Self>> {
        KvClient::new(KvServer::new(self.clone()))
    }

    pub(crate) fn lease(&self) -> LeaseClient<LeaseServer<Self>> {
        LeaseClient::new(LeaseServer::new(self.clone()))
    }

    pub(crate) fn watch(&self) -> WatchClient<WatchServer<Self>> {
        WatchClient::new(WatchServer::new(self.clone()))
    }

    async fn call(&self, what: What, token: bool) -> Result<Done, Status> {
        let (answer, answered) = oneshot::channel();
        let call = Call { client: self.client, what, token, outcome: None, answer: Some(answer) };
        self.store().calls.push_back(call);
        answered.await.unwrap_or_else(|_| Err(Status::unavailable("the connection was lost")))
    }
}

impl Store {
    pub(crate) fn revision(&self) -> i64 {
        self.states.len() as i64
    }

    pub(crate) fn now(&self) -> &Keys {
        self.states.last().unwrap()
    }

    /// Carries out one of the calls that wait for it.
    pub(crate) fn carry_out(&mut self, number: usize) -> bool {
        self.expire();
        let waits = |call: &Call| call.outcome.is_none() && !self.cut.contains(&call.client);
        let waiting: Vec<usize> = (0..self.calls.len()).filter(|index| waits(&self.calls[*index])).collect();
        let Some(&index) = waiting.get(number.min(waiting.len().wrapping_sub(1))) else { return false };
        let (what, token) = (self.calls[index].what.clone(), self.calls[index].token);
        let outcome = self.perform(what, token);
        self.calls[index].outcome = Some(outcome);
        self.forget_what_is_done();
        true
    }

    /// Answers one of the calls that were carried out, or loses the answer of one, be it carried out or not.
    pub(crate) fn answer(&mut self, number: usize, lost: bool) -> bool {
        let is_ready = |call: &Call| {
            (lost || call.outcome.is_some()) && !self.cut.contains(&call.client) && call.answer.is_some()
        };
        let ready: Vec<usize> = (0..self.calls.len()).filter(|index| is_ready(&self.calls[*index])).collect();
        let Some(&index) = ready.get(number.min(ready.len().wrapping_sub(1))) else { return false };
        if lost {
            // It may still be carried out, with nobody to hear of it.
            self.calls[index].answer = None;
        } else if let Some(Call { outcome: Some(outcome), answer: Some(answer), .. }) =
            self.calls.remove(index)
        {
            let _ = answer.send(outcome);
        }
        self.forget_what_is_done();
        true
    }

    fn forget_what_is_done(&mut self) {
        self.calls.retain(|call| call.answer.is_some() || call.outcome.is_none());
    }

    fn perform(&mut self, what: What, token: bool) -> Result<Done, Status> {
        let (name, is_of_caller) = match &what {
            What::Range(_) => ("range", true),
            What::Put(_) => ("put", true),
            What::Delete(_) => ("delete", true),
            What::Txn(_) => ("txn", true),
            What::Grant(_) => ("grant", false),
            What::Revoke(_) => ("revoke", false),
            What::Ping(_) => ("ping", false),
        };
        self.calls_seen.push(name);
        if let Some(refusal) = self.refusal.clone().filter(|_| is_of_caller && !token) {
            return Err(refusal);
        }
        match what {
            What::Txn(txn) if operations(&txn) > self.most_operations => {
                Err(Status::invalid_argument("etcdserver: too many operations in txn request"))
            }
            What::Grant(ttl) => {
                self.last_lease += 1;
                let ttl_time = Duration::from_secs(ttl as u64);
                self.leases.insert(self.last_lease, (ttl_time, Instant::now() + ttl_time));
                Ok(Done { revision: self.revision(), number: self.last_lease, ..Done::default() })
            }
            What::Revoke(lease) => {
                self.leases.remove(&lease);
                self.drop_keys_of(lease);
                Ok(Done { revision: self.revision(), ..Done::default() })
            }
            What::Ping(lease) => {
                let ttl = self.leases.get_mut(&lease).map_or(0, |(ttl, expires)| {
                    *expires = Instant::now() + *ttl;
                    ttl.as_secs()
                });
                Ok(Done { number: ttl as i64, ..Done::default() })
            }
            request => {
                let mut keys = self.now().clone();
                let leases: HashSet<i64> = self.leases.keys().copied().collect();
                let revision = self.revision() + 1;
                let (is_changed, mut done) = apply(&mut keys, revision, &leases, &request)?;
                if is_changed {
                    self.states.push(keys);
                }
                done.revision = self.revision();
                Ok(done)
            }
        }
    }

    pub(crate) fn expire(&mut self) {
        let now = Instant::now();
        let over: Vec<i64> =
            self.leases.iter().filter(|(_, (_, expires))| now >= *expires).map(|(id, _)| *id).collect();
        for lease in over {
            self.leases.remove(&lease);
            self.drop_keys_of(lease);
        }
    }

    fn drop_keys_of(&mut self, lease: i64) {
        let mut keys = self.now().clone();
        keys.retain(|_, kv| kv.lease != lease);
        if keys.len() != self.now().len() {
            self.states.push(keys);
        }
    }

    /// Hands this client's watchers the events of so many revisions.
    pub(crate) fn deliver(&mut self, client: usize, revisions: usize) {
        if self.cut.contains(&client) {
            return;
        }
        let newest = self.revision();
        let (states, compacted) = (&self.states, self.compacted);
        self.watchers.retain_mut(|watcher| {
            if watcher.client != client {
                return true;
            }
            if watcher.next <= compacted {
                let canceled = WatchResponse {
                    canceled: true,
                    compact_revision: compacted + 1,
                    ..WatchResponse::default()
                };
                let _ = watcher.responses.send(Ok(canceled));
                return false;
            }
            for _ in 0..revisions {
                if watcher.next > newest {
                    break;
                }
                let events = changes(states, watcher.next, &watcher.prefix);
                watcher.next += 1;
                if !events.is_empty() {
                    let header = header(watcher.next - 1);
                    let response = WatchResponse { header, events, ..WatchResponse::default() };
                    if watcher.responses.send(Ok(response)).is_err() {
                        return false;
                    }
                }
            }
            true
        });
    }

    /// Breaks this client's watchers off.
    pub(crate) fn break_watchers(&mut self, client: usize) {
        self.watchers.retain(|watcher| {
            if watcher.client == client {
                let _ = watcher.responses.send(Err(Status::unavailable("broken off")));
            }
            watcher.client != client
        });
    }

    pub(crate) fn compact(&mut self) {
        self.compacted = self.revision() - 1;
    }
}

/// As etcd counts them, but for those that are nested.
fn operations(txn: &TxnRequest) -> usize {
    txn.compare.len().max(txn.success.len()).max(txn.failure.len())
}

/// The events of a revision.
fn changes(states: &[Keys], revision: i64, prefix: &Bytes) -> Vec<Event> {
    let (before, after) = (&states[revision as usize - 2], &states[revision as usize - 1]);
    let event = |kind: EventType, kv: KeyValue| Event { r#type: kind.into(), kv: Some(kv), prev_kv: None };
    let put =
        after.values().filter(|kv| kv.mod_revision == revision).map(|kv| event(EventType::Put, kv.clone()));
    let gone = before.keys().filter(|key| !after.contains_key(*key)).map(|key| {
        event(EventType::Delete, KeyValue { key: key.clone(), mod_revision: revision, ..KeyValue::default() })
    });
    put.chain(gone).filter(|event| event.kv.as_ref().unwrap().key.starts_with(prefix)).collect()
}

fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { cluster_id: 1, member_id: 2, raft_term: 3, revision })
}

fn has_token<T>(request: &Request<T>) -> bool {
    request.metadata().contains_key("token")
}

#[tonic::async_trait]
impl Kv for Etcd {
    async fn range(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        let token = has_token(&request);
        let done = self.call(What::Range(request.into_inner()), token).await?;
        Ok(Response::new(RangeResponse { header: header(done.revision), ..done.range }))
    }

    type RangeStreamStream = tokio_stream::Empty<Result<RangeStreamResponse, Status>>;

    async fn range_stream(&self, _: Request<RangeRequest>) -> Answer<Self::RangeStreamStream> {
        Ok(Response::new(tokio_stream::empty()))
    }

    async fn put(&self, request: Request<PutRequest>) -> Answer<PutResponse> {
        let token = has_token(&request);
        let done = self.call(What::Put(request.into_inner()), token).await?;
        Ok(Response::new(PutResponse { header: header(done.revision), ..done.put }))
    }

    async fn delete_range(&self, request: Request<DeleteRangeRequest>) -> Answer<DeleteRangeResponse> {
        let token = has_token(&request);
        let done = self.call(What::Delete(request.into_inner()), token).await?;
        Ok(Response::new(DeleteRangeResponse { header: header(done.revision), ..done.delete }))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        let token = has_token(&request);
        let done = self.call(What::Txn(request.into_inner()), token).await?;
        Ok(Response::new(TxnResponse { header: header(done.revision), ..done.txn }))
    }

    async fn compact(&self, _: Request<CompactionRequest>) -> Answer<CompactionResponse> {
        Err(Status::unimplemented("not asked for"))
    }
}

#[tonic::async_trait]
impl Lease for Etcd {
    async fn lease_grant(&self, request: Request<LeaseGrantRequest>) -> Answer<LeaseGrantResponse> {
        let ttl = request.get_ref().ttl;
        let done = self.call(What::Grant(ttl), true).await?;
        let header = header(done.revision);
        Ok(Response::new(LeaseGrantResponse { header, id: done.number, ttl, error: String::new() }))
    }

    async fn lease_revoke(&self, request: Request<LeaseRevokeRequest>) -> Answer<LeaseRevokeResponse> {
        let done = self.call(What::Revoke(request.get_ref().id), true).await?;
        Ok(Response::new(LeaseRevokeResponse { header: header(done.revision) }))
    }

    type LeaseKeepAliveStream = Stream_<LeaseKeepAliveResponse>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Answer<Self::LeaseKeepAliveStream> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let etcd = self.clone();
        let mut pings = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(ping)) = pings.next().await {
                let answer = etcd.call(What::Ping(ping.id), true).await;
                let is_lost = answer.is_err();
                let answer = answer.map(|done| LeaseKeepAliveResponse {
                    header: header(1),
                    id: ping.id,
                    ttl: done.number,
                });
                if sender.send(answer).is_err() || is_lost {
                    return;
                }
            }
        });
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(receiver))))
    }

    async fn lease_time_to_live(
        &self,
        _: Request<LeaseTimeToLiveRequest>,
    ) -> Answer<LeaseTimeToLiveResponse> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn lease_leases(&self, _: Request<LeaseLeasesRequest>) -> Answer<LeaseLeasesResponse> {
        Err(Status::unimplemented("not asked for"))
    }
}

#[tonic::async_trait]
impl Watch for Etcd {
    type WatchStream = Stream_<WatchResponse>;

    async fn watch(&self, request: Request<Streaming<WatchRequest>>) -> Answer<Self::WatchStream> {
        let first = request.into_inner().message().await?.and_then(|request| request.request_union);
        let Some(RequestUnion::CreateRequest(create)) = first else {
            return Err(Status::unimplemented("only one watcher"));
        };
        let (responses, receiver) = mpsc::unbounded_channel();
        let mut store = self.store();
        let created =
            WatchResponse { header: header(store.revision()), created: true, ..WatchResponse::default() };
        let _ = responses.send(Ok(created));
        let watcher =
            Watcher { client: self.client, prefix: create.key, next: create.start_revision, responses };
        store.watchers.push(watcher);
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(receiver))))
    }
}
