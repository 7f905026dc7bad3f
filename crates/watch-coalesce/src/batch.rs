//! One upstream response, encoded once for every watcher that will ever send it.

use std::sync::OnceLock;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use proto_gen::etcdserverpb::{ResponseHeader, WatchResponse};
use proto_gen::mvccpb::{Event, event::EventType};

/// The field of `WatchResponse` that holds its events; the last one, so encoded events may simply follow the rest.
const EVENTS: u32 = 11;
/// Up to this size events are copied behind others; larger ones are shared, which takes a frame of their own.
const SMALL: usize = 4 << 10;
/// gRPC's: one byte says that nothing is compressed, four are the length.
const PREFIX: usize = 5;
/// No prefix and head before events is longer.
const MOST_HEAD: usize = 64;
/// The id of a stream's first watcher, unless the client chooses another.
const FIRST_ID: i64 = 0;

/// Whole revisions of one upstream watcher; or, without events, its word that nothing happened up to a revision.
#[derive(Debug)]
pub(crate) struct Batch {
    header: ResponseHeader,
    /// All of it in one gRPC message, for the first watcher of a stream.
    first_message: Bytes,
    /// The end of that message.
    events: Bytes,
    marks: Box<[Mark]>,
    without_puts: OnceLock<Payload>,
    without_deletes: OnceLock<Payload>,
}

/// Where one encoded event ends, and what a watcher must know of it to pass it over.
#[derive(Clone, Copy, Debug)]
struct Mark {
    end: u32,
    put: bool,
    revision: i64,
}

/// What a watcher wants of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Events below this revision are not for this watcher.
    pub(crate) from: i64,
    pub(crate) no_put: bool,
    pub(crate) no_delete: bool,
    /// Split messages of this many bytes.
    pub(crate) fragment: Option<usize>,
}

/// Encoded events, ready to stand behind a header.
#[derive(Clone, Debug, Default)]
struct Payload {
    bytes: Bytes,
    /// The end of each event in `bytes`.
    ends: Vec<u32>,
}

impl Batch {
    pub(crate) fn new(header: ResponseHeader, events: &[Event]) -> Self {
        let length = events.iter().map(|event| prost::encoding::message::encoded_len(EVENTS, event)).sum();
        let mut message = first_head(&header, length);
        let start = message.len();
        let marks = events.iter().map(|event| encode_event(event, start, &mut message)).collect();
        Self::of(header, message.freeze(), start, marks)
    }

    /// The same batch without the revisions below `from`.
    pub(crate) fn after(&self, from: i64) -> Self {
        let events = self.select(Wish { from, ..Wish::default() }).bytes;
        let skipped = self.marks.partition_point(|mark| mark.revision < from);
        let cut = skipped.checked_sub(1).and_then(|last| self.marks.get(last)).map_or(0, |mark| mark.end);
        let marks = self.marks.iter().skip(skipped).map(|mark| Mark { end: mark.end - cut, ..*mark });
        let mut message = first_head(&self.header, events.len());
        let start = message.len();
        message.put_slice(&events);
        Self::of(self.header, message.freeze(), start, marks.collect())
    }

    fn of(header: ResponseHeader, first_message: Bytes, start: usize, marks: Box<[Mark]>) -> Self {
        Self {
            header,
            events: first_message.slice(start..),
            first_message,
            marks,
            without_puts: OnceLock::new(),
            without_deletes: OnceLock::new(),
        }
    }

    pub(crate) fn header(&self) -> &ResponseHeader {
        &self.header
    }

    pub(crate) fn is_progress(&self) -> bool {
        self.marks.is_empty()
    }

    pub(crate) fn first(&self) -> i64 {
        self.marks.first().map_or(self.header.revision, |mark| mark.revision)
    }

    pub(crate) fn last(&self) -> i64 {
        self.marks.last().map_or(self.header.revision, |mark| mark.revision)
    }

    pub(crate) fn len(&self) -> usize {
        self.marks.len()
    }

    /// What it costs to keep this batch.
    pub(crate) fn cost(&self) -> usize {
        size_of::<Self>() + self.first_message.len() + self.marks.len() * size_of::<Mark>() + 64
    }

    /// The gRPC message of the whole batch, if that is what this watcher is to be sent.
    pub(crate) fn as_first_message(&self, watch_id: i64, wish: Wish) -> Option<&Bytes> {
        (watch_id == FIRST_ID && self.is_wanted_whole(wish)).then_some(&self.first_message)
    }

    /// Appends the gRPC messages for one watcher to `out`; says how many events they hold.
    pub(crate) fn write(&self, watch_id: i64, wish: Wish, out: &mut Frames) -> usize {
        if self.is_wanted_whole(wish) {
            self.write_message(watch_id, false, self.events.clone(), out);
            return self.marks.len();
        }
        let payload = self.payload(wish);
        if !payload.ends.is_empty() {
            self.write_payload(watch_id, &payload, wish.fragment, out);
        }
        payload.ends.len()
    }

    /// About how many bytes [`Batch::write`] copies.
    pub(crate) fn copied_bytes(&self) -> usize {
        MOST_HEAD + if self.events.len() <= SMALL { self.events.len() } else { 0 }
    }

    fn is_wanted_whole(&self, wish: Wish) -> bool {
        let all = wish.from <= self.first() && !wish.no_put && !wish.no_delete;
        all && wish.fragment.is_none_or(|limit| self.events.len() + MOST_HEAD < limit)
    }

    fn write_payload(&self, watch_id: i64, payload: &Payload, fragment: Option<usize>, out: &mut Frames) {
        let limit = fragment.unwrap_or(usize::MAX);
        let mut start = 0;
        let mut end = 0;
        for (index, next) in payload.ends.iter().map(|end| *end as usize).enumerate() {
            if index > 0 && end > start && next - start + MOST_HEAD >= limit {
                self.write_message(watch_id, true, payload.bytes.slice(start..end), out);
                start = end;
            }
            end = next;
        }
        self.write_message(watch_id, false, payload.bytes.slice(start..end), out);
    }

    fn write_message(&self, watch_id: i64, fragment: bool, events: Bytes, out: &mut Frames) {
        let head = WatchResponse { header: Some(self.header), watch_id, fragment, ..Default::default() };
        out.message(&head, events);
    }

    fn payload(&self, wish: Wish) -> Payload {
        if wish.from > self.first() {
            return self.select(wish);
        }
        match (wish.no_put, wish.no_delete) {
            (false, false) => self.select(wish),
            (true, true) => Payload::default(),
            (true, false) => self.without_puts.get_or_init(|| self.select(wish)).clone(),
            (false, true) => self.without_deletes.get_or_init(|| self.select(wish)).clone(),
        }
    }

    fn select(&self, wish: Wish) -> Payload {
        let mut bytes = BytesMut::new();
        let mut ends = Vec::new();
        let mut start = 0;
        for mark in &self.marks {
            let end = mark.end as usize;
            let refused = if mark.put { wish.no_put } else { wish.no_delete };
            if !refused && mark.revision >= wish.from {
                bytes.extend_from_slice(self.events.get(start..end).unwrap_or_default());
                ends.push(bytes.len() as u32);
            }
            start = end;
        }
        Payload { bytes: bytes.freeze(), ends }
    }
}

/// What stands before so many bytes of events in the message for a stream's first watcher; with room for them.
fn first_head(header: &ResponseHeader, events: usize) -> BytesMut {
    let head = WatchResponse { header: Some(*header), watch_id: FIRST_ID, ..Default::default() };
    let mut message = BytesMut::with_capacity(PREFIX + head.encoded_len() + events);
    put_head(&head, events, &mut message);
    message
}

/// The prefix of a gRPC message that ends with so many bytes of events, and what stands before these.
fn put_head(head: &WatchResponse, events: usize, out: &mut BytesMut) {
    out.put_u8(0);
    out.put_u32((head.encoded_len() + events) as u32);
    head.encode_raw(out);
}

fn encode_event(event: &Event, start: usize, out: &mut BytesMut) -> Mark {
    prost::encoding::message::encode(EVENTS, event, out);
    let revision = event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
    Mark { end: (out.len() - start) as u32, put: event.r#type == EventType::Put as i32, revision }
}

/// Chunks of a response body: small messages gathered in one chunk, large events shared as they are.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    small: BytesMut,
    ready: std::collections::VecDeque<Bytes>,
    bytes: usize,
}

impl Frames {
    /// Bytes that wait to be sent.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The next chunk.
    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let chunk = self
            .ready
            .pop_front()
            .or_else(|| (!self.small.is_empty()).then(|| self.small.split().freeze()))?;
        self.bytes -= chunk.len();
        if self.bytes == 0 {
            *self = Self::default();
        }
        Some(chunk)
    }

    /// One gRPC message: `head`, and behind it what is encoded already.
    pub(crate) fn message(&mut self, head: &WatchResponse, events: Bytes) {
        self.bytes += PREFIX + head.encoded_len() + events.len();
        put_head(head, events.len(), &mut self.small);
        if events.len() > SMALL {
            self.flush();
            self.ready.push_back(events);
        } else {
            self.small.extend_from_slice(&events);
        }
    }

    /// Makes room for so much in one piece, where it would be collected in many.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.small.reserve(bytes);
    }

    /// Messages that many streams send; shared with them, not copied.
    pub(crate) fn share(&mut self, messages: Bytes) {
        self.flush();
        self.bytes += messages.len();
        self.ready.push_back(messages);
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.ready.push_back(self.small.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests;
