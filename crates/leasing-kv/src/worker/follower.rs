//! The follower: watches all leasing keys, for whoever asks for what is ours and for owners that have gone.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::etcdserverpb::watch_request::RequestUnion;
use proto_gen::etcdserverpb::{RangeRequest, WatchCreateRequest, WatchRequest, WatchResponse};
use proto_gen::mvccpb::Event;
use proto_gen::mvccpb::event::EventType;
use proto_gen::{End, KeyRange, Transport};
use tokio::time::sleep;
use tokio_stream::StreamExt as _;
use tonic::{Status, Streaming};

use super::answer;
use super::trouble::Trouble;
use crate::holdings::Change;
use crate::leasing::Shared;

/// Leasing keys in one answer, where all are read.
const PAGE: i64 = 512;

#[derive(Debug)]
pub(super) struct Follower<K, W> {
    shared: Arc<Shared>,
    kv: KvClient<K>,
    watch: WatchClient<W>,
    trouble: Trouble,
    /// The revision of the first event that has not been heard of.
    next: i64,
}

impl<K: Transport, W: Transport> Follower<K, W> {
    pub(super) fn new(shared: Arc<Shared>, kv: KvClient<K>, watch: WatchClient<W>) -> Self {
        let trouble = Trouble::new("cannot follow who owns which keys");
        Self { shared, kv, watch, trouble, next: 0 }
    }

    /// Runs for ever, from the first session on: nothing can be ours before that.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        if let Ok(start) = shared.start.subscribe().wait_for(|start| *start > 0).await {
            self.next = *start;
        }
        loop {
            let Err(status) = self.follow().await;
            self.hears(false);
            let pause = self.trouble.failed(&status);
            sleep(pause).await;
        }
    }

    fn hears(&self, is_heard: bool) {
        let now = self.shared.now();
        self.shared.holdings().hears(now, is_heard);
    }

    /// Ends only by failing.
    async fn follow(&mut self) -> Result<Infallible, Status> {
        if self.next == 0 {
            self.next = self.list().await?.saturating_add(1);
        }
        let mut responses = self.open().await?;
        loop {
            let ended = || Status::unavailable("the watch has ended");
            let response = responses.message().await?.ok_or_else(ended)?;
            if response.canceled {
                return Err(self.canceled(response));
            }
            // Only now it is known that the watch is there.
            self.trouble.is_over();
            self.hears(true);
            if let Some(header) = response.header.filter(|_| response.events.is_empty() && !response.created)
            {
                self.next = self.next.max(header.revision.saturating_add(1));
            }
            self.heed(response.events);
        }
    }

    /// etcd says in words why it cancels.
    fn canceled(&mut self, response: WatchResponse) -> Status {
        if response.compact_revision > 0 {
            self.next = 0;
            return Status::unavailable("events have been compacted away; reading all leasing keys");
        }
        let reason = response.cancel_reason;
        if reason.contains("permission denied") {
            return Status::permission_denied(reason);
        }
        Status::unavailable(reason)
    }

    async fn open(&mut self) -> Result<Streaming<WatchResponse>, Status> {
        let all = self.shared.names.all();
        let create = WatchCreateRequest {
            range_end: all.range_end(),
            key: all.start,
            start_revision: self.next,
            progress_notify: true,
            ..WatchCreateRequest::default()
        };
        let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        // The stream goes on after the last question, so that it is not half-closed.
        let requests = tokio_stream::once(create).chain(tokio_stream::pending());
        answer(self.shared.config.answer_timeout, self.watch.watch(requests)).await
    }

    fn heed(&mut self, events: Vec<Event>) {
        let mut has_errands = false;
        for event in events {
            let is_put = event.r#type == i32::from(EventType::Put);
            let Some(kv) = event.kv else { continue };
            self.next = self.next.max(kv.mod_revision.saturating_add(1));
            let change = match is_put {
                true => Change::Put(kv),
                false => Change::Deleted { leasing_key: kv.key, revision: kv.mod_revision },
            };
            let now = self.shared.now();
            let mut holdings = self.shared.holdings();
            holdings.event(now, change);
            has_errands |= holdings.has_errands();
        }
        if has_errands {
            self.shared.bell.notify_one();
        }
    }

    /// Reads all leasing keys, and tells at which revision.
    async fn list(&mut self) -> Result<i64, Status> {
        let all = self.shared.names.all();
        let mut from = all.start.clone();
        let mut revision = 0;
        loop {
            let request = RangeRequest {
                key: from.clone(),
                range_end: all.range_end(),
                limit: PAGE,
                revision,
                ..RangeRequest::default()
            };
            let page = answer(self.shared.config.answer_timeout, self.kv.range(request)).await?;
            if revision == 0 {
                revision = page.header.unwrap_or_default().revision;
            }
            let last = page.kvs.last().filter(|_| page.more).map(|kv| kv.key.clone());
            let end = last.clone().map_or_else(|| all.end.clone(), End::Through);
            let now = self.shared.now();
            self.shared.holdings().relisted(now, &KeyRange { start: from, end }, revision, &page.kvs);
            match last {
                Some(last) => from = Bytes::from([last.as_ref(), b"\0"].concat()),
                None => break,
            }
        }
        self.shared.holdings().all_relisted();
        self.shared.bell.notify_one();
        Ok(revision)
    }
}
