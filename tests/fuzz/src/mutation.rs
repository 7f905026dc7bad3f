//! How an input becomes another one.

use fastrand::Rng;

/// No input grows beyond this many bytes.
const LONGEST: usize = 64 * 1024;
/// Numbers at which things break.
const EDGES: [u64; 8] = [0, 1, 0x7f, 0x80, 0xff, 0x7fff_ffff, 0xffff_ffff, u64::MAX];

/// A few changes on top of one another.
pub(crate) fn mutate(rng: &mut Rng, input: &[u8], other: &[u8], words: &[&str]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=rng.usize(..5) {
        change(rng, &mut bytes, other, words);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8], words: &[&str]) {
    let at = rng.usize(..=bytes.len());
    match rng.u8(..9) {
        0 => flip(rng, bytes),
        1 => insert(bytes, at, &[rng.u8(..)]),
        2 => drop(bytes.drain(span(rng, bytes.len()))),
        3 => {
            let copied = bytes.get(span(rng, bytes.len())).unwrap_or_default().to_vec();
            insert(bytes, at, &copied);
        }
        4 => insert(bytes, at, other.get(span(rng, other.len())).unwrap_or_default()),
        5 => bytes.truncate(at),
        6 => insert(bytes, at, number(rng).as_bytes()),
        7 => overwrite(bytes, at, &edge(rng)),
        _ => insert(bytes, at, rng.choice(words).copied().unwrap_or("\n").as_bytes()),
    }
}

fn flip(rng: &mut Rng, bytes: &mut [u8]) {
    if let Some(byte) = rng.choice(bytes) {
        *byte ^= 1 << rng.u8(..8);
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    if bytes.len() + new.len() <= LONGEST {
        drop(bytes.splice(at..at, new.iter().copied()));
    }
}

fn overwrite(bytes: &mut [u8], at: usize, new: &[u8]) {
    for (byte, new) in bytes.iter_mut().skip(at).zip(new) {
        *byte = *new;
    }
}

/// Mostly a short one: much of a text must stay for the rest to be read at all.
fn span(rng: &mut Rng, length: usize) -> std::ops::Range<usize> {
    let start = rng.usize(..=length);
    let most = (length - start).min(if rng.u8(..4) == 0 { length } else { 16 });
    start..start + rng.usize(..=most)
}

fn number(rng: &mut Rng) -> String {
    let number = i128::from(rng.choice(EDGES).unwrap_or_default()) + i128::from(rng.i8(-1..=1));
    if rng.bool() { number.to_string() } else { (-number).to_string() }
}

fn edge(rng: &mut Rng) -> Vec<u8> {
    let bytes = rng.choice(EDGES).unwrap_or_default().to_be_bytes();
    bytes.get(rng.usize(..8)..).unwrap_or_default().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs_and_they_differ_from_each_other() {
        let inputs = |seed| {
            let mut rng = Rng::with_seed(seed);
            (0..100)
                .map(|_| mutate(&mut rng, b"key: value\n", b"list: [1, 2]", &["true"]))
                .collect::<Vec<_>>()
        };
        assert_eq!(inputs(7), inputs(7));
        assert_ne!(inputs(7), inputs(8));
        let distinct: std::collections::HashSet<_> = inputs(7).into_iter().collect();
        assert!(distinct.len() > 80, "{}", distinct.len());
    }

    #[test]
    fn nothing_and_the_longest_input_are_mutated_too() {
        let mut rng = Rng::with_seed(1);
        for _ in 0..1000 {
            mutate(&mut rng, b"", b"", &[]);
        }
        let long = vec![b'x'; LONGEST];
        assert!((0..100).all(|_| mutate(&mut rng, &long, &long, &["word"]).len() <= LONGEST));
    }
}
