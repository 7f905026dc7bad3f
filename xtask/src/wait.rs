//! Waiting for a condition: polled, bounded, and never a sleep in the hope that something has settled.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Outcome;

const POLL: Duration = Duration::from_millis(50);

/// Asks until there is an answer; an error of the question ends the waiting, as does the limit.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    mut ask: impl FnMut() -> Outcome<Option<T>>,
) -> Outcome<T> {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        if begun.elapsed() > limit {
            return Err(format!("waited {} s in vain for {what}", limit.as_secs()));
        }
        sleep(POLL);
    }
}

/// The last lines of a log, to be shown below a failure; empty when there is no log.
pub(crate) fn tail_of(log: &Path) -> String {
    const LINES: usize = 20;
    let text = fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default();
    format!("the end of {}:\n{}", log.display(), tail.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_ends_the_waiting_and_names_what_was_waited_for() {
        let failure = until::<()>("rain", Duration::ZERO, || Ok(None)).unwrap_err();
        assert!(failure.contains("rain"), "{failure}");
    }

    #[test]
    fn an_error_of_the_question_ends_the_waiting_at_once() {
        let failure = until::<()>("rain", Duration::from_secs(3600), || Err("drought".to_owned()));
        assert_eq!(failure, Err("drought".to_owned()));
    }
}
