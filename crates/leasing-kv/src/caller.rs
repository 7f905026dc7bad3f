//! Who asks, as far as etcd's permissions go.

use bytes::Bytes;
use tonic::metadata::MetadataMap;

/// The metadata by which etcd knows who asks.
const CREDENTIAL: [&str; 2] = ["token", "authorization"];

/// A caller's credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody that etcd knows. What one may, all may.
    Anonymous,
    /// All that was said about it.
    Named(Bytes),
}

impl Caller {
    pub(crate) fn of(metadata: &MetadataMap) -> Self {
        let headers: &http::HeaderMap = metadata.as_ref();
        if CREDENTIAL.iter().all(|name| !headers.contains_key(*name)) {
            return Self::Anonymous;
        }
        let mut bytes = Vec::new();
        for name in CREDENTIAL {
            for value in headers.get_all(name) {
                bytes.extend_from_slice(&value.len().to_le_bytes());
                bytes.extend_from_slice(value.as_bytes());
            }
            bytes.extend_from_slice(&usize::MAX.to_le_bytes());
        }
        Self::Named(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_credentials_are_one_caller() {
        let of = |pairs: &[(&'static str, &str)]| {
            let mut map = MetadataMap::new();
            for (name, value) in pairs {
                map.append(*name, value.parse().unwrap());
            }
            Caller::of(&map)
        };
        assert_eq!(of(&[("user-agent", "x")]), Caller::Anonymous);
        assert_eq!(of(&[("token", "t")]), of(&[("token", "t"), ("user-agent", "x")]));
        let different = [
            of(&[]),
            of(&[("token", "")]),
            of(&[("token", "t")]),
            of(&[("authorization", "t")]),
            of(&[("token", "t"), ("authorization", "t")]),
            of(&[("token", "t"), ("token", "u")]),
        ];
        for (index, one) in different.iter().enumerate() {
            assert!(different.iter().skip(index + 1).all(|other| other != one));
        }
    }
}
