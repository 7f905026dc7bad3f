//! `Remotes`: the endpoints at one moment, which of them can be dialled, and whose turn it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use counts::Count;

use crate::Endpoint;
use crate::choice::{Rank, choose};

/// One endpoint, and how it goes with it.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) endpoint: Endpoint,
    aside: AtomicBool,
    /// Gauge: connections open to it.
    pub(crate) connections: Count,
    /// Counter: connections that it took.
    pub(crate) dials: Count,
    /// Counter: dials that failed.
    pub(crate) failures: Count,
}

impl Remote {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            aside: AtomicBool::new(false),
            connections: Count::default(),
            dials: Count::default(),
            failures: Count::default(),
        }
    }

    /// Whether nothing speaks against it.
    pub(crate) fn is_active(&self) -> bool {
        !self.aside.load(Ordering::Relaxed)
    }

    /// Whether it was active until now.
    pub(crate) fn set_aside(&self) -> bool {
        !self.aside.swap(true, Ordering::Relaxed)
    }

    /// Whether it was set aside until now.
    pub(crate) fn activate(&self) -> bool {
        self.aside.swap(false, Ordering::Relaxed)
    }
}

/// Who the endpoints are.
#[derive(Debug, Default)]
pub(crate) struct Remotes {
    all: Vec<Arc<Remote>>,
    turn: usize,
}

/// Who has come and gone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
}

impl Remotes {
    pub(crate) fn all(&self) -> &[Arc<Remote>] {
        &self.all
    }

    /// The one for the next connection, passing over those in `tried`. Those that were set aside are asked when there
    /// is nobody else: a connection that would be refused has nothing to lose.
    pub(crate) fn choose(
        &mut self,
        tried: &[Arc<Remote>],
        draw: impl FnMut(u32) -> u32,
    ) -> Option<Arc<Remote>> {
        let untried =
            || self.all.iter().filter(|remote| !tried.iter().any(|other| Arc::ptr_eq(other, remote)));
        let active: Vec<&Arc<Remote>> = untried().filter(|remote| remote.is_active()).collect();
        let candidates = if active.is_empty() { untried().collect() } else { active };
        let rank = |remote: &&Arc<Remote>| {
            let Endpoint { priority, weight, .. } = remote.endpoint;
            Rank { priority, weight }
        };
        let ranks: Vec<Rank> = candidates.iter().map(rank).collect();
        let chosen = candidates.get(choose(&ranks, self.turn, draw)?).map(|remote| Arc::clone(remote));
        // Who tries a second endpoint does not take somebody else's turn.
        if tried.is_empty() {
            self.turn = self.turn.wrapping_add(1);
        }
        chosen
    }

    /// Puts these in the place of those that there were. One that stays keeps what is known of it.
    pub(crate) fn replace(&mut self, endpoints: Vec<Endpoint>) -> Changes {
        let mut changes = Changes::default();
        let mut all: Vec<Arc<Remote>> = Vec::with_capacity(endpoints.len());
        for endpoint in endpoints {
            if all.iter().any(|remote| remote.endpoint == endpoint) {
                continue;
            }
            let same = self.all.iter().find(|remote| remote.endpoint == endpoint);
            all.push(same.map_or_else(|| Arc::new(Remote::new(endpoint)), Arc::clone));
        }
        let is_in = |list: &[Arc<Remote>], remote: &Remote| {
            list.iter().any(|other| other.endpoint.is_at(&remote.endpoint))
        };
        let name = |remote: &Arc<Remote>| remote.endpoint.to_string();
        changes.added = all.iter().filter(|remote| !is_in(&self.all, remote)).map(name).collect();
        changes.removed = self.all.iter().filter(|remote| !is_in(&all, remote)).map(name).collect();
        self.all = all;
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remotes(names: &[&str]) -> Remotes {
        let mut remotes = Remotes::default();
        remotes.replace(endpoints(names));
        remotes
    }

    fn endpoints(names: &[&str]) -> Vec<Endpoint> {
        names.iter().map(|name| Endpoint::new(*name, 1)).collect()
    }

    /// The names in the order in which one connection tries them.
    fn tries(remotes: &mut Remotes) -> Vec<String> {
        let mut tried = Vec::new();
        while let Some(remote) = remotes.choose(&tried, |_| 0) {
            tried.push(remote);
        }
        tried.iter().map(|remote| remote.endpoint.host.clone()).collect()
    }

    #[test]
    fn each_connection_begins_with_the_next_and_tries_all() {
        let mut remotes = remotes(&["a", "b", "c"]);
        let first: Vec<String> = (0..4).map(|_| tries(&mut remotes)[0].clone()).collect();
        assert_eq!(first, ["a", "b", "c", "a"]);
        assert_eq!(tries(&mut remotes).len(), 3);
    }

    #[test]
    fn who_was_set_aside_is_asked_last() {
        let mut remotes = remotes(&["a", "b", "c"]);
        assert!(remotes.all()[0].set_aside() && !remotes.all()[0].set_aside());
        for _ in 0..5 {
            assert_eq!(tries(&mut remotes)[2], "a");
        }
        assert!(remotes.all()[0].activate() && !remotes.all()[0].activate());
        assert!((0..3).any(|_| tries(&mut remotes)[0] == "a"));
    }

    #[test]
    fn a_worse_priority_is_asked_before_one_that_was_set_aside() {
        let mut remotes = Remotes::default();
        let worse = Endpoint { priority: 9, ..Endpoint::new("worse", 1) };
        remotes.replace(vec![Endpoint::new("best", 1), worse]);
        assert_eq!(tries(&mut remotes), ["best", "worse"]);
        remotes.all()[0].set_aside();
        assert_eq!(tries(&mut remotes), ["worse", "best"]);
    }

    #[test]
    fn who_stays_keeps_what_is_known_of_it() {
        let mut remotes = remotes(&["a", "b"]);
        remotes.all()[1].set_aside();
        let changes = remotes.replace(endpoints(&["b", "c", "b"]));
        let names =
            |names: &[&str]| -> Vec<String> { names.iter().map(|name| format!("{name}:1")).collect() };
        assert_eq!(changes, Changes { added: names(&["c"]), removed: names(&["a"]) });
        assert_eq!(remotes.all().len(), 2);
        assert!(!remotes.all()[0].is_active() && remotes.all()[1].is_active());
        assert_eq!(remotes.replace(endpoints(&["b", "c"])), Changes::default());
    }

    #[test]
    fn another_weight_is_no_coming_or_going() {
        let mut remotes = remotes(&["a"]);
        let heavier = Endpoint { weight: 5, ..Endpoint::new("a", 1) };
        assert_eq!(remotes.replace(vec![heavier.clone()]), Changes::default());
        assert_eq!(remotes.all()[0].endpoint, heavier);
    }
}
