//! A treap of ranges: what overlaps a range is found without looking at the rest.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use proto_gen::{End, KeyRange};

/// One value for each range, ordered by the range.
#[derive(Debug)]
pub(crate) struct Tree<V> {
    root: Link<V>,
}

type Link<V> = Option<Box<Node<V>>>;

#[derive(Debug)]
struct Node<V> {
    range: KeyRange,
    /// The end that comes last in this node and below.
    last: End,
    /// Random, and greater than those below: this is what keeps the tree flat.
    weight: u64,
    value: V,
    left: Link<V>,
    right: Link<V>,
}

impl<V> Default for Tree<V> {
    fn default() -> Self {
        Self { root: None }
    }
}

impl<V> Tree<V> {
    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    pub(crate) fn get_mut(&mut self, range: &KeyRange) -> Option<&mut V> {
        let mut next = &mut self.root;
        while let Some(node) = next {
            next = match range.cmp(&node.range) {
                Ordering::Less => &mut node.left,
                Ordering::Greater => &mut node.right,
                Ordering::Equal => return Some(&mut node.value),
            };
        }
        None
    }

    /// The range must not be in the tree.
    pub(crate) fn insert(&mut self, range: KeyRange, value: V) {
        let (left, right) = split(self.root.take(), &range);
        let last = range.end.clone();
        let node = Node { range, last, weight: fastrand::u64(..), value, left: None, right: None };
        self.root = merge(merge(left, Some(Box::new(node))), right);
    }

    pub(crate) fn remove(&mut self, range: &KeyRange) {
        remove(&mut self.root, range);
    }

    /// Visits every value whose range overlaps this one, until told to stop.
    pub(crate) fn overlapping(&self, range: &KeyRange, visit: &mut impl FnMut(&V) -> ControlFlow<()>) {
        if !range.is_empty() {
            let _ = overlapping(&self.root, range, visit);
        }
    }
}

impl<V> Node<V> {
    fn measure(mut self: Box<Self>) -> Box<Self> {
        let below = [&self.left, &self.right].into_iter().flatten().map(|node| &node.last);
        if let Some(last) = below.chain([&self.range.end]).max().cloned() {
            self.last = last;
        }
        self
    }
}

/// Those before the range, and the others.
fn split<V>(link: Link<V>, range: &KeyRange) -> (Link<V>, Link<V>) {
    let Some(mut node) = link else { return (None, None) };
    if node.range < *range {
        let (left, right) = split(node.right.take(), range);
        node.right = left;
        (Some(node.measure()), right)
    } else {
        let (left, right) = split(node.left.take(), range);
        node.left = right;
        (left, Some(node.measure()))
    }
}

/// All of `left` come before all of `right`.
fn merge<V>(left: Link<V>, right: Link<V>) -> Link<V> {
    match (left, right) {
        (Some(mut left), Some(right)) if left.weight > right.weight => {
            left.right = merge(left.right.take(), Some(right));
            Some(left.measure())
        }
        (Some(left), Some(mut right)) => {
            right.left = merge(Some(left), right.left.take());
            Some(right.measure())
        }
        (one, other) => one.or(other),
    }
}

fn remove<V>(link: &mut Link<V>, range: &KeyRange) {
    let Some(mut node) = link.take() else { return };
    *link = match range.cmp(&node.range) {
        Ordering::Equal => merge(node.left.take(), node.right.take()),
        Ordering::Less => {
            remove(&mut node.left, range);
            Some(node.measure())
        }
        Ordering::Greater => {
            remove(&mut node.right, range);
            Some(node.measure())
        }
    };
}

fn overlapping<V>(
    link: &Link<V>,
    range: &KeyRange,
    visit: &mut impl FnMut(&V) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let Some(node) = link else { return ControlFlow::Continue(()) };
    if !node.last.is_behind(&range.start) {
        return ControlFlow::Continue(());
    }
    overlapping(&node.left, range, visit)?;
    if !range.end.is_behind(&node.range.start) {
        return ControlFlow::Continue(());
    }
    if node.range.overlaps(range) {
        visit(&node.value)?;
    }
    overlapping(&node.right, range, visit)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn range() -> impl Strategy<Value = KeyRange> {
        let key = || proptest::collection::vec(0u8..4, 1..3);
        (key(), proptest::option::of(key())).prop_map(|(key, end)| {
            KeyRange::new(&Bytes::from(key), &end.map(Bytes::from).unwrap_or_default())
        })
    }

    proptest! {
        #[test]
        fn it_finds_what_a_look_at_everything_finds(
            steps in proptest::collection::vec((range(), any::<bool>()), 1..80),
            question in range(),
        ) {
            let (mut tree, mut model) = (Tree::default(), BTreeMap::new());
            for (index, (range, remove)) in steps.into_iter().enumerate() {
                if remove {
                    tree.remove(&range);
                    model.remove(&range);
                } else if tree.get_mut(&range).is_none() {
                    tree.insert(range.clone(), index);
                    model.insert(range, index);
                }
            }
            prop_assert_eq!(tree.is_empty(), model.is_empty());
            let mut found = Vec::new();
            tree.overlapping(&question, &mut |value| {
                found.push(*value);
                ControlFlow::Continue(())
            });
            let expected: Vec<usize> =
                model.iter().filter(|(range, _)| range.overlaps(&question)).map(|(_, value)| *value).collect();
            prop_assert_eq!(found, expected);
            for (range, value) in &model {
                prop_assert_eq!(tree.get_mut(range).copied(), Some(*value));
            }
        }
    }
}
