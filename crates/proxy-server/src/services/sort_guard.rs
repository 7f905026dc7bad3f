//! Keeps reads with an unknown sort order or target from members that crash on them (etcd before 3.6).

use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{
    CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse,
    RangeRequest, RangeResponse, RequestOp, TxnRequest, TxnResponse,
};
use tonic::{Request, Response, Status};

/// A layer over KV that refuses, as etcd does since 3.6, a sort that etcd does not know.
#[derive(Clone, Debug)]
pub(crate) struct SortGuard<S>(pub(crate) S);

fn check(range: &RangeRequest) -> Result<(), Status> {
    let known =
        SortOrder::try_from(range.sort_order).is_ok() && SortTarget::try_from(range.sort_target).is_ok();
    if known { Ok(()) } else { Err(Status::invalid_argument("etcdserver: invalid sort option")) }
}

/// Depth is bounded by the decoder, which refuses messages nested more than 100 deep.
fn check_txn(txn: &TxnRequest) -> Result<(), Status> {
    txn.success.iter().chain(&txn.failure).try_for_each(check_op)
}

fn check_op(op: &RequestOp) -> Result<(), Status> {
    match &op.request {
        Some(Op::RequestRange(range)) => check(range),
        Some(Op::RequestTxn(txn)) => check_txn(txn),
        Some(Op::RequestPut(_) | Op::RequestDeleteRange(_)) | None => Ok(()),
    }
}

#[tonic::async_trait]
impl<S: Kv> Kv for SortGuard<S> {
    async fn range(&self, request: Request<RangeRequest>) -> Result<Response<RangeResponse>, Status> {
        check(request.get_ref())?;
        self.0.range(request).await
    }

    type RangeStreamStream = S::RangeStreamStream;

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        check(request.get_ref())?;
        self.0.range_stream(request).await
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        self.0.put(request).await
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        self.0.delete_range(request).await
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        check_txn(request.get_ref())?;
        self.0.txn(request).await
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        self.0.compact(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(sort_order: i32, sort_target: i32) -> RangeRequest {
        RangeRequest { sort_order, sort_target, ..RangeRequest::default() }
    }

    fn nested(range: RangeRequest) -> TxnRequest {
        let op = |request| RequestOp { request: Some(request) };
        let inner = TxnRequest { failure: vec![op(Op::RequestRange(range))], ..TxnRequest::default() };
        TxnRequest { success: vec![op(Op::RequestTxn(inner))], ..TxnRequest::default() }
    }

    #[test]
    fn every_sort_that_etcd_knows_passes() {
        assert!((0..=2).all(|order| (0..=4).all(|target| check(&sorted(order, target)).is_ok())));
    }

    #[test]
    fn a_sort_that_etcd_does_not_know_is_refused_at_any_depth() {
        for range in [sorted(3, 0), sorted(0, 5), sorted(-1, 0)] {
            let refused = check(&range).unwrap_err();
            assert_eq!(refused.message(), "etcdserver: invalid sort option");
            assert!(check_txn(&nested(range)).is_err());
        }
        assert!(check_txn(&nested(sorted(1, 1))).is_ok());
    }

    #[test]
    fn an_operation_without_a_request_is_left_to_etcd() {
        let txn = TxnRequest { success: vec![RequestOp { request: None }], ..TxnRequest::default() };
        assert!(check_txn(&txn).is_ok());
    }
}
