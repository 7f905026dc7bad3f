//! The messages of Lease: of the keys that hang on a lease, a tenant sees its own.

use proto_gen::etcdserverpb::LeaseTimeToLiveResponse;

use crate::message::Leave;
use crate::prefix::Prefix;

impl Leave for LeaseTimeToLiveResponse {
    fn leave(&mut self, prefix: &Prefix) {
        self.keys.retain_mut(|key| prefix.leave_key(key));
    }
}
