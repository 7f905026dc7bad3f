//! Fragments into whole revisions.

use std::collections::HashMap;
use std::sync::Arc;

use proto_gen::etcdserverpb::WatchResponse;
use proto_gen::mvccpb::Event;

use crate::batch::Batch;
use crate::groups::Answer;

/// What has come of revisions that are not complete, for each watcher of one upstream stream.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    held: HashMap<i64, Vec<Event>>,
}

impl Assembler {
    /// Takes a response; encodes what is complete. A fragment may end in the middle of a revision, and a watcher that
    /// did not ask for fragments must never see half of one.
    pub(crate) fn take(&mut self, response: WatchResponse) -> Answer {
        let id = response.watch_id;
        let mut events = self.held.remove(&id).unwrap_or_default();
        events.extend(response.events);
        if response.fragment {
            let open = events.last().map_or(0, revision);
            match events.partition_point(|event| revision(event) < open) {
                0 => _ = self.held.insert(id, std::mem::take(&mut events)),
                whole => _ = self.held.insert(id, events.split_off(whole)),
            }
        }
        let header = response.header.unwrap_or_default();
        Answer {
            header,
            watch_id: id,
            created: response.created,
            canceled: response.canceled,
            compact_revision: response.compact_revision,
            cancel_reason: response.cancel_reason,
            batch: (!events.is_empty()).then(|| Arc::new(Batch::new(header, &events))),
            partial: response.fragment,
        }
    }
}

fn revision(event: &Event) -> i64 {
    event.kv.as_ref().map_or(0, |kv| kv.mod_revision)
}

#[cfg(test)]
mod tests {
    use proto_gen::mvccpb::KeyValue;

    use super::*;

    fn fragment(revisions: &[i64], fragment: bool) -> WatchResponse {
        let event = |revision: &i64| Event {
            kv: Some(KeyValue { mod_revision: *revision, ..Default::default() }),
            ..Default::default()
        };
        WatchResponse { events: revisions.iter().map(event).collect(), fragment, ..Default::default() }
    }

    fn span(answer: &Answer) -> Option<(i64, i64, usize)> {
        answer.batch.as_ref().map(|batch| (batch.first(), batch.last(), batch.len()))
    }

    #[test]
    fn a_revision_that_a_fragment_may_have_cut_waits_for_its_rest() {
        let mut assembler = Assembler::default();
        let answers = [
            assembler.take(fragment(&[3, 4, 5], true)),
            assembler.take(fragment(&[5, 5], true)),
            assembler.take(fragment(&[5, 6], false)),
            assembler.take(fragment(&[7], false)),
        ];
        let spans: Vec<_> = answers.iter().map(span).collect();
        assert_eq!(spans, [Some((3, 4, 2)), None, Some((5, 6, 5)), Some((7, 7, 1))]);
        assert!(answers[1].partial);
    }
}
