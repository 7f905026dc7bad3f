//! What is not gRPC: answered by its path.

use admin_http::Admin;
use http::{Method, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use json_gateway::Gateway;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::body::Body;

use crate::services::in_process::InProcess;
use crate::services::router::Answer;

/// Answers HTTP/1.1 and HTTP/2 requests beside gRPC.
#[derive(Clone)]
pub(crate) struct HttpDoor {
    /// Health, readiness, metrics, version: answered on another thread.
    pub(crate) admin: Admin,
    /// etcd's JSON API, over the services of this runtime.
    pub(crate) json: Gateway<InProcess>,
    /// WebSockets, which are no requests any more: whoever waits for the connections waits for them too.
    pub(crate) talks: TaskTracker,
    pub(crate) drain: CancellationToken,
}

impl HttpDoor {
    /// What is under the request's path, or what is wrong with the request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Answer {
        if json_gateway::owns(request.uri().path()) {
            return self.answer_json(request).await;
        }
        let (head, _) = request.into_parts();
        if !has_grpc_type(&head.headers) && self.admin.knows(head.uri.path()) {
            return self.admin.answer(head.method, head.uri).await.map(Body::new);
        }
        refusal(&head)
    }

    async fn answer_json(&self, request: Request<Incoming>) -> Answer {
        let answer = self.json.answer(request).await;
        if let Some(talk) = answer.talk {
            self.talks.spawn(talk.run(self.drain.clone().cancelled_owned()));
        }
        answer.response
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

    #[test]
    fn what_is_wrong_is_said_in_a_code() {
        let cases = [
            (Method::GET, Version::HTTP_2, "application/grpc", 405),
            (Method::POST, Version::HTTP_11, "application/grpc", 505),
            (Method::POST, Version::HTTP_2, "application/json", 415),
            (Method::GET, Version::HTTP_11, "text/html", 404),
        ];
        for (method, version, content_type, code) in cases {
            let (head, ()) = request(method, version, content_type).into_parts();
            assert_eq!(refusal(&head).status(), code, "{version:?} {content_type}");
        }
    }
}
