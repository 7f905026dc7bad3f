//! Lock in a namespace.

use proto_gen::v3lockpb::lock_server::Lock;
use proto_gen::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};
use tonic::Request;

use super::Answer;
use crate::namespaced::Namespaced;

#[tonic::async_trait]
impl<S: Lock> Lock for Namespaced<S> {
    async fn lock(&self, request: Request<LockRequest>) -> Answer<LockResponse> {
        let response = self.inner.lock(self.enter(request)).await?;
        Ok(self.leave(response))
    }

    async fn unlock(&self, request: Request<UnlockRequest>) -> Answer<UnlockResponse> {
        self.inner.unlock(self.enter(request)).await
    }
}
