//! Who asks, as far as etcd can tell.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

/// What two client streams must have in common to share an upstream stream and its answers.
///
/// Nothing else that a client sends along changes what etcd answers, so nothing else goes to etcd.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    /// `token` metadata, the one that etcd looks at first.
    pub token: Option<Bytes>,
    /// `authorization` metadata, the one that etcd looks at next.
    pub authorization: Option<Bytes>,
    /// Whether the stream is to end when the member knows no leader.
    pub has_leader: bool,
}

impl Caller {
    /// The caller that a request's headers speak of.
    pub fn of(headers: &HeaderMap) -> Self {
        let value = |name: &str| headers.get(name).map(|value| Bytes::copy_from_slice(value.as_bytes()));
        Self {
            token: value("token"),
            authorization: value("authorization"),
            has_leader: headers.get("hasleader").is_some_and(|value| value == "true"),
        }
    }

    /// The headers of an upstream stream that is opened for this caller.
    pub fn headers(&self) -> HeaderMap {
        let has_leader = self.has_leader.then(|| Bytes::from_static(b"true"));
        let named =
            [("token", &self.token), ("authorization", &self.authorization), ("hasleader", &has_leader)];
        named.into_iter().filter_map(|(name, value)| header(name, value.as_ref()?)).collect()
    }
}

fn header(name: &'static str, value: &Bytes) -> Option<(http::HeaderName, HeaderValue)> {
    let value = HeaderValue::from_maybe_shared(value.clone()).ok()?;
    Some((http::HeaderName::from_static(name), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_etcd_is_what_tells_callers_apart() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("token", "t"), ("authorization", "a"), ("hasleader", "true")] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let caller = Caller::of(&headers);
        assert_eq!(caller.headers(), headers);
        headers.insert("user-agent", HeaderValue::from_static("x"));
        assert_eq!(Caller::of(&headers), caller);
        for name in ["token", "authorization", "hasleader"] {
            let mut other = headers.clone();
            other.remove(name);
            assert_ne!(Caller::of(&other), caller, "{name}");
        }
    }

    #[test]
    fn any_other_word_than_true_asks_for_no_leader() {
        let headers = HeaderMap::from_iter([header("hasleader", &Bytes::from_static(b"yes")).unwrap()]);
        assert_eq!(Caller::of(&headers), Caller::default());
    }
}
