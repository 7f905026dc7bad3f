//! The seam to etcd: whatever opens one bidirectional Watch stream.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use proto_gen::Transport;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::etcdserverpb::{WatchRequest, WatchResponse};
use tokio::sync::mpsc;
use tonic::{Request, Status, Streaming};

use crate::key::Caller;

/// Opens Watch streams to etcd. tonic's [`WatchClient`] does; give it `max_decoding_message_size(usize::MAX)`, because
/// one revision of etcd's has no size limit.
pub trait OpenWatch: Send + 'static {
    /// What etcd answers.
    type Responses: Stream<Item = Result<WatchResponse, Status>> + Send + Unpin + 'static;

    /// Opens a stream that carries this caller's credential. etcd sends its headers with its first answer, so the
    /// requests must flow before this future is done.
    fn open(
        &self,
        caller: &Caller,
        requests: Requests,
    ) -> impl Future<Output = Result<Self::Responses, Status>> + Send + 'static;
}

/// What the hub asks on one upstream stream.
///
/// Without a bound of its own, because it has one by construction: one question for each range that somebody waits
/// for, one cancel for each answer, one progress request.
#[derive(Debug)]
pub struct Requests(pub(crate) mpsc::UnboundedReceiver<WatchRequest>);

impl Stream for Requests {
    type Item = WatchRequest;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<WatchRequest>> {
        self.0.poll_recv(cx)
    }
}

impl<T: Transport> OpenWatch for WatchClient<T> {
    type Responses = Streaming<WatchResponse>;

    fn open(
        &self,
        caller: &Caller,
        requests: Requests,
    ) -> impl Future<Output = Result<Self::Responses, Status>> + Send + 'static {
        let mut client = self.clone();
        let mut request = Request::new(requests);
        *request.metadata_mut() = tonic::metadata::MetadataMap::from_headers(caller.headers());
        async move { client.watch(request).await.map(tonic::Response::into_inner) }
    }
}
