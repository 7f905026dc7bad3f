//! What etcd would answer about one key that is known.

use bytes::Bytes;
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse, ResponseHeader};
use proto_gen::mvccpb::KeyValue;

/// Whether a read is one that the state of a single key answers.
pub(crate) fn is_of_one_key(read: &RangeRequest) -> bool {
    read.range_end.is_empty() && read.revision == 0 && !read.key.is_empty()
}

/// The answer of Range to such a read. etcd counts the key before it filters; a sort or a limit cannot change one key.
pub(crate) fn of_range(read: &RangeRequest, kv: Option<&KeyValue>, header: ResponseHeader) -> RangeResponse {
    let shown = kv.filter(|kv| !read.count_only && passes(read, kv)).map(|kv| KeyValue {
        value: if read.keys_only { Bytes::new() } else { kv.value.clone() },
        ..kv.clone()
    });
    RangeResponse {
        header: Some(header),
        kvs: shown.into_iter().collect(),
        more: false,
        count: i64::from(kv.is_some()),
    }
}

/// Zero is no bound.
fn passes(read: &RangeRequest, kv: &KeyValue) -> bool {
    let at_least = |bound: i64, revision: i64| bound == 0 || revision >= bound;
    let at_most = |bound: i64, revision: i64| bound == 0 || revision <= bound;
    at_least(read.min_mod_revision, kv.mod_revision)
        && at_most(read.max_mod_revision, kv.mod_revision)
        && at_least(read.min_create_revision, kv.create_revision)
        && at_most(read.max_create_revision, kv.create_revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kv() -> KeyValue {
        KeyValue {
            key: "a".into(),
            value: "1".into(),
            create_revision: 5,
            mod_revision: 8,
            version: 3,
            lease: 0,
        }
    }

    fn answered(read: RangeRequest, kv: Option<&KeyValue>) -> (i64, Vec<(Bytes, Bytes)>) {
        let answer = of_range(&read, kv, ResponseHeader { revision: 9, ..ResponseHeader::default() });
        assert!(!answer.more && answer.header.is_some_and(|header| header.revision == 9));
        (answer.count, answer.kvs.into_iter().map(|kv| (kv.key, kv.value)).collect())
    }

    #[test]
    fn every_option_of_a_read_is_heeded() {
        let read = RangeRequest { key: "a".into(), ..RangeRequest::default() };
        let whole = (1, vec![("a".into(), "1".into())]);
        let none = (1, vec![]);
        for (read, expected) in [
            (read.clone(), &whole),
            (RangeRequest { limit: 1, sort_order: 2, serializable: true, ..read.clone() }, &whole),
            (RangeRequest { keys_only: true, ..read.clone() }, &(1, vec![("a".into(), Bytes::new())])),
            (RangeRequest { count_only: true, ..read.clone() }, &none),
            (RangeRequest { min_mod_revision: 8, max_mod_revision: 8, ..read.clone() }, &whole),
            (RangeRequest { min_mod_revision: 9, ..read.clone() }, &none),
            (RangeRequest { max_mod_revision: 7, ..read.clone() }, &none),
            (RangeRequest { min_create_revision: 5, max_create_revision: 5, ..read.clone() }, &whole),
            (RangeRequest { min_create_revision: 6, ..read.clone() }, &none),
            (RangeRequest { max_create_revision: 4, ..read.clone() }, &none),
        ] {
            assert_eq!(&answered(read.clone(), Some(&kv())), expected, "{read:?}");
        }
        assert_eq!(answered(read, None), (0, vec![]));
    }

    #[test]
    fn ranges_and_the_past_are_not_of_one_key() {
        let read = RangeRequest { key: "a".into(), ..RangeRequest::default() };
        assert!(is_of_one_key(&read));
        assert!(!is_of_one_key(&RangeRequest { range_end: "b".into(), ..read.clone() }));
        assert!(!is_of_one_key(&RangeRequest { revision: 3, ..read.clone() }));
        assert!(!is_of_one_key(&RangeRequest { key: Bytes::new(), ..read }));
    }
}
