//! Lease in a namespace. Leases themselves belong to the cluster; what hangs on them may be the tenant's.

use proto_gen::etcdserverpb::lease_server::Lease;
use proto_gen::etcdserverpb::{
    LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseLeasesRequest, LeaseLeasesResponse,
    LeaseRevokeRequest, LeaseRevokeResponse, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse,
};
use tonic::{Extensions, Request, Status, Streaming};

use super::Answer;
use crate::namespaced::Namespaced;
use crate::policy::refusal;

#[tonic::async_trait]
impl<S: Lease> Lease for Namespaced<S> {
    async fn lease_grant(&self, request: Request<LeaseGrantRequest>) -> Answer<LeaseGrantResponse> {
        self.inner.lease_grant(request).await
    }

    async fn lease_revoke(&self, request: Request<LeaseRevokeRequest>) -> Answer<LeaseRevokeResponse> {
        if self.namespace.is_strict() {
            self.spare_foreign_keys(&request).await?;
        }
        self.inner.lease_revoke(request).await
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
        let response = self.inner.lease_time_to_live(request).await?;
        Ok(self.leave(response))
    }

    async fn lease_leases(&self, request: Request<LeaseLeasesRequest>) -> Answer<LeaseLeasesResponse> {
        self.namespace.admit("etcdserverpb.Lease", "LeaseLeases")?;
        self.inner.lease_leases(request).await
    }
}

impl<S: Lease> Namespaced<S> {
    /// Refuses to take somebody else's keys away with a lease. A key that is put on the lease between this look and
    /// the revocation is lost all the same: etcd has no condition for a revocation.
    async fn spare_foreign_keys(&self, request: &Request<LeaseRevokeRequest>) -> Result<(), Status> {
        let question = LeaseTimeToLiveRequest { id: request.get_ref().id, keys: true };
        // Asked with the same credential, and within the same time.
        let question = Request::from_parts(request.metadata().clone(), Extensions::default(), question);
        let keys = self.inner.lease_time_to_live(question).await?.into_inner().keys;
        if keys.iter().all(|key| self.namespace.prefix().owns(key)) {
            return Ok(());
        }
        Err(refusal("revoking a lease with other keys on it"))
    }
}
