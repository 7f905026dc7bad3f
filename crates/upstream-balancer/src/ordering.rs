//! `Seen`: the newest revision that anybody was told, so that serializable reads never go back behind it.
//!
//! A serializable read is answered by one member without a word to the others, and members are not all equally far. In
//! etcd's clients a wrapper keeps reads of one process in order; here it is done where another member can be chosen.

use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::Stream;
use prost::Message;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{
    CompactionResponse, DeleteRangeResponse, LeaseRevokeResponse, PutResponse, RangeResponse,
    RangeStreamResponse, ResponseHeader, TxnRequest, TxnResponse,
};
use proto_gen::v3electionpb::{CampaignResponse, LeaderResponse, ProclaimResponse, ResignResponse};
use proto_gen::v3lockpb::{LockResponse, UnlockResponse};
use tonic::{Request, Response, Status};

use crate::cluster::Cluster;
use crate::unary::Method;
use crate::upstream::Upstream;

/// Between two rounds through all members. etcd's client makes five rounds, too.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(40),
    Duration::from_millis(80),
];
/// etcd's client says this where no member is far enough.
const NO_GREATER_REVISION: &str =
    "etcdclient: no cluster members have a revision higher than the previously received revision";

/// The newest revision, once somebody asks for order.
#[derive(Debug, Default)]
pub(crate) struct Seen(OnceLock<AtomicI64>);

/// An answer that comes with etcd's header.
pub(crate) trait Headed {
    fn header(&self) -> Option<&ResponseHeader>;
}

macro_rules! headed {
    ($($response:ty),* $(,)?) => {
        $(impl Headed for $response {
            fn header(&self) -> Option<&ResponseHeader> {
                self.header.as_ref()
            }
        })*
    };
}

headed! {
    RangeResponse, PutResponse, DeleteRangeResponse, TxnResponse, CompactionResponse, LeaseRevokeResponse,
    LockResponse, UnlockResponse, CampaignResponse, ProclaimResponse, LeaderResponse, ResignResponse,
}

impl Seen {
    fn see(&self, header: Option<&ResponseHeader>) {
        if let (Some(seen), Some(header)) = (self.0.get(), header) {
            seen.fetch_max(header.revision, Ordering::AcqRel);
        }
    }

    /// None where nobody asks for order.
    fn newest(&self) -> Option<i64> {
        self.0.get().map(|seen| seen.load(Ordering::Acquire))
    }
}

impl Cluster {
    /// From here on no serializable read shows an older revision than any answer before it: it is repeated on another
    /// member, and refused in the words of etcd's client where none is far enough.
    pub fn keep_order(&self) {
        self.seen.0.get_or_init(AtomicI64::default);
    }

    /// Whether [`Cluster::keep_order`] was called.
    pub(crate) fn keeps_order(&self) -> bool {
        self.seen.newest().is_some()
    }
}

impl Upstream {
    /// As [`Self::unary`]. An answer of a member that may be behind is taken only if it is as new as what was answered
    /// before the question.
    pub(crate) async fn in_order<Q, R>(
        &self,
        method: &Method,
        request: Request<Q>,
        may_be_behind: impl FnOnce(&Q) -> bool,
    ) -> Result<Response<R>, Status>
    where
        Q: Message,
        R: Message + Default + Headed,
    {
        let seen = &self.cluster().seen;
        let floor = seen.newest().filter(|_| may_be_behind(request.get_ref()));
        let answer: Result<Response<R>, Status> = match floor {
            None => self.unary(method, request).await,
            Some(floor) => self.far_enough(method, request, floor).await,
        };
        if let Ok(response) = &answer {
            seen.see(response.get_ref().header());
        }
        answer
    }

    async fn far_enough<Q, R>(
        &self,
        method: &Method,
        request: Request<Q>,
        floor: i64,
    ) -> Result<Response<R>, Status>
    where
        Q: Message,
        R: Message + Default + Headed,
    {
        let check = |response: &R| match response.header() {
            Some(header) if header.revision < floor => Err(Status::unavailable(NO_GREATER_REVISION)),
            _ => Ok(()),
        };
        let question = self.question(request)?;
        let rounds = async {
            for pause in PAUSES {
                match self.attempts(method, &question, check).await {
                    Err(status) if status.message() == NO_GREATER_REVISION => {
                        tokio::time::sleep(pause).await;
                    }
                    answer => return answer,
                }
            }
            self.attempts(method, &question, check).await
        };
        question.in_time(rounds).await
    }
}

/// Whether a transaction only reads, and lets any member answer: etcd's own rule.
pub(crate) fn is_serializable(txn: &TxnRequest) -> bool {
    let mut ops = txn.success.iter().chain(&txn.failure);
    ops.all(|op| matches!(&op.request, Some(Op::RequestRange(range)) if range.serializable))
}

/// A streamed range whose revision counts as seen.
#[derive(Debug)]
pub struct Ordered<S> {
    chunks: S,
    cluster: Arc<Cluster>,
}

impl<S> Ordered<S> {
    pub(crate) fn new(chunks: S, cluster: Arc<Cluster>) -> Self {
        Self { chunks, cluster }
    }
}

impl<S> Stream for Ordered<S>
where
    S: Stream<Item = Result<RangeStreamResponse, Status>> + Unpin,
{
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let polled = Pin::new(&mut self.chunks).poll_next(cx);
        if let Poll::Ready(Some(Ok(chunk))) = &polled {
            self.cluster.seen.see(chunk.range_response.as_ref().and_then(Headed::header));
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use proto_gen::etcdserverpb::{PutRequest, RangeRequest, RequestOp};

    use super::*;

    #[test]
    fn without_the_wish_nothing_is_remembered() {
        let seen = Seen::default();
        seen.see(Some(&ResponseHeader { revision: 7, ..ResponseHeader::default() }));
        assert_eq!(seen.newest(), None);
        seen.0.get_or_init(AtomicI64::default);
        for revision in [7, 3] {
            seen.see(Some(&ResponseHeader { revision, ..ResponseHeader::default() }));
        }
        assert_eq!(seen.newest(), Some(7));
    }

    #[test]
    fn a_transaction_of_serializable_reads_is_one() {
        let read = |serializable| {
            let range = RangeRequest { serializable, ..RangeRequest::default() };
            RequestOp { request: Some(Op::RequestRange(range)) }
        };
        let put = RequestOp { request: Some(Op::RequestPut(PutRequest::default())) };
        let txn = |success, failure| TxnRequest { success, failure, ..TxnRequest::default() };
        assert!(is_serializable(&txn(vec![read(true)], vec![read(true)])));
        assert!(!is_serializable(&txn(vec![read(true)], vec![read(false)])));
        assert!(!is_serializable(&txn(vec![read(true), put], vec![])));
    }
}
