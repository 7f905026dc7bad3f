//! A page that is somebody else's, fetched and passed on.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::HeaderValue;

use crate::answer::Answer;
use crate::flight::Flight;
use crate::page::{Page, Question};

/// What was fetched: the body, or that there is none.
pub type Fetched = Result<Bytes, String>;

/// Passes on what is fetched, 500 where nothing could be.
pub struct FetchedPage {
    flight: Flight<Fetched>,
    content_type: HeaderValue,
}

impl FetchedPage {
    /// `fetch` is done at most once in `max_age`; it has to end by itself. Its error goes to the log.
    pub fn new<F>(
        content_type: HeaderValue,
        max_age: Duration,
        fetch: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Fetched> + Send + 'static,
    {
        let logged = move || {
            let fetched = fetch();
            async move {
                let fetched = fetched.await;
                if let Err(error) = &fetched {
                    tracing::warn!(error, "cannot fetch a page of a member");
                }
                fetched
            }
        };
        Self { flight: Flight::new(max_age, logged), content_type }
    }
}

impl Page for FetchedPage {
    fn methods(&self) -> HeaderValue {
        HeaderValue::from_static("GET, HEAD")
    }

    fn answer(&self, _: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async {
            match self.flight.result().await {
                Some(Ok(body)) => Answer::of_type(self.content_type.clone(), body),
                Some(Err(_)) | None => Answer::internal_error(),
            }
        })
    }
}

impl fmt::Debug for FetchedPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FetchedPage").field(&self.content_type).finish()
    }
}
