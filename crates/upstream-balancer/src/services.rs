//! The seams, implemented by calling etcd.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_util::Stream;
use futures_util::task::AtomicWaker;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::lease_server::Lease;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::etcdserverpb::watch_server::Watch;
use proto_gen::etcdserverpb::{
    AlarmRequest, AlarmResponse, CompactionRequest, CompactionResponse, DeleteRangeRequest,
    DeleteRangeResponse, LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest,
    LeaseKeepAliveResponse, LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse,
    LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, MemberListRequest, MemberListResponse, PutRequest,
    PutResponse, RangeRequest, RangeResponse, RangeStreamResponse, RequestOp, TxnRequest, TxnResponse,
    WatchRequest, WatchResponse,
};
use proto_gen::v3electionpb::election_client::ElectionClient;
use proto_gen::v3electionpb::election_server::Election;
use proto_gen::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderRequest, LeaderResponse, ProclaimRequest, ProclaimResponse,
    ResignRequest, ResignResponse,
};
use proto_gen::v3lockpb::lock_server::Lock;
use proto_gen::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};
use tonic::{Request, Response, Status, Streaming};

use crate::ordering::{Ordered, is_serializable};
use crate::pool::Lane;
use crate::unary::Method;
use crate::upstream::Upstream;

const RANGE: Method = Method::read("/etcdserverpb.KV/Range");
const PUT: Method = Method::write("/etcdserverpb.KV/Put");
const DELETE_RANGE: Method = Method::write("/etcdserverpb.KV/DeleteRange");
const TXN: Method = Method::write("/etcdserverpb.KV/Txn");
/// A transaction that writes nowhere: etcd answers it as it answers a read, and so it may be asked again.
const READ_ONLY_TXN: Method = Method::read("/etcdserverpb.KV/Txn");
const COMPACT: Method = Method::write("/etcdserverpb.KV/Compact");
const LEASE_GRANT: Method = Method::write("/etcdserverpb.Lease/LeaseGrant");
const LEASE_REVOKE: Method = Method::write("/etcdserverpb.Lease/LeaseRevoke");
const LEASE_TIME_TO_LIVE: Method = Method::read("/etcdserverpb.Lease/LeaseTimeToLive");
const LEASE_LEASES: Method = Method::read("/etcdserverpb.Lease/LeaseLeases");
const MEMBER_LIST: Method = Method::read("/etcdserverpb.Cluster/MemberList");
const ALARM: Method = Method::write("/etcdserverpb.Maintenance/Alarm");
const CAMPAIGN: Method = Method::write("/v3electionpb.Election/Campaign");
const PROCLAIM: Method = Method::write("/v3electionpb.Election/Proclaim");
const LEADER: Method = Method::read("/v3electionpb.Election/Leader");
const RESIGN: Method = Method::write("/v3electionpb.Election/Resign");
const LOCK: Method = Method::write("/v3lockpb.Lock/Lock");
const UNLOCK: Method = Method::write("/v3lockpb.Lock/Unlock");

type Answer<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Kv for Upstream {
    async fn range(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        self.in_order(&RANGE, request, |range| range.serializable).await
    }

    type RangeStreamStream = Ordered<Streaming<RangeStreamResponse>>;

    async fn range_stream(&self, mut request: Request<RangeRequest>) -> Answer<Self::RangeStreamStream> {
        if self.cluster().keeps_order() {
            // What has begun cannot be asked of another member. A linearizable read is never behind.
            request.get_mut().serializable = false;
        }
        let client = KvClient::new(self.lane(Lane::Bulk));
        let response = client.max_decoding_message_size(usize::MAX).range_stream(request).await?;
        Ok(response.map(|chunks| Ordered::new(chunks, Arc::clone(self.cluster()))))
    }

    async fn put(&self, request: Request<PutRequest>) -> Answer<PutResponse> {
        self.in_order(&PUT, request, |_| false).await
    }

    async fn delete_range(&self, request: Request<DeleteRangeRequest>) -> Answer<DeleteRangeResponse> {
        self.in_order(&DELETE_RANGE, request, |_| false).await
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        let method = if only_reads(request.get_ref()) { &READ_ONLY_TXN } else { &TXN };
        self.in_order(method, request, is_serializable).await
    }

    async fn compact(&self, request: Request<CompactionRequest>) -> Answer<CompactionResponse> {
        self.in_order(&COMPACT, request, |_| false).await
    }
}

#[tonic::async_trait]
impl Watch for Upstream {
    type WatchStream = Relayed<WatchResponse>;

    async fn watch(&self, request: Request<Streaming<WatchRequest>>) -> Answer<Self::WatchStream> {
        let (request, failure) = outbound(request);
        let client = WatchClient::new(self.lane(Lane::Watch));
        let mut client = client.max_decoding_message_size(usize::MAX);
        relayed(client.watch(request).await, failure)
    }
}

#[tonic::async_trait]
impl Lease for Upstream {
    async fn lease_grant(&self, request: Request<LeaseGrantRequest>) -> Answer<LeaseGrantResponse> {
        self.unary(&LEASE_GRANT, request).await
    }

    async fn lease_revoke(&self, request: Request<LeaseRevokeRequest>) -> Answer<LeaseRevokeResponse> {
        self.in_order(&LEASE_REVOKE, request, |_| false).await
    }

    type LeaseKeepAliveStream = Relayed<LeaseKeepAliveResponse>;

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Answer<Self::LeaseKeepAliveStream> {
        let (request, failure) = outbound(request);
        let client = LeaseClient::new(self.lane(Lane::Lease));
        let mut client = client.max_decoding_message_size(usize::MAX);
        relayed(client.lease_keep_alive(request).await, failure)
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Answer<LeaseTimeToLiveResponse> {
        self.unary(&LEASE_TIME_TO_LIVE, request).await
    }

    async fn lease_leases(&self, request: Request<LeaseLeasesRequest>) -> Answer<LeaseLeasesResponse> {
        self.unary(&LEASE_LEASES, request).await
    }
}

impl Upstream {
    /// `etcdserverpb.Cluster/MemberList`.
    ///
    /// # Errors
    /// What etcd answers, or `Unavailable`.
    pub async fn member_list(&self, request: Request<MemberListRequest>) -> Answer<MemberListResponse> {
        self.unary(&MEMBER_LIST, request).await
    }

    /// `etcdserverpb.Maintenance/Alarm`.
    ///
    /// # Errors
    /// What etcd answers, or `Unavailable`.
    pub async fn alarms(&self, request: Request<AlarmRequest>) -> Answer<AlarmResponse> {
        self.unary(&ALARM, request).await
    }
}

#[tonic::async_trait]
impl Election for Upstream {
    async fn campaign(&self, request: Request<CampaignRequest>) -> Answer<CampaignResponse> {
        self.in_order(&CAMPAIGN, request, |_| false).await
    }

    async fn proclaim(&self, request: Request<ProclaimRequest>) -> Answer<ProclaimResponse> {
        self.in_order(&PROCLAIM, request, |_| false).await
    }

    async fn leader(&self, request: Request<LeaderRequest>) -> Answer<LeaderResponse> {
        self.in_order(&LEADER, request, |_| false).await
    }

    type ObserveStream = Streaming<LeaderResponse>;

    async fn observe(&self, request: Request<LeaderRequest>) -> Answer<Self::ObserveStream> {
        let client = ElectionClient::new(self.lane(Lane::Watch));
        client.max_decoding_message_size(usize::MAX).observe(request).await
    }

    async fn resign(&self, request: Request<ResignRequest>) -> Answer<ResignResponse> {
        self.in_order(&RESIGN, request, |_| false).await
    }
}

#[tonic::async_trait]
impl Lock for Upstream {
    async fn lock(&self, request: Request<LockRequest>) -> Answer<LockResponse> {
        self.in_order(&LOCK, request, |_| false).await
    }

    async fn unlock(&self, request: Request<UnlockRequest>) -> Answer<UnlockResponse> {
        self.in_order(&UNLOCK, request, |_| false).await
    }
}

/// etcd's own rule: every operation of either branch is a Range, none is a transaction.
fn only_reads(txn: &TxnRequest) -> bool {
    let is_range = |op: &RequestOp| matches!(op.request, Some(Op::RequestRange(_)));
    txn.success.iter().chain(&txn.failure).all(is_range)
}

/// Why the client's half of a stream ended badly, told to the half that answers it.
#[derive(Debug, Default)]
struct Fault {
    status: OnceLock<Status>,
    waker: AtomicWaker,
}

/// The client's half of a stream, as a request for a generated client. It ends where the client's half ends, be it
/// by an error, which is told to the answer.
fn outbound<T: Send + 'static>(
    request: Request<Streaming<T>>,
) -> (Request<impl Stream<Item = T> + Send>, Arc<Fault>) {
    let fault = Arc::default();
    let told = Arc::clone(&fault);
    (request.map(|stream| Outbound { stream, fault: told }), fault)
}

fn relayed<T>(answer: Answer<Streaming<T>>, fault: Arc<Fault>) -> Answer<Relayed<T>> {
    match answer {
        Ok(response) => Ok(response.map(|stream| Relayed { stream, fault })),
        Err(status) => Err(fault.status.get().cloned().unwrap_or(status)),
    }
}

struct Outbound<T> {
    stream: Streaming<T>,
    fault: Arc<Fault>,
}

impl<T> Stream for Outbound<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let polled = Pin::new(&mut self.stream).poll_next(cx);
        polled.map(|item| match item? {
            Ok(message) => Some(message),
            Err(status) => {
                let _ = self.fault.status.set(status);
                self.fault.waker.wake();
                None
            }
        })
    }
}

/// The member's half of a stream. Where the client's half was at fault, it ends with that error.
#[derive(Debug)]
pub struct Relayed<T> {
    stream: Streaming<T>,
    fault: Arc<Fault>,
}

impl<T> Stream for Relayed<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.fault.waker.register(cx.waker());
        if let Some(status) = self.fault.status.get() {
            return Poll::Ready(Some(Err(status.clone())));
        }
        Pin::new(&mut self.stream).poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    use proto_gen::etcdserverpb::Compare;

    use super::*;

    fn txn(success: Vec<Op>, failure: Vec<Op>) -> TxnRequest {
        let ops = |ops: Vec<Op>| ops.into_iter().map(|op| RequestOp { request: Some(op) }).collect();
        TxnRequest { compare: vec![Compare::default()], success: ops(success), failure: ops(failure) }
    }

    fn range() -> Op {
        Op::RequestRange(RangeRequest::default())
    }

    #[test]
    fn a_transaction_of_ranges_only_reads() {
        assert!(only_reads(&txn(vec![], vec![])));
        assert!(only_reads(&txn(vec![range(), range()], vec![range()])));
    }

    #[test]
    fn a_transaction_with_anything_else_in_either_branch_may_write() {
        for other in [
            Op::RequestPut(PutRequest::default()),
            Op::RequestDeleteRange(DeleteRangeRequest::default()),
            Op::RequestTxn(txn(vec![range()], vec![])),
        ] {
            assert!(!only_reads(&txn(vec![range(), other.clone()], vec![])));
            assert!(!only_reads(&txn(vec![range()], vec![other])));
        }
        let empty = TxnRequest { success: vec![RequestOp { request: None }], ..TxnRequest::default() };
        assert!(!only_reads(&empty));
    }
}
