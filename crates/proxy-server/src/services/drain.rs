//! The end of streams that would never end by themselves: `Unavailable`, so that their clients go elsewhere.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::Status;
use tonic::body::Body;

/// Waits for the answer and passes it on, until the drain begins.
pub(crate) async fn end_with_drain(
    drain: &CancellationToken,
    answer: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    tokio::select! {
        biased;
        answer = answer => {
            let drain = Box::pin(drain.clone().cancelled_owned());
            answer.map(|body| Body::new(DrainedBody { body: Some(body), drain }))
        }
        () = drain.cancelled() => stopped().into_http(),
    }
}

/// etcd's own word when a server stops, which its clients know.
fn stopped() -> Status {
    Status::unavailable("etcdserver: server stopped")
}

struct DrainedBody {
    /// None once the end was told.
    body: Option<Body>,
    drain: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl http_body::Body for DrainedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        // The drain comes first, or a stream that always has something to say would never end.
        if this.drain.as_mut().poll(cx).is_pending() {
            return Pin::new(body).poll_frame(cx);
        }
        this.body = None;
        let mut trailers = http::HeaderMap::new();
        // Never fails: the status has no details and an ASCII message.
        let _ = stopped().add_header(&mut trailers);
        Poll::Ready(Some(Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tokio_stream::StreamExt as _;

    use super::*;

    fn endless() -> Body {
        let data = tokio_stream::once(Ok::<_, Status>(Frame::data(Bytes::from_static(b"event"))));
        Body::new(http_body_util::StreamBody::new(data.chain(tokio_stream::pending())))
    }

    #[tokio::test]
    async fn an_open_stream_ends_with_unavailable_when_the_drain_begins() {
        let drain = CancellationToken::new();
        let answer = end_with_drain(&drain, async { Response::new(endless()) }).await;
        let mut body = answer.into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "event");
        drain.cancel();
        let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
        let status = Status::from_header_map(&trailers).unwrap();
        assert_eq!(status.code(), tonic::Code::Unavailable);
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_stream_that_was_not_answered_yet_ends_too() {
        let drain = CancellationToken::new();
        drain.cancel();
        let answer = end_with_drain(&drain, std::future::pending()).await;
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_eq!(status.message(), "etcdserver: server stopped");
    }
}
