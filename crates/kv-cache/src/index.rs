//! `Index`: the marks of all ranges of which an answer is kept or under way, and the writes that are in doubt.

pub(crate) mod tree;

use std::collections::VecDeque;
use std::ops::{ControlFlow, Deref};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::mark::Mark;
use crate::moment::Moment;
use proto_gen::KeyRange;
use tree::Tree;

/// Marks that are looked at for one answer. Beyond that it is cheaper to distrust everything.
pub(crate) const MOST_MARKS: usize = 1024;
/// Writes in doubt that are remembered one by one.
const MOST_DOUBTS: usize = 256;

/// Finds marks by what overlaps. Holds no mark that nobody uses.
#[derive(Debug, Default)]
pub(crate) struct Index {
    state: RwLock<State>,
    /// Whether there is any mark, so that nobody waits for the lock while nothing is kept.
    used: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    marks: Tree<Entry>,
    doubts: VecDeque<(KeyRange, Moment)>,
}

#[derive(Debug)]
struct Entry {
    mark: Arc<Mark>,
    users: usize,
}

/// A mark in use; the last one to be dropped takes it out of the index. Never dropped under another lock.
#[derive(Debug)]
pub(crate) struct Marked {
    index: Arc<Index>,
    mark: Arc<Mark>,
}

/// More marks than anybody wants to look at.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Index {
    /// The mark of this range, made if there is none. It knows of the writes in doubt.
    pub(crate) fn mark(self: &Arc<Self>, range: &KeyRange, now: Moment) -> Marked {
        let mut state = self.write();
        let mark = match state.marks.get_mut(range) {
            Some(entry) => {
                entry.users += 1;
                Arc::clone(&entry.mark)
            }
            None => {
                let mark = Arc::new(Mark::new(range.copied()));
                state.doubts.retain(|(_, end)| *end > now);
                let doubts = state.doubts.iter().filter(|(doubted, _)| doubted.overlaps(range));
                doubts.for_each(|(_, end)| mark.barrier.doubt_until(*end));
                let entry = Entry { mark: Arc::clone(&mark), users: 1 };
                state.marks.insert(mark.range.clone(), entry);
                self.used.store(true, Ordering::SeqCst);
                mark
            }
        };
        Marked { index: Arc::clone(self), mark }
    }

    /// The marks of all ranges that overlap this one.
    pub(crate) fn overlapping(&self, range: &KeyRange) -> Result<Vec<Arc<Mark>>, TooMany> {
        if !self.used.load(Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        overlapping(&self.read().marks, range)
    }

    /// As [`Self::overlapping`]; marks that are made until `end` know that a write to the range is in doubt.
    pub(crate) fn doubt(
        &self,
        range: &KeyRange,
        now: Moment,
        end: Moment,
    ) -> Result<Vec<Arc<Mark>>, TooMany> {
        let mut state = self.write();
        state.doubts.retain(|(doubted, ends)| *ends > now && doubted != range);
        if state.doubts.len() >= MOST_DOUBTS {
            return Err(TooMany);
        }
        state.doubts.push_back((range.copied(), end));
        overlapping(&state.marks, range)
    }

    fn release(&self, range: &KeyRange) {
        let mut state = self.write();
        let Some(entry) = state.marks.get_mut(range) else { return };
        entry.users = entry.users.saturating_sub(1);
        if entry.users == 0 {
            state.marks.remove(range);
            self.used.store(!state.marks.is_empty(), Ordering::SeqCst);
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn overlapping(marks: &Tree<Entry>, range: &KeyRange) -> Result<Vec<Arc<Mark>>, TooMany> {
    let mut found = Vec::new();
    let mut too_many = false;
    marks.overlapping(range, &mut |entry| {
        too_many = found.len() >= MOST_MARKS;
        if too_many {
            return ControlFlow::Break(());
        }
        found.push(Arc::clone(&entry.mark));
        ControlFlow::Continue(())
    });
    if too_many { Err(TooMany) } else { Ok(found) }
}

impl Deref for Marked {
    type Target = Arc<Mark>;

    fn deref(&self) -> &Arc<Mark> {
        &self.mark
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        self.index.release(&self.mark.range);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::barrier::Use;

    fn point(key: &'static str) -> KeyRange {
        KeyRange::point(&Bytes::from_static(key.as_bytes()))
    }

    #[test]
    fn a_mark_lives_as_long_as_it_is_used() {
        let index = Arc::new(Index::default());
        let one = index.mark(&point("a"), Moment(1));
        let other = index.mark(&point("a"), Moment(1));
        assert!(Arc::ptr_eq(&one, &other));
        drop(one);
        assert_eq!(index.overlapping(&point("a")).unwrap().len(), 1);
        drop(other);
        assert!(index.overlapping(&point("a")).unwrap().is_empty());
        assert!(index.read().marks.is_empty());
    }

    #[test]
    fn a_mark_made_later_knows_of_doubts_until_they_end() {
        let index = Arc::new(Index::default());
        assert!(index.doubt(&point("a"), Moment(1), Moment(10)).unwrap().is_empty());
        assert!(!index.mark(&point("a"), Moment(5)).barrier.admits(1, Moment(5), Use::Keep));
        assert!(index.mark(&point("b"), Moment(5)).barrier.admits(1, Moment(5), Use::Keep));
        assert!(index.mark(&point("a"), Moment(11)).barrier.admits(1, Moment(11), Use::Keep));
        assert!(index.read().doubts.is_empty());
    }

    #[test]
    fn doubts_are_bounded() {
        let index = Arc::new(Index::default());
        let doubt = |n: usize| {
            index.doubt(&KeyRange::point(&Bytes::from(n.to_string())), Moment(1), Moment(10)).is_ok()
        };
        assert!((0..MOST_DOUBTS).all(doubt));
        assert!(!doubt(MOST_DOUBTS));
    }
}
