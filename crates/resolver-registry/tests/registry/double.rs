//! A small etcd in this process: keys, leases that expire, watches; it can be away, refuse, and forget.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::kv_server::{Kv, KvServer};
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::lease_server::{Lease, LeaseServer};
use proto_gen::etcdserverpb::request_op::Request as Op;
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
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;
type Stream_<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;
type Sender<T> = mpsc::UnboundedSender<Result<T, Status>>;

/// A handle to the store; whoever holds one is a client.
#[derive(Clone)]
pub(crate) struct Etcd(Arc<Mutex<Store>>);

struct Store {
    revision: i64,
    keys: BTreeMap<Bytes, KeyValue>,
    leases: BTreeMap<i64, (i64, Instant)>,
    next_lease: i64,
    watchers: Vec<(Bytes, Sender<WatchResponse>)>,
    pings: Vec<Sender<LeaseKeepAliveResponse>>,
    /// Every call ends with this.
    fault: Option<Status>,
    /// Pings are received and not answered.
    is_silent: bool,
    calls: usize,
}

impl Etcd {
    /// An empty one. Its leases expire by a task.
    pub(crate) fn start() -> Self {
        let store = Store {
            revision: 1,
            keys: BTreeMap::new(),
            leases: BTreeMap::new(),
            next_lease: 100,
            watchers: Vec::new(),
            pings: Vec::new(),
            fault: None,
            is_silent: false,
            calls: 0,
        };
        let etcd = Self(Arc::new(Mutex::new(store)));
        let expiring = etcd.clone();
        tokio::spawn(async move {
            loop {
                sleep(Duration::from_millis(50)).await;
                expiring.lock().expire();
            }
        });
        etcd
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

    /// Ends all streams, and every call from now on with this; `None` serves again. Leases do not expire meanwhile,
    /// as they do not without a leader.
    pub(crate) fn fail(&self, fault: Option<Status>) {
        let mut store = self.lock();
        if let Some(status) = &fault {
            for (_, watcher) in store.watchers.drain(..) {
                let _ = watcher.send(Err(status.clone()));
            }
            for pings in store.pings.drain(..) {
                let _ = pings.send(Err(status.clone()));
            }
        }
        store.fault = fault;
    }

    /// Leaves pings unanswered.
    pub(crate) fn silence(&self, is_silent: bool) {
        self.lock().is_silent = is_silent;
    }

    /// Takes all leases away with their keys.
    pub(crate) fn forget_leases(&self) {
        let mut store = self.lock();
        let all: Vec<i64> = store.leases.keys().copied().collect();
        all.into_iter().for_each(|id| store.revoke(id));
    }

    pub(crate) fn put(&self, key: &str, value: &str) {
        self.lock().put(key.to_owned().into(), value.to_owned().into(), 0);
    }

    pub(crate) fn delete(&self, key: &str) {
        self.lock().delete(&key.to_owned().into());
    }

    pub(crate) fn get(&self, key: &str) -> Option<KeyValue> {
        self.lock().keys.get(key.as_bytes()).cloned()
    }

    pub(crate) fn leases(&self) -> usize {
        self.lock().leases.len()
    }

    /// Watch and keep-alive streams that somebody listens to.
    pub(crate) fn streams(&self) -> (usize, usize) {
        let store = self.lock();
        let watches = store.watchers.iter().filter(|(_, sender)| !sender.is_closed()).count();
        (watches, store.pings.iter().filter(|sender| !sender.is_closed()).count())
    }

    /// Calls received, streams and pings included.
    pub(crate) fn calls(&self) -> usize {
        self.lock().calls
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.0.lock().expect("no panic before")
    }

    fn enter(&self) -> Result<MutexGuard<'_, Store>, Status> {
        let mut store = self.lock();
        store.calls += 1;
        match &store.fault {
            Some(status) => Err(status.clone()),
            None => Ok(store),
        }
    }
}

impl Store {
    fn header(&self) -> Option<ResponseHeader> {
        Some(ResponseHeader { revision: self.revision, ..ResponseHeader::default() })
    }

    fn put(&mut self, key: Bytes, value: Bytes, lease: i64) {
        self.revision += 1;
        let kv =
            KeyValue { key: key.clone(), value, lease, mod_revision: self.revision, ..KeyValue::default() };
        self.keys.insert(key, kv.clone());
        self.tell(EventType::Put, kv);
    }

    fn delete(&mut self, key: &Bytes) {
        if self.keys.remove(key).is_some() {
            self.revision += 1;
            self.tell(EventType::Delete, KeyValue { key: key.clone(), ..KeyValue::default() });
        }
    }

    fn tell(&mut self, kind: EventType, kv: KeyValue) {
        let header = self.header();
        let event = Event { r#type: kind.into(), kv: Some(kv.clone()), prev_kv: None };
        let response = WatchResponse { header, events: vec![event], ..WatchResponse::default() };
        self.watchers.retain(|(prefix, sender)| {
            !kv.key.starts_with(prefix) || sender.send(Ok(response.clone())).is_ok()
        });
    }

    fn revoke(&mut self, id: i64) {
        self.leases.remove(&id);
        let bound = self.keys.values().filter(|kv| kv.lease == id).map(|kv| kv.key.clone());
        for key in bound.collect::<Vec<_>>() {
            self.delete(&key);
        }
    }

    fn expire(&mut self) {
        if self.fault.is_some() {
            return;
        }
        let now = Instant::now();
        let over = self.leases.iter().filter(|(_, (_, expires))| now >= *expires).map(|(id, _)| *id);
        for id in over.collect::<Vec<_>>() {
            self.revoke(id);
        }
    }
}

#[tonic::async_trait]
impl Kv for Etcd {
    async fn range(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        let store = self.enter()?;
        let RangeRequest { key, range_end, .. } = request.into_inner();
        let kvs = store.keys.range(key..range_end).map(|(_, kv)| kv.clone()).collect();
        Ok(Response::new(RangeResponse { header: store.header(), kvs, ..RangeResponse::default() }))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        let mut store = self.enter()?;
        for op in request.into_inner().success {
            let Some(Op::RequestPut(put)) = op.request else {
                return Err(Status::unimplemented("only puts"));
            };
            if put.lease != 0 && !store.leases.contains_key(&put.lease) {
                return Err(Status::not_found("etcdserver: requested lease not found"));
            }
            store.put(put.key, put.value, put.lease);
        }
        Ok(Response::new(TxnResponse { header: store.header(), succeeded: true, ..TxnResponse::default() }))
    }

    type RangeStreamStream = Stream_<RangeStreamResponse>;

    async fn range_stream(&self, _: Request<RangeRequest>) -> Answer<Self::RangeStreamStream> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn put(&self, _: Request<PutRequest>) -> Answer<PutResponse> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn delete_range(&self, _: Request<DeleteRangeRequest>) -> Answer<DeleteRangeResponse> {
        Err(Status::unimplemented("not asked for"))
    }

    async fn compact(&self, _: Request<CompactionRequest>) -> Answer<CompactionResponse> {
        Err(Status::unimplemented("not asked for"))
    }
}

#[tonic::async_trait]
impl Lease for Etcd {
    async fn lease_grant(&self, request: Request<LeaseGrantRequest>) -> Answer<LeaseGrantResponse> {
        let mut store = self.enter()?;
        let ttl = request.into_inner().ttl;
        store.next_lease += 1;
        let id = store.next_lease;
        store.leases.insert(id, (ttl, Instant::now() + seconds(ttl)));
        Ok(Response::new(LeaseGrantResponse { header: store.header(), id, ttl, error: String::new() }))
    }

    async fn lease_revoke(&self, request: Request<LeaseRevokeRequest>) -> Answer<LeaseRevokeResponse> {
        let mut store = self.enter()?;
        store.revoke(request.into_inner().id);
        Ok(Response::new(LeaseRevokeResponse { header: store.header() }))
    }

    type LeaseKeepAliveStream = Stream_<LeaseKeepAliveResponse>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Answer<Self::LeaseKeepAliveStream> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.enter()?.pings.push(sender.clone());
        let etcd = self.clone();
        let mut pings = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(ping)) = pings.next().await {
                let Ok(mut store) = etcd.enter() else { return };
                if store.is_silent {
                    continue;
                }
                let ttl = match store.leases.get_mut(&ping.id) {
                    Some((ttl, expires)) => {
                        *expires = Instant::now() + seconds(*ttl);
                        *ttl
                    }
                    None => 0,
                };
                let answer = LeaseKeepAliveResponse { header: store.header(), id: ping.id, ttl };
                if sender.send(Ok(answer)).is_err() {
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
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut store = self.enter()?;
        assert_eq!(create.start_revision, store.revision + 1, "nothing happens between list and watch here");
        let created = WatchResponse { header: store.header(), created: true, ..WatchResponse::default() };
        let _ = sender.send(Ok(created));
        store.watchers.push((create.key, sender));
        Ok(Response::new(Box::pin(UnboundedReceiverStream::new(receiver))))
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).expect("a positive number"))
}
