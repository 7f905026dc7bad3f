//! A checker of recorded histories: what clients did, when, and what they were told.
//!
//! etcd orders everything by revisions, so a history does not have to be searched for an order that explains it: the
//! revisions are that order, and it is checked whether they explain it.

use bytes::Bytes;
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse};

use crate::double::{Keys, shown};
use crate::moment::Moment;
use proto_gen::KeyRange;

/// One operation that was answered.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    /// Steps of the schedule.
    pub(crate) began: usize,
    pub(crate) ended: usize,
    pub(crate) asked_at: Moment,
    pub(crate) what: Answered,
}

#[derive(Clone, Debug)]
pub(crate) enum Answered {
    Write { ranges: Vec<KeyRange>, revision: i64 },
    Read { request: RangeRequest, response: RangeResponse },
}

/// A write by somebody else, which nobody was told of.
#[derive(Clone, Debug)]
pub(crate) struct Foreign {
    pub(crate) key: Bytes,
    pub(crate) revision: i64,
    pub(crate) written_at: Moment,
}

impl Operation {
    fn revision(&self) -> i64 {
        match &self.what {
            Answered::Write { revision, .. } => *revision,
            Answered::Read { response, .. } => response.header.as_ref().unwrap().revision,
        }
    }

    fn ranges(&self) -> Vec<KeyRange> {
        match &self.what {
            Answered::Write { ranges, .. } => ranges.clone(),
            Answered::Read { request, .. } => vec![KeyRange::new(&request.key, &request.range_end)],
        }
    }

    fn is_serializable(&self) -> bool {
        matches!(&self.what, Answered::Read { request, .. } if request.serializable)
    }
}

/// What is wrong with the history, if anything is. `states` are the keys at each revision from 1 on.
pub(crate) fn fault(
    history: &[Operation],
    foreign: &[Foreign],
    states: &[Keys],
    max_age: std::time::Duration,
) -> Option<String> {
    let untrue = history.iter().find(|operation| !is_true(operation, states));
    if let Some(operation) = untrue {
        return Some(format!("not the state at its revision: {operation:?}"));
    }
    for later in history {
        for earlier in history.iter().filter(|earlier| earlier.ended < later.began) {
            if went_back(earlier, later) {
                return Some(format!("{later:?}\nis older than\n{earlier:?}"));
            }
        }
        let missed = foreign.iter().find(|write| {
            let due = write.written_at.after(max_age) < later.asked_at;
            due && later.ranges().iter().any(|range| range.holds(&write.key))
                && later.revision() < write.revision
        });
        if let Some(write) = missed {
            return Some(format!("{later:?}\nlacks after the maximum age\n{write:?}"));
        }
    }
    None
}

/// Whether the answer is the state of the keys at its revision.
fn is_true(operation: &Operation, states: &[Keys]) -> bool {
    let Answered::Read { request, response } = &operation.what else { return true };
    let revision = if request.revision > 0 { request.revision } else { operation.revision() };
    let keys = &states[revision as usize - 1];
    RangeResponse { header: None, ..response.clone() } == shown(keys, request)
}

/// Linearizable reads and writes never go back. A serializable read does not go back behind a write to its keys, nor
/// behind an answer about the same range, nor, as far as keys can tell, about another range that overlaps.
fn went_back(earlier: &Operation, later: &Operation) -> bool {
    if later.revision() >= earlier.revision() {
        return false;
    }
    if !later.is_serializable() {
        return !earlier.is_serializable();
    }
    match (&earlier.what, &later.what) {
        (Answered::Write { .. }, _) => {
            let (written, read) = (earlier.ranges(), later.ranges());
            written.iter().any(|range| read.iter().any(|read| read.overlaps(range)))
        }
        (Answered::Read { request, response }, Answered::Read { request: again, response: older }) => {
            let same = request.key == again.key && request.range_end == again.range_end;
            same || shows_older_keys(request, response, again, older)
        }
        (Answered::Read { .. }, Answered::Write { .. }) => false,
    }
}

/// Whether a key that both show completely is older in the later answer.
fn shows_older_keys(
    request: &RangeRequest,
    newer: &RangeResponse,
    again: &RangeRequest,
    older: &RangeResponse,
) -> bool {
    let partial = |request: &RangeRequest| request.revision > 0 || request.count_only || request.limit > 0;
    if partial(request) || partial(again) {
        return false;
    }
    let (first, second) =
        (KeyRange::new(&request.key, &request.range_end), KeyRange::new(&again.key, &again.range_end));
    let in_both = |response: &RangeResponse| -> Vec<(Bytes, i64)> {
        let both = response.kvs.iter().filter(|kv| first.holds(&kv.key) && second.holds(&kv.key));
        both.map(|kv| (kv.key.clone(), kv.mod_revision)).collect()
    };
    in_both(newer) != in_both(older)
}
