//! Whether this proxy serves: the questions behind `/health`, `/proxy/health`, `/livez` and `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use admin_http::Check;
use futures_util::future::join_all;
use namespace::Namespaced;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::kv_server::Kv as _;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::etcdserverpb::watch_request::RequestUnion;
use proto_gen::etcdserverpb::{RangeRequest, WatchCreateRequest, WatchRequest};
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};
use upstream_balancer::{Cluster, Identity, Upstream};

use crate::services::in_process::InProcess;
use crate::worker::WorkerHandle;

/// What is asked of etcd is asked so often at most, however many want to know.
const MAX_AGE: Duration = Duration::from_secs(1);
/// etcd's proxy gives a read and a watch so long.
const READ_TIMEOUT: Duration = Duration::from_secs(1);
const WATCH_TIMEOUT: Duration = Duration::from_secs(3);
/// A worker that does not look up for so long hangs.
const WORKER_TIMEOUT: Duration = Duration::from_secs(1);
/// The key that etcd's health checks read.
const KEY: &[u8] = b"a";

/// A linearizable read of etcd's, as the proxy's own user where it has one.
pub(crate) fn linearizable_read(kv: Namespaced<Upstream>, user: Option<Identity>) -> Check {
    Check::new("linearizable_read", MAX_AGE, move || {
        let (kv, user) = (kv.clone(), user.clone());
        async move { judge_read(timeout(READ_TIMEOUT, read(&kv, user.as_ref())).await) }
    })
}

/// What is wrong with the user is not wrong with the cluster, which answers nobody too if it serves.
async fn read(kv: &Namespaced<Upstream>, user: Option<&Identity>) -> Result<(), Status> {
    if let Some(user) = user
        && user.ask(range(), |request| kv.range(request)).await.is_ok()
    {
        return Ok(());
    }
    kv.range(Request::new(range())).await.map(|_| ())
}

/// A read and a watch through this proxy, the way that clients' calls go.
pub(crate) fn proxy(server: InProcess, watched: Check) -> Check {
    Check::new("proxy", MAX_AGE, move || {
        let mut kv = KvClient::new(server.clone());
        let watched = watched.clone();
        async move {
            judge_read(timeout(READ_TIMEOUT, kv.range(range())).await)?;
            watched.result().await
        }
    })
}

/// A watch through this proxy.
pub(crate) fn watch(server: InProcess) -> Check {
    Check::new("watch", MAX_AGE, move || {
        let watched = open_watch(server.clone());
        async move {
            match timeout(WATCH_TIMEOUT, watched).await {
                Ok(result) => result.or_else(|status| judge(&status)),
                Err(_) => Err("WATCH TIMEOUT".to_owned()),
            }
        }
    })
}

/// Whether some member serves, as far as is known.
pub(crate) fn upstream(cluster: Arc<Cluster>) -> Check {
    Check::new("upstream", Duration::ZERO, move || {
        let failures = cluster.members().into_iter().filter_map(|member| member.last_failure);
        let result = if cluster.is_healthy() {
            Ok(())
        } else {
            Err(format!("no member serves: {}", failures.collect::<Vec<_>>().join("; ")))
        };
        std::future::ready(result)
    })
}

/// Whether every worker's runtime gets on.
pub(crate) fn workers(workers: Vec<WorkerHandle>) -> Check {
    Check::new("workers", MAX_AGE, move || {
        let knocks: Vec<_> = workers.iter().map(WorkerHandle::knock).collect();
        async move {
            let answers = join_all(knocks.into_iter().map(|knock| timeout(WORKER_TIMEOUT, knock))).await;
            match answers.iter().filter(|answer| !matches!(answer, Ok(true))).count() {
                0 => Ok(()),
                hung => Err(format!("{hung} of {} worker threads do not answer", answers.len())),
            }
        }
    })
}

/// Whether this proxy means to stay.
pub(crate) fn drain(leaving: CancellationToken) -> Check {
    Check::new("drain", Duration::ZERO, move || {
        let is_leaving = leaving.is_cancelled();
        std::future::ready(if is_leaving { Err("shutting down".to_owned()) } else { Ok(()) })
    })
}

fn range() -> RangeRequest {
    RangeRequest { key: KEY.into(), ..RangeRequest::default() }
}

type Read<T> = Result<Result<T, Status>, tokio::time::error::Elapsed>;

fn judge_read<T>(read: Read<T>) -> Result<(), String> {
    let judged = match read {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(status)) => judge(&status),
        Err(_) => Err("context deadline exceeded".to_owned()),
    };
    judged.map_err(|reason| format!("GET ERROR:{reason}"))
}

/// A refusal for want of a permission or a token comes from a cluster that serves: etcd has the same rule.
fn judge(status: &Status) -> Result<(), String> {
    const NO_TOKEN: &str = "etcdserver: user name is empty";
    match (status.code(), status.message()) {
        (Code::PermissionDenied | Code::Unauthenticated, _) | (_, NO_TOKEN) => Ok(()),
        (_, message) => Err(message.to_owned()),
    }
}

/// Ends well with the first answer, whatever it says: whoever cannot watch is told so by an answer too.
async fn open_watch(server: InProcess) -> Result<(), Status> {
    let create = WatchCreateRequest { key: KEY.into(), ..WatchCreateRequest::default() };
    let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
    let requests = tokio_stream::once(create).chain(tokio_stream::pending());
    let mut answers = WatchClient::new(server).watch(requests).await?.into_inner();
    match answers.message().await? {
        Some(_) => Ok(()),
        None => Err(Status::unavailable("the watch stream has ended")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_refused_has_been_served() {
        let healthy = [
            Status::permission_denied("etcdserver: permission denied"),
            Status::unauthenticated("etcdserver: invalid auth token"),
            Status::invalid_argument("etcdserver: user name is empty"),
        ];
        assert!(healthy.iter().all(|status| judge(status).is_ok()));
        let refused = judge_read::<()>(Ok(Err(Status::unavailable("etcdserver: no leader"))));
        assert_eq!(refused, Err("GET ERROR:etcdserver: no leader".to_owned()));
    }
}
