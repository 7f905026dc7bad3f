//! The worker: keeps the session, follows the leasing keys, and runs the errands.

mod errands;
mod follower;
mod keeper;
mod runner;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use proto_gen::Transport;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use tokio::time::timeout;
use tonic::{Response, Status};

use crate::leasing::Shared;
use follower::Follower;
use keeper::Keeper;
use runner::Runner;

/// What takes keys and gives them back. Run it for as long as the [`Leasing`](crate::Leasing) is used.
#[derive(Debug)]
pub struct Worker<K, L, W> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) kv: KvClient<K>,
    pub(crate) lease: LeaseClient<L>,
    pub(crate) watch: WatchClient<W>,
}

impl<K: Transport, L: Transport, W: Transport> Worker<K, L, W> {
    /// Runs for ever. After [`Leasing::close`](crate::Leasing::close) it still gives back.
    pub async fn run(self) {
        let Self { shared, kv, lease, watch } = self;
        let keeper = Keeper::new(Arc::clone(&shared), lease);
        let follower = Follower::new(Arc::clone(&shared), kv.clone(), watch);
        let runner = Runner::new(shared, kv);
        tokio::join!(keeper.run(), follower.run(), runner.run());
    }
}

/// One call, within the time that etcd may take.
async fn answer<R>(
    limit: Duration,
    call: impl Future<Output = Result<Response<R>, Status>>,
) -> Result<R, Status> {
    match timeout(limit, call).await {
        Ok(answer) => answer.map(Response::into_inner),
        Err(_) => Err(Status::unavailable(format!("no answer within {limit:?}"))),
    }
}
