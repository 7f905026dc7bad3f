//! The seam to etcd: whatever opens one bidirectional LeaseKeepAlive stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use proto_gen::Transport;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::{LeaseKeepAliveRequest, LeaseKeepAliveResponse};
use tokio::sync::mpsc;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Response, Status, Streaming};

use crate::caller::Caller;

/// Opens LeaseKeepAlive streams to etcd. tonic's [`LeaseClient`] does.
///
/// What it opens them over has to end an attempt that comes to nothing, and a stream whose member is gone: the hub
/// waits as long as etcd lets a ping wait.
pub trait OpenKeepAlive: Send + 'static {
    /// What etcd answers, in the order of the pings.
    type Responses: Stream<Item = Result<LeaseKeepAliveResponse, Status>> + Send + 'static;

    /// Opens a stream that carries this caller's credential. etcd sends its headers with its first answer, so the
    /// pings must flow before this future is done.
    fn open(
        &self,
        caller: &Caller,
        pings: Pings,
    ) -> impl Future<Output = Result<Self::Responses, Status>> + Send + 'static;
}

/// What the hub asks on one upstream stream. [`Config::depth`](crate::Config::depth) bounds it.
#[derive(Debug)]
pub struct Pings(pub(crate) mpsc::UnboundedReceiver<LeaseKeepAliveRequest>);

impl Stream for Pings {
    type Item = LeaseKeepAliveRequest;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<LeaseKeepAliveRequest>> {
        self.0.poll_recv(cx)
    }
}

impl<T: Transport> OpenKeepAlive for LeaseClient<T> {
    type Responses = Streaming<LeaseKeepAliveResponse>;

    fn open(
        &self,
        caller: &Caller,
        pings: Pings,
    ) -> impl Future<Output = Result<Self::Responses, Status>> + Send + 'static {
        let mut client = self.clone();
        let metadata = MetadataMap::from_headers(caller.headers());
        let request = Request::from_parts(metadata, Extensions::default(), pings);
        async move { client.lease_keep_alive(request).await.map(Response::into_inner) }
    }
}
