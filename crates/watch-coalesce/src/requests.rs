//! A request body as Watch requests.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use http_body::Body;
use prost::Message;
use proto_gen::etcdserverpb::WatchRequest;
use tonic::Status;

use crate::refusal;

/// gRPC: one byte "compressed", four bytes of length.
const PREFIX: usize = 5;

/// Takes gRPC messages out of a body.
#[derive(Debug)]
pub(crate) struct RequestFrames<B> {
    body: B,
    limit: usize,
    rest: BytesMut,
}

impl<B> RequestFrames<B> {
    pub(crate) fn new(body: B, limit: usize) -> Self {
        Self { body, limit, rest: BytesMut::new() }
    }
}

impl<B> RequestFrames<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    /// The next request; `None` when the client will ask no more.
    pub(crate) fn poll_request(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<WatchRequest, Status>>> {
        loop {
            if let Some(request) = self.parse().transpose() {
                return Poll::Ready(Some(request));
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) if self.rest.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => return Poll::Ready(Some(Err(refusal::cut_off()))),
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Some(Err(refusal::watch_canceled()))),
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.rest.extend_from_slice(&data);
                    }
                }
            }
        }
    }

    fn parse(&mut self) -> Result<Option<WatchRequest>, Status> {
        let Some([compressed, length @ ..]) = self.rest.first_chunk::<PREFIX>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if *compressed != 0 {
            return Err(refusal::compressed());
        }
        if length > self.limit {
            return Err(refusal::too_large(length, self.limit));
        }
        if self.rest.len() < PREFIX + length {
            return Ok(None);
        }
        let mut message = self.rest.split_to(PREFIX + length);
        message.advance(PREFIX);
        if self.rest.is_empty() {
            // An idle stream keeps no buffer.
            self.rest = BytesMut::new();
        }
        WatchRequest::decode(message.freeze()).map(Some).map_err(|error| refusal::undecodable(&error))
    }
}
