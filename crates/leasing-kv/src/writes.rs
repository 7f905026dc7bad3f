//! `Writes`: which keys a request may write.

use bytes::Bytes;
use proto_gen::KeyRange;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{RequestOp, TxnRequest};

use crate::names::Names;

/// The keys that a transaction may write, in either branch and at any depth, which the decoder bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Writes {
    /// Sorted, each once.
    pub(crate) points: Vec<Bytes>,
    pub(crate) ranges: Vec<KeyRange>,
}

impl Writes {
    /// Those of a transaction, but for the leasing keys that it names one by one: who writes those knows what he does.
    pub(crate) fn of(txn: &TxnRequest, names: &Names) -> Self {
        let mut writes = Self::default();
        writes.collect(txn, names);
        writes.points.sort_unstable();
        writes.points.dedup();
        writes.ranges.sort_unstable();
        writes.ranges.dedup();
        writes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.points.is_empty() && self.ranges.is_empty()
    }

    fn collect(&mut self, txn: &TxnRequest, names: &Names) {
        for RequestOp { request } in txn.success.iter().chain(&txn.failure) {
            match request {
                Some(Op::RequestPut(put)) => self.point(&put.key, names),
                Some(Op::RequestDeleteRange(delete)) if delete.range_end.is_empty() => {
                    self.point(&delete.key, names);
                }
                Some(Op::RequestDeleteRange(delete)) => {
                    self.ranges.push(KeyRange::new(&delete.key, &delete.range_end));
                }
                Some(Op::RequestTxn(txn)) => self.collect(txn, names),
                Some(Op::RequestRange(_)) | None => {}
            }
        }
    }

    fn point(&mut self, key: &Bytes, names: &Names) {
        if !names.holds(key) {
            self.points.push(key.clone());
        }
    }
}

/// Whether any of these operations writes.
pub(crate) fn writes(operations: &[RequestOp]) -> bool {
    operations.iter().any(|RequestOp { request }| match request {
        Some(Op::RequestPut(_) | Op::RequestDeleteRange(_)) => true,
        Some(Op::RequestTxn(txn)) => writes(&txn.success) || writes(&txn.failure),
        Some(Op::RequestRange(_)) | None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{delete, get, put, txn};

    #[test]
    fn a_transaction_writes_what_it_names_at_any_depth() {
        let inner = TxnRequest { failure: vec![delete("d", "f"), put("b")], ..TxnRequest::default() };
        let outer = TxnRequest {
            success: vec![put("b"), get("r"), put("_l/x"), txn(inner)],
            failure: vec![delete("a", ""), delete("_l/y", "")],
            ..TxnRequest::default()
        };
        let names = Names::new("_l/".into());
        let expected = Writes {
            points: vec!["a".into(), "b".into()],
            ranges: vec![KeyRange::new(&"d".into(), &"f".into())],
        };
        assert_eq!(Writes::of(&outer, &names), expected);
        assert!(writes(&outer.success) && writes(&outer.failure) && !writes(&[get("r")]));
        assert!(
            Writes::of(&TxnRequest { success: vec![get("r")], ..TxnRequest::default() }, &names).is_empty()
        );
    }
}
