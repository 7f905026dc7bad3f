//! `CoalescedReads`: something that serves KV, with reads that share.

use std::sync::Arc;

use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, TxnRequest, TxnResponse,
};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use crate::config::Config;
use crate::counters::Counters;
use crate::station::{Answer, Station, Way};
use crate::worker::Worker;

/// A layer over KV whose linearizable reads share transactions. Made for one runtime: reads that come to it there
/// meet. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CoalescedReads<S> {
    inner: S,
    station: Arc<Station>,
}

impl<S: Kv + Clone> CoalescedReads<S> {
    /// `inner` with reads that share, and the worker that sends for them. Until it runs every read goes alone.
    /// Several may count in the same `counters`.
    ///
    /// `inner` should treat a transaction that only reads as it treats a read when a member fails.
    pub fn new(inner: S, config: &Config, counters: Arc<Counters>) -> (Self, Worker<S>) {
        let station = Arc::new(Station::new(config, counters));
        let worker = Worker::new(inner.clone(), Arc::clone(&station), config);
        (Self { inner, station }, worker)
    }
}

impl<S: Kv> CoalescedReads<S> {
    /// Waits for a batch's answer no longer than the read itself would.
    async fn together(&self, request: Request<RangeRequest>, answer: oneshot::Receiver<Answer>) -> Answer {
        match proto_gen::timeout(request.metadata().as_ref()) {
            None => self.answer(request, answer).await,
            Some(patience) => timeout(patience, self.answer(request, answer))
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded("context deadline exceeded"))),
        }
    }

    async fn answer(&self, request: Request<RangeRequest>, answer: oneshot::Receiver<Answer>) -> Answer {
        match answer.await {
            Ok(answer) => answer,
            Err(_) => {
                self.station.counters.repeated_reads.increment();
                self.inner.range(request).await
            }
        }
    }
}

#[tonic::async_trait]
impl<S: Kv> Kv for CoalescedReads<S> {
    async fn range(&self, request: Request<RangeRequest>) -> Answer {
        match self.station.enter(&request) {
            Way::Past => self.inner.range(request).await,
            Way::Alone(pass) => {
                let answer = self.inner.range(request).await;
                pass.answered(&answer);
                answer
            }
            Way::Together(answer) => self.together(request, answer).await,
        }
    }

    type RangeStreamStream = S::RangeStreamStream;

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        self.inner.range_stream(request).await
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        self.inner.put(request).await
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        self.inner.delete_range(request).await
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        self.inner.txn(request).await
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        self.inner.compact(request).await
    }
}

#[cfg(test)]
mod tests;
