//! What two watchers must have in common to share an upstream watcher.

use bytes::Bytes;
use proto_gen::etcdserverpb::WatchCreateRequest;

/// One upstream watcher's range as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GroupKey {
    pub(crate) key: Bytes,
    pub(crate) range_end: Bytes,
    pub(crate) prev_kv: bool,
}

/// Who asks. Watchers of two callers never meet, whatever they watch.
///
/// etcd asks a watcher for its permission once, when it is created, with the token of the stream that carries it.
/// So one upstream stream carries one credential, and a watcher lives and dies by its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Caller {
    /// `token` metadata, the one that etcd looks at first.
    pub token: Option<Bytes>,
    /// `authorization` metadata, the one that etcd looks at next.
    pub authorization: Option<Bytes>,
    /// Whether the stream is to end when the member knows no leader.
    pub has_leader: bool,
}

impl GroupKey {
    /// The range of a request, copied, because a slice of the request would pin the frame that it came in.
    pub(crate) fn of(create: &WatchCreateRequest) -> Self {
        let key: &[u8] = if create.key.is_empty() { b"\0" } else { &create.key };
        Self {
            key: Bytes::copy_from_slice(key),
            range_end: Bytes::copy_from_slice(&create.range_end),
            prev_kv: create.prev_kv,
        }
    }

    /// etcd refuses a range that can hold no key. An end of one zero byte means "from the key on".
    pub(crate) fn is_empty_range(&self) -> bool {
        !self.range_end.is_empty() && self.range_end.as_ref() != b"\0" && self.range_end <= self.key
    }
}

impl Caller {
    /// The caller that a request's headers speak of.
    pub fn of(headers: &http::HeaderMap) -> Self {
        let value = |name: &str| headers.get(name).map(|value| Bytes::copy_from_slice(value.as_bytes()));
        Self {
            token: value("token"),
            authorization: value("authorization"),
            has_leader: headers.get("hasleader").is_some_and(|value| value == "true"),
        }
    }

    /// The headers that an upstream stream opened for this caller carries.
    pub fn headers(&self) -> http::HeaderMap {
        let mut headers = http::HeaderMap::new();
        let mut put = |name: &'static str, value: &Option<Bytes>| {
            let value = value.clone().and_then(|bytes| http::HeaderValue::from_maybe_shared(bytes).ok());
            if let Some(value) = value {
                headers.insert(name, value);
            }
        };
        put("token", &self.token);
        put("authorization", &self.authorization);
        put("hasleader", &self.has_leader.then(|| Bytes::from_static(b"true")));
        headers
    }
}
