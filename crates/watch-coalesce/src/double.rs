//! A small etcd for tests: one store, watchers in step and behind, compaction, fragments, refusals. Pure.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use bytes::Bytes;
use proto_gen::etcdserverpb::{
    ResponseHeader, WatchCreateRequest, WatchRequest, WatchResponse, watch_request::RequestUnion,
};
use proto_gen::mvccpb::{Event, KeyValue, event::EventType};

/// The store and its watch streams.
#[derive(Debug, Default)]
pub(crate) struct Etcd {
    pub(crate) revision: i64,
    pub(crate) compacted: i64,
    pub(crate) history: Vec<Event>,
    pub(crate) streams: BTreeMap<u64, Stream>,
    /// Create requests whose token is here are refused.
    pub(crate) bad_tokens: Vec<String>,
    /// Every request that was received.
    pub(crate) log: Vec<RequestUnion>,
    /// It answers every progress request at once, ahead of events, as etcd before 3.4.25 does.
    pub(crate) old: bool,
    /// Responses are split at this many events where the watcher allows it.
    pub(crate) fragment_events: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) token: Option<String>,
    /// Created, canceled: a queue of its own, which may be ahead of the events or behind them, as in etcd.
    pub(crate) control: VecDeque<WatchResponse>,
    pub(crate) out: VecDeque<WatchResponse>,
    announced: HashSet<i64>,
    early: VecDeque<WatchResponse>,
    pub(crate) watchers: HashMap<i64, Watcher>,
}

#[derive(Debug)]
pub(crate) struct Watcher {
    create: WatchCreateRequest,
    next: i64,
    synced: bool,
}

impl Etcd {
    pub(crate) fn new() -> Self {
        Self { revision: 1, fragment_events: 3, ..Self::default() }
    }

    pub(crate) fn header(&self) -> ResponseHeader {
        ResponseHeader { cluster_id: 11, member_id: 22, revision: self.revision, raft_term: 3 }
    }

    pub(crate) fn watchers(&self) -> usize {
        self.streams.values().map(|stream| stream.watchers.len()).sum()
    }

    pub(crate) fn count(&self, of: impl Fn(&RequestUnion) -> bool) -> usize {
        self.log.iter().filter(|request| of(request)).count()
    }

    pub(crate) fn open(&mut self, stream: u64, token: Option<String>) {
        self.streams.insert(stream, Stream { token, ..Stream::default() });
    }

    /// One transaction: each key is put, or deleted if its name is given with a minus.
    pub(crate) fn write(&mut self, keys: &[&str]) -> i64 {
        self.revision += 1;
        let start = self.history.len();
        for key in keys {
            let (key, kind) = match key.strip_prefix('-') {
                Some(key) => (key, EventType::Delete),
                None => (*key, EventType::Put),
            };
            let key = Bytes::copy_from_slice(key.as_bytes());
            let value = Bytes::from(format!("{}-{}", self.revision, self.history.len()));
            let kv = KeyValue { key, value, mod_revision: self.revision, version: 1, ..Default::default() };
            self.history.push(Event { r#type: kind as i32, kv: Some(kv), prev_kv: None });
        }
        let (header, events, split) = (self.header(), self.history[start..].to_vec(), self.fragment_events);
        for stream in self.streams.values_mut() {
            for (id, watcher) in stream.watchers.iter_mut().filter(|(_, watcher)| watcher.synced) {
                send(&mut stream.out, header, *id, watcher, &events, split);
            }
        }
        self.revision
    }

    pub(crate) fn compact(&mut self, revision: i64) {
        self.compacted = self.compacted.max(revision.min(self.revision));
    }

    /// Watchers that are behind get up to `revisions` revisions each; those below the compaction are ended.
    pub(crate) fn sync(&mut self, revisions: usize) {
        let (header, split) = (self.header(), self.fragment_events);
        for stream in self.streams.values_mut() {
            let behind: Vec<i64> =
                stream.watchers.iter().filter(|(_, w)| !w.synced).map(|(id, _)| *id).collect();
            for id in behind {
                let Some(watcher) = stream.watchers.get_mut(&id) else { continue };
                if watcher.next < self.compacted {
                    stream.watchers.remove(&id);
                    stream.out.push_back(WatchResponse {
                        header: Some(ResponseHeader { revision: 0, ..header }),
                        watch_id: id,
                        canceled: true,
                        compact_revision: self.compacted,
                        ..Default::default()
                    });
                    continue;
                }
                let limit = (watcher.next + revisions as i64).min(self.revision + 1);
                let range = |event: &&Event| (watcher.next..limit).contains(&revision(event));
                let events: Vec<_> = self.history.iter().filter(range).cloned().collect();
                send(&mut stream.out, header, id, watcher, &events, split);
                watcher.next = limit;
                watcher.synced = limit > self.revision;
            }
        }
    }

    pub(crate) fn request(&mut self, stream: u64, request: WatchRequest) {
        let Some(union) = request.request_union else { return };
        self.log.push(union.clone());
        let header = self.header();
        let (revision, bad) = (self.revision, self.bad_tokens.clone());
        let Some(stream) = self.streams.get_mut(&stream) else { return };
        match union {
            RequestUnion::CreateRequest(create) => create_watcher(stream, create, header, revision, &bad),
            RequestUnion::CancelRequest(cancel) => {
                if stream.watchers.remove(&cancel.watch_id).is_some() {
                    stream.control.push_back(WatchResponse {
                        header: Some(header),
                        watch_id: cancel.watch_id,
                        canceled: true,
                        ..Default::default()
                    });
                }
            }
            RequestUnion::ProgressRequest(_) if self.old => {
                stream.control.push_back(WatchResponse {
                    header: Some(header),
                    watch_id: -1,
                    ..Default::default()
                });
            }
            RequestUnion::ProgressRequest(_) => {
                if !stream.watchers.is_empty() && stream.watchers.values().all(|watcher| watcher.synced) {
                    stream.out.push_back(WatchResponse {
                        header: Some(header),
                        watch_id: -1,
                        ..Default::default()
                    });
                }
            }
        }
    }
}

impl Stream {
    /// What is sent next. Events of a watcher wait for its `created`, and nothing else does.
    pub(crate) fn pop(&mut self, control_first: bool) -> Option<WatchResponse> {
        if let Some(place) =
            self.early.iter().position(|response| self.announced.contains(&response.watch_id))
        {
            return self.early.remove(place);
        }
        if (control_first || self.out.is_empty())
            && let Some(control) = self.control.pop_front()
        {
            self.announced.insert(control.watch_id);
            return Some(control);
        }
        let response = self.out.pop_front()?;
        if response.watch_id == -1 || self.announced.contains(&response.watch_id) {
            return Some(response);
        }
        self.early.push_back(response);
        self.pop(control_first)
    }

    /// Responses that were not sent.
    pub(crate) fn unsent(&self) -> usize {
        self.control.len() + self.out.len() + self.early.len()
    }
}

/// Whether a range holds a key, as etcd sees it.
pub(crate) fn holds(key: &[u8], end: &[u8], candidate: &[u8]) -> bool {
    match end {
        [] => candidate == key,
        [0] => candidate >= key,
        _ => candidate >= key && candidate < end,
    }
}

pub(crate) fn revision(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

fn create_watcher(
    stream: &mut Stream,
    create: WatchCreateRequest,
    header: ResponseHeader,
    now: i64,
    bad: &[String],
) {
    let refuse = |reason: &str| WatchResponse {
        header: Some(header),
        watch_id: -1,
        created: true,
        canceled: true,
        cancel_reason: reason.to_owned(),
        ..Default::default()
    };
    let empty =
        !create.range_end.is_empty() && create.range_end != b"\0"[..] && create.range_end <= create.key;
    let refusal = match () {
        () if create.start_revision < 0 => Some(crate::refusal::COMPACTED),
        () if stream.token.as_ref().is_some_and(|token| bad.contains(token)) => {
            Some("rpc error: code = PermissionDenied desc = etcdserver: permission denied")
        }
        () if empty => Some("mvcc: watcher range is empty"),
        () if stream.watchers.contains_key(&create.watch_id) => Some(crate::refusal::DUPLICATE_ID),
        () => None,
    };
    if let Some(reason) = refusal {
        return stream.control.push_back(refuse(reason));
    }
    let synced = create.start_revision == 0 || create.start_revision > now;
    let next = if create.start_revision == 0 { now + 1 } else { create.start_revision };
    let watch_id = create.watch_id;
    stream.watchers.insert(watch_id, Watcher { create, next, synced });
    stream.control.push_back(WatchResponse {
        header: Some(header),
        watch_id,
        created: true,
        ..Default::default()
    });
}

fn send(
    out: &mut VecDeque<WatchResponse>,
    header: ResponseHeader,
    watch_id: i64,
    watcher: &Watcher,
    events: &[Event],
    split: usize,
) {
    let create = &watcher.create;
    let wanted = |event: &&Event| {
        let key = event.kv.as_ref().map(|kv| kv.key.clone()).unwrap_or_default();
        revision(event) >= watcher.next && holds(&create.key, &create.range_end, &key)
    };
    let events: Vec<Event> = events.iter().filter(wanted).cloned().collect();
    let size = if create.fragment { split } else { usize::MAX };
    let pieces = events.chunks(size.min(events.len().max(1)));
    let last = pieces.len();
    for (index, piece) in pieces.enumerate() {
        out.push_back(WatchResponse {
            header: Some(header),
            watch_id,
            events: piece.to_vec(),
            fragment: index + 1 < last,
            ..Default::default()
        });
    }
}
