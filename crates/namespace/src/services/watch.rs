//! Watch in a namespace.
//!
//! The inner service wants its requests as a [`Streaming`], which only a decoder can make. So what has entered the
//! namespace is encoded once more and decoded by the stream that the inner service reads. Requests are few and small;
//! the events, which are many, are not touched by this. Who opens Watch streams by other means than the service trait
//! needs no such detour: [`Namespace::entering`](crate::Namespace::entering) and
//! [`Namespace::leaving`](crate::Namespace::leaving) fit around any opening of a stream.

use proto_gen::etcdserverpb::WatchRequest;
use proto_gen::etcdserverpb::watch_server::Watch;
use tonic::codec::{BufferSettings, EncodeBody};
use tonic::{Request, Streaming};
use tonic_prost::{ProstDecoder, ProstEncoder};

use super::Answer;
use crate::namespaced::Namespaced;
use crate::stream::{Entering, Leaving};

/// Bytes that a buffer begins with: enough for a request, and streams are many.
const BUFFER: usize = 256;
/// Bytes from which on what is encoded is handed on.
const YIELD: usize = 4096;

#[tonic::async_trait]
impl<S: Watch<WatchStream: Unpin>> Watch for Namespaced<S> {
    type WatchStream = Leaving<S::WatchStream>;

    async fn watch(&self, request: Request<Streaming<WatchRequest>>) -> Answer<Self::WatchStream> {
        let namespace = &self.namespace;
        let request = if namespace.prefix().is_empty() {
            request
        } else {
            request.map(|requests| entered(namespace.entering(requests)))
        };
        let response = self.inner.watch(request).await?;
        Ok(self.leave_stream(response))
    }
}

/// The same stream with other keys. An error of the client's half, which is a status, arrives as that status.
fn entered(requests: Entering<Streaming<WatchRequest>>) -> Streaming<WatchRequest> {
    let buffers = BufferSettings::new(BUFFER, YIELD);
    let body = EncodeBody::new_client(ProstEncoder::new(buffers), requests, None, None);
    Streaming::new_request(ProstDecoder::new(buffers), body, None, Some(usize::MAX))
}
