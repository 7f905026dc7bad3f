//! What is not gRPC: answered by its path.

use admin_http::Admin;
use http::{Method, Request, StatusCode, Version, header};
use tonic::body::Body;

use crate::router::Answer;

/// Answers HTTP/1.1 and HTTP/2 requests beside gRPC.
#[derive(Clone, Debug)]
pub(crate) struct HttpDoor {
    /// Health, readiness, metrics, version: answered on another thread.
    pub(crate) admin: Admin,
}

impl HttpDoor {
    /// The page under the request's path, or what is wrong with the request.
    pub(crate) async fn answer<B>(&self, request: Request<B>) -> Answer {
        let (head, _) = request.into_parts();
        if !has_grpc_type(&head.headers) && self.admin.knows(head.uri.path()) {
            return self.admin.answer(head.method, head.uri).await.map(Body::new);
        }
        refusal(&head)
    }
}

/// The code that says what is wrong with a request that is neither gRPC nor for a page.
fn refusal(head: &http::request::Parts) -> Answer {
    let (code, text) = match (has_grpc_type(&head.headers), head.version, &head.method) {
        (true, Version::HTTP_2, _) => (StatusCode::METHOD_NOT_ALLOWED, "gRPC requires POST"),
        (true, ..) => (StatusCode::HTTP_VERSION_NOT_SUPPORTED, "gRPC requires HTTP/2"),
        (false, _, &Method::POST) => {
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, "want content-type application/grpc")
        }
        (false, ..) => (StatusCode::NOT_FOUND, "404 page not found"),
    };
    admin_http::Answer::error(code, text).into_response().map(Body::new)
}

/// Whether the content type is `application/grpc`, alone or followed by `+` and a codec or `;` and parameters.
pub(crate) fn has_grpc_type(headers: &http::HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(|value| value.as_bytes());
    let rest = content_type.and_then(|value| value.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, version: Version, content_type: &str) -> Request<()> {
        let request = Request::builder().method(method).version(version).uri("/health");
        request.header(header::CONTENT_TYPE, content_type).body(()).unwrap()
    }

    #[tokio::test]
    async fn what_is_wrong_is_said_in_a_code() {
        let (admin, _) = Admin::new(admin_http::Pages::default());
        let door = HttpDoor { admin };
        let cases = [
            (Method::GET, Version::HTTP_2, "application/grpc", 405),
            (Method::POST, Version::HTTP_11, "application/grpc", 505),
            (Method::POST, Version::HTTP_2, "application/json", 415),
            (Method::GET, Version::HTTP_11, "text/html", 404),
        ];
        for (method, version, content_type, code) in cases {
            let answer = door.answer(request(method, version, content_type)).await;
            assert_eq!(answer.status(), code, "{version:?} {content_type}");
        }
    }
}
