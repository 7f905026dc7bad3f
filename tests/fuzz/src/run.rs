//! The loop: take an input, change it, give it to the target, look at what came of it.
#![allow(clippy::panic, reason = "this is test code: what was found must fail the test")]

use std::collections::HashSet;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::mutation::mutate;

/// How many inputs a target gets in an ordinary test run.
const ROUNDS: u64 = 300;
/// An input that takes longer is a finding: nothing that is read here is large.
const SLOW: Duration = Duration::from_secs(10);
/// Inputs that are kept to be mutated further.
const CORPUS: usize = 1024;

/// How long to go on.
enum Until {
    Rounds(u64),
    Time(Duration),
}

/// Gives the target its seeds as they are and then mutations of them. `words` are inserted as they are: names, tags,
/// whatever a mutation of bytes would hardly ever hit upon.
///
/// # Panics
/// When the target panics or is slow. The input that did it is kept in a file, which the message names.
pub fn fuzz(name: &str, seeds: &[&[u8]], words: &[&str], target: impl Fn(&[u8]) -> String) {
    let until = number("FUZZ_SECONDS").map_or(Until::Rounds(ROUNDS), |n| Until::Time(Duration::from_secs(n)));
    let seed = number("FUZZ_SEED").unwrap_or(1);
    let outcome = run(&until, seed, seeds, words, &target);
    match outcome {
        Ok(Summary { inputs, outcomes, corpus }) => {
            println!("fuzz {name}: seed {seed}, {inputs} inputs, {outcomes} outcomes, corpus of {corpus}");
        }
        Err(Finding { what, input }) => {
            let kept = keep(name, &input);
            panic!("fuzz {name}: {what}; seed {seed}, the input is in {kept}:\n{}", shown(&input));
        }
    }
}

struct Summary {
    inputs: u64,
    outcomes: usize,
    corpus: usize,
}

struct Finding {
    what: String,
    input: Vec<u8>,
}

fn run(
    until: &Until,
    seed: u64,
    seeds: &[&[u8]],
    words: &[&str],
    target: &impl Fn(&[u8]) -> String,
) -> Result<Summary, Finding> {
    let mut rng = Rng::with_seed(seed);
    let mut corpus: Vec<Vec<u8>> = seeds.iter().map(|seed| seed.to_vec()).collect();
    let mut outcomes = HashSet::new();
    for input in &corpus {
        outcomes.insert(attempt(input, target)?);
    }
    let (begun, mut inputs) = (Instant::now(), corpus.len() as u64);
    while match until {
        Until::Rounds(rounds) => inputs < *rounds,
        Until::Time(time) => begun.elapsed() < *time,
    } {
        let (one, other) = (rng.choice(&corpus), rng.choice(&corpus));
        let input = mutate(
            &mut rng,
            one.map(Vec::as_slice).unwrap_or_default(),
            other.map(Vec::as_slice).unwrap_or_default(),
            words,
        );
        inputs += 1;
        if outcomes.insert(attempt(&input, target)?) && corpus.len() < CORPUS {
            corpus.push(input);
        }
    }
    Ok(Summary { inputs, outcomes: outcomes.len(), corpus: corpus.len() })
}

/// What came of the input, without its digits: line numbers would make every outcome a new one.
fn attempt(input: &[u8], target: &impl Fn(&[u8]) -> String) -> Result<String, Finding> {
    let begun = Instant::now();
    let ended = catch_unwind(AssertUnwindSafe(|| target(input)));
    let finding = |what: &str| Finding { what: what.to_owned(), input: input.to_vec() };
    let outcome = ended.map_err(|_| finding("the target panicked"))?;
    if begun.elapsed() > SLOW {
        return Err(finding(&format!("the target took {:?}", begun.elapsed())));
    }
    Ok(outcome.chars().filter(|c| !c.is_ascii_digit()).take(200).collect())
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is not a number")))
}

fn keep(name: &str, input: &[u8]) -> String {
    let folder = env::var_os("FUZZ_FINDINGS").map_or_else(env::temp_dir, PathBuf::from);
    let path = folder.join(format!("fuzz-{name}-{}", std::process::id()));
    match std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, input)) {
        Ok(()) => path.display().to_string(),
        Err(error) => format!("no file ({error})"),
    }
}

fn shown(input: &[u8]) -> String {
    input.escape_ascii().to_string().chars().take(2_000).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(words: &[&str], target: impl Fn(&[u8]) -> String) -> Result<Summary, Finding> {
        run(&Until::Rounds(20_000), 3, &[b"abc"], words, &target)
    }

    #[test]
    fn a_panic_is_found_with_its_input() {
        let finding = find(&["panic"], |input| {
            assert!(!input.windows(5).any(|window| window == b"panic"), "found");
            String::new()
        });
        let finding = finding.err().unwrap();
        assert!(
            finding.input.windows(5).any(|window| window == b"panic") && finding.what.contains("panicked")
        );
    }

    /// Five letters in their order are hit upon only by going on from inputs that begin with one of them, then two.
    #[test]
    fn what_has_a_new_outcome_is_mutated_further() {
        let depth = |input: &[u8]| input.iter().zip(b"vwxyz").take_while(|(a, b)| a == b).count();
        let summary = find(&["v", "w", "x", "y", "z"], |input| "*".repeat(depth(input))).ok().unwrap();
        assert_eq!((summary.outcomes, summary.corpus), (6, 6));
    }
}
