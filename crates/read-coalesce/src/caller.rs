//! Who asks, as far as etcd can tell.

use http::{HeaderMap, HeaderName, HeaderValue};

/// What speaks of the client's connection or of the client's own patience and means nothing to etcd's answer.
const MEANINGLESS: [&str; 10] = [
    "accept-encoding",
    "content-length",
    "content-type",
    "date",
    "grpc-accept-encoding",
    "grpc-encoding",
    "grpc-timeout",
    "host",
    "te",
    "user-agent",
];

/// All metadata that may mean something: `token` and `authorization`, `hasleader`, and whatever else there is, such as
/// what a tracer adds. Reads of two callers never meet, whatever they read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Caller(Vec<(HeaderName, HeaderValue)>);

impl Caller {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let means_something = |(name, _): &(&HeaderName, _)| !MEANINGLESS.contains(&name.as_str());
        Self(
            headers
                .iter()
                .filter(means_something)
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    }

    /// What a call made for all of them carries.
    pub(crate) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(self.0.len());
        for (name, value) in &self.0 {
            headers.append(name, value.clone());
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn deadlines_and_client_libraries_do_not_make_another_caller() {
        let one = headers(&[("grpc-timeout", "1S"), ("user-agent", "a"), ("te", "trailers"), ("token", "t")]);
        let other = headers(&[("token", "t"), ("grpc-accept-encoding", "gzip")]);
        assert_eq!(Caller::of(&one), Caller::of(&other));
    }

    #[test]
    fn credentials_and_everything_unknown_make_another_caller() {
        let known = Caller::of(&headers(&[("token", "t")]));
        for pairs in [
            &[][..],
            &[("token", "u")],
            &[("authorization", "t")],
            &[("token", "t"), ("authorization", "t")],
            &[("token", "t"), ("token", "t")],
            &[("token", "t"), ("hasleader", "true")],
            &[("token", "t"), ("traceparent", "00-1-2-01")],
        ] {
            assert_ne!(Caller::of(&headers(pairs)), known, "{pairs:?}");
        }
    }

    #[test]
    fn a_callers_headers_are_the_same_caller() {
        let headers = headers(&[("token", "t"), ("token", "u"), ("hasleader", "true"), ("te", "trailers")]);
        let caller = Caller::of(&headers);
        assert_eq!(Caller::of(&caller.headers()), caller);
        assert!(!caller.headers().contains_key("te"));
    }
}
