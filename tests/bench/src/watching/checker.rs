//! What etcd promises to a watcher, checked on every event: all of them, once, in order.

use super::KEY;
use super::response::{Event, Head, events};
use super::stamp::Stamp;
use super::tally::{Ended, Tallied};
use super::wire::Malformed;
use crate::{Error, Result};

/// The watchers of one stream; a watcher's id is its place.
#[derive(Debug)]
pub(crate) struct Checker {
    watchers: Vec<Watcher>,
    created: u64,
    delivered: u64,
}

#[derive(Debug, Clone, Copy)]
struct Watcher {
    created: bool,
    /// The number of the next event.
    next: u64,
    /// That of the last event.
    revision: i64,
}

impl Checker {
    /// So many watchers, whose first event must have the number `first`.
    pub(crate) fn new(watchers: usize, first: u64) -> Self {
        let watcher = Watcher { created: false, next: first, revision: 0 };
        Self { watchers: vec![watcher; watchers], created: 0, delivered: 0 }
    }

    /// What these watchers had, now that their stream has ended.
    pub(crate) fn ended(&self) -> Ended {
        let watchers = self.watchers.len() as u64;
        Ended { streams: 1, watchers, created: self.created, delivered: self.delivered }
    }

    /// Counts one response. An error is the end of the stream; a wrong event is only counted.
    pub(crate) fn take(&mut self, message: &[u8], now: u64, counts: &mut Tallied) -> Result<()> {
        let head = Head::of(message).map_err(malformed)?;
        if head.canceled || head.compact_revision != 0 {
            return Err(format!("a watcher was cancelled: {head:?}").into());
        }
        let place = usize::try_from(head.watch_id).ok();
        let watcher = place.and_then(|place| self.watchers.get_mut(place));
        let watcher = watcher.ok_or_else(|| format!("nobody asked for {head:?}"))?;
        if head.created {
            if std::mem::replace(&mut watcher.created, true) {
                counts.wrong(|| format!("watcher {} was created twice", head.watch_id));
            }
            counts.created += 1;
            self.created += 1;
        }
        for event in events(message) {
            watcher.event(&event.map_err(malformed)?, now, counts)?;
            self.delivered += 1;
        }
        Ok(())
    }
}

impl Watcher {
    fn event(&mut self, event: &Event<'_>, now: u64, counts: &mut Tallied) -> Result<()> {
        let stamp = Stamp::of(event.value).filter(|_| event.kind == 0 && event.key == KEY);
        let stamp = stamp.ok_or_else(|| format!("an event that nobody caused: {event:?}"))?;
        if !self.created || stamp.number != self.next || event.revision <= self.revision {
            counts.wrong(|| format!("{self:?} received number {} at {}", stamp.number, event.revision));
        }
        self.next = self.next.max(stamp.number + 1);
        self.revision = self.revision.max(event.revision);
        counts.delivered += 1;
        counts.latency.saturating_record(now.saturating_sub(stamp.sent));
        Ok(())
    }
}

fn malformed(_: Malformed) -> Error {
    "a malformed response".into()
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use proto_gen::etcdserverpb::WatchResponse;
    use proto_gen::mvccpb;

    use super::*;
    use crate::watching::Tally;

    fn created(watch_id: i64) -> WatchResponse {
        WatchResponse { watch_id, created: true, ..Default::default() }
    }

    fn with(watch_id: i64, numbers: &[u64]) -> WatchResponse {
        let event = |number: &u64| {
            let kv = mvccpb::KeyValue {
                key: KEY.into(),
                mod_revision: 10 + number.cast_signed(),
                value: Stamp { sent: 100, number: *number }.value(0).into(),
                ..Default::default()
            };
            mvccpb::Event { kv: Some(kv), ..Default::default() }
        };
        WatchResponse { watch_id, events: numbers.iter().map(event).collect(), ..Default::default() }
    }

    fn taken(responses: &[WatchResponse]) -> (Tallied, Option<String>) {
        let tally = Tally::new(false).unwrap();
        let mut checker = Checker::new(2, 5);
        let mut ended = None;
        for response in responses {
            let result = checker.take(&response.encode_to_vec(), 350, &mut tally.lock());
            ended = ended.or(result.err().map(|error| error.to_string()));
        }
        let counts = tally.lock().clone();
        (counts, ended)
    }

    #[test]
    fn every_event_once_in_order_is_right() {
        let (counts, ended) =
            taken(&[created(0), created(1), with(0, &[5, 6]), with(1, &[5]), with(1, &[6])]);
        assert_eq!((counts.created, counts.delivered, counts.wrong, ended), (2, 4, 0, None));
        assert_eq!(counts.latency.max(), 250);
    }

    #[test]
    fn gaps_repeats_and_events_before_created_are_wrong() {
        for numbers in [&[6][..], &[5, 5], &[5, 7], &[5, 6, 5]] {
            let (counts, _) = taken(&[created(0), with(0, numbers)]);
            assert_eq!(counts.wrong, 1, "{numbers:?}");
        }
        assert_eq!(taken(&[with(0, &[5])]).0.wrong, 1);
        assert_eq!(taken(&[created(0), created(0)]).0.wrong, 1);
    }

    #[test]
    fn what_no_watcher_asked_for_ends_the_stream() {
        let cancelled = WatchResponse { canceled: true, ..Default::default() };
        for response in [created(2), created(-1), cancelled] {
            assert!(taken(&[response]).1.is_some());
        }
    }
}
