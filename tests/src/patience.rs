//! How long the tests wait, and the one way in which they do.

use std::time::{Duration, Instant};

/// How long a condition that ought to hold soon may take on a slow, busy machine.
pub const SOON: Duration = Duration::from_secs(90);
/// How long one call may take before it counts as hanging.
pub const CALL: Duration = Duration::from_secs(60);

const INTERVAL: Duration = Duration::from_millis(20);

/// Tries until an attempt gives a value; panics with `what` when it has not after `within`.
pub async fn eventually<T>(what: &str, within: Duration, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        assert!(started.elapsed() < within, "not within {within:?}: {what}");
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Waits for `future`, which must end within [`CALL`].
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(CALL, future).await {
        Ok(output) => output,
        Err(_) => panic!("hung for {CALL:?}: {what}"),
    }
}
