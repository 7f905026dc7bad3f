//! Services that write keys by other means than KV: leases, locks and elections.

use proto_gen::etcdserverpb::lease_server::Lease;
use proto_gen::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseLeasesRequest, LeaseLeasesResponse,
    LeaseRevokeRequest, LeaseRevokeResponse, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};
use proto_gen::v3electionpb::election_server::Election;
use proto_gen::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest,
    ProclaimResponse, ResignRequest, ResignResponse,
};
use proto_gen::v3lockpb::lock_server::Lock;
use proto_gen::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};
use tonic::{Request, Response, Status, Streaming};

use crate::cache::KvCache;
use crate::pending::{Pending, Reach};
use crate::reach;
use crate::service::revision;
use proto_gen::KeyRange;

type Answer<T> = Result<Response<T>, Status>;

/// A layer over Lease, Lock and Election that changes nothing and tells the cache what they write.
#[derive(Clone, Debug)]
pub struct Overseen<S> {
    inner: S,
    cache: KvCache,
}

impl<S> Overseen<S> {
    /// `inner`, whose writes the cache must hear of.
    pub fn new(inner: S, cache: KvCache) -> Self {
        Self { inner, cache }
    }

    fn writes(&self, ranges: Vec<KeyRange>) -> Pending {
        self.cache.pending(Reach::Ranges(ranges))
    }
}

fn of_leader(leader: Option<&LeaderKey>) -> Vec<KeyRange> {
    leader.map(|leader| KeyRange::point(&leader.key)).into_iter().collect()
}

#[tonic::async_trait]
impl<S: Lease> Lease for Overseen<S> {
    async fn lease_grant(&self, request: Request<LeaseGrantRequest>) -> Answer<LeaseGrantResponse> {
        self.inner.lease_grant(request).await
    }

    async fn lease_revoke(&self, request: Request<LeaseRevokeRequest>) -> Answer<LeaseRevokeResponse> {
        let pending = self.cache.pending(Reach::Keys);
        let answer = self.inner.lease_revoke(request).await;
        pending.end(&answer, |response| revision(&response.header));
        answer
    }

    type LeaseKeepAliveStream = S::LeaseKeepAliveStream;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Answer<Self::LeaseKeepAliveStream> {
        self.inner.lease_keep_alive(request).await
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Answer<LeaseTimeToLiveResponse> {
        self.inner.lease_time_to_live(request).await
    }

    async fn lease_leases(&self, request: Request<LeaseLeasesRequest>) -> Answer<LeaseLeasesResponse> {
        self.inner.lease_leases(request).await
    }
}

#[tonic::async_trait]
impl<S: Lock> Lock for Overseen<S> {
    async fn lock(&self, request: Request<LockRequest>) -> Answer<LockResponse> {
        let pending = self.writes(reach::of_name(&request.get_ref().name));
        let answer = self.inner.lock(request).await;
        pending.end(&answer, |response| revision(&response.header));
        answer
    }

    async fn unlock(&self, request: Request<UnlockRequest>) -> Answer<UnlockResponse> {
        let pending = self.writes(vec![KeyRange::point(&request.get_ref().key)]);
        let answer = self.inner.unlock(request).await;
        pending.end(&answer, |response| revision(&response.header));
        answer
    }
}

#[tonic::async_trait]
impl<S: Election> Election for Overseen<S> {
    async fn campaign(&self, request: Request<CampaignRequest>) -> Answer<CampaignResponse> {
        let pending = self.writes(reach::of_name(&request.get_ref().name));
        let answer = self.inner.campaign(request).await;
        pending.end(&answer, |response| revision(&response.header));
        answer
    }

    async fn proclaim(&self, request: Request<ProclaimRequest>) -> Answer<ProclaimResponse> {
        let pending = self.writes(of_leader(request.get_ref().leader.as_ref()));
        let answer = self.inner.proclaim(request).await;
        pending.end(&answer, |response| revision(&response.header));
        answer
    }

    async fn leader(&self, request: Request<LeaderRequest>) -> Answer<LeaderResponse> {
        let looked_at = reach::of_name(&request.get_ref().name);
        let answer = self.inner.leader(request).await;
        if let Ok(response) = &answer
            && let Some(revision) = revision(&response.get_ref().header)
            && !self.cache.is_off()
        {
            self.cache.touched(&looked_at, revision);
        }
        answer
    }

    type ObserveStream = S::ObserveStream;

    async fn observe(&self, request: Request<LeaderRequest>) -> Answer<Self::ObserveStream> {
        self.inner.observe(request).await
    }

    async fn resign(&self, request: Request<ResignRequest>) -> Answer<ResignResponse> {
        let pending = self.writes(of_leader(request.get_ref().leader.as_ref()));
        let answer = self.inner.resign(request).await;
        pending.end(&answer, |response| revision(&response.header));
        answer
    }
}
