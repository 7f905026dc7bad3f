//! `--read-only`: who only reads is served, whoever else is refused before anything reaches etcd.
//!
//! Leases, locks and elections are writes. What is not known here might be one, so it is refused as well. Three methods
//! read or write as their message says, which is decoded for that and then goes on as it came.

use bytes::{Buf, Bytes};
use http::Request;
use http_body_util::{BodyExt, Full, Limited};
use prost::Message;
use proto_gen::etcdserverpb::alarm_request::AlarmAction;
use proto_gen::etcdserverpb::downgrade_request::DowngradeAction;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::{AlarmRequest, DowngradeRequest, RequestOp, TxnRequest};
use tonic::Status;
use tonic::body::Body;
use upstream_balancer::MessageLimit;

use crate::services::calls::RequestBody;
use crate::services::router::{Call, service_and_method};

/// A message's prefix in bytes: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// What a call can do to the cluster.
#[derive(Clone, Copy, Debug)]
enum Access {
    Read,
    Write,
    /// As the message says.
    Judged(fn(&[u8]) -> bool),
}

/// Whether a call of this method may pass.
fn access(service: &str, method: &str) -> Access {
    let reads = match (service, method) {
        ("etcdserverpb.KV", "Txn") => return Access::Judged(txn_reads),
        ("etcdserverpb.Maintenance", "Alarm") => return Access::Judged(alarm_reads),
        ("etcdserverpb.Maintenance", "Downgrade") => return Access::Judged(downgrade_reads),
        ("etcdserverpb.KV", _) => matches!(method, "Range" | "RangeStream"),
        ("etcdserverpb.Watch", _) => method == "Watch",
        ("etcdserverpb.Lease", _) => matches!(method, "LeaseTimeToLive" | "LeaseLeases"),
        ("etcdserverpb.Cluster", _) => method == "MemberList",
        ("etcdserverpb.Maintenance", _) => matches!(method, "Status" | "Hash" | "HashKV" | "Snapshot"),
        ("etcdserverpb.Auth", _) => {
            matches!(method, "Authenticate" | "AuthStatus" | "UserGet" | "UserList" | "RoleGet" | "RoleList")
        }
        ("v3electionpb.Election", _) => matches!(method, "Leader" | "Observe"),
        ("grpc.health.v1.Health", _) => true,
        _ => false,
    };
    if reads { Access::Read } else { Access::Write }
}

/// Lets pass what only reads. `limit` is the largest message in bytes.
///
/// # Errors
/// The refusal of what writes, or what is wrong with the message.
pub(crate) async fn admit(call: Call, limit: usize) -> Result<Call, Status> {
    let (service, method) = service_and_method(call.uri().path());
    match access(service, method) {
        Access::Read => Ok(call),
        Access::Write => Err(refusal()),
        Access::Judged(reads) => judge(call, limit, reads).await,
    }
}

async fn judge(call: Call, limit: usize, reads: fn(&[u8]) -> bool) -> Result<Call, Status> {
    let (head, body) = call.into_parts();
    let collected = Limited::new(body, limit.saturating_add(PREFIX)).collect().await;
    let bytes = collected.map_err(Status::from_error)?.to_bytes();
    if !message(&bytes).is_some_and(reads) {
        return Err(refusal());
    }
    let body = MessageLimit::new(RequestBody::from(Body::new(Full::new(bytes))), limit);
    Ok(Request::from_parts(head, body))
}

/// The one message of the body, none where it is compressed or not the only one.
fn message(bytes: &Bytes) -> Option<&[u8]> {
    let (mut prefix, message) = bytes.split_at_checked(PREFIX)?;
    let is_plain = prefix.get_u8() == 0;
    (is_plain && usize::try_from(prefix.get_u32()) == Ok(message.len())).then_some(message)
}

fn refusal() -> Status {
    Status::permission_denied("etcd-grpc-proxy: this proxy is read-only: refused by --read-only")
}

/// Depth is bounded by the decoder, which refuses messages nested more than 100 deep.
fn txn_reads(message: &[u8]) -> bool {
    fn all_read(txn: &TxnRequest) -> bool {
        txn.success.iter().chain(&txn.failure).all(op_reads)
    }
    fn op_reads(op: &RequestOp) -> bool {
        match &op.request {
            // etcd refuses an empty operation itself.
            Some(Op::RequestRange(_)) | None => true,
            Some(Op::RequestTxn(txn)) => all_read(txn),
            Some(Op::RequestPut(_) | Op::RequestDeleteRange(_)) => false,
        }
    }
    TxnRequest::decode(message).is_ok_and(|txn| all_read(&txn))
}

fn alarm_reads(message: &[u8]) -> bool {
    AlarmRequest::decode(message).is_ok_and(|alarm| alarm.action == i32::from(AlarmAction::Get))
}

fn downgrade_reads(message: &[u8]) -> bool {
    let validates = |request: DowngradeRequest| request.action == i32::from(DowngradeAction::Validate);
    DowngradeRequest::decode(message).is_ok_and(validates)
}

#[cfg(test)]
mod tests;
