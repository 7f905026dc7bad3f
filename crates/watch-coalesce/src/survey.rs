//! Which ranges are watched by how many: for people who look.

use bytes::Bytes;

use crate::groups::Groups;
use crate::hub::{Shared, WatchHub};

/// Groups that are looked at before others may have the machine again.
const STRIDE: usize = 1024;

/// A watcher on etcd, and those who share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchedRange {
    /// The first key.
    pub key: Bytes,
    /// The end of the range, as etcd writes it: empty for one key.
    pub range_end: Bytes,
    /// Watchers of clients that read from it.
    pub watchers: usize,
    /// Bytes of past events that are kept for them.
    pub history_bytes: usize,
    /// Whether it brings the past to those who lag.
    pub is_catching_up: bool,
}

impl WatchHub {
    /// The ranges with the most watchers, widest first. Each caller's are apart: the same range may be there twice.
    pub fn widest(&self, most: usize) -> Vec<WatchedRange> {
        let shared: &Shared = self.shared();
        let mut found: Vec<WatchedRange> = Vec::new();
        let mut from = 0;
        loop {
            let least = if found.len() < most { 0 } else { found.last().map_or(0, |range| range.watchers) };
            let end = shared.look(|groups| groups.survey(from, STRIDE, least, &mut found));
            found.sort_by(|a, b| b.watchers.cmp(&a.watchers).then_with(|| a.key.cmp(&b.key)));
            found.truncate(most);
            match end {
                Some(next) => from = next,
                None => return found,
            }
        }
    }
}

impl Groups {
    /// Adds the groups among the next `stride` places that have more than `least` members. Where to go on, if there
    /// are more places.
    fn survey(
        &self,
        from: usize,
        stride: usize,
        least: usize,
        found: &mut Vec<WatchedRange>,
    ) -> Option<usize> {
        let to = from + stride;
        for place in from..to {
            found.extend(self.sight(place).filter(|range| range.watchers > least));
        }
        (to < self.places()).then_some(to)
    }
}
