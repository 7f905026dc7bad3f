//! The follower: reads who is registered and watches what changes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use proto_gen::Transport;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::etcdserverpb::watch_request::RequestUnion;
use proto_gen::etcdserverpb::{RangeRequest, WatchCreateRequest, WatchRequest, WatchResponse};
use tokio::time::sleep;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status, Streaming};
use tracing::warn;

use crate::backoff::Backoff;
use crate::complaint::Complaint;
use crate::config::Config;
use crate::entry;
use crate::registrar::answer;
use crate::registry::Shared;
use crate::roll::{Change, Roll};

const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Who is refused is refused again.
const LONGEST_REFUSED_PAUSE: Duration = Duration::from_secs(60);

pub(crate) struct Follower<K, W> {
    pub(crate) config: Config,
    pub(crate) kv: KvClient<K>,
    pub(crate) watch: WatchClient<W>,
    pub(crate) roll: Roll,
    pub(crate) shared: Arc<Shared>,
    pub(crate) complaint: Complaint,
}

impl<K: Transport, W: Transport> Follower<K, W> {
    /// Runs for ever. What was lost is begun anew with a whole list, which also tells what has gone meanwhile.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::default();
        loop {
            let Err(status) = self.follow(&mut backoff).await;
            self.shared.counters.failures.increment();
            self.complaint.of("cannot follow the registered proxies", &status);
            let is_refused = matches!(
                status.code(),
                Code::InvalidArgument | Code::Unauthenticated | Code::PermissionDenied
            );
            sleep(backoff.pause(if is_refused { LONGEST_REFUSED_PAUSE } else { LONGEST_PAUSE })).await;
        }
    }

    /// Ends only by failing.
    async fn follow(&mut self, backoff: &mut Backoff) -> Result<Infallible, Status> {
        let revision = self.list().await?;
        let mut responses = self.open(revision + 1).await?;
        loop {
            let response = responses.message().await?.ok_or_else(|| lost("the watch has ended"))?;
            if response.canceled {
                let reason = response.cancel_reason;
                let compacted =
                    || format!("the watch was canceled at compaction {}", response.compact_revision);
                return Err(canceled(if reason.is_empty() { compacted() } else { reason }));
            }
            // Only now it is known that the watch is there.
            backoff.reset();
            self.complaint.is_over();
            let change = self.roll.apply(response.events);
            self.heed(change);
        }
    }

    /// The revision that the list is of.
    async fn list(&mut self) -> Result<i64, Status> {
        let (key, range_end) = self.range();
        let limit = i64::try_from(self.config.max_proxies).unwrap_or(i64::MAX);
        let request = RangeRequest { key, range_end, limit, ..RangeRequest::default() };
        let list = answer(&self.config, self.kv.range(request)).await?;
        let revision = list.header.ok_or_else(|| lost("a list without a header"))?.revision;
        self.shared.counters.lists.increment();
        let change = self.roll.replace(list.kvs);
        self.heed(change);
        Ok(revision)
    }

    async fn open(&mut self, start_revision: i64) -> Result<Streaming<WatchResponse>, Status> {
        let (key, range_end) = self.range();
        let create = WatchCreateRequest { key, range_end, start_revision, ..WatchCreateRequest::default() };
        let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        // The stream goes on after the last question, so that it is not half-closed.
        let requests = tokio_stream::once(create).chain(tokio_stream::pending());
        answer(&self.config, self.watch.watch(requests)).await
    }

    fn range(&self) -> (bytes::Bytes, bytes::Bytes) {
        let folder = entry::folder(&self.config.prefix);
        // The character after the slash: everything that begins with the folder.
        let end = format!("{}0", self.config.prefix);
        (folder.into(), end.into())
    }

    fn heed(&self, change: Change) {
        for complaint in &change.complaints {
            warn!(key = complaint.key, reason = complaint.reason, "left out a registration");
        }
        if change.is_changed {
            self.shared.publish(self.roll.proxies().cloned().collect());
        }
        if change.is_own_lost {
            self.shared.own_lost.notify_one();
        }
    }
}

fn lost(reason: &str) -> Status {
    Status::unavailable(reason)
}

/// etcd says in words why it cancels; who may not watch is refused.
fn canceled(reason: String) -> Status {
    if reason.contains("permission denied") {
        Status::permission_denied(reason)
    } else {
        Status::unavailable(reason)
    }
}
