//! `/debug/pprof/profile`: where the processor's time goes.

use std::time::Duration;

use admin_http::{Answer, Page, Question};
use futures_util::future::BoxFuture;
use http::StatusCode;
use pprof::protos::Message as _;

use super::apart::Turns;

/// As long as Go's.
const DEFAULT_SECONDS: u64 = 30;
const MAX_SECONDS: u64 = 300;
/// As often as Go looks.
pub(super) const HERTZ: i32 = 100;
/// Unwinding through these from a signal can wait for a lock that the interrupted code holds.
const NEVER_UNWOUND: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];

/// One at a time: all threads share one timer.
#[derive(Debug, Default)]
pub(super) struct CpuProfile {
    turns: Turns,
}

impl Page for CpuProfile {
    fn answer(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let Some(duration) = seconds(&question) else {
                let limits = format!("seconds must be a number from 1 to {MAX_SECONDS}");
                return Answer::error(StatusCode::BAD_REQUEST, &limits);
            };
            self.turns.answer(move || take(duration).map_err(|error| error.to_string())).await
        })
    }
}

fn seconds(question: &Question) -> Option<Duration> {
    let seconds = match question.query("seconds").next() {
        None => DEFAULT_SECONDS,
        Some(given) => given.parse().ok().filter(|seconds| (1..=MAX_SECONDS).contains(seconds))?,
    };
    Some(Duration::from_secs(seconds))
}

fn take(duration: Duration) -> pprof::Result<Vec<u8>> {
    let guard = pprof::ProfilerGuardBuilder::default().frequency(HERTZ).blocklist(&NEVER_UNWOUND).build()?;
    std::thread::sleep(duration);
    Ok(guard.report().build()?.pprof()?.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use http::{Method, Uri};

    use super::*;

    async fn get(page: &dyn Page, uri: &'static str) -> Answer {
        page.answer(Question { method: Method::GET, uri: Uri::from_static(uri) }).await
    }

    #[tokio::test]
    async fn a_profile_is_asked_for_in_whole_seconds_and_alone() {
        let page = CpuProfile::default();
        for wrong in ["/?seconds=0", "/?seconds=301", "/?seconds=1.5", "/?seconds="] {
            assert_eq!(get(&page, wrong).await.status, StatusCode::BAD_REQUEST, "{wrong}");
        }
        let turn = page.turns.take().unwrap();
        assert_eq!(get(&page, "/?seconds=1").await.status, StatusCode::CONFLICT);
        drop(turn);
        assert!(page.turns.take().is_some());
    }
}
