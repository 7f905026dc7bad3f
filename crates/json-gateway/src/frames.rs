//! The messages in the body of a gRPC answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;
use tonic::{Code, Status};

use crate::request::PREFIX_BYTES;

/// Encoded messages, one after the other, and how the call ended.
#[derive(Debug)]
pub(crate) struct Messages<B> {
    body: B,
    buffer: BytesMut,
    /// One piece of the body that holds whole messages: they are slices of it.
    piece: Bytes,
    ended: bool,
    trailers: HeaderMap,
}

impl<B> Messages<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(crate) fn new(body: B) -> Self {
        let (buffer, piece) = (BytesMut::new(), Bytes::new());
        Self { body, buffer, piece, ended: false, trailers: HeaderMap::new() }
    }

    /// The next message; none when the call has ended well.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        loop {
            match self.take() {
                Ok(None) => {}
                found => return Poll::Ready(found.transpose()),
            }
            if self.ended {
                return Poll::Ready(None);
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                None => {
                    self.ended = true;
                    let missing = Status::internal("the call ended without a status");
                    return Poll::Ready(Some(Err(missing)));
                }
                Some(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Some(Err(Status::from_error(error.into()))));
                }
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.put(data),
                    Err(frame) => {
                        self.ended = true;
                        self.trailers = frame.into_trailers().unwrap_or_default();
                        return Poll::Ready(status_of(&self.trailers).err().map(Err));
                    }
                },
            }
        }
    }

    /// The next message; none when the call has ended well.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, Status>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// What came behind the last message.
    pub(crate) fn trailers(&self) -> &HeaderMap {
        &self.trailers
    }

    fn put(&mut self, data: Bytes) {
        if self.buffer.is_empty() {
            self.piece = data;
        } else {
            self.buffer.extend_from_slice(&data);
        }
    }

    /// A message that has come whole.
    fn take(&mut self) -> Result<Option<Bytes>, Status> {
        if !self.buffer.is_empty() {
            let Some(length) = length(&self.buffer)? else { return Ok(None) };
            let missing = (PREFIX_BYTES + length).saturating_sub(self.buffer.len());
            if missing > 0 {
                self.buffer.reserve(missing);
                return Ok(None);
            }
            self.buffer.advance(PREFIX_BYTES);
            let message = self.buffer.split_to(length).freeze();
            if !self.buffer.is_empty() {
                self.piece = std::mem::take(&mut self.buffer).freeze();
            }
            return Ok(Some(message));
        }
        match length(&self.piece)? {
            Some(length) if self.piece.len() - PREFIX_BYTES >= length => {
                self.piece.advance(PREFIX_BYTES);
                Ok(Some(self.piece.split_to(length)))
            }
            _ => {
                self.buffer.extend_from_slice(&std::mem::take(&mut self.piece));
                Ok(None)
            }
        }
    }
}

/// The length of the message at the beginning, where its prefix has come.
fn length(data: &[u8]) -> Result<Option<usize>, Status> {
    match data.first_chunk::<PREFIX_BYTES>() {
        None => Ok(None),
        Some([0, length @ ..]) => Ok(usize::try_from(u32::from_be_bytes(*length)).ok()),
        Some(_) => Err(Status::internal("the service compresses messages without being asked to")),
    }
}

/// How a call has ended, by its trailers, or by its headers where nothing came behind them.
pub(crate) fn status_of(headers: &HeaderMap) -> Result<(), Status> {
    match Status::from_header_map(headers) {
        Some(status) if status.code() == Code::Ok => Ok(()),
        Some(status) => Err(status),
        None => Err(Status::internal("the call ended without a status")),
    }
}
