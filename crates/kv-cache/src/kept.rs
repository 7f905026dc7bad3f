//! `Kept`: one answer, in memory of its own.

use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use prost::Message as _;
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse};
use proto_gen::mvccpb::KeyValue;

use crate::index::Marked;
use crate::mark::Stamp;
use crate::moment::Moment;
use crate::witness::Witness;

/// What an answer costs besides its bytes: the entry, its place in two tables, the mark.
const OVERHEAD: usize = 512;

/// An answer that can be given again.
#[derive(Debug)]
pub(crate) struct Kept {
    response: RangeResponse,
    pub(crate) stamp: Stamp,
    pub(crate) mark: Marked,
    /// Whether it shows an old revision, which a compaction can take away.
    pub(crate) is_past: bool,
    /// Whether there are keys in it, which a lease can take away.
    pub(crate) has_keys: bool,
    /// Bytes.
    pub(crate) size: usize,
    hits: AtomicU32,
}

impl Kept {
    /// None for an answer without a header, which no etcd gives.
    pub(crate) fn new(
        request: &RangeRequest,
        response: RangeResponse,
        mark: Marked,
        sent: Moment,
    ) -> Option<Self> {
        let revision = response.header.as_ref()?.revision;
        let witness = Witness::of(request, &response);
        Some(Self {
            stamp: Stamp { sent, revision, witness },
            is_past: request.revision > 0,
            has_keys: response.count > 0 || !response.kvs.is_empty(),
            size: size(&response) + mark.range.len(),
            hits: AtomicU32::new(0),
            response,
            mark,
        })
    }

    /// The answer, true at this revision.
    pub(crate) fn response(&self, revision: i64) -> RangeResponse {
        let mut response = self.response.clone();
        if let Some(header) = &mut response.header {
            header.revision = revision;
        }
        response
    }

    /// Counts one more, and says how many it has been.
    pub(crate) fn hit(&self) -> u32 {
        self.mark.heat.fetch_add(1, Ordering::Relaxed);
        self.hits.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

/// Bytes that an answer takes when it is kept.
pub(crate) fn size(response: &RangeResponse) -> usize {
    OVERHEAD + response.encoded_len() + response.kvs.len() * size_of::<KeyValue>()
}

/// The same in one piece of memory that nothing else is in: what was received is a slice of a buffer of the
/// connection, which may be many times as large.
pub(crate) fn copied(response: &RangeResponse) -> RangeResponse {
    // What was just encoded can be decoded.
    RangeResponse::decode(Bytes::from(response.encode_to_vec())).unwrap_or_else(|_| response.clone())
}
