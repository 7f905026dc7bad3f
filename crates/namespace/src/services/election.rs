//! Election in a namespace.

use proto_gen::v3electionpb::election_server::Election;
use proto_gen::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderRequest, LeaderResponse, ProclaimRequest, ProclaimResponse,
    ResignRequest, ResignResponse,
};
use tonic::Request;

use super::Answer;
use crate::namespaced::Namespaced;
use crate::stream::Leaving;

#[tonic::async_trait]
impl<S: Election<ObserveStream: Unpin>> Election for Namespaced<S> {
    async fn campaign(&self, request: Request<CampaignRequest>) -> Answer<CampaignResponse> {
        let response = self.inner.campaign(self.enter(request)).await?;
        Ok(self.leave(response))
    }

    async fn proclaim(&self, request: Request<ProclaimRequest>) -> Answer<ProclaimResponse> {
        self.inner.proclaim(self.enter(request)).await
    }

    async fn leader(&self, request: Request<LeaderRequest>) -> Answer<LeaderResponse> {
        let response = self.inner.leader(self.enter(request)).await?;
        Ok(self.leave(response))
    }

    type ObserveStream = Leaving<S::ObserveStream>;

    async fn observe(&self, request: Request<LeaderRequest>) -> Answer<Self::ObserveStream> {
        let response = self.inner.observe(self.enter(request)).await?;
        Ok(self.leave_stream(response))
    }

    async fn resign(&self, request: Request<ResignRequest>) -> Answer<ResignResponse> {
        self.inner.resign(self.enter(request)).await
    }
}
