//! KV in a namespace.

use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, TxnRequest, TxnResponse,
};
use tonic::Request;

use super::Answer;
use crate::namespaced::Namespaced;
use crate::stream::Leaving;

#[tonic::async_trait]
impl<S: Kv<RangeStreamStream: Unpin>> Kv for Namespaced<S> {
    async fn range(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        let response = self.inner.range(self.enter(request)).await?;
        Ok(self.leave(response))
    }

    type RangeStreamStream = Leaving<S::RangeStreamStream>;

    async fn range_stream(&self, request: Request<RangeRequest>) -> Answer<Self::RangeStreamStream> {
        let response = self.inner.range_stream(self.enter(request)).await?;
        Ok(self.leave_stream(response))
    }

    async fn put(&self, request: Request<PutRequest>) -> Answer<PutResponse> {
        let response = self.inner.put(self.enter(request)).await?;
        Ok(self.leave(response))
    }

    async fn delete_range(&self, request: Request<DeleteRangeRequest>) -> Answer<DeleteRangeResponse> {
        let response = self.inner.delete_range(self.enter(request)).await?;
        Ok(self.leave(response))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        let response = self.inner.txn(self.enter(request)).await?;
        Ok(self.leave(response))
    }

    async fn compact(&self, request: Request<CompactionRequest>) -> Answer<CompactionResponse> {
        self.namespace.admit("etcdserverpb.KV", "Compact")?;
        self.inner.compact(request).await
    }
}
