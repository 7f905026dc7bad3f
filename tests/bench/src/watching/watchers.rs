//! Many watchers of the one key, on as many streams and connections as asked for.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::Uri;
use proto_gen::etcdserverpb::watch_request::RequestUnion;
use proto_gen::etcdserverpb::{WatchCreateRequest, WatchRequest};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::checker::Checker;
use super::messages::Messages;
use super::{Clock, KEY, Tally};
use crate::Result;
use crate::client::{Connection, Connector, OpenStream, frame};
use crate::target::{System, Target};

const WATCH: &str = "/etcdserverpb.Watch/Watch";

/// How watchers are spread, and where they begin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) connections: usize,
    pub(crate) streams: usize,
    pub(crate) per_stream: usize,
    /// 0 is now.
    pub(crate) start_revision: i64,
    /// The number of the first event that they must get.
    pub(crate) first: u64,
}

/// Whether watchers read, for those who can be stopped.
pub(crate) type Gate = watch::Receiver<bool>;

/// Open until `false` is sent.
pub(crate) fn gate() -> (watch::Sender<bool>, Gate) {
    watch::channel(true)
}

/// Watching until dropped; their connections then close.
pub(crate) struct Watchers {
    method: Uri,
    clock: Clock,
    tally: Arc<Tally>,
    connections: Vec<Connection>,
    gate: Option<Gate>,
    readers: JoinSet<()>,
}

impl Plan {
    pub(crate) fn watchers(&self) -> u64 {
        (self.streams * self.per_stream) as u64
    }

    /// All creates of one stream, back to back.
    fn creates(&self) -> Result<Bytes> {
        let create = WatchCreateRequest {
            key: Bytes::from_static(KEY),
            start_revision: self.start_revision,
            ..WatchCreateRequest::default()
        };
        let create = frame(&WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) })?;
        let mut all = BytesMut::with_capacity(create.len() * self.per_stream);
        for _ in 0..self.per_stream {
            all.extend_from_slice(&create);
        }
        Ok(all.freeze())
    }
}

impl Watchers {
    /// Connects; nothing is watched yet.
    pub(crate) async fn connect(target: &Target, connections: usize, clock: Clock) -> Result<Self> {
        Self::over(target, Connector::new(target.address), connections, clock, None).await
    }

    /// Watchers that read while the gate is open, on streams that hold their sender back at `window` bytes unread.
    pub(crate) async fn gated(target: &Target, window: u32, clock: Clock, gate: Gate) -> Result<Self> {
        Self::over(target, Connector::new(target.address).stream_window(window), 1, clock, Some(gate)).await
    }

    async fn over(
        target: &Target,
        connector: Connector,
        count: usize,
        clock: Clock,
        gate: Option<Gate>,
    ) -> Result<Self> {
        let mut connections = Vec::with_capacity(count);
        for _ in 0..count {
            connections.push(connector.connect().await?);
        }
        let (method, tally) = (target.method(WATCH)?, Arc::new(Tally::new(target.system == System::Theirs)?));
        Ok(Self { method, clock, tally, connections, gate, readers: JoinSet::new() })
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Opens all streams and waits until every watcher was created.
    pub(crate) async fn open(&mut self, plan: &Plan) -> Result<()> {
        self.ask(plan).await?;
        self.tally.created(plan.watchers()).await
    }

    /// Opens all streams without a wait for what they answer.
    pub(crate) async fn ask(&mut self, plan: &Plan) -> Result<()> {
        let creates = plan.creates()?;
        let per_connection = plan.streams.div_ceil(self.connections.len().max(1));
        let mut left = plan.streams;
        for connection in &mut self.connections {
            for _ in 0..per_connection.min(left) {
                let reader = Reader {
                    stream: connection.open(&self.method, creates.clone()).await?,
                    messages: Messages::default(),
                    checker: Checker::new(plan.per_stream, plan.first),
                    clock: self.clock,
                    tally: self.tally.clone(),
                };
                self.readers.spawn(reader.run(self.gate.clone()));
            }
            left = left.saturating_sub(per_connection);
        }
        Ok(())
    }
}

/// One stream's.
struct Reader {
    stream: OpenStream,
    messages: Messages,
    checker: Checker,
    clock: Clock,
    tally: Arc<Tally>,
}

impl Reader {
    async fn run(mut self, mut gate: Option<Gate>) {
        loop {
            if let Some(gate) = &mut gate {
                // A gate whose other side is gone stays as it was.
                drop(gate.wait_for(|open| *open).await);
            }
            if let Err(error) = self.read().await {
                return self.tally.lock().end(self.checker.ended(), &error);
            }
        }
    }

    /// Takes one piece; everything in it was received now.
    async fn read(&mut self) -> Result<()> {
        let chunk = self.stream.data().await?;
        let now = self.clock.nanoseconds();
        let mut counts = self.tally.lock();
        counts.bytes += chunk.len() as u64;
        self.messages.feed(chunk, |message| self.checker.take(message, now, &mut counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creates_are_as_many_messages_as_watchers() {
        let plan = Plan { connections: 1, streams: 2, per_stream: 3, start_revision: 9, first: 0 };
        assert_eq!(plan.watchers(), 6);
        let mut messages = 0;
        let count = |_: &[u8]| {
            messages += 1;
            Ok(())
        };
        Messages::default().feed(plan.creates().unwrap(), count).unwrap();
        assert_eq!(messages, 3);
    }
}
