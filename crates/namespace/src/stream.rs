//! Streams of messages on their way in and out.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt};
use tonic::Status;

use crate::message::{Enter, Leave};
use crate::prefix::Prefix;

/// A stream of requests that enter a namespace.
#[derive(Clone, Debug)]
pub struct Entering<S> {
    requests: S,
    prefix: Prefix,
}

/// A stream of responses that leave a namespace. Errors pass.
#[derive(Clone, Debug)]
pub struct Leaving<S> {
    responses: S,
    prefix: Prefix,
}

impl<S> Entering<S> {
    pub(crate) fn new(requests: S, prefix: Prefix) -> Self {
        Self { requests, prefix }
    }
}

impl<S> Leaving<S> {
    pub(crate) fn new(responses: S, prefix: Prefix) -> Self {
        Self { responses, prefix }
    }
}

impl<S: Stream<Item: Enter> + Unpin> Stream for Entering<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut polled = self.requests.poll_next_unpin(cx);
        if let Poll::Ready(Some(request)) = &mut polled
            && !self.prefix.is_empty()
        {
            request.enter(&self.prefix);
        }
        polled
    }
}

impl<S, T> Stream for Leaving<S>
where
    S: Stream<Item = Result<T, Status>> + Unpin,
    T: Leave,
{
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let mut polled = self.responses.poll_next_unpin(cx);
        if let Poll::Ready(Some(Ok(response))) = &mut polled
            && !self.prefix.is_empty()
        {
            response.leave(&self.prefix);
        }
        polled
    }
}
