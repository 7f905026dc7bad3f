//! `--experimental-serializable-ordering` at the start: where the cluster stands is asked before anybody is served, so
//! that a proxy that was restarted does not go back behind what its clients have seen.

use std::time::Duration;

use proto_gen::etcdserverpb::RangeRequest;
use proto_gen::etcdserverpb::kv_server::Kv;
use tonic::{Code, Status};
use tracing::{info, warn};
use upstream_balancer::{Identity, Upstream};

/// Between two attempts, as etcd's proxy has it.
const PAUSE: Duration = Duration::from_secs(1);

/// Returns once the cluster has answered a linearizable read, which sets the revision that no read goes behind. The log
/// lines are those of etcd's proxy.
pub(crate) async fn recover(identity: &Identity, upstream: &Upstream) {
    info!("waiting for linearized read from cluster to recover ordering");
    let question = RangeRequest { key: "_".into(), keys_only: true, ..RangeRequest::default() };
    loop {
        match identity.ask(question.clone(), |request| upstream.range(request)).await {
            Ok(_) => return,
            Err(status) if is_about_the_asker(&status) => {
                // The cluster serves, and says no more to this proxy, however often it asks.
                return warn!(error = %status.message(), "ordering begins with the first answer to a client");
            }
            Err(status) => {
                warn!(error = %status.message(), "ordering recovery failed, retrying in 1s");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// etcd has authentication, and this proxy no user or one who may not read the key.
fn is_about_the_asker(status: &Status) -> bool {
    matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated | Code::InvalidArgument)
}
