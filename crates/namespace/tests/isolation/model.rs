//! The law of the whole crate: in a shared store, a tenant sees and does what it would in a store of its own, and
//! what is not the tenant's stays as it was.

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use namespace::{Namespace, Namespaced, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::request_op::Request as Op;
use proto_gen::etcdserverpb::response_op::Response as Done;
use proto_gen::etcdserverpb::{RangeRequest, RangeStreamResponse};
use proto_gen::mvccpb::KeyValue;
use tonic::{Code, Request, Response, Status};

use crate::generated::{bytes, op, range};
use crate::store::Store;

type Seen<T> = Result<T, (Code, String)>;

/// The store is never busy, so its answer is there at once.
fn seen<T>(answer: impl Future<Output = Result<Response<T>, Status>>) -> Seen<T> {
    let answer = answer.now_or_never().unwrap();
    answer.map(Response::into_inner).map_err(|status| (status.code(), status.message().to_owned()))
}

fn ask(kv: &impl Kv, op: Op) -> Seen<Done> {
    match op {
        Op::RequestRange(range) => seen(kv.range(Request::new(range))).map(Done::ResponseRange),
        Op::RequestPut(put) => seen(kv.put(Request::new(put))).map(Done::ResponsePut),
        Op::RequestDeleteRange(delete) => {
            seen(kv.delete_range(Request::new(delete))).map(Done::ResponseDeleteRange)
        }
        Op::RequestTxn(txn) => seen(kv.txn(Request::new(txn))).map(Done::ResponseTxn),
    }
}

fn stream<S: Kv<RangeStreamStream: Unpin>>(kv: &S, range: RangeRequest) -> Seen<Vec<RangeStreamResponse>> {
    let chunks = seen(kv.range_stream(Request::new(range)))?;
    Ok(chunks.map(Result::unwrap).collect().now_or_never().unwrap())
}

fn is_own(prefix: &Bytes, key: &Bytes) -> bool {
    key.len() > prefix.len() && key.starts_with(prefix)
}

fn stripped(prefix: &Bytes, kv: KeyValue) -> KeyValue {
    KeyValue { key: kv.key.slice(prefix.len()..), ..kv }
}

fn tenant_equals_a_private_store(
    prefix: &Bytes,
    foreign: Vec<Bytes>,
    ops: Vec<Op>,
    stream_of: RangeRequest,
) -> Result<(), TestCaseError> {
    let foreign: Vec<Bytes> =
        foreign.into_iter().filter(|key| !is_own(prefix, key)).chain([prefix.clone()]).collect();
    let (private, shared) = (Store::default(), Store::holding(foreign));
    let before = shared.contents();
    let tenant = Namespaced::new(shared, Namespace::new(prefix.clone(), Policy::Permissive));
    for op in ops {
        prop_assert_eq!(ask(&private, op.clone()), ask(&tenant, op));
    }
    prop_assert_eq!(stream(&private, stream_of.clone()), stream(&tenant, stream_of));

    let (own, others): (Vec<_>, Vec<_>) =
        tenant.inner().contents().into_iter().partition(|kv| is_own(prefix, &kv.key));
    let own: Vec<_> = own.into_iter().map(|kv| stripped(prefix, kv)).collect();
    prop_assert_eq!(private.contents(), own);
    prop_assert_eq!(before, others);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_tenant_of_a_shared_store_has_a_private_store(
        prefix in bytes(1, 3), foreign in vec(bytes(1, 5), 0..20), ops in vec(op(), 1..15), stream_of in range(),
    ) {
        tenant_equals_a_private_store(&prefix, foreign, ops, stream_of)?;
    }
}

#[test]
fn without_a_prefix_the_store_is_the_tenants() {
    let shared = Store::holding([Bytes::from_static(b"a"), Bytes::from_static(b"b")]);
    let tenant = Namespaced::new(shared, Namespace::default());
    let all = RangeRequest {
        key: Bytes::from_static(b"\0"),
        range_end: Bytes::from_static(b"\0"),
        ..Default::default()
    };
    let Ok(Done::ResponseRange(range)) = ask(&tenant, Op::RequestRange(all)) else { panic!("no answer") };
    assert_eq!(range.kvs, tenant.inner().contents());
}
