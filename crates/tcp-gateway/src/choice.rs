//! Which of several endpoints takes the next connection, as RFC 2782 means priorities and weights.

/// What a candidate says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rank {
    pub(crate) priority: u16,
    pub(crate) weight: u16,
}

/// The place of the one chosen. `turn` goes up by one with every choice, and `draw(n)` is a number from 0 to n, both
/// included, each as likely as any other.
///
/// The RFC picks the first record whose running sum reaches a number from 0 to the sum, in any order with those
/// without weight first. An order that is itself picked at random makes that exactly the share of the weight, and one
/// chance more for those without; this computes the same without the order.
pub(crate) fn choose(ranks: &[Rank], turn: usize, mut draw: impl FnMut(u32) -> u32) -> Option<usize> {
    let best = ranks.iter().map(|rank| rank.priority).min()?;
    let class = || ranks.iter().enumerate().filter(|(_, rank)| rank.priority == best);
    let weightless: Vec<usize> =
        class().filter(|(_, rank)| rank.weight == 0).map(|(place, _)| place).collect();
    let sum: u32 = class().map(|(_, rank)| u32::from(rank.weight)).sum();
    let of_the_weightless =
        || turn.checked_rem(weightless.len()).and_then(|index| weightless.get(index)).copied();
    if sum == 0 || (!weightless.is_empty() && draw(sum) == 0) {
        return of_the_weightless();
    }
    let mut left = draw(sum.saturating_sub(1));
    for (place, rank) in class() {
        match left.checked_sub(rank.weight.into()) {
            Some(rest) => left = rest,
            None => return Some(place),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranks(given: &[(u16, u16)]) -> Vec<Rank> {
        given.iter().map(|(priority, weight)| Rank { priority: *priority, weight: *weight }).collect()
    }

    /// How often each is chosen in so many draws.
    fn shares(given: &[(u16, u16)], draws: usize) -> Vec<usize> {
        let ranks = ranks(given);
        let mut random = fastrand::Rng::with_seed(7);
        let mut shares = vec![0; ranks.len()];
        for turn in 0..draws {
            shares[choose(&ranks, turn, |most| random.u32(..=most)).unwrap()] += 1;
        }
        shares
    }

    #[test]
    fn nobody_is_chosen_among_none() {
        assert_eq!(choose(&[], 0, |most| most), None);
    }

    #[test]
    fn only_the_best_priority_is_chosen_from() {
        assert_eq!(shares(&[(10, 5), (2, 5), (10, 5), (2, 5)], 1_000).iter().filter(|n| **n > 0).count(), 2);
        assert_eq!(shares(&[(65_535, 0), (1, 0)], 10), [0, 10]);
        assert_eq!(shares(&[(65_535, 0)], 10), [10]);
    }

    #[test]
    fn those_without_weight_take_turns_where_nobody_has_any() {
        assert_eq!(shares(&[(1, 0), (0, 0), (0, 0), (0, 0)], 30), [0, 10, 10, 10]);
    }

    /// etcd's gateway always takes the first of two that weigh 1.
    #[test]
    fn shares_are_as_the_weights() {
        for weights in [&[1, 1][..], &[1, 2, 3], &[10, 60, 30], &[65_535, 65_535]] {
            let given: Vec<(u16, u16)> = weights.iter().map(|weight| (0, *weight)).collect();
            let sum: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            for (share, weight) in shares(&given, 30_000).into_iter().zip(weights) {
                let expected = 30_000.0 * f64::from(*weight) / sum;
                assert!((share as f64 - expected).abs() < 600.0, "{share} of {weight} in {weights:?}");
            }
        }
    }

    #[test]
    fn those_without_weight_get_one_chance_in_the_sum_and_one() {
        let shares = shares(&[(0, 0), (0, 9), (0, 0)], 50_000);
        assert!((4_500..5_500).contains(&(shares[0] + shares[2])), "{shares:?}");
        assert!(shares[0] > 2_000 && shares[2] > 2_000, "{shares:?}");
    }
}
