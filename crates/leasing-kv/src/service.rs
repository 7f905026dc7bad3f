//! KV, with what is owned in front of it.

mod reading;
mod writing;

use std::pin::Pin;
use std::time::Duration;

use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as OpAnswer;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RequestOp, TxnRequest, TxnResponse,
};
use tonic::{Request, Response, Status};

use crate::leasing::Leasing;
use crate::writes::writes;

/// Asks etcd to refuse where there is no leader, which memory cannot know.
const HAS_LEADER: &str = "hasleader";

/// Whoever waits for an owner looks by himself after this time: what he waits for may have escaped the worker.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(1);

pub(crate) type Answer<T> = Result<Response<T>, Status>;
type Future<'a, T> = Pin<Box<dyn std::future::Future<Output = Answer<T>> + Send + 'a>>;

/// A layer over KV that answers from memory what a [`Leasing`] owns, and asks other owners before it writes.
#[derive(Clone, Debug)]
pub struct LeasedKv<S> {
    pub(crate) inner: S,
    pub(crate) leasing: Leasing,
}

impl<S> LeasedKv<S> {
    /// `inner` with what is owned in front of it.
    pub fn new(inner: S, leasing: Leasing) -> Self {
        Self { inner, leasing }
    }
}

impl<S: Kv + Clone> LeasedKv<S> {
    async fn put_guarded(&self, request: Request<PutRequest>) -> Answer<PutResponse> {
        let (metadata, _, put) = request.into_parts();
        // In a transaction etcd does not ask by itself whether the caller may read what was there.
        let asked = put.prev_kv.then(|| {
            let read = RangeRequest { key: put.key.clone(), count_only: true, ..RangeRequest::default() };
            RequestOp { request: Some(Op::RequestRange(read)) }
        });
        let op = RequestOp { request: Some(Op::RequestPut(put)) };
        let user = TxnRequest { success: vec![op], ..TxnRequest::default() };
        let asked: Vec<RequestOp> = asked.into_iter().collect();
        unwrapped(self.write(metadata, user, &asked).await?, |header, op| match op {
            OpAnswer::ResponsePut(put) => Some(PutResponse { header, ..put }),
            _ => None,
        })
    }

    async fn delete_guarded(&self, request: Request<DeleteRangeRequest>) -> Answer<DeleteRangeResponse> {
        let (metadata, _, delete) = request.into_parts();
        let op = RequestOp { request: Some(Op::RequestDeleteRange(delete)) };
        let user = TxnRequest { success: vec![op], ..TxnRequest::default() };
        unwrapped(self.write(metadata, user, &[]).await?, |header, op| match op {
            OpAnswer::ResponseDeleteRange(delete) => Some(DeleteRangeResponse { header, ..delete }),
            _ => None,
        })
    }

    async fn txn_of_reads_or_writes(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        let txn = request.get_ref();
        if writes(&txn.success) || writes(&txn.failure) {
            let (metadata, _, txn) = request.into_parts();
            self.write(metadata, txn, &[]).await
        } else {
            self.reading_txn(request).await
        }
    }
}

/// The answer to the only operation of a transaction, with the header of the whole.
fn unwrapped<T>(
    answer: Response<TxnResponse>,
    of: impl FnOnce(Option<proto_gen::etcdserverpb::ResponseHeader>, OpAnswer) -> Option<T>,
) -> Answer<T> {
    let (metadata, TxnResponse { header, mut responses, .. }, extensions) = answer.into_parts();
    let only = responses.pop().and_then(|op| op.response).and_then(|op| of(header, op));
    match only {
        Some(message) => Ok(Response::from_parts(metadata, message, extensions)),
        None => Err(Status::internal("etcd has answered another transaction than this one")),
    }
}

pub(crate) fn wants_leader<T>(request: &Request<T>) -> bool {
    request.metadata().contains_key(HAS_LEADER)
}

/// Written out, because nothing is owned in most proxies, and what passes as it is then needs no future of its own.
impl<S: Kv + Clone> Kv for LeasedKv<S> {
    fn range<'a, 'b>(&'a self, request: Request<RangeRequest>) -> Future<'b, RangeResponse>
    where
        'a: 'b,
        Self: 'b,
    {
        if self.leasing.is_off() {
            return self.inner.range(request);
        }
        match self.recall(&request) {
            Some(answer) => Box::pin(std::future::ready(Ok(answer))),
            None => Box::pin(self.read_and_want(request)),
        }
    }

    type RangeStreamStream = S::RangeStreamStream;

    fn range_stream<'a, 'b>(&'a self, request: Request<RangeRequest>) -> Future<'b, Self::RangeStreamStream>
    where
        'a: 'b,
        Self: 'b,
    {
        self.inner.range_stream(request)
    }

    fn put<'a, 'b>(&'a self, request: Request<PutRequest>) -> Future<'b, PutResponse>
    where
        'a: 'b,
        Self: 'b,
    {
        match self.leasing.is_off() {
            true => self.inner.put(request),
            false => Box::pin(self.put_guarded(request)),
        }
    }

    fn delete_range<'a, 'b>(&'a self, request: Request<DeleteRangeRequest>) -> Future<'b, DeleteRangeResponse>
    where
        'a: 'b,
        Self: 'b,
    {
        match self.leasing.is_off() {
            true => self.inner.delete_range(request),
            false => Box::pin(self.delete_guarded(request)),
        }
    }

    fn txn<'a, 'b>(&'a self, request: Request<TxnRequest>) -> Future<'b, TxnResponse>
    where
        'a: 'b,
        Self: 'b,
    {
        match self.leasing.is_off() {
            true => self.inner.txn(request),
            false => Box::pin(self.txn_of_reads_or_writes(request)),
        }
    }

    fn compact<'a, 'b>(&'a self, request: Request<CompactionRequest>) -> Future<'b, CompactionResponse>
    where
        'a: 'b,
        Self: 'b,
    {
        self.inner.compact(request)
    }
}
