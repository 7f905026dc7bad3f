//! How the rooms are connected: a list of nouns.

use std::sync::Arc;

use proto_gen::etcdserverpb::kv_server::KvServer;
use proto_gen::etcdserverpb::lease_server::LeaseServer;
use proto_gen::etcdserverpb::watch_server::WatchServer;
use proto_gen::v3electionpb::election_server::ElectionServer;
use proto_gen::v3lockpb::lock_server::LockServer;
use tokio_util::sync::CancellationToken;
use upstream_balancer::{Cluster, Upstream};

use crate::config::Config;
use crate::health::HealthService;
use crate::member_list::MemberList;
use crate::router::Router;
use crate::sort_guard::SortGuard;

/// The services of one worker. Called on the worker's thread: its upstream connections never leave it.
pub(crate) fn router(
    config: &Config,
    cluster: Arc<Cluster>,
    health: HealthService,
    drain: CancellationToken,
) -> Router {
    let upstream = Upstream::new(cluster);
    // Every request body is limited before it is decoded, so the decoders need no limit of their own.
    Router {
        kv: KvServer::new(SortGuard(upstream.clone())).max_decoding_message_size(usize::MAX),
        watch: WatchServer::new(upstream.clone()).max_decoding_message_size(usize::MAX),
        lease: LeaseServer::new(upstream.clone()).max_decoding_message_size(usize::MAX),
        election: ElectionServer::new(upstream.clone()).max_decoding_message_size(usize::MAX),
        lock: LockServer::new(upstream.clone()).max_decoding_message_size(usize::MAX),
        health,
        member_list: MemberList::new(upstream.clone(), &config.advertise_client_url),
        pass_through: upstream,
        max_client_bytes: config.upstream.max_client_bytes(),
        drain,
    }
}
