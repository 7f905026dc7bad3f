//! HTTP headers to metadata and back.

use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, TE};
use tonic::Status;

/// Clients name metadata so.
const REQUEST_PREFIX: &str = "grpc-metadata-";
/// Headers of the service are passed on so.
const RESPONSE_PREFIX: &str = "grpc-metadata-";
const TRAILER_PREFIX: &str = "grpc-trailer-";
const TIMEOUT: &str = "grpc-timeout";
/// W3C's names for what tracers tell each other; over HTTP they have no prefix.
const TRACE_CONTEXT: [&str; 3] = ["traceparent", "tracestate", "baggage"];

/// What a gRPC call is given of an HTTP request's headers.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(crate) headers: HeaderMap,
    /// How long the caller waits.
    pub(crate) timeout: Option<Duration>,
}

impl Metadata {
    /// `Authorization`, `Grpc-Timeout` and the context of a trace as they are, `Grpc-Metadata-X` as `x`. A context that
    /// comes as metadata too is what was said to the service.
    ///
    /// # Errors
    /// `InvalidArgument` where the time-out is none.
    pub(crate) fn of_request(headers: &HeaderMap) -> Result<Self, Status> {
        let mut metadata = HeaderMap::new();
        for (name, value) in headers {
            if *name == AUTHORIZATION || is_trace_context(name, headers) {
                metadata.append(name.clone(), value.clone());
            } else if let Some(name) = name.as_str().strip_prefix(REQUEST_PREFIX).and_then(metadata_name) {
                metadata.append(name, value.clone());
            }
        }
        let timeout = proto_gen::timeout(headers);
        if let Some(text) = headers.get(TIMEOUT) {
            if timeout.is_none() {
                let text = String::from_utf8_lossy(text.as_bytes());
                return Err(Status::invalid_argument(format!("invalid grpc-timeout: {text}")));
            }
            metadata.insert(HeaderName::from_static(TIMEOUT), text.clone());
        }
        Ok(Self { headers: metadata, timeout })
    }
}

fn is_trace_context(name: &HeaderName, headers: &HeaderMap) -> bool {
    TRACE_CONTEXT.contains(&name.as_str()) && !headers.contains_key(format!("{REQUEST_PREFIX}{name}"))
}

/// None for what gRPC and HTTP keep for themselves.
fn metadata_name(name: &str) -> Option<HeaderName> {
    let reserved = name.starts_with("grpc-")
        || matches!(
            name,
            "connection"
                | "content-length"
                | "content-type"
                | "host"
                | "te"
                | "transfer-encoding"
                | "upgrade"
        );
    if reserved { None } else { HeaderName::try_from(name).ok() }
}

/// Writes a service's headers into an answer's.
pub(crate) fn pass_on_headers(from: &HeaderMap, to: &mut HeaderMap) {
    pass_on(RESPONSE_PREFIX, from, to);
}

/// A service's trailers, as an answer's.
pub(crate) fn passed_on_trailers(from: &HeaderMap) -> HeaderMap {
    let mut to = HeaderMap::new();
    pass_on(TRAILER_PREFIX, from, &mut to);
    to
}

fn pass_on(prefix: &str, from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        let is_of_the_connection = matches!(
            name.as_str(),
            "connection" | "content-length" | "date" | "te" | "trailer" | "transfer-encoding"
        );
        if is_of_the_connection || name.as_str().starts_with("grpc-") {
            continue;
        }
        if let Ok(name) = HeaderName::try_from(format!("{prefix}{name}")) {
            to.append(name, value.clone());
        }
    }
}

/// Whether a client reads trailers.
pub(crate) fn takes_trailers(headers: &HeaderMap) -> bool {
    let names = |value: &HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        text.split(',').any(|name| name.trim() == "trailers")
    };
    headers.get_all(TE).iter().any(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_token_metadata_and_a_timeout_reach_the_service_and_nothing_else_does() {
        let metadata = Metadata::of_request(&map(&[
            ("Authorization", "token.1"),
            ("Grpc-Metadata-hasleader", "true"),
            ("Grpc-Metadata-X-Trace", "a"),
            ("Grpc-Timeout", "5S"),
            ("User-Agent", "curl"),
            ("Cookie", "secret"),
            ("Grpc-Metadata-Grpc-Timeout", "1n"),
            ("Grpc-Metadata-Content-Type", "text/html"),
            ("Grpc-Metadata-Te", "x"),
        ]))
        .unwrap();
        let expected =
            [("authorization", "token.1"), ("hasleader", "true"), ("x-trace", "a"), ("grpc-timeout", "5S")];
        assert_eq!(metadata.headers, map(&expected));
        assert_eq!(metadata.timeout, Some(Duration::from_secs(5)));
    }

    #[test]
    fn the_context_of_a_trace_reaches_the_service_once() {
        let of_request = |pairs| Metadata::of_request(&map(pairs)).unwrap().headers;
        let context =
            [("traceparent", "00-a-b-01"), ("tracestate", "c=1"), ("tracestate", "d=2"), ("baggage", "e=f")];
        assert_eq!(of_request(&context), map(&context));
        let twice = [("Traceparent", "00-a-b-01"), ("Grpc-Metadata-Traceparent", "00-c-d-01")];
        assert_eq!(of_request(&twice), map(&[("traceparent", "00-c-d-01")]));
    }

    #[test]
    fn a_timeout_that_is_none_is_refused() {
        let refusal = Metadata::of_request(&map(&[("Grpc-Timeout", "5x")])).unwrap_err();
        assert_eq!(refusal.code(), tonic::Code::InvalidArgument);
        assert_eq!(refusal.message(), "invalid grpc-timeout: 5x");
    }

    #[test]
    fn what_the_service_says_beside_its_message_is_passed_on_by_another_name() {
        let said =
            map(&[("content-type", "application/grpc"), ("grpc-status", "0"), ("date", "x"), ("a", "b")]);
        let mut headers = HeaderMap::new();
        pass_on_headers(&said, &mut headers);
        let expected = [("grpc-metadata-content-type", "application/grpc"), ("grpc-metadata-a", "b")];
        assert_eq!(headers, map(&expected));
        let trailers = map(&[("grpc-status", "0"), ("grpc-message", ""), ("c", "d")]);
        assert_eq!(passed_on_trailers(&trailers), map(&[("grpc-trailer-c", "d")]));
    }

    #[test]
    fn trailers_are_for_those_who_ask() {
        assert!(takes_trailers(&map(&[("te", "gzip, Trailers")])));
        assert!(!takes_trailers(&map(&[("te", "gzip")])));
        assert!(!takes_trailers(&HeaderMap::new()));
    }
}
