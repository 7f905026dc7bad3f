//! KV from memory where it may be.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RangeStreamResponse, ResponseHeader, TxnRequest, TxnResponse,
};
use tonic::{Request, Response, Status};

use crate::cache::{Boarding, Departure, KvCache};
use crate::flight::{Flight, Landing, Pilot};
use crate::key::Key;
use crate::pending::Reach;
use crate::reach;
use proto_gen::KeyRange;

/// Asks etcd to refuse where there is no leader, which memory cannot know.
const HAS_LEADER: &str = "hasleader";
/// How often somebody waits for what others ask before asking alone.
const ROUNDS: usize = 3;

type Answer<T> = Result<Response<T>, Status>;

/// A layer over KV that answers serializable reads from a [`KvCache`], and tells it of everything else.
#[derive(Clone, Debug)]
pub struct CachedKv<S> {
    inner: S,
    cache: KvCache,
}

impl<S> CachedKv<S> {
    /// `inner` with what the cache knows in front of it.
    pub fn new(inner: S, cache: KvCache) -> Self {
        Self { inner, cache }
    }
}

impl<S: Kv> CachedKv<S> {
    /// A read that etcd answers for this caller alone.
    async fn ask(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        let question = request.get_ref().clone();
        let answer = self.inner.range(request).await;
        if let Ok(response) = &answer {
            self.cache.told(&question, response.get_ref());
        }
        answer
    }

    /// A read that others may ask at the same time.
    async fn ask_together(&self, key: Key, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        let needed = self.cache.needed();
        for _ in 0..ROUNDS {
            let flight = match self.cache.board(&key, request.get_ref()) {
                Boarding::Pilot(pilot, departure) => return self.pilot(pilot, departure, request).await,
                Boarding::Passenger(flight) => flight,
            };
            match self.wait(flight, &request).await? {
                Some(Landing::Answered(kept)) => {
                    if let Some(response) = self.cache.share(&kept, needed) {
                        return Ok(Response::new(response));
                    }
                }
                Some(Landing::Refused(status)) => return Err(status),
                Some(Landing::Failed) | None => {}
            }
        }
        self.ask(request).await
    }

    async fn pilot(
        &self,
        pilot: Pilot,
        departure: Departure,
        request: Request<RangeRequest>,
    ) -> Answer<RangeResponse> {
        let question = request.get_ref().clone();
        let mut flying = Flying { cache: &self.cache, pilot: Some(pilot) };
        let answer = self.inner.range(request).await;
        if let Some(pilot) = flying.pilot.take() {
            self.cache.land(pilot, departure, &question, answer.as_ref().map(Response::get_ref));
        }
        answer
    }

    /// Waits for what somebody else asks, as long as this caller has time.
    async fn wait(&self, flight: Flight, request: &Request<RangeRequest>) -> Result<Option<Landing>, Status> {
        match proto_gen::timeout(request.metadata().as_ref()) {
            None => Ok(flight.landed().await),
            Some(time) => tokio::time::timeout(time, flight.landed())
                .await
                .map_err(|_| Status::deadline_exceeded("context deadline exceeded")),
        }
    }
}

/// Closes the flight where its pilot is dropped on the way.
struct Flying<'a> {
    cache: &'a KvCache,
    pilot: Option<Pilot>,
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        if let Some(pilot) = &self.pilot {
            self.cache.abandon(pilot);
        }
    }
}

#[tonic::async_trait]
impl<S: Kv<RangeStreamStream: Unpin>> Kv for CachedKv<S> {
    async fn range(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        if self.cache.is_off() {
            return self.inner.range(request).await;
        }
        let question = request.get_ref();
        let kept_apart = !question.serializable
            || request.metadata().contains_key(HAS_LEADER)
            || KeyRange::new(&question.key, &question.range_end).is_empty();
        if kept_apart {
            return self.ask(request).await;
        }
        let key = self.cache.key(request.metadata(), question);
        match self.cache.answer(&key, request.metadata()) {
            Some(response) => Ok(Response::new(response)),
            None => self.ask_together(key, request).await,
        }
    }

    type RangeStreamStream = Told<S::RangeStreamStream>;

    async fn range_stream(&self, request: Request<RangeRequest>) -> Answer<Self::RangeStreamStream> {
        let cache = (!self.cache.is_off()).then(|| self.cache.clone());
        let question = request.get_ref().clone();
        let response = self.inner.range_stream(request).await?;
        Ok(response.map(|chunks| Told { chunks, question, cache }))
    }

    async fn put(&self, request: Request<PutRequest>) -> Answer<PutResponse> {
        let pending = self.cache.pending(Reach::Ranges(reach::of_put(request.get_ref())));
        let answer = self.inner.put(request).await;
        pending.end(&answer, |response| revision(&response.header));
        answer
    }

    async fn delete_range(&self, request: Request<DeleteRangeRequest>) -> Answer<DeleteRangeResponse> {
        let pending = self.cache.pending(Reach::Ranges(reach::of_delete(request.get_ref())));
        let answer = self.inner.delete_range(request).await;
        pending.end(&answer, |response| revision(&response.header));
        answer
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        let pending = self.cache.pending(Reach::Ranges(reach::of_txn(request.get_ref())));
        let answer = self.inner.txn(request).await;
        pending.end(&answer, |response| revision(&response.header));
        answer
    }

    async fn compact(&self, request: Request<CompactionRequest>) -> Answer<CompactionResponse> {
        let pending = self.cache.pending(Reach::Past);
        let answer = self.inner.compact(request).await;
        pending.end(&answer, |response| revision(&response.header));
        answer
    }
}

pub(crate) fn revision(header: &Option<ResponseHeader>) -> Option<i64> {
    header.as_ref().map(|header| header.revision)
}

/// A streamed range on its way to the client. The chunk that carries the header counts as an answer about the range.
#[derive(Debug)]
pub struct Told<T> {
    chunks: T,
    question: RangeRequest,
    cache: Option<KvCache>,
}

impl<T> Stream for Told<T>
where
    T: Stream<Item = Result<RangeStreamResponse, Status>> + Unpin,
{
    type Item = T::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        let polled = Pin::new(&mut self.chunks).poll_next(cx);
        if let (Poll::Ready(Some(Ok(chunk))), Some(cache)) = (&polled, &self.cache)
            && let Some(revision) = chunk.range_response.as_ref().and_then(|range| revision(&range.header))
        {
            let range = KeyRange::new(&self.question.key, &self.question.range_end);
            cache.touched(&[range], revision);
        }
        polled
    }
}
