//! A bidirectional stream whose headers may come as late as its first message, as etcd's do.

use e2e::soon;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

/// Requests go out by `send`; `half_close` says that there are no more; dropping it cancels the call.
pub(crate) struct Duplex<Q, R> {
    requests: Option<mpsc::Sender<Q>>,
    opening: JoinSet<Result<Response<Streaming<R>>, Status>>,
    responses: Option<Streaming<R>>,
}

impl<Q, R: Send + 'static> Duplex<Q, R> {
    /// Begins the call that `open` makes of the stream of requests.
    pub(crate) fn open<F>(open: impl FnOnce(ReceiverStream<Q>) -> F) -> Self
    where
        F: Future<Output = Result<Response<Streaming<R>>, Status>> + Send + 'static,
    {
        let (requests, receiver) = mpsc::channel(64);
        let mut opening = JoinSet::new();
        opening.spawn(open(ReceiverStream::new(receiver)));
        Self { requests: Some(requests), opening, responses: None }
    }

    pub(crate) async fn send(&self, request: Q) {
        let requests = self.requests.as_ref().expect("a stream that is not half-closed");
        let _ = requests.send(request).await;
    }

    /// For who sends beside who receives.
    pub(crate) fn sender(&self) -> mpsc::Sender<Q> {
        self.requests.clone().expect("a stream that is not half-closed")
    }

    pub(crate) fn half_close(&mut self) {
        self.requests = None;
    }

    /// The next response, `None` at the stream's end.
    pub(crate) async fn try_next(&mut self) -> Result<Option<R>, Status> {
        soon("a response on the stream", self.wait_for_next()).await
    }

    /// The next response of a stream that has no reason to end.
    pub(crate) async fn next(&mut self) -> R {
        self.try_next().await.expect("a response").expect("one more response")
    }

    /// The same without a limit on the time that it takes.
    pub(crate) async fn wait_for_next(&mut self) -> Result<Option<R>, Status> {
        if self.responses.is_none() {
            let opened = self.opening.join_next().await.expect("a stream that was opened").expect("no panic");
            self.responses = Some(opened?.into_inner());
        }
        self.responses.as_mut().expect("just opened").message().await
    }
}
