//! Which member takes the next call: a pure function of what is known of them.

use crate::config::Policy;
use crate::member::Health;

/// What the choice looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) health: Health,
    pub(crate) in_flight: usize,
    /// Whether this call has been there already and must not go again.
    pub(crate) tried: bool,
}

/// The index of the member that takes a call, or none when nobody can.
///
/// Healthy members come first; where there is none, those that at least answer take the call, so that the client
/// hears from etcd itself what is wrong. `turn` orders equals: random for `pin`, a counter for `round-robin`.
pub(crate) fn choose(policy: Policy, pinned: usize, turn: usize, candidates: &[Candidate]) -> Option<usize> {
    [Health::Healthy, Health::Unfit].into_iter().find_map(|health| {
        let fits = |candidate: &Candidate| candidate.health == health && !candidate.tried;
        if policy == Policy::Pin && candidates.get(pinned).is_some_and(fits) {
            return Some(pinned);
        }
        let mut fitting = candidates.iter().enumerate().filter(|(_, candidate)| fits(candidate));
        match policy {
            Policy::LeastInFlight => {
                fitting.min_by_key(|(_, candidate)| candidate.in_flight).map(|(index, _)| index)
            }
            Policy::Pin | Policy::RoundRobin => {
                let count = fitting.clone().count();
                let skip = turn.checked_rem(count)?;
                fitting.nth(skip).map(|(index, _)| index)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Health::{Healthy, Unfit, Unreachable};

    fn members(healths: &[Health]) -> Vec<Candidate> {
        healths.iter().map(|&health| Candidate { health, in_flight: 0, tried: false }).collect()
    }

    #[test]
    fn the_pinned_member_takes_everything_while_it_is_healthy() {
        let members = members(&[Healthy, Healthy, Healthy]);
        assert!((0..9).all(|turn| choose(Policy::Pin, 1, turn, &members) == Some(1)));
    }

    #[test]
    fn a_failed_pinned_member_gives_way_to_a_healthy_one() {
        let members = members(&[Healthy, Unreachable, Unfit]);
        assert!((0..9).all(|turn| choose(Policy::Pin, 1, turn, &members) == Some(0)));
    }

    #[test]
    fn a_member_that_was_tried_is_not_tried_again() {
        let mut members = members(&[Healthy, Healthy]);
        members[0].tried = true;
        assert_eq!(choose(Policy::Pin, 0, 0, &members), Some(1));
        members[1].tried = true;
        assert_eq!(choose(Policy::Pin, 0, 0, &members), None);
    }

    #[test]
    fn an_unfit_member_is_the_last_resort() {
        assert_eq!(choose(Policy::Pin, 0, 5, &members(&[Unreachable, Unfit])), Some(1));
        assert_eq!(choose(Policy::Pin, 0, 5, &members(&[Unreachable, Unreachable])), None);
    }

    #[test]
    fn round_robin_visits_every_healthy_member() {
        let members = members(&[Healthy, Unreachable, Healthy]);
        let visited: Vec<_> = (0..4).map(|turn| choose(Policy::RoundRobin, 0, turn, &members)).collect();
        assert_eq!(visited, [Some(0), Some(2), Some(0), Some(2)]);
    }

    #[test]
    fn least_in_flight_looks_at_healthy_members_only() {
        let mut members = members(&[Healthy, Healthy, Unreachable]);
        members[0].in_flight = 7;
        members[1].in_flight = 3;
        assert_eq!(choose(Policy::LeastInFlight, 0, 0, &members), Some(1));
    }
}
