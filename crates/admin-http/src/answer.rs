//! What a page says: a status, a content type and a body that is there as a whole.

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;

/// The body of an answer.
pub type AnswerBody = Full<Bytes>;

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const CONTENT_TYPE_OPTIONS: HeaderName = HeaderName::from_static("x-content-type-options");

/// What a page says; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The code.
    pub status: StatusCode,
    /// The media type of the body.
    pub content_type: HeaderValue,
    /// The body.
    pub body: Bytes,
    /// The methods that a refused one should have been.
    pub allow: Option<HeaderValue>,
}

impl Answer {
    /// 200 with plain text.
    pub fn text(body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, content_type: TEXT, body: body.into(), allow: None }
    }

    /// 200 with a body of some other type.
    pub fn of_type(content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, content_type, body: body.into(), allow: None }
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
        Self { allow: Some(allow), ..Self::error(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed") }
    }

    /// The answer as a response; to a HEAD request the server leaves the body out.
    pub fn into_response(self) -> Response<AnswerBody> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type);
        if !self.status.is_success() {
            headers.insert(CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        }
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, allow);
        }
        response
    }
}
