//! The two halves of a call after its head: what is received, and the pump that sends.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use h2::{Reason, RecvStream, SendStream};
use http_body::{Body, Frame};
use tonic::Status;

use crate::connection::{InFlight, status_of};

/// The body of a member's response. Its window opens only as fast as it is read; dropped early, it cancels the call.
#[derive(Debug)]
pub struct ReceivedBody {
    stream: RecvStream,
    data_ended: bool,
    pump: Option<Pump>,
    _in_flight: InFlight,
}

impl ReceivedBody {
    pub(crate) fn new(stream: RecvStream, pump: Option<Pump>, in_flight: InFlight) -> Self {
        Self { stream, data_ended: false, pump, _in_flight: in_flight }
    }

    fn failed(&self, error: &h2::Error) -> Status {
        self.pump.as_ref().and_then(Pump::failure).unwrap_or_else(|| status_of(error))
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        match ready!(self.stream.poll_data(cx)) {
            Some(Ok(data)) => {
                // An error means that the stream is over, which the next poll tells.
                let _ = self.stream.flow_control().release_capacity(data.len());
                Poll::Ready(Some(Ok(data)))
            }
            Some(Err(error)) => Poll::Ready(Some(Err(self.failed(&error)))),
            None => Poll::Ready(None),
        }
    }
}

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.data_ended {
            if let Some(data) = ready!(self.poll_data(cx)) {
                return Poll::Ready(Some(data.map(Frame::data)));
            }
            self.data_ended = true;
        }
        match ready!(self.stream.poll_trailers(cx)) {
            Ok(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
            Err(error) => Poll::Ready(Some(Err(self.failed(&error)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}

/// Sends a streamed request body while the response is already being read. Dropped, it stops sending.
#[derive(Debug)]
pub(crate) struct Pump {
    task: tokio::task::AbortHandle,
    failure: Arc<OnceLock<Status>>,
}

impl Pump {
    pub(crate) fn start(body: tonic::body::Body, stream: SendStream<Bytes>) -> Self {
        let failure = Arc::new(OnceLock::new());
        let told = Arc::clone(&failure);
        let task = tokio::spawn(async move {
            let mut stream = stream;
            if let Err(status) = pump(body, &mut stream).await {
                // Told first: the reset makes the response fail, which then looks for the reason.
                let _ = told.set(status);
                stream.send_reset(Reason::CANCEL);
            }
        });
        Self { task: task.abort_handle(), failure }
    }

    /// Why the client's half of the call ended badly, if it did.
    pub(crate) fn failure(&self) -> Option<Status> {
        self.failure.get().cloned()
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `Err` is the client's fault; that the member does not want more is a normal end.
async fn pump(body: tonic::body::Body, stream: &mut SendStream<Bytes>) -> Result<(), Status> {
    let mut body = std::pin::pin!(body);
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame?;
        let sent = match frame.into_data() {
            Ok(data) => send_all(stream, data).await,
            Err(frame) => {
                let _ = stream.send_trailers(frame.into_trailers().unwrap_or_default());
                return Ok(());
            }
        };
        if sent.is_none() {
            return Ok(());
        }
    }
    let _ = stream.send_data(Bytes::new(), true);
    Ok(())
}

/// Sends as the member's window allows; none when the member wants no more.
async fn send_all(stream: &mut SendStream<Bytes>, mut data: Bytes) -> Option<()> {
    while data.has_remaining() {
        stream.reserve_capacity(data.len());
        let capacity = poll_fn(|cx| stream.poll_capacity(cx)).await?.ok()?;
        stream.send_data(data.split_to(capacity.min(data.len())), false).ok()?;
    }
    Some(())
}
