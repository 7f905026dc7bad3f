//! `Resting`: keys that are left alone for a while.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

use crate::moment::Moment;

/// Keys that are remembered. Beyond that the first ones are tried again too early, which costs a question.
const MOST: usize = 1 << 14;

#[derive(Debug, Default)]
pub(super) struct Resting {
    until: HashMap<Bytes, Moment>,
    order: VecDeque<(Moment, Bytes)>,
}

impl Resting {
    pub(super) fn rest(&mut self, key: &Bytes, now: Moment, until: Moment) {
        self.forget(now);
        let key = Bytes::copy_from_slice(key);
        self.until.insert(key.clone(), until);
        self.order.push_back((until, key));
        while self.order.len() > MOST {
            self.forget_first();
        }
    }

    pub(super) fn rests(&self, key: &Bytes, now: Moment) -> bool {
        self.until.get(key).is_some_and(|until| now < *until)
    }

    fn forget(&mut self, now: Moment) {
        while self.order.front().is_some_and(|(until, _)| *until <= now) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((until, key)) = self.order.pop_front()
            && self.until.get(&key) == Some(&until)
        {
            self.until.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_rests_until_its_time_and_memory_is_bounded() {
        let mut resting = Resting::default();
        let key = Bytes::from_static(b"a");
        resting.rest(&key, Moment(1), Moment(10));
        assert!(resting.rests(&key, Moment(9)) && !resting.rests(&key, Moment(10)));
        resting.rest(&key, Moment(2), Moment(20));
        resting.rest(&"b".into(), Moment(11), Moment(30));
        assert!(resting.rests(&key, Moment(19)), "the later end counts");
        for n in 0..2 * MOST {
            resting.rest(&n.to_string().into(), Moment(12), Moment(40));
        }
        assert!(resting.order.len() <= MOST && resting.until.len() <= MOST);
        resting.rest(&key, Moment(40), Moment(50));
        assert_eq!((resting.order.len(), resting.until.len()), (1, 1));
    }
}
