//! The messages of Watch. Ids, progress, compaction and cancellation have no keys and stay as they are.

use bytes::Bytes;
use proto_gen::etcdserverpb::watch_request::RequestUnion;
use proto_gen::etcdserverpb::{WatchCreateRequest, WatchRequest, WatchResponse};
use proto_gen::mvccpb::Event;

use crate::kv::leave_one;
use crate::message::{Enter, Leave};
use crate::prefix::Prefix;

/// etcd: a watch of the empty key is a watch of this one.
const FIRST_KEY: &[u8] = &[0];

impl Enter for WatchRequest {
    fn enter(&mut self, prefix: &Prefix) {
        match &mut self.request_union {
            Some(RequestUnion::CreateRequest(create)) => create.enter(prefix),
            Some(RequestUnion::CancelRequest(_) | RequestUnion::ProgressRequest(_)) | None => (),
        }
    }
}

impl Enter for WatchCreateRequest {
    fn enter(&mut self, prefix: &Prefix) {
        if self.key.is_empty() {
            self.key = Bytes::from_static(FIRST_KEY);
        }
        prefix.enter_range(&mut self.key, &mut self.range_end);
    }
}

impl Leave for WatchResponse {
    fn leave(&mut self, prefix: &Prefix) {
        self.events.retain_mut(|event| leave_event(event, prefix));
    }
}

/// False if the event is about somebody else's key.
fn leave_event(event: &mut Event, prefix: &Prefix) -> bool {
    leave_one(&mut event.prev_kv, prefix);
    event.kv.as_mut().is_none_or(|kv| prefix.leave_key(&mut kv.key))
}
