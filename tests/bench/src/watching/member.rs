//! What the member itself counts, read from its `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::Result;
use crate::target::Target;

const WATCHERS: &str = "etcd_debugging_mvcc_watcher_total";
/// Every message on a Watch stream: creates, cancels, progress requests.
const REQUESTS: &str =
    "grpc_server_msg_received_total{grpc_method=\"Watch\",grpc_service=\"etcdserverpb.Watch\"";
/// Calls that read, by themselves or in a transaction.
const READS: [&str; 2] =
    ["grpc_server_started_total{grpc_method=\"Range\"", "grpc_server_started_total{grpc_method=\"Txn\""];
/// Calls that write keys.
const WRITES: [&str; 2] =
    ["grpc_server_started_total{grpc_method=\"Put\"", "grpc_server_started_total{grpc_method=\"Txn\""];
/// LeaseKeepAlive streams ever opened, and every ping on them.
const KEEP_ALIVE_STREAMS: &str =
    "grpc_server_started_total{grpc_method=\"LeaseKeepAlive\",grpc_service=\"etcdserverpb.Lease\"";
const KEEP_ALIVES: &str =
    "grpc_server_msg_received_total{grpc_method=\"LeaseKeepAlive\",grpc_service=\"etcdserverpb.Lease\"";
const PERIOD: Duration = Duration::from_millis(50);

/// How many watchers etcd holds.
pub(crate) async fn watchers_on(target: &Target) -> Result<u64> {
    find(&read(target).await?, WATCHERS)
}

/// How many watch requests etcd ever received.
pub(crate) async fn watch_requests(target: &Target) -> Result<u64> {
    find(&read(target).await?, REQUESTS)
}

/// How many calls that read etcd ever received.
pub(crate) async fn read_calls(target: &Target) -> Result<u64> {
    let metrics = read(target).await?;
    READS.iter().map(|name| find(&metrics, name)).sum()
}

/// How many calls that write etcd ever received.
pub(crate) async fn write_calls(target: &Target) -> Result<u64> {
    let metrics = read(target).await?;
    WRITES.iter().map(|name| find(&metrics, name)).sum()
}

/// How many LeaseKeepAlive streams etcd was ever asked for.
pub(crate) async fn keep_alive_streams(target: &Target) -> Result<u64> {
    find(&read(target).await?, KEEP_ALIVE_STREAMS)
}

/// How many keep-alive pings etcd ever received.
pub(crate) async fn keep_alives(target: &Target) -> Result<u64> {
    find(&read(target).await?, KEEP_ALIVES)
}

/// The most watchers that etcd held, looked at all the time until dropped.
pub(crate) struct Peak {
    most: Arc<AtomicU64>,
    _looking: JoinSet<()>,
}

impl Peak {
    pub(crate) fn watch(target: Target) -> Self {
        let most = Arc::new(AtomicU64::new(0));
        let mut looking = JoinSet::new();
        looking.spawn(look(target, most.clone()));
        Self { most, _looking: looking }
    }

    pub(crate) fn most(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

async fn look(target: Target, most: Arc<AtomicU64>) {
    loop {
        // A look that fails is one look less.
        if let Ok(watchers) = watchers_on(&target).await {
            most.fetch_max(watchers, Ordering::Relaxed);
        }
        tokio::time::sleep(PERIOD).await;
    }
}

async fn read(target: &Target) -> Result<String> {
    let mut stream = TcpStream::connect(target.member).await?;
    stream.write_all(b"GET /metrics HTTP/1.0\r\nHost: etcd\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The value of the first series that begins with `name`.
fn find(metrics: &str, name: &str) -> Result<u64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|rest| rest.rsplit_once(' ')).and_then(|(_, value)| value.parse::<f64>().ok());
    value.map(|value| value as u64).ok_or_else(|| format!("etcd does not show {name}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_found_by_its_beginning() {
        let text = "# TYPE etcd_debugging_mvcc_watcher_total gauge\netcd_debugging_mvcc_watcher_total 1.2e+04\n\
                    grpc_server_msg_received_total{grpc_method=\"Watch\",grpc_service=\"etcdserverpb.Watch\",x=\"y\"} 7\n";
        assert_eq!(find(text, WATCHERS).unwrap(), 12_000);
        assert_eq!(find(text, REQUESTS).unwrap(), 7);
        assert!(find(text, "absent").is_err());
    }
}
