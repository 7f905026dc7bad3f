//! The messages of Lock: a lock's name is where etcd makes its keys.

use proto_gen::v3lockpb::{LockRequest, LockResponse, UnlockRequest};

use crate::message::{Enter, Leave};
use crate::prefix::Prefix;

impl Enter for LockRequest {
    fn enter(&mut self, prefix: &Prefix) {
        prefix.enter_name(&mut self.name);
    }
}

impl Leave for LockResponse {
    fn leave(&mut self, prefix: &Prefix) {
        if !prefix.leave_key(&mut self.key) {
            self.key.clear();
        }
    }
}

impl Enter for UnlockRequest {
    fn enter(&mut self, prefix: &Prefix) {
        prefix.enter_key(&mut self.key);
    }
}
