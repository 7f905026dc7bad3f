//! An etcd whose every call waits until the test answers it.

use std::time::Duration;

use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as OpAnswer;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RangeStreamResponse, ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
};
use proto_gen::mvccpb::KeyValue;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::Empty;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status};

pub(crate) const HEADER: ResponseHeader =
    ResponseHeader { cluster_id: 1, member_id: 2, revision: 30, raft_term: 4 };

type Reply<T> = oneshot::Sender<Result<Response<T>, Status>>;

/// The side that a layer calls.
#[derive(Clone, Debug)]
pub(crate) struct Etcd(mpsc::UnboundedSender<Call>);

/// The side that the test holds.
#[derive(Debug)]
pub(crate) struct Calls(mpsc::UnboundedReceiver<Call>);

/// A call that waits to be answered.
#[derive(Debug)]
pub(crate) enum Call {
    Range(Request<RangeRequest>, Reply<RangeResponse>),
    Txn(Request<TxnRequest>, Reply<TxnResponse>),
    Put(Request<PutRequest>, Reply<PutResponse>),
}

pub(crate) fn etcd() -> (Etcd, Calls) {
    let (calls, received) = mpsc::unbounded_channel();
    (Etcd(calls), Calls(received))
}

/// What a Range of this key is answered with: the key as its own value.
pub(crate) fn found(request: &RangeRequest, header: ResponseHeader) -> RangeResponse {
    let kv = KeyValue { key: request.key.clone(), value: request.key.clone(), ..KeyValue::default() };
    RangeResponse { header: Some(header), kvs: vec![kv], more: false, count: 1 }
}

impl Calls {
    /// The next call, which must come.
    pub(crate) async fn next(&mut self) -> Call {
        let next = tokio::time::timeout(Duration::from_secs(3600), self.0.recv());
        next.await.expect("a call comes").expect("the layer lives")
    }

    /// Whether there is none.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.0.is_empty()
    }
}

impl Call {
    /// The keys that it asks for, and whether it is a transaction.
    pub(crate) fn keys(&self) -> (Vec<String>, bool) {
        let key = |request: &RangeRequest| String::from_utf8_lossy(&request.key).into_owned();
        match self {
            Self::Range(request, _) => (vec![key(request.get_ref())], false),
            Self::Txn(request, _) => {
                let of = |op: &proto_gen::etcdserverpb::RequestOp| match &op.request {
                    Some(Op::RequestRange(range)) => key(range),
                    other => panic!("{other:?} in a batch"),
                };
                (request.get_ref().success.iter().map(of).collect(), true)
            }
            Self::Put(..) => panic!("a write"),
        }
    }

    pub(crate) fn metadata(&self) -> &MetadataMap {
        match self {
            Self::Range(request, _) => request.metadata(),
            Self::Txn(request, _) => request.metadata(),
            Self::Put(request, _) => request.metadata(),
        }
    }

    /// Answers as etcd does.
    pub(crate) fn answer(self) {
        match self {
            Self::Range(request, reply) => {
                let _ = reply.send(Ok(Response::new(found(request.get_ref(), HEADER))));
            }
            Self::Txn(request, reply) => {
                let inner = ResponseHeader { revision: HEADER.revision, ..ResponseHeader::default() };
                let of = |op: proto_gen::etcdserverpb::RequestOp| match op.request {
                    Some(Op::RequestRange(range)) => {
                        ResponseOp { response: Some(OpAnswer::ResponseRange(found(&range, inner))) }
                    }
                    other => panic!("{other:?} in a batch"),
                };
                let responses = request.into_inner().success.into_iter().map(of).collect();
                let answer = TxnResponse { header: Some(HEADER), succeeded: true, responses };
                let _ = reply.send(Ok(Response::new(answer)));
            }
            Self::Put(_, reply) => {
                let _ = reply.send(Ok(Response::new(PutResponse::default())));
            }
        }
    }

    pub(crate) fn fail(self, status: Status) {
        match self {
            Self::Range(_, reply) => drop(reply.send(Err(status))),
            Self::Txn(_, reply) => drop(reply.send(Err(status))),
            Self::Put(_, reply) => drop(reply.send(Err(status))),
        }
    }

    /// Whether its caller has cancelled it.
    pub(crate) fn is_cancelled(&self) -> bool {
        match self {
            Self::Range(_, reply) => reply.is_closed(),
            Self::Txn(_, reply) => reply.is_closed(),
            Self::Put(_, reply) => reply.is_closed(),
        }
    }
}

impl Etcd {
    async fn ask<T>(&self, call: impl FnOnce(Reply<T>) -> Call) -> Result<Response<T>, Status> {
        let (reply, answer) = oneshot::channel();
        self.0.send(call(reply)).map_err(|_| Status::unavailable("the test has ended"))?;
        answer.await.map_err(|_| Status::unavailable("not answered"))?
    }
}

#[tonic::async_trait]
impl Kv for Etcd {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        self.ask(|reply| Call::Range(request, reply)).await
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        self.ask(|reply| Call::Txn(request, reply)).await
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        self.ask(|reply| Call::Put(request, reply)).await
    }

    type RangeStreamStream = Empty<Result<RangeStreamResponse, Status>>;

    async fn range_stream(
        &self,
        _: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        Ok(Response::new(tokio_stream::empty()))
    }

    async fn delete_range(
        &self,
        _: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        Ok(Response::new(DeleteRangeResponse { deleted: 7, ..DeleteRangeResponse::default() }))
    }

    async fn compact(&self, _: Request<CompactionRequest>) -> Result<Response<CompactionResponse>, Status> {
        Err(Status::out_of_range("compacted"))
    }
}
