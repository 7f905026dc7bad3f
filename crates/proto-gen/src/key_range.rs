//! `KeyRange`: keys from one on, up to an end, by etcd's rules.

use std::cmp::Ordering;

use bytes::Bytes;

/// The range end that means "every key from the first one on".
const FROM_KEY: &[u8] = &[0];

/// A range of keys as etcd's requests name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyRange {
    /// The first key that may be in it.
    pub start: Bytes,
    /// Where it ends.
    pub end: End,
}

/// Where a range ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Just before this key.
    Before(Bytes),
    /// With this key.
    Through(Bytes),
    /// Nowhere.
    Open,
}

impl KeyRange {
    /// No range end is the key alone, `\0` is every key from this one on.
    pub fn new(key: &Bytes, range_end: &Bytes) -> Self {
        let end = match range_end.as_ref() {
            [] => End::Through(key.clone()),
            FROM_KEY => End::Open,
            _ => End::Before(range_end.clone()),
        };
        Self { start: key.clone(), end }
    }

    /// One key.
    pub fn point(key: &Bytes) -> Self {
        Self { start: key.clone(), end: End::Through(key.clone()) }
    }

    /// Every key that begins with `prefix`.
    pub fn prefix(prefix: &Bytes) -> Self {
        let mut end = prefix.as_ref();
        while let [rest @ .., 0xff] = end {
            end = rest;
        }
        let end = match end {
            [rest @ .., last] => End::Before(Bytes::from([rest, &[last + 1]].concat())),
            [] => End::Open,
        };
        Self { start: prefix.clone(), end }
    }

    /// The range end by which a request names this range.
    pub fn range_end(&self) -> Bytes {
        match &self.end {
            End::Before(key) => key.clone(),
            End::Through(key) if *key == self.start => Bytes::new(),
            End::Through(key) => Bytes::from([key.as_ref(), FROM_KEY].concat()),
            End::Open => Bytes::from_static(FROM_KEY),
        }
    }

    /// The same range in memory of its own: a slice of a request pins the whole frame that the request came in.
    pub fn copied(&self) -> Self {
        let start = Bytes::copy_from_slice(&self.start);
        let end = match &self.end {
            End::Through(key) if *key == self.start => End::Through(start.clone()),
            End::Through(key) => End::Through(Bytes::copy_from_slice(key)),
            End::Before(key) => End::Before(Bytes::copy_from_slice(key)),
            End::Open => End::Open,
        };
        Self { start, end }
    }

    /// Whether it is one key.
    pub fn is_point(&self) -> bool {
        matches!(&self.end, End::Through(key) if *key == self.start)
    }

    /// Whether no key can be in it.
    pub fn is_empty(&self) -> bool {
        !self.end.is_behind(&self.start)
    }

    /// Whether this key is in it.
    pub fn holds(&self, key: &[u8]) -> bool {
        *self.start <= *key && self.end.is_behind(key)
    }

    /// Whether both have a key in common.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.end.is_behind(&other.start)
            && other.end.is_behind(&self.start)
            && !self.is_empty()
            && !other.is_empty()
    }

    /// Whether every key of `other` is one of this range.
    pub fn contains(&self, other: &Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Bytes of its keys.
    pub fn len(&self) -> usize {
        let end = match &self.end {
            End::Before(key) | End::Through(key) => key.len(),
            End::Open => 0,
        };
        self.start.len() + end
    }
}

impl End {
    /// Whether the key comes before this end.
    pub fn is_behind(&self, key: &[u8]) -> bool {
        match self {
            Self::Before(end) => key < end.as_ref(),
            Self::Through(end) => key <= end.as_ref(),
            Self::Open => true,
        }
    }

    /// What to order by: the key, and whether it is inside.
    fn rank(&self) -> (bool, &[u8], bool) {
        match self {
            Self::Before(key) => (false, key, false),
            Self::Through(key) => (false, key, true),
            Self::Open => (true, &[], false),
        }
    }
}

impl Ord for End {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for End {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(key: &'static str, range_end: &'static str) -> KeyRange {
        KeyRange::new(&Bytes::from_static(key.as_bytes()), &Bytes::from_static(range_end.as_bytes()))
    }

    #[test]
    fn ranges_hold_what_etcd_says() {
        assert!(range("a", "").holds(b"a") && !range("a", "").holds(b"a\0"));
        assert!(range("a", "c").holds(b"b") && !range("a", "c").holds(b"c"));
        assert!(range("b", "\0").holds(b"zz") && !range("b", "\0").holds(b"a"));
        assert!(range("\0", "\0").holds(b"\0") && range("\0", "\0").holds(b"\xff\xff"));
        assert!(range("c", "a").is_empty() && range("c", "c").is_empty() && !range("c", "").is_empty());
    }

    #[test]
    fn overlap_is_a_key_in_common() {
        assert!(range("a", "").overlaps(&range("a", "b")) && !range("b", "").overlaps(&range("a", "b")));
        assert!(range("x", "\0").overlaps(&range("z", "")) && range("z", "").overlaps(&range("x", "\0")));
        assert!(!range("a", "b").overlaps(&range("b", "c")));
    }

    #[test]
    fn a_prefix_ends_behind_its_last_key() {
        let prefix = |bytes: &'static [u8]| KeyRange::prefix(&Bytes::from_static(bytes));
        assert!(prefix(b"a").holds(b"a\xff\xff") && !prefix(b"a").holds(b"b"));
        assert!(prefix(b"a\xff").holds(b"a\xff\xff") && !prefix(b"a\xff").holds(b"b"));
        assert_eq!(prefix(b"\xff").end, End::Open);
        assert_eq!(prefix(b"").range_end(), FROM_KEY);
    }

    #[test]
    fn a_range_contains_its_parts() {
        assert!(range("a", "c").contains(&range("b", "")) && range("a", "c").contains(&range("a", "c")));
        assert!(!range("a", "c").contains(&range("c", "")) && !range("a", "c").contains(&range("b", "\0")));
        assert!(range("a", "\0").contains(&range("b", "\0")));
    }
}
