//! Work that many wait for and that is done once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;

/// Work whose result may be used by all who ask within some time of its beginning.
pub(crate) struct Flight<T> {
    work: Box<dyn Fn() -> BoxFuture<'static, T> + Send + Sync>,
    max_age: Duration,
    last: Mutex<Option<Started<T>>>,
}

struct Started<T> {
    began: Instant,
    result: watch::Receiver<Option<T>>,
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// `work` has to end by itself: whoever asks while it goes on waits for it, however long ago it began.
    pub(crate) fn new<F>(max_age: Duration, work: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        Self { work: Box::new(move || Box::pin(work())), max_age, last: Mutex::new(None) }
    }

    /// The result; none where the work has panicked.
    pub(crate) async fn result(&self) -> Option<T> {
        let mut result = self.join();
        let result = result.wait_for(Option::is_some).await.ok()?;
        result.clone()
    }

    fn join(&self) -> watch::Receiver<Option<T>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(started) if started.serves(self.max_age) => started.result.clone(),
            _ => {
                let started = self.start();
                let result = started.result.clone();
                *last = Some(started);
                result
            }
        }
    }

    /// A task of its own, so that those who wait do not lose it with the first of them who gives up.
    fn start(&self) -> Started<T> {
        let (tell, result) = watch::channel(None);
        let work = (self.work)();
        tokio::spawn(async move { tell.send_replace(Some(work.await)) });
        Started { began: Instant::now(), result }
    }
}

impl<T> Started<T> {
    fn serves(&self, max_age: Duration) -> bool {
        let is_under_way = self.result.borrow().is_none() && self.result.has_changed().is_ok();
        is_under_way || self.began.elapsed() <= max_age
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::time::{advance, sleep};

    use super::*;

    const MAX_AGE: Duration = Duration::from_secs(1);
    const WORK: Duration = Duration::from_secs(3);

    /// Work that takes a while and tells how often it was done.
    fn counted() -> Flight<usize> {
        let begun = Arc::new(AtomicUsize::new(0));
        Flight::new(MAX_AGE, move || {
            let number = begun.fetch_add(1, Ordering::Relaxed) + 1;
            async move {
                sleep(WORK).await;
                number
            }
        })
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_ask_while_it_goes_on_share_one_result() {
        let flight = counted();
        let results = join_all((0..1000).map(|_| flight.result())).await;
        assert!(results.iter().all(|result| *result == Some(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_result_is_used_until_it_is_too_old() {
        let quick = Flight::new(MAX_AGE, || async { Instant::now() });
        let first = quick.result().await;
        advance(MAX_AGE).await;
        assert_eq!(quick.result().await, first);
        advance(Duration::from_millis(1)).await;
        assert_ne!(quick.result().await, first);
    }

    #[tokio::test(start_paused = true)]
    async fn the_work_goes_on_when_those_who_asked_have_gone() {
        let flight = counted();
        assert!(tokio::time::timeout(Duration::from_millis(1), flight.result()).await.is_err());
        assert_eq!(flight.result().await, Some(1));
        advance(WORK).await;
        assert_eq!(flight.result().await, Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_panics_is_done_again_at_its_time() {
        let tries = Arc::new(AtomicUsize::new(0));
        let flight = Flight::new(Duration::ZERO, move || {
            let number = tries.fetch_add(1, Ordering::Relaxed);
            async move { if number == 0 { panic!("the first time") } else { number } }
        });
        assert_eq!(flight.result().await, None);
        advance(Duration::from_millis(1)).await;
        assert_eq!(flight.result().await, Some(1));
    }
}
