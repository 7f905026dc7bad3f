//! `Witness`: what tells whether a range is the same at two revisions.

use proto_gen::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse};
use proto_gen::mvccpb::KeyValue;

use proto_gen::{End, KeyRange};

/// Two answers about one range with equal witnesses show the same keys with the same values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Witness {
    /// How many keys, and the newest `mod_revision` among them. A key that was put since is newer than all; where none
    /// was put, a key that was deleted since is missing from the count.
    State { keys: usize, newest: i64 },
    /// The answer shows only a part of the range.
    Partial,
    /// The answer shows an old revision, which nothing changes.
    Past,
}

impl Witness {
    /// What `response` to `request` says of the whole range that was asked for.
    pub(crate) fn of(request: &RangeRequest, response: &RangeResponse) -> Self {
        if request.revision > 0 {
            return Self::Past;
        }
        match Shown::of(request, response) {
            Some(shown) if !response.more => shown.all(),
            _ => Self::Partial,
        }
    }

    /// Whether an answer with this witness is the state that `later` shows.
    pub(crate) fn still_holds(self, later: Self) -> bool {
        match self {
            Self::Past => true,
            Self::Partial => false,
            Self::State { .. } => self == later,
        }
    }
}

/// The part of the keys that an answer shows completely.
#[derive(Debug)]
pub(crate) struct Shown<'a> {
    range: KeyRange,
    kvs: &'a [KeyValue],
    sorted: bool,
}

impl<'a> Shown<'a> {
    /// None where keys may be missing anywhere: old revisions, filters, counts without keys, pages by another order.
    pub(crate) fn of(request: &RangeRequest, response: &'a RangeResponse) -> Option<Self> {
        let filtered = [
            request.min_mod_revision,
            request.max_mod_revision,
            request.min_create_revision,
            request.max_create_revision,
        ];
        if request.revision > 0 || request.count_only || filtered.iter().any(|bound| *bound != 0) {
            return None;
        }
        let by_key = request.sort_order == SortOrder::None as i32
            || (request.sort_order == SortOrder::Ascend as i32
                && request.sort_target == SortTarget::Key as i32);
        let mut range = KeyRange::new(&request.key, &request.range_end);
        if response.more {
            let last = response.kvs.last().filter(|_| by_key)?;
            range.end = End::Through(last.key.clone());
        }
        Some(Self { range, kvs: &response.kvs, sorted: by_key })
    }

    /// The witness of a part, or none where the part is not shown completely.
    pub(crate) fn part(&self, part: &KeyRange) -> Option<Witness> {
        if !self.range.contains(part) {
            return None;
        }
        let kvs = if self.sorted {
            let from = self.kvs.partition_point(|kv| kv.key < part.start);
            let kvs = self.kvs.get(from..).unwrap_or_default();
            kvs.get(..kvs.partition_point(|kv| part.end.is_behind(&kv.key))).unwrap_or_default()
        } else {
            self.kvs
        };
        Some(state(kvs.iter().filter(|kv| part.holds(&kv.key))))
    }

    fn all(&self) -> Witness {
        state(self.kvs.iter())
    }
}

fn state<'a>(kvs: impl Iterator<Item = &'a KeyValue>) -> Witness {
    let count = |(keys, newest): (usize, i64), kv: &KeyValue| (keys + 1, newest.max(kv.mod_revision));
    let (keys, newest) = kvs.fold((0, 0), count);
    Witness::State { keys, newest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kv(key: &str, mod_revision: i64) -> KeyValue {
        KeyValue { key: key.to_owned().into(), mod_revision, ..KeyValue::default() }
    }

    fn range(key: &str, range_end: &str) -> RangeRequest {
        RangeRequest {
            key: key.to_owned().into(),
            range_end: range_end.to_owned().into(),
            ..RangeRequest::default()
        }
    }

    fn response(kvs: Vec<KeyValue>) -> RangeResponse {
        RangeResponse { count: kvs.len() as i64, kvs, ..RangeResponse::default() }
    }

    fn part(request: &RangeRequest, response: &RangeResponse, key: &str, end: &str) -> Option<Witness> {
        let part = range(key, end);
        Shown::of(request, response)?.part(&KeyRange::new(&part.key, &part.range_end))
    }

    #[test]
    fn an_answer_tells_of_the_parts_of_its_range() {
        let (request, response) = (range("a", "z"), response(vec![kv("b", 5), kv("c", 9), kv("d", 7)]));
        let state = |keys, newest| Some(Witness::State { keys, newest });
        assert_eq!(part(&request, &response, "a", "z"), state(3, 9));
        assert_eq!(part(&request, &response, "b", ""), state(1, 5));
        assert_eq!(part(&request, &response, "bb", ""), state(0, 0));
        assert_eq!(part(&request, &response, "c", "e"), state(2, 9));
        assert_eq!(part(&request, &response, "c", "\0"), None);
    }

    #[test]
    fn a_page_tells_of_keys_up_to_its_last() {
        let request = RangeRequest { limit: 1, ..range("a", "z") };
        let page = RangeResponse { more: true, count: 3, ..response(vec![kv("b", 5)]) };
        assert_eq!(Witness::of(&request, &page), Witness::Partial);
        assert_eq!(part(&request, &page, "b", ""), Some(Witness::State { keys: 1, newest: 5 }));
        assert_eq!(part(&request, &page, "c", ""), None);
        let by_value = RangeRequest { sort_target: SortTarget::Value.into(), sort_order: 2, ..request };
        assert_eq!(part(&by_value, &page, "b", ""), None);
    }

    #[test]
    fn what_leaves_keys_out_tells_nothing() {
        let all = response(vec![kv("b", 5)]);
        for request in [
            RangeRequest { count_only: true, ..range("a", "z") },
            RangeRequest { min_mod_revision: 3, ..range("a", "z") },
            RangeRequest { revision: 3, ..range("a", "z") },
        ] {
            assert!(Shown::of(&request, &all).is_none());
        }
        let past = Witness::of(&RangeRequest { revision: 3, ..range("a", "z") }, &all);
        assert!(past.still_holds(Witness::Partial) && !Witness::Partial.still_holds(Witness::Partial));
    }
}
