//! Services that keep what they were asked and answer what they were told to.

use std::sync::Mutex;

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, iter};
use proto_gen::etcdserverpb::lease_server::Lease;
use proto_gen::etcdserverpb::watch_server::Watch;
use proto_gen::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseLeasesRequest,
    LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse, LeaseTimeToLiveRequest,
    LeaseTimeToLiveResponse, WatchRequest, WatchResponse,
};
use proto_gen::mvccpb::KeyValue;
use proto_gen::v3electionpb::election_server::Election;
use proto_gen::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest,
    ProclaimResponse, ResignRequest, ResignResponse,
};
use proto_gen::v3lockpb::lock_server::Lock;
use proto_gen::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};
use tonic::{Request, Response, Status, Streaming};

type Answer<T> = Result<Response<T>, Status>;
type Answers<T> = BoxStream<'static, Result<T, Status>>;

/// A cluster of few words.
#[derive(Debug, Default)]
pub(crate) struct Double {
    /// What it was asked, in words.
    pub(crate) asked: Mutex<Vec<String>>,
    /// The keys on each of its leases.
    pub(crate) on_lease: Vec<Bytes>,
    /// What it answers to a watch.
    pub(crate) watch: Vec<WatchResponse>,
}

impl Double {
    fn note(&self, what: &str, key: &[u8]) {
        self.asked.lock().unwrap().push(format!("{what} {}", String::from_utf8_lossy(key)));
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// As etcd makes the keys of locks and elections.
fn key_under(name: &Bytes) -> Bytes {
    Bytes::from([name, &b"/1f"[..]].concat())
}

fn leader(name: &Bytes) -> LeaderResponse {
    LeaderResponse { kv: Some(KeyValue { key: key_under(name), ..Default::default() }), header: None }
}

#[tonic::async_trait]
impl Lease for Double {
    async fn lease_grant(&self, _: Request<LeaseGrantRequest>) -> Answer<LeaseGrantResponse> {
        Ok(Response::new(Default::default()))
    }

    async fn lease_revoke(&self, _: Request<LeaseRevokeRequest>) -> Answer<LeaseRevokeResponse> {
        self.note("revoke", b"");
        Ok(Response::new(Default::default()))
    }

    type LeaseKeepAliveStream = Answers<LeaseKeepAliveResponse>;

    async fn lease_keep_alive(
        &self,
        _: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Answer<Self::LeaseKeepAliveStream> {
        Ok(Response::new(iter([]).boxed()))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Answer<LeaseTimeToLiveResponse> {
        let token = request.metadata().get("token").map_or(&b"nobody"[..], |token| token.as_bytes());
        self.note("keys on a lease, for", token);
        Ok(Response::new(LeaseTimeToLiveResponse { keys: self.on_lease.clone(), ..Default::default() }))
    }

    async fn lease_leases(&self, _: Request<LeaseLeasesRequest>) -> Answer<LeaseLeasesResponse> {
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl Lock for Double {
    async fn lock(&self, request: Request<LockRequest>) -> Answer<LockResponse> {
        let name = request.into_inner().name;
        self.note("lock", &name);
        Ok(Response::new(LockResponse { key: key_under(&name), header: None }))
    }

    async fn unlock(&self, request: Request<UnlockRequest>) -> Answer<UnlockResponse> {
        self.note("unlock", &request.get_ref().key);
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl Election for Double {
    async fn campaign(&self, request: Request<CampaignRequest>) -> Answer<CampaignResponse> {
        let name = request.into_inner().name;
        self.note("campaign", &name);
        let leader = LeaderKey { key: key_under(&name), name, ..Default::default() };
        Ok(Response::new(CampaignResponse { leader: Some(leader), header: None }))
    }

    async fn proclaim(&self, request: Request<ProclaimRequest>) -> Answer<ProclaimResponse> {
        self.note_leader("proclaim", request.into_inner().leader);
        Ok(Response::new(Default::default()))
    }

    async fn leader(&self, request: Request<LeaderRequest>) -> Answer<LeaderResponse> {
        Ok(Response::new(leader(&request.get_ref().name)))
    }

    type ObserveStream = Answers<LeaderResponse>;

    async fn observe(&self, request: Request<LeaderRequest>) -> Answer<Self::ObserveStream> {
        let answers = [Ok(leader(&request.get_ref().name)), Err(Status::aborted("over"))];
        Ok(Response::new(iter(answers).boxed()))
    }

    async fn resign(&self, request: Request<ResignRequest>) -> Answer<ResignResponse> {
        self.note_leader("resign", request.into_inner().leader);
        Ok(Response::new(Default::default()))
    }
}

impl Double {
    fn note_leader(&self, what: &str, leader: Option<LeaderKey>) {
        match leader {
            Some(leader) => self.note(what, &[&leader.name[..], b" ", &leader.key].concat()),
            None => self.note(what, b"nobody"),
        }
    }
}

#[tonic::async_trait]
impl Watch for Double {
    type WatchStream = Answers<WatchResponse>;

    /// Reads all requests before it answers.
    async fn watch(&self, request: Request<Streaming<WatchRequest>>) -> Answer<Self::WatchStream> {
        let mut requests = request.into_inner();
        while let Some(request) = requests.message().await? {
            self.asked.lock().unwrap().push(format!("{request:?}"));
        }
        let answers: Vec<_> = self.watch.iter().cloned().map(Ok).collect();
        Ok(Response::new(iter(answers).boxed()))
    }
}
