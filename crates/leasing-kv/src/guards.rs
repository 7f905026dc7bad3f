//! `Guards`: the compares that let a write happen only where nobody else owns what it writes.

use bytes::Bytes;
use proto_gen::KeyRange;
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{Compare, RangeRequest, RangeResponse, RequestOp};

/// What has to hold of leasing keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Guards {
    /// A leasing key that is absent, or was created not later than at this revision: the one at which it became ours.
    pub(crate) points: Vec<(Bytes, i64)>,
    /// Leasing keys that are all absent.
    pub(crate) ranges: Vec<KeyRange>,
}

impl Guards {
    pub(crate) fn len(&self) -> usize {
        self.points.len() + self.ranges.len()
    }

    /// Conditions of a transaction. etcd holds a missing key to have been created at revision 0.
    pub(crate) fn compares(&self) -> impl Iterator<Item = Compare> {
        let points = self.points.iter().map(|(key, own)| not_after(KeyRange::point(key), *own));
        points.chain(self.ranges.iter().map(|range| not_after(range.clone(), 0)))
    }

    /// Reads that tell the same, for a branch where it is not known whether the conditions held.
    pub(crate) fn reads(&self) -> impl Iterator<Item = RequestOp> {
        let points = self.points.iter().map(|(key, _)| read(&KeyRange::point(key)));
        points.chain(self.ranges.iter().map(read))
    }

    /// Whether the conditions held, by what those reads were answered with. None where they are other answers.
    pub(crate) fn held(&self, answers: &[&RangeResponse]) -> Option<bool> {
        if answers.len() != self.len() {
            return None;
        }
        let own = self.points.iter().map(|(_, own)| *own).chain(self.ranges.iter().map(|_| 0));
        Some(own.zip(answers).all(|(own, answer)| answer.kvs.iter().all(|kv| kv.create_revision <= own)))
    }
}

fn not_after(range: KeyRange, revision: i64) -> Compare {
    Compare {
        result: CompareResult::Less.into(),
        target: CompareTarget::Create.into(),
        range_end: range.range_end(),
        key: range.start,
        target_union: Some(TargetUnion::CreateRevision(revision.saturating_add(1))),
    }
}

/// One key of a range is enough to know that somebody owns one.
fn read(range: &KeyRange) -> RequestOp {
    let request = RangeRequest {
        key: range.start.clone(),
        range_end: range.range_end(),
        keys_only: true,
        limit: 1,
        ..RangeRequest::default()
    };
    RequestOp { request: Some(Op::RequestRange(request)) }
}

#[cfg(test)]
mod tests {
    use proto_gen::mvccpb::KeyValue;

    use super::*;

    fn answer(create_revisions: &[i64]) -> RangeResponse {
        let kv =
            |create_revision: &i64| KeyValue { create_revision: *create_revision, ..KeyValue::default() };
        RangeResponse { kvs: create_revisions.iter().map(kv).collect(), ..RangeResponse::default() }
    }

    fn guards() -> Guards {
        Guards {
            points: vec![("_l/a".into(), 0), ("_l/b".into(), 7)],
            ranges: vec![KeyRange::new(&"_l/x".into(), &"_l/z".into())],
        }
    }

    #[test]
    fn a_key_is_unowned_or_owned_since_the_revision_that_is_known() {
        let compares: Vec<_> = guards().compares().map(|c| (c.key, c.range_end, c.target_union)).collect();
        let less = |revision| Some(TargetUnion::CreateRevision(revision));
        assert_eq!(
            compares,
            [
                ("_l/a".into(), "".into(), less(1)),
                ("_l/b".into(), "".into(), less(8)),
                ("_l/x".into(), "_l/z".into(), less(1)),
            ]
        );
    }

    #[test]
    fn reads_tell_what_the_conditions_would_have() {
        let held = |answers: [&[i64]; 3]| {
            let answers = answers.map(answer);
            guards().held(&answers.iter().collect::<Vec<_>>())
        };
        assert_eq!(guards().reads().count(), 3);
        assert_eq!(held([&[], &[], &[]]), Some(true));
        assert_eq!(held([&[], &[7], &[]]), Some(true));
        assert_eq!(held([&[], &[8], &[]]), Some(false));
        assert_eq!(held([&[1], &[], &[]]), Some(false));
        assert_eq!(held([&[], &[], &[3]]), Some(false));
        assert_eq!(guards().held(&[]), None);
    }
}
