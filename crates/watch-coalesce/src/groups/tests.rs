//! One promise to a test.

mod joining;
mod loss;
mod progress;
mod slow_readers;

use std::time::Duration;

use bytes::Bytes;
use proto_gen::etcdserverpb::{WatchCreateRequest, WatchResponse, watch_request::RequestUnion};
use tonic::Status;

use super::world::World;
use crate::config::Config;
use crate::key::Caller;

fn world() -> World {
    World::new(Config::default())
}

fn is_create(request: &RequestUnion) -> bool {
    matches!(request, RequestUnion::CreateRequest(_))
}

fn is_progress(request: &RequestUnion) -> bool {
    matches!(request, RequestUnion::ProgressRequest(_))
}

fn caller(token: &str) -> Caller {
    Caller { token: Some(Bytes::copy_from_slice(token.as_bytes())), ..Caller::default() }
}

fn broken() -> Status {
    Status::unavailable("transport is closing")
}

/// (watch_id, created, canceled, revision of the header)
fn controls(got: &[WatchResponse]) -> Vec<(i64, bool, bool, i64)> {
    let control = |r: &&WatchResponse| r.created || r.canceled;
    let shape = |r: &WatchResponse| (r.watch_id, r.created, r.canceled, r.header.unwrap().revision);
    got.iter().filter(control).map(shape).collect()
}
