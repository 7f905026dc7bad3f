//! `Watcher`: has watched what is read often, so that a write made elsewhere is seen at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use proto_gen::Transport;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::etcdserverpb::{WatchRequest, WatchResponse};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Status, Streaming};

use crate::cache::KvCache;
use crate::hot::{Hot, Reader, Wanted, Watched};

/// Credentials in whose name something is watched at once.
const MOST_READERS: usize = 64;
/// Requests that wait to be sent on one stream.
const MOST_REQUESTS: usize = 64;
/// Between two looks at what is still read often.
const LOOK: Duration = Duration::from_secs(5);
/// Before a stream that was lost is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// Opens Watch streams. tonic's [`WatchClient`] does; give it `max_decoding_message_size(usize::MAX)`.
pub trait OpenWatch: Clone + Send + Sync + 'static {
    /// What etcd answers.
    type Responses: Stream<Item = Result<WatchResponse, Status>> + Send + Unpin + 'static;

    /// Opens a stream that carries this metadata. The requests flow before this future is done.
    fn open(
        &self,
        metadata: MetadataMap,
        requests: ReceiverStream<WatchRequest>,
    ) -> impl Future<Output = Result<Self::Responses, Status>> + Send + 'static;
}

impl<T: Transport> OpenWatch for WatchClient<T> {
    type Responses = Streaming<WatchResponse>;

    fn open(
        &self,
        metadata: MetadataMap,
        requests: ReceiverStream<WatchRequest>,
    ) -> impl Future<Output = Result<Self::Responses, Status>> + Send + 'static {
        let mut client = self.clone();
        let request = Request::from_parts(metadata, Extensions::default(), requests);
        async move { client.watch(request).await.map(tonic::Response::into_inner) }
    }
}

/// Runs beside the cache, on any runtime.
#[derive(Debug)]
pub struct Watcher {
    cache: KvCache,
    wanted: mpsc::Receiver<Wanted>,
}

/// The watchers of one credential, as the worker sees them.
struct Line(mpsc::Sender<Watched>);

impl Watcher {
    pub(crate) fn new(cache: KvCache, wanted: mpsc::Receiver<Wanted>) -> Self {
        Self { cache, wanted }
    }

    /// Watches through `upstream` what the cache finds to be read often. Never ends by itself.
    pub async fn run<O: OpenWatch>(mut self, upstream: O) {
        let permits = Arc::new(Semaphore::new(self.cache.config().max_watches));
        let mut lines: HashMap<Reader, Line> = HashMap::new();
        let mut running: JoinSet<Reader> = JoinSet::new();
        loop {
            tokio::select! {
                wanted = self.wanted.recv() => {
                    let Some(Wanted { reader, mut watched }) = wanted else { return };
                    let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else { continue };
                    watched.permit(&self.cache, permit);
                    self.pass_on(reader, watched, &upstream, &mut lines, &mut running);
                }
                Some(ended) = running.join_next() => {
                    if let Ok(reader) = ended {
                        lines.remove(&reader);
                    }
                }
            }
        }
    }

    fn pass_on<O: OpenWatch>(
        &self,
        reader: Reader,
        watched: Watched,
        upstream: &O,
        lines: &mut HashMap<Reader, Line>,
        running: &mut JoinSet<Reader>,
    ) {
        if let Some(Line(line)) = lines.get(&reader) {
            // Where it does not fit, it is dropped, and wanted again while it is read often.
            let _ = line.try_send(watched);
        } else if lines.len() < MOST_READERS {
            let (line, received) = mpsc::channel(MOST_REQUESTS);
            let _ = line.try_send(watched);
            lines.insert(reader.clone(), Line(line));
            let (upstream, cache) = (upstream.clone(), self.cache.clone());
            running.spawn(async move {
                if let Err(status) = follow(&upstream, &reader, received, &cache).await {
                    tracing::debug!(reason = status.message(), "a watch of what is read often was lost");
                    tokio::time::sleep(PAUSE).await;
                }
                reader
            });
        }
    }
}

/// Watches on one stream until nothing is read often any more, or the stream is lost.
async fn follow<O: OpenWatch>(
    upstream: &O,
    reader: &Reader,
    mut wanted: mpsc::Receiver<Watched>,
    cache: &KvCache,
) -> Result<(), Status> {
    let (requests, sent) = mpsc::channel(MOST_REQUESTS);
    let mut hot = Hot::default();
    let Some(first) = wanted.recv().await else { return Ok(()) };
    let lost = |_| Status::unavailable("the stream takes no requests");
    requests.try_send(hot.add(first)).map_err(lost)?;
    let mut responses = upstream.open(reader.metadata(), ReceiverStream::new(sent)).await?;
    let mut look = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
    loop {
        tokio::select! {
            Some(watched) = wanted.recv() => requests.try_send(hot.add(watched)).map_err(lost)?,
            response = responses.next() => match response {
                Some(response) => hot.hear(&response?, cache),
                None => return Err(Status::unavailable("the stream has ended")),
            },
            _ = look.tick() => {
                for cancel in hot.cool() {
                    requests.try_send(cancel).map_err(lost)?;
                }
                if hot.is_empty() {
                    return Ok(());
                }
            }
        }
    }
}
