//! What a page says: a status, a content type and a body that is there as a whole.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::Full;

/// The body of an answer.
pub type AnswerBody = Full<Bytes>;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What a page says; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The code.
    pub status: StatusCode,
    /// The media type of the body.
    pub content_type: HeaderValue,
    /// The body.
    pub body: Bytes,
    /// Headers beside the content type.
    pub headers: HeaderMap,
}

impl Answer {
    /// 200 with plain text.
    pub fn text(body: impl Into<Bytes>) -> Self {
        Self::of_type(TEXT, body)
    }

    /// 200 with a body of some other type.
    pub fn of_type(content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, content_type, body: body.into(), headers: HeaderMap::new() }
    }

    /// An error with a line of text, as Go's `http.Error` writes it: with a line feed at its end.
    pub fn error(status: StatusCode, text: &str) -> Self {
        Self { status, ..Self::text(format!("{text}\n")) }
    }

    /// 404 in Go's words.
    pub fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "404 page not found")
    }

    /// 500 in the words of etcd's proxy.
    pub fn internal_error() -> Self {
        Self::error(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
    }

    /// 405 in Go's words, with the methods that there are.
    pub fn method_not_allowed(allow: HeaderValue) -> Self {
        Self::error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed").with_header(ALLOW, allow)
    }

    /// The same with one more header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The answer as a response; to a HEAD request the server leaves the body out.
    pub fn into_response(self) -> Response<AnswerBody> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        *headers = self.headers;
        headers.insert(CONTENT_TYPE, self.content_type);
        if !self.status.is_success() {
            headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        response
    }
}
