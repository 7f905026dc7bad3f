//! `Hot`: the ranges that one credential has watched because they are read often. Pure.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use proto_gen::etcdserverpb::watch_request::RequestUnion;
use proto_gen::etcdserverpb::{WatchCancelRequest, WatchCreateRequest, WatchRequest, WatchResponse};
use proto_gen::mvccpb::Event;
use tokio::sync::OwnedSemaphorePermit;
use tonic::metadata::{MetadataMap, MetadataValue};

use crate::cache::KvCache;
use crate::index::Marked;
use crate::key::CREDENTIAL;
use proto_gen::KeyRange;

/// What is given from memory less often than this between two looks is not worth a watcher.
const COLD: u32 = 8;

/// The metadata by which etcd knows the reader.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Reader(Vec<(&'static str, Bytes)>);

/// A range that is to be watched in the name of one of its readers.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) reader: Reader,
    pub(crate) watched: Watched,
}

/// A range that is watched, or is to be. While it lives, nobody else asks for a watch of it.
#[derive(Debug)]
pub(crate) struct Watched {
    mark: Marked,
    permit: Option<Permit>,
    ended: bool,
}

/// One of the watchers that the cache may have.
#[derive(Debug)]
pub(crate) struct Permit {
    cache: KvCache,
    _permit: OwnedSemaphorePermit,
}

/// The watchers on one stream.
#[derive(Debug, Default)]
pub(crate) struct Hot {
    watched: HashMap<i64, Watched>,
    last_id: i64,
}

impl Reader {
    fn of(metadata: &MetadataMap) -> Self {
        let headers: &http::HeaderMap = metadata.as_ref();
        let values = |name| headers.get_all(name).iter().map(move |value| (name, value));
        let all = CREDENTIAL.into_iter().flat_map(values);
        Self(all.map(|(name, value)| (name, Bytes::copy_from_slice(value.as_bytes()))).collect())
    }

    /// The same as metadata. What came in as a header value is one.
    pub(crate) fn metadata(&self) -> MetadataMap {
        let mut metadata = MetadataMap::new();
        for (name, value) in &self.0 {
            if let Ok(value) = MetadataValue::try_from(value.as_ref()) {
                metadata.append(*name, value);
            }
        }
        metadata
    }
}

impl Wanted {
    pub(crate) fn new(metadata: &MetadataMap, mark: Marked) -> Self {
        Self { reader: Reader::of(metadata), watched: Watched { mark, permit: None, ended: false } }
    }
}

impl Watched {
    pub(crate) fn permit(&mut self, cache: &KvCache, permit: OwnedSemaphorePermit) {
        cache.counters().watched.increment();
        self.permit = Some(Permit { cache: cache.clone(), _permit: permit });
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.mark.watched.store(false, Ordering::Release);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.cache.counters().watched.sub(1);
    }
}

impl Hot {
    pub(crate) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// The request that has the range watched.
    pub(crate) fn add(&mut self, watched: Watched) -> WatchRequest {
        self.last_id += 1;
        let range = &watched.mark.range;
        let create = WatchCreateRequest {
            key: range.start.clone(),
            range_end: range.range_end(),
            watch_id: self.last_id,
            ..WatchCreateRequest::default()
        };
        self.watched.insert(self.last_id, watched);
        WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) }
    }

    /// Takes note of what etcd says.
    pub(crate) fn hear(&mut self, response: &WatchResponse, cache: &KvCache) {
        if response.created && !response.canceled {
            self.created(response, cache);
        }
        for kv in response.events.iter().filter_map(|event: &Event| event.kv.as_ref()) {
            cache.changed(&[KeyRange::point(&kv.key)], kv.mod_revision);
        }
        // A refusal names no watcher; the watcher it is about counts as watched until it is cold.
        if let (true, Some(watched)) = (response.canceled, self.watched.get_mut(&response.watch_id)) {
            watched.ended = true;
        }
    }

    /// The watcher sees what happens from here on. What happened since the answers that are kept, it does not.
    fn created(&self, response: &WatchResponse, cache: &KvCache) {
        let watched = self.watched.get(&response.watch_id);
        if let (Some(watched), Some(header)) = (watched, &response.header) {
            cache.changed(std::slice::from_ref(&watched.mark.range), header.revision);
        }
    }

    /// Gives up what is not read often any more, and gives the requests that say so to etcd.
    pub(crate) fn cool(&mut self) -> Vec<WatchRequest> {
        let mut cancels = Vec::new();
        self.watched.retain(|watch_id, watched| {
            let heat = watched.mark.heat.swap(0, Ordering::Relaxed);
            if heat >= COLD && !watched.ended {
                return true;
            }
            if !watched.ended {
                let cancel = WatchCancelRequest { watch_id: *watch_id };
                cancels.push(WatchRequest { request_union: Some(RequestUnion::CancelRequest(cancel)) });
            }
            false
        });
        cancels
    }
}
