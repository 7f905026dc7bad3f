//! `Names`: where it is written who owns a key.

use bytes::{BufMut, Bytes, BytesMut};
use proto_gen::{End, KeyRange};

/// The prefix that makes a leasing key of a key. The two are joined as they are, with nothing between them.
#[derive(Clone, Debug)]
pub(crate) struct Names(Bytes);

impl Names {
    pub(crate) fn new(prefix: Bytes) -> Self {
        Self(prefix)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The leasing key of a key.
    pub(crate) fn leasing_key(&self, key: &[u8]) -> Bytes {
        let mut name = BytesMut::with_capacity(self.0.len() + key.len());
        name.put_slice(&self.0);
        name.put_slice(key);
        name.freeze()
    }

    /// The key of a leasing key.
    pub(crate) fn key(&self, leasing_key: &Bytes) -> Option<Bytes> {
        leasing_key.starts_with(&self.0).then(|| leasing_key.slice(self.0.len()..))
    }

    /// Whether a key is itself one that says who owns another.
    pub(crate) fn holds(&self, key: &[u8]) -> bool {
        key.starts_with(&self.0)
    }

    /// All leasing keys.
    pub(crate) fn all(&self) -> KeyRange {
        KeyRange::prefix(&self.0)
    }

    /// The leasing keys of a range of keys.
    pub(crate) fn leasing_range(&self, range: &KeyRange) -> KeyRange {
        let end = match &range.end {
            End::Before(key) => End::Before(self.leasing_key(key)),
            End::Through(key) => End::Through(self.leasing_key(key)),
            End::Open => self.all().end,
        };
        KeyRange { start: self.leasing_key(&range.start), end }
    }

    /// The leasing keys that are in a range of keys themselves.
    pub(crate) fn leasing_keys_in(&self, range: &KeyRange) -> Option<KeyRange> {
        let all = self.all();
        all.overlaps(range).then(|| KeyRange {
            start: all.start.clone().max(range.start.clone()),
            end: all.end.clone().min(range.end.clone()),
        })
    }

    /// The keys whose leasing keys are in a range.
    pub(crate) fn keys_of(&self, leasing_range: &KeyRange) -> KeyRange {
        let stripped = |key: &Bytes| self.key(key);
        let start = stripped(&leasing_range.start).unwrap_or_default();
        let end = match &leasing_range.end {
            End::Before(key) => stripped(key).map_or(End::Open, End::Before),
            End::Through(key) => stripped(key).map_or(End::Open, End::Through),
            End::Open => End::Open,
        };
        KeyRange { start, end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(Bytes::from_static(b"_l/"))
    }

    fn range(key: &'static str, range_end: &'static str) -> KeyRange {
        KeyRange::new(&key.into(), &range_end.into())
    }

    #[test]
    fn a_leasing_key_is_the_prefix_and_the_key() {
        assert_eq!(names().leasing_key(b"a"), "_l/a");
        assert_eq!(names().key(&"_l/a".into()).unwrap(), "a");
        assert_eq!(names().key(&"a".into()), None);
        assert!(names().holds(b"_l/") && !names().holds(b"_l"));
    }

    #[test]
    fn a_range_from_a_key_on_has_all_leasing_keys_from_there_on() {
        for (asked, expected) in [
            (range("a", ""), range("_l/a", "")),
            (range("a", "b"), range("_l/a", "_l/b")),
            (range("a", "\0"), range("_l/a", "_l0")),
            (range("\0", "\0"), range("_l/\0", "_l0")),
        ] {
            assert_eq!(names().leasing_range(&asked), expected);
        }
        let last = Names::new(Bytes::from_static(b"\xff"));
        assert_eq!(last.leasing_range(&range("a", "\0")).end, End::Open);
    }

    #[test]
    fn a_range_may_hold_leasing_keys_itself() {
        assert_eq!(names().leasing_keys_in(&range("a", "b")), None);
        assert_eq!(names().leasing_keys_in(&range("\0", "\0")), Some(range("_l/", "_l0")));
        let part = names().leasing_keys_in(&range("_l/x", "a")).unwrap();
        assert_eq!(part, range("_l/x", "_l0"));
        let keys = names().keys_of(&part);
        assert!(keys.holds(b"x") && keys.holds(b"\xff") && !keys.holds(b"a"));
        let keys = names().keys_of(&range("_l/b", "_l/d"));
        assert!(keys.holds(b"b") && !keys.holds(b"d") && !keys.holds(b"a"));
        assert!(names().keys_of(&range("_l/b", "")).is_point());
    }
}
