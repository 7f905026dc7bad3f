//! What an answer is kept under: who asks, and what.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use prost::Message as _;
use proto_gen::etcdserverpb::RangeRequest;
use tonic::metadata::MetadataMap;

/// The metadata by which etcd knows who asks.
pub(crate) const CREDENTIAL: [&str; 2] = ["token", "authorization"];

/// A caller's credential and a whole request, with the hash of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    hash: u64,
    bytes: Vec<u8>,
}

/// Makes keys. Its hashes cannot be foreseen, so nobody can choose requests that fall together.
#[derive(Debug, Default)]
pub(crate) struct Keys(RandomState);

/// Takes the hash that a key brings along.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Prehashed(u64);

impl Keys {
    pub(crate) fn key(&self, metadata: &MetadataMap, request: &RangeRequest) -> Key {
        let headers: &http::HeaderMap = metadata.as_ref();
        let ends = CREDENTIAL.len() * size_of::<usize>();
        let mut bytes = Vec::with_capacity(ends + request.encoded_len());
        for name in CREDENTIAL {
            for value in headers.get_all(name) {
                bytes.extend_from_slice(&value.len().to_le_bytes());
                bytes.extend_from_slice(value.as_bytes());
            }
            bytes.extend_from_slice(&usize::MAX.to_le_bytes());
        }
        request.encode_raw(&mut bytes);
        Key { hash: self.0.hash_one(&bytes), bytes }
    }
}

impl Key {
    /// Bits that the tables inside of a shard do not begin with.
    pub(crate) fn shard(&self, shards: usize) -> usize {
        usize::try_from((self.hash >> 32) % shards.max(1) as u64).unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Hasher for Prehashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl BuildHasher for Prehashed {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_what_is_the_key() {
        let keys = Keys::default();
        let of = |metadata: &[(&'static str, &str)], key: &'static str| {
            let mut map = MetadataMap::new();
            for (name, value) in metadata {
                map.append(*name, value.parse().unwrap());
            }
            keys.key(&map, &RangeRequest { key: key.into(), ..RangeRequest::default() })
        };
        assert_eq!(of(&[("token", "t")], "k"), of(&[("token", "t"), ("user-agent", "x")], "k"));
        let different = [
            of(&[], "k"),
            of(&[], "l"),
            of(&[("token", "t")], "k"),
            of(&[("token", "")], "k"),
            of(&[("authorization", "t")], "k"),
            of(&[("token", "t"), ("authorization", "t")], "k"),
            of(&[("token", "t"), ("token", "u")], "k"),
        ];
        for (index, key) in different.iter().enumerate() {
            assert!(different.iter().skip(index + 1).all(|other| other != key));
        }
    }
}
