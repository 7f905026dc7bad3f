//! Serializable reads: what is given from memory is what etcd would say, to this caller, within the promised time.

mod equality;
mod freshness;
mod load;
mod users;

use e2e::Client;
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse};
use tonic::Status;

/// Longer than any test: whoever relies on the age of an answer is found out.
const FOR_EVER: &str = "--cache-max-age=1h";

pub(crate) fn serializable(request: RangeRequest) -> RangeRequest {
    RangeRequest { serializable: true, ..request }
}

pub(crate) async fn read(client: &Client, request: RangeRequest) -> Result<RangeResponse, Status> {
    client.kv().range(serializable(request)).await.map(tonic::Response::into_inner)
}

/// The value of a key as a serializable read shows it; empty where there is none.
pub(crate) async fn value(client: &Client, key: &str) -> String {
    let response = read(client, crate::requests::get(key)).await.expect("a serializable read");
    response.kvs.first().map(|kv| String::from_utf8_lossy(&kv.value).into_owned()).unwrap_or_default()
}
