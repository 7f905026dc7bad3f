//! `Blocked`: ranges that are being written.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use proto_gen::KeyRange;

/// Locks and elections are many, each with the keys under a name and a slash. All others are few.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    folders: HashMap<Bytes, usize>,
    ranges: BTreeMap<KeyRange, usize>,
}

impl Blocked {
    pub(super) fn add(&mut self, range: &KeyRange) {
        let range = range.copied();
        let count = match is_folder(&range) {
            true => self.folders.entry(range.start).or_default(),
            false => self.ranges.entry(range).or_default(),
        };
        *count += 1;
    }

    pub(super) fn remove(&mut self, range: &KeyRange) {
        if is_folder(range) {
            if let Some(count) = self.folders.get_mut(&range.start) {
                *count -= 1;
                if *count == 0 {
                    self.folders.remove(&range.start);
                }
            }
        } else if let Some(count) = self.ranges.get_mut(range) {
            *count -= 1;
            if *count == 0 {
                self.ranges.remove(range);
            }
        }
    }

    pub(super) fn holds(&self, key: &[u8]) -> bool {
        let folders = || {
            let slashes = key.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            let mut folders = slashes.filter_map(|(at, _)| key.get(..=at));
            folders.any(|folder| self.folders.contains_key(folder))
        };
        !self.folders.is_empty() && folders() || self.ranges.keys().any(|range| range.holds(key))
    }
}

fn is_folder(range: &KeyRange) -> bool {
    range.start.ends_with(b"/") && *range == KeyRange::prefix(&range.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_blocked_as_often_as_they_were() {
        let folder = KeyRange::prefix(&"a/b/".into());
        let range = KeyRange::new(&"x".into(), &"z".into());
        let mut blocked = Blocked::default();
        for range in [&folder, &folder, &range] {
            blocked.add(range);
        }
        assert!(blocked.holds(b"a/b/c") && blocked.holds(b"a/b/c/d") && blocked.holds(b"y"));
        assert!(!blocked.holds(b"a/b") && !blocked.holds(b"a/c/") && !blocked.holds(b"z"));
        blocked.remove(&folder);
        blocked.remove(&range);
        assert!(blocked.holds(b"a/b/") && !blocked.holds(b"y"));
        blocked.remove(&folder);
        blocked.remove(&folder);
        assert!(!blocked.holds(b"a/b/c"));
    }
}
