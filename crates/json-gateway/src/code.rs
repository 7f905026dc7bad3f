//! gRPC's codes as HTTP's, and errors as JSON.

use http::StatusCode;
use serde_json::json;
use tonic::{Code, Status};

/// "Client Closed Request", a code of nginx's that HTTP has no name for.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The code under which grpc-gateway answers.
pub(crate) fn http_code(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::Cancelled => {
            StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        }
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The body of an answer that is an error: etcd 3.6's `code` and `message`, and `error` as etcd had it before.
pub(crate) fn error_body(status: &Status) -> String {
    let (message, code) = (status.message(), i32::from(status.code()));
    json!({ "error": message, "code": code, "message": message }).to_string()
}

/// The line that ends a stream with an error, with the fields of both generations too.
pub(crate) fn error_line(status: &Status) -> String {
    let (code, http) = (i32::from(status.code()), http_code(status.code()));
    let error = json!({
        "code": code,
        "message": status.message(),
        "grpc_code": code,
        "http_code": http.as_u16(),
        "http_status": http.canonical_reason().unwrap_or_default(),
    });
    format!("{{\"error\":{error}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_one_that_grpc_gateway_gives_it() {
        let codes: Vec<u16> = (0..17).map(|code| http_code(Code::from_i32(code)).as_u16()).collect();
        let expected = [200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
        assert_eq!(codes, expected);
    }

    #[test]
    fn errors_have_the_fields_of_both_generations() {
        let status = Status::unavailable("etcdserver: \"no\" leader");
        let message = "etcdserver: \"no\" leader";
        let body: serde_json::Value = serde_json::from_str(&error_body(&status)).unwrap();
        assert_eq!(body, json!({ "error": message, "message": message, "code": 14 }));
        let line = error_line(&status);
        assert!(line.ends_with('\n'));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let error = json!({
            "code": 14, "message": message,
            "grpc_code": 14, "http_code": 503, "http_status": "Service Unavailable",
        });
        assert_eq!(line, json!({ "error": error }));
    }
}
