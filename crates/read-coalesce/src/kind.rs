//! Which reads may share, and with which others.

use proto_gen::etcdserverpb::RangeRequest;
use proto_gen::etcdserverpb::range_request::{SortOrder, SortTarget};

use crate::heavy::{Fingerprint, Heavy};

/// Longest key and range end, in bytes: a full batch of them stays far below etcd's limit for a request.
const MAX_KEY_BYTES: usize = 4 << 10;
/// Most keys that a read of a range may want.
const MAX_LIMIT: i64 = 64;

/// Reads of one kind cost etcd about the same, so that none waits for one that takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// One key.
    Point,
    /// The first few keys of a range.
    Limited,
    /// One that was answered with much; it shares with its equals only.
    Heavy(Fingerprint),
}

/// The kind of a read, or none where it must go as it is.
///
/// Not in a transaction: serializable reads, which etcd answers without its quorum; reads of a revision, where one
/// that is compacted fails the whole; an empty key, a sort that etcd does not know or a key of any size, which fail the
/// whole as well; ranges that etcd has to collect before it cuts them to the limit.
pub(crate) fn kind(read: &RangeRequest, fingerprint: Fingerprint, heavy: &Heavy) -> Option<Kind> {
    let plain = !read.serializable
        && read.revision == 0
        && !read.key.is_empty()
        && read.key.len() + read.range_end.len() <= MAX_KEY_BYTES
        && SortOrder::try_from(read.sort_order).is_ok()
        && SortTarget::try_from(read.sort_target).is_ok();
    let light = read.range_end.is_empty() || is_limited(read);
    match (plain && light, heavy.contains(fingerprint)) {
        (false, _) => None,
        (true, true) => Some(Kind::Heavy(fingerprint)),
        (true, false) if read.range_end.is_empty() => Some(Kind::Point),
        (true, false) => Some(Kind::Limited),
    }
}

/// etcd applies a limit at once only to a range that it neither sorts nor filters.
fn is_limited(read: &RangeRequest) -> bool {
    (1..=MAX_LIMIT).contains(&read.limit)
        && read.sort_order == SortOrder::None as i32
        && [read.min_mod_revision, read.max_mod_revision, read.min_create_revision, read.max_create_revision]
            == [0; 4]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point() -> RangeRequest {
        RangeRequest { key: "a".into(), ..RangeRequest::default() }
    }

    fn limited() -> RangeRequest {
        RangeRequest { range_end: "b".into(), limit: 10, ..point() }
    }

    fn kind_of(read: &RangeRequest) -> Option<Kind> {
        let heavy = Heavy::new();
        kind(read, heavy.fingerprint(read), &heavy)
    }

    #[test]
    fn one_key_may_be_asked_for_in_any_way() {
        for read in [
            point(),
            RangeRequest { limit: 5, ..point() },
            RangeRequest { limit: -1, ..point() },
            RangeRequest { keys_only: true, ..point() },
            RangeRequest { count_only: true, ..point() },
            RangeRequest { sort_order: 2, sort_target: 4, ..point() },
            RangeRequest { min_mod_revision: 5, max_create_revision: 9, ..point() },
        ] {
            assert_eq!(kind_of(&read), Some(Kind::Point), "{read:?}");
        }
    }

    #[test]
    fn the_first_few_of_a_range_may_share_with_their_like() {
        for read in [
            limited(),
            RangeRequest { limit: MAX_LIMIT, ..limited() },
            RangeRequest { keys_only: true, ..limited() },
            RangeRequest { range_end: "\0".into(), ..limited() },
        ] {
            assert_eq!(kind_of(&read), Some(Kind::Limited), "{read:?}");
        }
    }

    #[test]
    fn what_may_fail_or_hold_up_the_others_goes_as_it_is() {
        for read in [
            RangeRequest { serializable: true, ..point() },
            RangeRequest { revision: 1, ..point() },
            RangeRequest { revision: -1, ..point() },
            RangeRequest { key: "".into(), ..point() },
            RangeRequest { key: vec![b'k'; MAX_KEY_BYTES + 1].into(), ..point() },
            RangeRequest { sort_order: 3, ..point() },
            RangeRequest { sort_target: -1, ..point() },
            RangeRequest { limit: 0, ..limited() },
            RangeRequest { limit: -1, ..limited() },
            RangeRequest { limit: MAX_LIMIT + 1, ..limited() },
            RangeRequest { sort_order: 1, ..limited() },
            RangeRequest { min_mod_revision: 1, ..limited() },
            RangeRequest { max_mod_revision: 1, ..limited() },
            RangeRequest { min_create_revision: 1, ..limited() },
            RangeRequest { max_create_revision: 1, ..limited() },
        ] {
            assert_eq!(kind_of(&read), None, "{read:?}");
        }
    }

    #[test]
    fn a_heavy_read_shares_with_its_equals_only() {
        let mut heavy = Heavy::new();
        let fingerprint = heavy.fingerprint(&point());
        let much = proto_gen::etcdserverpb::RangeResponse { count: 1 << 20, ..Default::default() };
        heavy.learn(fingerprint, &much);
        assert_eq!(kind(&point(), fingerprint, &heavy), Some(Kind::Heavy(fingerprint)));
        let other = RangeRequest { key: "other".into(), ..point() };
        assert_eq!(kind(&other, heavy.fingerprint(&other), &heavy), Some(Kind::Point));
        let old = RangeRequest { revision: 3, ..point() };
        assert_eq!(kind(&old, fingerprint, &heavy), None);
    }
}
