//! The registry as a page.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::HeaderValue;

use crate::answer::Answer;
use crate::flight::Flight;
use crate::page::{Page, Question};
use crate::registry::Registry;

const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// A scrape shows numbers that are at most so old.
const MAX_AGE: Duration = Duration::from_millis(100);

/// The numbers of a [`Registry`] in Prometheus' text format.
pub struct MetricsPage(Flight<Bytes>);

impl MetricsPage {
    /// A page over this registry.
    pub fn new(registry: Arc<Registry>) -> Self {
        Self(Flight::new(MAX_AGE, move || {
            let registry = Arc::clone(&registry);
            async move { Bytes::from(registry.render()) }
        }))
    }
}

impl Page for MetricsPage {
    fn methods(&self) -> HeaderValue {
        HeaderValue::from_static("GET, HEAD")
    }

    fn answer(&self, _: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async {
            match self.0.result().await {
                Some(page) => Answer::of_type(CONTENT_TYPE, page),
                None => Answer::internal_error(),
            }
        })
    }
}

impl fmt::Debug for MetricsPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsPage")
    }
}
