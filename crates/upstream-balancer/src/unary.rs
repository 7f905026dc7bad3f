//! One message there, one message back: encoded once, so that it can be sent again.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::HeaderMap;
use http::uri::PathAndQuery;
use http_body::Body as _;
use prost::Message;
use tokio::time::{Instant, timeout_at};
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status};

use crate::body::ReceivedBody;
use crate::config::Config;
use crate::connection::{Connection, Failure, Outgoing};
use crate::limit::MessageLimit;
use crate::pool::Lane;
use crate::upstream::{ACCEPT_ENCODING, Upstream, is_stopped};

/// gRPC's frame header: one byte of flags, four of length.
pub(crate) const PREFIX_BYTES: usize = 5;
/// etcd accepts messages a little above its request limit, and then names that limit in its own words.
pub(crate) const GRPC_OVERHEAD_BYTES: usize = 512 << 10;
/// A member that lives tells of an expired deadline itself; this is for one that does not.
const DEADLINE_GRACE: Duration = Duration::from_millis(200);

/// A method of the API and what may be done about its failures.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) path: &'static str,
    /// Whether it can be asked again without anybody noticing.
    pub(crate) is_read: bool,
}

impl Method {
    pub(crate) const fn read(path: &'static str) -> Self {
        Self { path, is_read: true }
    }

    pub(crate) const fn write(path: &'static str) -> Self {
        Self { path, is_read: false }
    }
}

/// A cluster that takes its time to refuse, such as one without a quorum, is not asked member by member for ever.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(10);
/// What a member says of a read that was under way while another became leader. It serves again by then.
const LEADER_CHANGED: &str = "etcdserver: leader changed";

/// What etcd said to one attempt.
pub(crate) type Answer<T> = Result<Response<T>, Status>;

impl Upstream {
    /// Asks the cluster, again where the method allows it, until an answer, the client's deadline, or `Unavailable`.
    pub(crate) async fn unary<Q, R>(&self, method: &Method, request: Request<Q>) -> Answer<R>
    where
        Q: Message,
        R: Message + Default,
    {
        let question = self.question(request)?;
        question.in_time(self.attempts(method, &question, |_| Ok(()))).await
    }

    /// What can be sent again and again.
    pub(crate) fn question<Q: Message>(&self, request: Request<Q>) -> Result<Question, Status> {
        let (metadata, _, message) = request.into_parts();
        let message = frame(&message, self.config().max_send_bytes)?;
        let mut headers = metadata.into_headers();
        headers.remove(ACCEPT_ENCODING);
        Ok(Question { headers, message })
    }

    /// One round through the members. An answer that `check` refuses counts as that refusal, and another member is
    /// asked: only for reads.
    pub(crate) async fn attempts<R>(
        &self,
        method: &Method,
        question: &Question,
        check: impl Fn(&R) -> Result<(), Status>,
    ) -> Answer<R>
    where
        R: Message + Default,
    {
        let Question { headers, message } = question;
        let started = Instant::now();
        let mut patience = started + self.config().dial_timeout;
        let mut tried = Vec::new();
        let mut last = None;
        for attempt in 0..self.max_attempts() {
            let connection = match self.place(Lane::Unary, &tried, patience).await {
                Ok(connection) => connection,
                Err(status) => return Err(last.unwrap_or(status)),
            };
            if attempt > 0 {
                self.cluster().count_retry();
            }
            match ask(&connection, self.config(), method, headers.clone(), message.clone()).await {
                Ok(Err(status)) if status.code() == Code::Unavailable || is_stopped(&status) => {
                    self.heed(connection.member(), &status);
                    if !method.is_read || started.elapsed() >= REFUSAL_PATIENCE {
                        return Err(status);
                    }
                    if status.message() != LEADER_CHANGED {
                        tried.push(Arc::clone(connection.member()));
                    }
                    last = Some(status);
                }
                Ok(Ok(response)) => match check(response.get_ref()) {
                    Ok(()) => return Ok(response),
                    Err(refused) => {
                        tried.push(Arc::clone(connection.member()));
                        last = Some(refused);
                    }
                },
                Ok(Err(status)) => return Err(status),
                Err(Failure::Lost(status)) if !method.is_read => return Err(status),
                Err(Failure::Lost(status)) => {
                    // The time that a dead member took is not the time that was spent looking for another.
                    patience = Instant::now() + self.config().dial_timeout;
                    last = Some(status);
                }
                Err(Failure::Unsent(status)) => {
                    self.discard(&connection);
                    last = Some(status);
                }
            }
        }
        Err(last.unwrap_or_else(|| Status::unavailable("no etcd member answers")))
    }
}

/// A call as it is sent.
#[derive(Debug)]
pub(crate) struct Question {
    headers: HeaderMap,
    message: Bytes,
}

impl Question {
    /// The answer, if it comes within the client's time.
    pub(crate) async fn in_time<R>(&self, answer: impl Future<Output = Answer<R>>) -> Answer<R> {
        match deadline(&self.headers) {
            None => answer.await,
            Some(deadline) => timeout_at(deadline, answer)
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded("context deadline exceeded"))),
        }
    }
}

/// One attempt over one connection. `Err` is a failure of the way there and back, `Ok(Err)` what etcd answers.
pub(crate) async fn ask<R>(
    connection: &Connection,
    config: &Config,
    method: &Method,
    headers: HeaderMap,
    message: Bytes,
) -> Result<Answer<R>, Failure>
where
    R: Message + Default,
{
    let head = connection.head(PathAndQuery::from_static(method.path), headers);
    let response = connection.send(head, Outgoing::Message(message)).await?;
    read_answer(response, config.max_recv_bytes).await.map_err(Failure::Lost)
}

/// The message behind its prefix, in one piece.
pub(crate) fn frame<Q: Message>(message: &Q, limit: usize) -> Result<Bytes, Status> {
    let length = message.encoded_len();
    if length > limit {
        return Err(too_large(length, limit));
    }
    let Ok(prefix) = u32::try_from(length) else { return Err(too_large(length, limit)) };
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + length);
    bytes.put_u8(0);
    bytes.put_u32(prefix);
    message.encode(&mut bytes).map_err(|error| Status::internal(error.to_string()))?;
    Ok(bytes.freeze())
}

/// etcd refuses what is above `--max-request-bytes` by its own words, and what is far above it by gRPC's.
fn too_large(length: usize, limit: usize) -> Status {
    let receive_limit = limit.saturating_add(GRPC_OVERHEAD_BYTES);
    if length > receive_limit {
        return larger_than_max(length, receive_limit);
    }
    Status::invalid_argument("etcdserver: request is too large")
}

pub(crate) fn larger_than_max(length: usize, limit: usize) -> Status {
    Status::resource_exhausted(format!("grpc: received message larger than max ({length} vs. {limit})"))
}

async fn read_answer<R>(response: http::Response<ReceivedBody>, limit: usize) -> Result<Answer<R>, Status>
where
    R: Message + Default,
{
    let (head, body) = response.into_parts();
    if let Some(status) = Status::from_header_map(&head.headers) {
        return Ok(Err(if status.code() == Code::Ok { without_message() } else { status }));
    }
    if head.status != http::StatusCode::OK {
        return Ok(Err(status_of_http(head.status)));
    }
    let (data, trailers) = read_body(MessageLimit::new(body, limit)).await?;
    let status = Status::from_header_map(&trailers)
        .unwrap_or_else(|| Status::unknown("server closed the stream without sending trailers"));
    if status.code() != Code::Ok {
        return Ok(Err(status));
    }
    let message = R::decode(unframe(data)?).map_err(|error| Status::internal(error.to_string()))?;
    let mut headers = head.headers;
    headers.remove(http::header::CONTENT_TYPE);
    headers.extend(
        trailers.into_iter().filter(|(name, _)| name.as_ref().is_none_or(|name| !is_grpcs_own(name))),
    );
    Ok(Ok(Response::from_parts(MetadataMap::from_headers(headers), message, http::Extensions::new())))
}

fn is_grpcs_own(name: &http::HeaderName) -> bool {
    matches!(name.as_str(), "grpc-status" | "grpc-message" | "grpc-status-details-bin")
}

/// All data in one piece, and the trailers.
async fn read_body(mut body: MessageLimit<ReceivedBody>) -> Result<(Bytes, HeaderMap), Status> {
    let mut whole = Bytes::new();
    let mut pieces = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await.transpose()? {
        match frame.into_data() {
            Ok(data) if whole.is_empty() && pieces.is_empty() => whole = data,
            Ok(data) => {
                if pieces.is_empty() {
                    pieces.extend_from_slice(&whole);
                }
                pieces.extend_from_slice(&data);
            }
            Err(frame) => return Ok((joined(whole, pieces), frame.into_trailers().unwrap_or_default())),
        }
    }
    Ok((joined(whole, pieces), HeaderMap::new()))
}

fn joined(whole: Bytes, pieces: BytesMut) -> Bytes {
    if pieces.is_empty() { whole } else { pieces.freeze() }
}

/// The length that the prefix announces.
fn announced(data: &[u8]) -> Option<usize> {
    let length: [u8; 4] = data.get(1..PREFIX_BYTES)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(length)).ok()
}

fn unframe(mut data: Bytes) -> Result<Bytes, Status> {
    let length = announced(&data).ok_or_else(without_message)?;
    if data.first() != Some(&0) {
        return Err(Status::internal("compressed response, which was not asked for"));
    }
    data.advance(PREFIX_BYTES);
    if data.len() != length {
        return Err(Status::internal("response with a message cut short, or more than one"));
    }
    Ok(data)
}

fn without_message() -> Status {
    Status::internal("response without a message")
}

/// gRPC's mapping of HTTP status codes, for what answers in the place of etcd.
pub(crate) fn status_of_http(status: http::StatusCode) -> Status {
    let message = format!("unexpected HTTP status code received from server: {status}");
    let code = match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502..=504 => Code::Unavailable,
        _ => Code::Unknown,
    };
    Status::new(code, message)
}

/// When to give up on a client's behalf.
fn deadline(headers: &HeaderMap) -> Option<Instant> {
    Instant::now().checked_add(proto_gen::timeout(headers)?.checked_add(DEADLINE_GRACE)?)
}

#[cfg(test)]
mod tests {
    use proto_gen::etcdserverpb::PutRequest;

    use super::*;

    fn put(bytes: usize) -> PutRequest {
        PutRequest { value: vec![b'v'; bytes].into(), ..PutRequest::default() }
    }

    #[test]
    fn a_framed_message_is_unframed_to_the_same() {
        let framed = frame(&put(100), 1000).unwrap();
        assert_eq!(PutRequest::decode(unframe(framed).unwrap()).unwrap(), put(100));
    }

    #[test]
    fn too_large_requests_are_refused_in_etcds_words_then_in_grpcs() {
        let refused = frame(&put(2000), 1000).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(refused.message(), "etcdserver: request is too large");
        let refused = frame(&put(3 << 20), 1_572_864).unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(refused.message(), "grpc: received message larger than max (3145733 vs. 2097152)");
    }

    #[test]
    fn a_cut_or_compressed_response_is_an_error() {
        for bytes in [&b""[..], &[0, 0], &[0, 0, 0, 0, 2, 1], &[0, 0, 0, 0, 0, 1], &[1, 0, 0, 0, 0]] {
            assert_eq!(
                unframe(Bytes::copy_from_slice(bytes)).unwrap_err().code(),
                Code::Internal,
                "{bytes:?}"
            );
        }
    }
}
