//! The layer: a Lease service whose keep-alives are coalesced, and which takes note of what is granted and revoked.

use std::sync::Arc;
use std::time::Instant;

use proto_gen::etcdserverpb::lease_server::Lease;
use proto_gen::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseLeasesRequest, LeaseLeasesResponse,
    LeaseRevokeRequest, LeaseRevokeResponse, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};
use tonic::{Request, Response, Status, Streaming};

use crate::caller::Caller;
use crate::hub::Shared;
use crate::keep_alives::KeepAlives;
use crate::shard::Shard;

/// A Lease service over another: keep-alives go to the hub, everything else to `S`, unchanged. Cheap to clone where `S`
/// is.
#[derive(Clone, Debug)]
pub struct Coalesced<S> {
    shared: Arc<Shared>,
    shard: Arc<Shard>,
    index: usize,
    inner: S,
}

/// A call that changes a lease. Whatever becomes of it, nothing from before its end is answered afterwards; that holds
/// for a call that is given up too, because it may have reached etcd.
struct Change<'a> {
    shared: &'a Shared,
    lease: i64,
}

impl<S> Coalesced<S> {
    pub(crate) fn new(shared: Arc<Shared>, shard: Arc<Shard>, index: usize, inner: S) -> Self {
        Self { shared, shard, index, inner }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.shared.with(|renewals, _| renewals.outdate(self.lease));
    }
}

#[tonic::async_trait]
impl<S: Lease> Lease for Coalesced<S> {
    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        let asked_at = now();
        let change = Change { shared: &self.shared, lease: request.get_ref().id };
        let answer = self.inner.lease_grant(request).await;
        drop(change);
        if let Ok(granted) = &answer {
            let LeaseGrantResponse { id, ttl, .. } = *granted.get_ref();
            self.shared.with(|renewals, _| renewals.granted(id, ttl, asked_at));
        }
        answer
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        let _change = Change { shared: &self.shared, lease: request.get_ref().id };
        self.inner.lease_revoke(request).await
    }

    type LeaseKeepAliveStream = KeepAlives<Streaming<LeaseKeepAliveRequest>>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let (metadata, _, pings) = request.into_parts();
        let headers = metadata.into_headers();
        let (caller, timeout) = (Caller::of(&headers), proto_gen::timeout(&headers));
        KeepAlives::open(&self.shared, &self.shard, self.index, caller, pings, timeout).map(Response::new)
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        self.inner.lease_time_to_live(request).await
    }

    async fn lease_leases(
        &self,
        request: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        self.inner.lease_leases(request).await
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
