//! A namespace is a boundary: whatever a tenant asks, nothing is seen or changed on the other side.

mod crossing;
mod equality;
mod policy;
mod quickstart;

use e2e::Client;
use proto_gen::etcdserverpb::RangeRequest;
use proto_gen::mvccpb::KeyValue;

use crate::requests::range;

/// Everything that this client can see.
async fn everything(client: &Client) -> Vec<KeyValue> {
    let request: RangeRequest = range("\0", "\0");
    client.kv().range(request).await.expect("a read").into_inner().kvs
}
