//! `MessageLimit`: refuses a gRPC message by the length that its prefix announces, before a byte of it is kept.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use tonic::Status;

use crate::unary::{PREFIX_BYTES, larger_than_max};

/// A body of gRPC messages, none larger than a limit in bytes. Data passes through as it comes.
#[derive(Debug)]
pub struct MessageLimit<B> {
    body: B,
    limit: usize,
    prefixes: Prefixes,
}

/// Finds the messages in a stream of bytes that comes in pieces of any size.
#[derive(Debug, Default)]
pub struct Prefixes {
    prefix: [u8; PREFIX_BYTES],
    prefix_bytes: usize,
    /// Bytes of the present message still to come.
    payload: usize,
}

impl Prefixes {
    /// The length in bytes of the next message whose prefix ends within `data`, which then begins behind that prefix.
    /// None once all of `data` is taken.
    pub fn next(&mut self, data: &mut &[u8]) -> Option<usize> {
        let passed = self.payload.min(data.len());
        self.payload -= passed;
        *data = data.get(passed..).unwrap_or_default();
        let missing = self.prefix.get_mut(self.prefix_bytes..).unwrap_or_default();
        let (taken, rest) = data.split_at(missing.len().min(data.len()));
        for (place, byte) in missing.iter_mut().zip(taken) {
            *place = *byte;
        }
        self.prefix_bytes += taken.len();
        *data = rest;
        if self.prefix_bytes < PREFIX_BYTES {
            return None;
        }
        let [_, length @ ..] = self.prefix;
        self.prefix_bytes = 0;
        self.payload = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        Some(self.payload)
    }
}

impl<B> MessageLimit<B> {
    /// Limits the messages of `body` to `limit` bytes each.
    pub fn new(body: B, limit: usize) -> Self {
        Self { body, limit, prefixes: Prefixes::default() }
    }

    /// The body without its limit, for those who have one of their own.
    pub fn into_inner(self) -> B {
        self.body
    }

    fn check(&mut self, mut data: &[u8]) -> Result<(), Status> {
        while let Some(length) = self.prefixes.next(&mut data) {
            if length > self.limit {
                return Err(larger_than_max(length, self.limit));
            }
        }
        Ok(())
    }
}

impl<B> Body for MessageLimit<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<tonic::codegen::StdError>,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            None => None,
            Some(Err(error)) => Some(Err(Status::from_error(error.into()))),
            Some(Ok(frame)) => Some(frame.data_ref().map_or(Ok(()), |data| self.check(data)).map(|()| frame)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn message(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; PREFIX_BYTES + length];
        bytes[1..PREFIX_BYTES].copy_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
        bytes
    }

    /// Feeds the bytes in pieces of a size, as frames of HTTP/2 would.
    fn feed(bytes: &[u8], piece: usize, limit: usize) -> Result<(), Status> {
        let mut body = MessageLimit::new((), limit);
        bytes.chunks(piece).try_for_each(|piece| body.check(piece))
    }

    #[test]
    fn messages_up_to_the_limit_pass_however_they_are_cut() {
        let bytes = [message(10), message(0), message(7)].concat();
        for piece in 1..=bytes.len() {
            feed(&bytes, piece, 10).unwrap();
        }
    }

    #[test]
    fn a_larger_message_is_refused_by_its_prefix_alone() {
        let bytes = [message(10), message(11)].concat();
        for piece in 1..=bytes.len() {
            let up_to_prefix = &bytes[..PREFIX_BYTES + 10 + PREFIX_BYTES];
            let refused = feed(up_to_prefix, piece, 10).unwrap_err();
            assert_eq!(refused.code(), Code::ResourceExhausted);
            assert_eq!(refused.message(), "grpc: received message larger than max (11 vs. 10)");
        }
    }
}
