//! Which web pages may ask: CORS as etcd's server has it.

use http::HeaderMap;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue,
};

/// Stands for every origin.
const ANY: &str = "*";

/// The origins whose pages may read answers. None at all, or `*` among them, is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Origins as browsers write them, such as `https://example.com:8080`.
    pub fn new(origins: impl IntoIterator<Item = String>) -> Self {
        Self(origins.into_iter().collect())
    }

    /// Says in an answer's headers that the page may read it, if it may.
    pub(crate) fn allow(&self, asks: Option<&HeaderValue>, answer: &mut HeaderMap) {
        let Some(origin) = self.allowed(asks) else { return };
        answer.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("POST, GET, OPTIONS, PUT, DELETE"),
        );
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("accept, content-type, authorization"),
        );
    }

    fn allowed(&self, origin: Option<&HeaderValue>) -> Option<HeaderValue> {
        if self.0.is_empty() || self.0.iter().any(|allowed| allowed == ANY) {
            return Some(HeaderValue::from_static(ANY));
        }
        origin.filter(|origin| self.0.iter().any(|allowed| *origin == allowed.as_str())).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origins: &[&str], asks: &str) -> Option<HeaderValue> {
        let origins = Origins::new(origins.iter().map(|origin| (*origin).to_owned()));
        let mut answer = HeaderMap::new();
        origins.allow(Some(&HeaderValue::from_str(asks).unwrap()), &mut answer);
        assert_eq!(answer.len() % 3, 0, "all of the three headers or none: {answer:?}");
        answer.get(ACCESS_CONTROL_ALLOW_ORIGIN).cloned()
    }

    #[test]
    fn everybody_may_read_where_nobody_is_named() {
        assert_eq!(allowed(&[], "http://a").unwrap(), "*");
        assert_eq!(allowed(&["http://b", "*"], "http://a").unwrap(), "*");
    }

    #[test]
    fn who_is_named_may_read_and_nobody_else() {
        assert_eq!(allowed(&["http://a", "http://b"], "http://b").unwrap(), "http://b");
        assert_eq!(allowed(&["http://a"], "http://a.example"), None);
        assert_eq!(allowed(&["http://a"], "http://A"), None);
    }
}
