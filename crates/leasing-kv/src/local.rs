//! Read-only transactions from what is known of their keys.

use std::cmp::Ordering;

use bytes::Bytes;
use proto_gen::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as OpAnswer;
use proto_gen::etcdserverpb::{Compare, RequestOp, ResponseHeader, ResponseOp, TxnRequest, TxnResponse};
use proto_gen::mvccpb::KeyValue;

use crate::answer;

/// Compares and operations of the largest transaction that is answered here. etcd's own limit, which it may have set
/// lower or higher, is above what clients read at once.
const MOST: usize = 64;

/// All keys that a transaction looks at, whatever branch it takes: etcd wants the caller to be allowed all of them. None
/// where it writes, or is of a kind that etcd should judge.
pub(crate) fn keys(txn: &TxnRequest) -> Option<Vec<Bytes>> {
    let mut keys = Vec::new();
    collect(txn, &mut keys)?;
    (!keys.is_empty()).then_some(keys)
}

fn collect(txn: &TxnRequest, keys: &mut Vec<Bytes>) -> Option<()> {
    for compare in &txn.compare {
        let is_regular =
            compare.range_end.is_empty() && !compare.key.is_empty() && operands(compare, None).is_some();
        keys.push(is_regular.then(|| compare.key.clone())?);
    }
    for RequestOp { request } in txn.success.iter().chain(&txn.failure) {
        match request {
            Some(Op::RequestRange(read)) if answer::is_of_one_key(read) && is_sorted_well(read) => {
                keys.push(read.key.clone());
            }
            Some(Op::RequestTxn(txn)) => {
                keys.reserve(1);
                collect(txn, keys)?;
            }
            _ => return None,
        }
    }
    (keys.len() <= MOST).then_some(())
}

/// etcd refuses what it does not know.
fn is_sorted_well(read: &proto_gen::etcdserverpb::RangeRequest) -> bool {
    use proto_gen::etcdserverpb::range_request::{SortOrder, SortTarget};
    SortOrder::try_from(read.sort_order).is_ok() && SortTarget::try_from(read.sort_target).is_ok()
}

/// The answer, with this header, of a transaction that [`keys`] has passed. etcd gives the ranges in it a header with
/// the revision alone, and the transactions in it an empty one.
pub(crate) fn answer<'a>(
    txn: &TxnRequest,
    header: ResponseHeader,
    lookup: &impl Fn(&Bytes) -> Option<&'a KeyValue>,
) -> TxnResponse {
    let succeeded = txn.compare.iter().all(|compare| holds(compare, lookup(&compare.key)));
    let taken = if succeeded { &txn.success } else { &txn.failure };
    let revision = header.revision;
    let responses = taken.iter().map(|op| ResponseOp { response: operation(op, revision, lookup) }).collect();
    TxnResponse { header: Some(header), succeeded, responses }
}

fn operation<'a>(
    op: &RequestOp,
    revision: i64,
    lookup: &impl Fn(&Bytes) -> Option<&'a KeyValue>,
) -> Option<OpAnswer> {
    let header = ResponseHeader { revision, ..ResponseHeader::default() };
    match &op.request {
        Some(Op::RequestRange(read)) => {
            Some(OpAnswer::ResponseRange(answer::of_range(read, lookup(&read.key), header)))
        }
        Some(Op::RequestTxn(txn)) => {
            let nested = answer(txn, header, lookup);
            Some(OpAnswer::ResponseTxn(TxnResponse { header: Some(ResponseHeader::default()), ..nested }))
        }
        _ => None,
    }
}

/// A missing key has no value, so that no compare of one holds; everything else of it is 0.
fn holds(compare: &Compare, kv: Option<&KeyValue>) -> bool {
    if kv.is_none() && compare.target == i32::from(CompareTarget::Value) {
        return false;
    }
    let Some(ordering) = operands(compare, kv) else { return false };
    match CompareResult::try_from(compare.result) {
        Ok(CompareResult::Equal) => ordering == Ordering::Equal,
        Ok(CompareResult::NotEqual) => ordering != Ordering::Equal,
        Ok(CompareResult::Greater) => ordering == Ordering::Greater,
        Ok(CompareResult::Less) => ordering == Ordering::Less,
        Err(_) => false,
    }
}

/// How the key's side compares with the other. None where the compare does not say what it compares with.
fn operands(compare: &Compare, kv: Option<&KeyValue>) -> Option<Ordering> {
    CompareResult::try_from(compare.result).ok()?;
    let number = |of: fn(&KeyValue) -> i64| kv.map_or(0, of);
    let ordering = match (CompareTarget::try_from(compare.target).ok()?, compare.target_union.as_ref()?) {
        (CompareTarget::Version, TargetUnion::Version(n)) => number(|kv| kv.version).cmp(n),
        (CompareTarget::Create, TargetUnion::CreateRevision(n)) => number(|kv| kv.create_revision).cmp(n),
        (CompareTarget::Mod, TargetUnion::ModRevision(n)) => number(|kv| kv.mod_revision).cmp(n),
        (CompareTarget::Lease, TargetUnion::Lease(n)) => number(|kv| kv.lease).cmp(n),
        (CompareTarget::Value, TargetUnion::Value(value)) => {
            kv.map_or(&[][..], |kv| kv.value.as_ref()).cmp(value)
        }
        _ => return None,
    };
    Some(ordering)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{get, put, txn};

    fn kv() -> KeyValue {
        KeyValue {
            key: "a".into(),
            value: "m".into(),
            create_revision: 3,
            mod_revision: 5,
            version: 2,
            lease: 0,
        }
    }

    fn compare(key: &str, result: CompareResult, target: CompareTarget, with: TargetUnion) -> Compare {
        Compare {
            key: key.to_owned().into(),
            result: result.into(),
            target: target.into(),
            target_union: Some(with),
            ..Compare::default()
        }
    }

    fn succeeded(compare: Compare) -> bool {
        let txn = TxnRequest { compare: vec![compare], ..TxnRequest::default() };
        assert!(keys(&txn).is_some());
        let kv = kv();
        answer(&txn, ResponseHeader::default(), &|key| (key == "a").then_some(&kv)).succeeded
    }

    #[test]
    fn compares_of_a_key_that_is_there() {
        use {CompareResult as R, CompareTarget as T, TargetUnion as U};
        type Number = (CompareTarget, fn(i64) -> TargetUnion, i64);
        let numbers: [Number; 4] = [
            (T::Version, U::Version, 2),
            (T::Create, U::CreateRevision, 3),
            (T::Mod, U::ModRevision, 5),
            (T::Lease, U::Lease, 0),
        ];
        for (target, with, is) in numbers {
            for (result, other, expected) in [
                (R::Equal, is, true),
                (R::Equal, is + 1, false),
                (R::NotEqual, is, false),
                (R::NotEqual, is - 1, true),
                (R::Greater, is - 1, true),
                (R::Greater, is, false),
                (R::Less, is + 1, true),
                (R::Less, is, false),
            ] {
                let found = succeeded(compare("a", result, target, with(other)));
                assert_eq!(found, expected, "{target:?} {result:?} {other}");
            }
        }
        for (result, value, expected) in [
            (R::Equal, "m", true),
            (R::NotEqual, "m", false),
            (R::Greater, "l", true),
            (R::Less, "l", false),
            (R::Less, "ma", true),
        ] {
            assert_eq!(succeeded(compare("a", result, T::Value, U::Value(value.into()))), expected);
        }
    }

    #[test]
    fn compares_of_a_missing_key() {
        use {CompareResult as R, CompareTarget as T, TargetUnion as U};
        assert!(succeeded(compare("none", R::Equal, T::Version, U::Version(0))));
        assert!(!succeeded(compare("none", R::Equal, T::Version, U::Version(5))));
        assert!(succeeded(compare("none", R::Less, T::Create, U::CreateRevision(1))));
        assert!(succeeded(compare("none", R::Equal, T::Lease, U::Lease(0))));
        for result in [R::Equal, R::NotEqual, R::Greater, R::Less] {
            assert!(!succeeded(compare("none", result, T::Value, U::Value("".into()))), "{result:?}");
        }
    }

    #[test]
    fn what_is_irregular_is_left_to_etcd() {
        use {CompareResult as R, CompareTarget as T, TargetUnion as U};
        let regular = compare("a", R::Equal, T::Version, U::Version(1));
        for compare in [
            Compare { range_end: "b".into(), ..regular.clone() },
            Compare { key: "".into(), ..regular.clone() },
            Compare { result: 9, ..regular.clone() },
            Compare { target: 9, ..regular.clone() },
            Compare { target_union: None, ..regular.clone() },
            Compare { target_union: Some(U::ModRevision(1)), ..regular.clone() },
        ] {
            assert_eq!(
                keys(&TxnRequest { compare: vec![compare.clone()], ..Default::default() }),
                None,
                "{compare:?}"
            );
        }
        let branch = |op| TxnRequest { failure: vec![op], ..TxnRequest::default() };
        assert!(keys(&branch(get("a"))).is_some());
        assert_eq!(keys(&branch(put("a"))), None);
        assert_eq!(keys(&branch(txn(branch(put("a"))))), None);
        assert_eq!(keys(&branch(RequestOp { request: None })), None);
        assert_eq!(keys(&TxnRequest::default()), None);
        assert_eq!(keys(&TxnRequest { success: vec![get("a"); MOST + 1], ..Default::default() }), None);
    }

    #[test]
    fn both_branches_count_and_one_is_taken() {
        use {CompareResult as R, CompareTarget as T, TargetUnion as U};
        let inner = TxnRequest {
            compare: vec![compare("none", R::Greater, T::Version, U::Version(0))],
            failure: vec![get("a")],
            ..TxnRequest::default()
        };
        let outer = TxnRequest {
            compare: vec![compare("a", R::Equal, T::Version, U::Version(2))],
            success: vec![txn(inner), get("none")],
            failure: vec![get("other")],
        };
        assert_eq!(keys(&outer).unwrap(), ["a", "none", "a", "none", "other"]);
        let kv = kv();
        let header = ResponseHeader { revision: 9, member_id: 1, ..ResponseHeader::default() };
        let answer = answer(&outer, header, &|key| (key == "a").then_some(&kv));
        assert!(answer.succeeded && answer.header == Some(header));
        let Some(OpAnswer::ResponseTxn(nested)) = &answer.responses[0].response else {
            panic!("a transaction")
        };
        assert!(!nested.succeeded && nested.header == Some(ResponseHeader::default()));
        let Some(OpAnswer::ResponseRange(range)) = &nested.responses[0].response else { panic!("a range") };
        assert_eq!(range.kvs, std::slice::from_ref(&kv));
        assert_eq!(range.header, Some(ResponseHeader { revision: 9, ..ResponseHeader::default() }));
        let Some(OpAnswer::ResponseRange(range)) = &answer.responses[1].response else { panic!("a range") };
        assert_eq!((range.count, range.kvs.len()), (0, 0));
    }
}
