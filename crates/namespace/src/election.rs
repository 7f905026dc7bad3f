//! The messages of Election: an election's name is where etcd makes its keys, and the leader's key is one of them.

use proto_gen::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest,
    ResignRequest,
};

use crate::kv::leave_one;
use crate::message::{Enter, Leave};
use crate::prefix::Prefix;

impl Enter for CampaignRequest {
    fn enter(&mut self, prefix: &Prefix) {
        prefix.enter_name(&mut self.name);
    }
}

impl Leave for CampaignResponse {
    fn leave(&mut self, prefix: &Prefix) {
        self.leader.leave(prefix);
    }
}

impl Enter for LeaderRequest {
    fn enter(&mut self, prefix: &Prefix) {
        prefix.enter_name(&mut self.name);
    }
}

impl Leave for LeaderResponse {
    fn leave(&mut self, prefix: &Prefix) {
        leave_one(&mut self.kv, prefix);
    }
}

impl Enter for ProclaimRequest {
    fn enter(&mut self, prefix: &Prefix) {
        self.leader.enter(prefix);
    }
}

impl Enter for ResignRequest {
    fn enter(&mut self, prefix: &Prefix) {
        self.leader.enter(prefix);
    }
}

impl Enter for LeaderKey {
    fn enter(&mut self, prefix: &Prefix) {
        prefix.enter_name(&mut self.name);
        prefix.enter_key(&mut self.key);
    }
}

impl Leave for LeaderKey {
    fn leave(&mut self, prefix: &Prefix) {
        prefix.leave_name(&mut self.name);
        if !prefix.leave_key(&mut self.key) {
            self.key.clear();
        }
    }
}
