//! Lock and Election, whose keys etcd writes by itself and without any guard.

use proto_gen::KeyRange;
use proto_gen::v3electionpb::election_server::Election;
use proto_gen::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest,
    ProclaimResponse, ResignRequest, ResignResponse,
};
use proto_gen::v3lockpb::lock_server::Lock;
use proto_gen::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};
use tokio::time::timeout;
use tonic::metadata::MetadataMap;
use tonic::{Request, Status};

use crate::attempt::{Block, Wait};
use crate::leasing::Leasing;
use crate::service::{Answer, LOOK_AGAIN};
use crate::writes::Writes;

/// A layer over Lock and Election: before etcd writes a key nobody owns it, and nobody here does until it has ended.
#[derive(Clone, Debug)]
pub struct Cleared<S> {
    inner: S,
    leasing: Leasing,
}

impl<S> Cleared<S> {
    /// `inner`, whose keys may be owned.
    pub fn new(inner: S, leasing: Leasing) -> Self {
        Self { inner, leasing }
    }

    /// Waits until nobody owns a key of this range, and keeps it so on this side.
    async fn clear(&self, range: Option<KeyRange>, metadata: &MetadataMap) -> Result<Option<Block>, Status> {
        let Some(range) = range.filter(|_| !self.leasing.is_off()) else { return Ok(None) };
        let shared = &self.leasing.0;
        let writes = Writes { points: Vec::new(), ranges: vec![range] };
        let block = Block::new(shared, writes.ranges.clone());
        let cleared = async {
            loop {
                let now = shared.now();
                writes.ranges.iter().for_each(|range| shared.holdings().release(now, range));
                // What is waited for may have escaped the worker.
                if let Ok(false) = timeout(LOOK_AGAIN, Wait::begin(shared, &writes).ended()).await {
                    return;
                }
            }
        };
        let patience = proto_gen::timeout(metadata.as_ref()).unwrap_or(shared.config.patience);
        match timeout(patience.min(shared.config.patience), cleared).await {
            Ok(()) => Ok(Some(block)),
            Err(_) => Err(Status::unavailable("the owner of a key does not give it back")),
        }
    }
}

/// The keys that etcd makes under a name.
fn under(name: &bytes::Bytes) -> Option<KeyRange> {
    Some(KeyRange::prefix(&[name.as_ref(), b"/"].concat().into()))
}

fn of_leader(leader: Option<&LeaderKey>) -> Option<KeyRange> {
    leader.map(|leader| KeyRange::point(&leader.key))
}

#[tonic::async_trait]
impl<S: Lock> Lock for Cleared<S> {
    async fn lock(&self, request: Request<LockRequest>) -> Answer<LockResponse> {
        let _block = self.clear(under(&request.get_ref().name), request.metadata()).await?;
        self.inner.lock(request).await
    }

    async fn unlock(&self, request: Request<UnlockRequest>) -> Answer<UnlockResponse> {
        let key = KeyRange::point(&request.get_ref().key);
        let _block = self.clear(Some(key), request.metadata()).await?;
        self.inner.unlock(request).await
    }
}

#[tonic::async_trait]
impl<S: Election> Election for Cleared<S> {
    async fn campaign(&self, request: Request<CampaignRequest>) -> Answer<CampaignResponse> {
        let _block = self.clear(under(&request.get_ref().name), request.metadata()).await?;
        self.inner.campaign(request).await
    }

    async fn proclaim(&self, request: Request<ProclaimRequest>) -> Answer<ProclaimResponse> {
        let key = of_leader(request.get_ref().leader.as_ref());
        let _block = self.clear(key, request.metadata()).await?;
        self.inner.proclaim(request).await
    }

    async fn leader(&self, request: Request<LeaderRequest>) -> Answer<LeaderResponse> {
        self.inner.leader(request).await
    }

    type ObserveStream = S::ObserveStream;

    async fn observe(&self, request: Request<LeaderRequest>) -> Answer<Self::ObserveStream> {
        self.inner.observe(request).await
    }

    async fn resign(&self, request: Request<ResignRequest>) -> Answer<ResignResponse> {
        let key = of_leader(request.get_ref().leader.as_ref());
        let _block = self.clear(key, request.metadata()).await?;
        self.inner.resign(request).await
    }
}
