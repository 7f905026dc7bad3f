//! One upstream response, encoded once for every watcher that will ever send it.

use std::sync::OnceLock;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use proto_gen::etcdserverpb::{ResponseHeader, WatchResponse};
use proto_gen::mvccpb::{Event, event::EventType};

/// The field of `WatchResponse` that holds its events; the last one, so encoded events may simply follow the rest.
const EVENTS: u32 = 11;
/// Up to this size a complete message is kept for the watch id that nearly every stream uses first.
const SMALL: usize = 4 << 10;

/// Whole revisions of one upstream watcher; or, without events, its word that nothing happened up to a revision.
#[derive(Debug)]
pub(crate) struct Batch {
    header: ResponseHeader,
    events: Bytes,
    marks: Box<[Mark]>,
    first_message: OnceLock<Bytes>,
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
        let mut bytes = BytesMut::with_capacity(events.iter().map(|event| event.encoded_len() + 6).sum());
        let marks = events.iter().map(|event| encode_event(event, &mut bytes)).collect();
        Self {
            header,
            events: bytes.freeze(),
            marks,
            first_message: OnceLock::new(),
            without_puts: OnceLock::new(),
            without_deletes: OnceLock::new(),
        }
    }

    /// The same batch without the revisions below `from`.
    pub(crate) fn after(&self, from: i64) -> Self {
        let wish = Wish { from, ..Wish::default() };
        let skipped = self.marks.partition_point(|mark| mark.revision < from);
        let cut = skipped.checked_sub(1).and_then(|last| self.marks.get(last)).map_or(0, |mark| mark.end);
        let marks = self.marks.iter().skip(skipped).map(|mark| Mark { end: mark.end - cut, ..*mark });
        Self {
            header: self.header,
            marks: marks.collect(),
            events: self.select(wish).bytes,
            first_message: OnceLock::new(),
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
        let copies = if self.events.len() <= SMALL { 2 } else { 1 };
        size_of::<Self>() + self.events.len() * copies + self.marks.len() * size_of::<Mark>() + 64
    }

    /// Appends the gRPC messages for one watcher to `out`; says how many events they hold.
    pub(crate) fn write(&self, watch_id: i64, wish: Wish, out: &mut Frames) -> usize {
        let whole = wish.from <= self.first() && !wish.no_put && !wish.no_delete;
        if whole && wish.fragment.is_none_or(|limit| self.events.len() + 64 < limit) {
            self.write_whole(watch_id, out);
            return self.marks.len();
        }
        let payload = self.payload(wish);
        if !payload.ends.is_empty() {
            self.write_payload(watch_id, &payload, wish.fragment, out);
        }
        payload.ends.len()
    }

    fn write_whole(&self, watch_id: i64, out: &mut Frames) {
        if watch_id != 0 || self.events.len() > SMALL {
            return self.write_message(watch_id, false, self.events.clone(), out);
        }
        let message = self.first_message.get_or_init(|| {
            let mut frames = Frames::default();
            self.write_message(0, false, self.events.clone(), &mut frames);
            frames.small.freeze()
        });
        out.push(message.clone());
    }

    fn write_payload(&self, watch_id: i64, payload: &Payload, fragment: Option<usize>, out: &mut Frames) {
        let limit = fragment.unwrap_or(usize::MAX);
        let mut start = 0;
        let mut end = 0;
        for (index, next) in payload.ends.iter().map(|end| *end as usize).enumerate() {
            if index > 0 && end > start && next - start + 64 >= limit {
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

fn encode_event(event: &Event, out: &mut BytesMut) -> Mark {
    prost::encoding::message::encode(EVENTS, event, out);
    let revision = event.kv.as_ref().map_or(0, |kv| kv.mod_revision);
    Mark { end: out.len() as u32, put: event.r#type == EventType::Put as i32, revision }
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
        let head_len = head.encoded_len();
        let shared = events.len() > SMALL;
        self.small.reserve(5 + head_len + if shared { 0 } else { events.len() });
        self.small.put_u8(0);
        self.small.put_u32((head_len + events.len()) as u32);
        head.encode_raw(&mut self.small);
        self.bytes += 5 + head_len + events.len();
        if shared {
            self.flush();
            self.ready.push_back(events);
        } else {
            self.small.extend_from_slice(&events);
        }
    }

    fn push(&mut self, message: Bytes) {
        self.bytes += message.len();
        // Alone in its chunk it goes out without a copy; behind others it joins them, which is a frame less.
        if self.small.is_empty() && self.ready.is_empty() {
            self.ready.push_back(message);
        } else {
            self.small.extend_from_slice(&message);
        }
    }

    fn flush(&mut self) {
        if !self.small.is_empty() {
            self.ready.push_back(self.small.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests;
