//! The arithmetic of prefixes: keys and ranges of the tenant as keys and ranges of the cluster, and back.

use bytes::{Buf, Bytes, BytesMut};

/// The range end that means "every key from the first one on".
const FROM_KEY: &[u8] = &[0];

/// What stands in front of every key of a tenant. An empty one changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prefix {
    bytes: Bytes,
    /// The range end of all keys under the prefix.
    end: Bytes,
}

impl Prefix {
    /// A prefix of any bytes.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let end = successor(&bytes);
        Self { bytes, end }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The prefix itself.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// One key. An empty one is none and stays so, for etcd to refuse.
    pub fn enter_key(&self, key: &mut Bytes) {
        if !key.is_empty() {
            self.enter_name(key);
        }
    }

    /// A name under which etcd makes keys. It may be empty.
    pub fn enter_name(&self, name: &mut Bytes) {
        if !self.is_empty() {
            *name = self.followed_by(name);
        }
    }

    /// A key and its range end, by etcd's rules: no range end is the key alone, `\0` is every key from this one on.
    ///
    /// An empty key loses its range end. etcd refuses it anyhow; like this it reaches nothing even where it is not.
    pub fn enter_range(&self, key: &mut Bytes, range_end: &mut Bytes) {
        if self.is_empty() {
            return;
        }
        if key.is_empty() {
            range_end.clear();
            return;
        }
        *key = self.followed_by(key);
        if *range_end == FROM_KEY {
            *range_end = self.end.clone();
        } else if !range_end.is_empty() {
            *range_end = self.followed_by(range_end);
        }
    }

    /// Takes the prefix off a key. False, and the key as it was, if it is not one of the tenant's.
    #[must_use]
    pub fn leave_key(&self, key: &mut Bytes) -> bool {
        let owned = self.owns(key);
        if owned {
            key.advance(self.bytes.len());
        }
        owned
    }

    /// Takes the prefix off a name, which may be no more than the prefix. A foreign one becomes empty.
    pub fn leave_name(&self, name: &mut Bytes) {
        if name.starts_with(&self.bytes) {
            name.advance(self.bytes.len());
        } else {
            name.clear();
        }
    }

    /// Whether this key of the cluster is one of the tenant's. The bare prefix is not: the tenant has no name for it.
    pub fn owns(&self, key: &[u8]) -> bool {
        self.is_empty() || (key.len() > self.bytes.len() && key.starts_with(&self.bytes))
    }

    fn followed_by(&self, rest: &[u8]) -> Bytes {
        let mut whole = BytesMut::with_capacity(self.bytes.len() + rest.len());
        whole.extend_from_slice(&self.bytes);
        whole.extend_from_slice(rest);
        whole.freeze()
    }
}

/// The first key behind all keys that begin with `prefix`. Nothing is behind those that begin with bytes of 0xff only.
fn successor(mut prefix: &[u8]) -> Bytes {
    while let [rest @ .., 0xff] = prefix {
        prefix = rest;
    }
    match prefix {
        [rest @ .., last] => Bytes::from([rest, &[last + 1]].concat()),
        [] => Bytes::from_static(FROM_KEY),
    }
}

#[cfg(test)]
mod tests;
