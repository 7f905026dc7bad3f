//! `/health` as etcd answers it: one check, as a line of JSON.

use futures_util::future::BoxFuture;
use http::StatusCode;
use metrics::Counter;
use serde_json::Value;

use crate::answer::Answer;
use crate::check::Check;
use crate::page::{Page, Question};

/// `{"health":"true","reason":""}` with 200, or `false`, a reason and 503. Every answer is counted.
#[derive(Debug)]
pub struct Health {
    check: Check,
    success: Counter,
    failure: Counter,
}

impl Health {
    /// A page over this check, and the counters of its two answers.
    pub fn new(check: Check, success: Counter, failure: Counter) -> Self {
        Self { check, success, failure }
    }
}

impl Page for Health {
    fn answer(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            match self.check.result().await {
                Ok(()) => {
                    self.success.increment(1);
                    Answer::text(line(true, ""))
                }
                Err(reason) => {
                    self.failure.increment(1);
                    let line = line(false, &reason);
                    tracing::warn!(path = question.uri.path(), output = line, "/health error");
                    Answer::error(StatusCode::SERVICE_UNAVAILABLE, &line)
                }
            }
        })
    }
}

/// Written by hand, because the order of the members is part of the body.
fn line(healthy: bool, reason: &str) -> String {
    format!("{{\"health\":\"{healthy}\",\"reason\":{}}}", Value::from(reason))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use http::{Method, Uri};

    use super::*;

    #[tokio::test]
    async fn bodies_and_codes_are_etcds() {
        let counts: [Arc<AtomicU64>; 2] = Default::default();
        let counter = |index: usize| Counter::from_arc(Arc::clone(&counts[index]));
        let page = |result: Result<(), String>| {
            let check = Check::new("read", Duration::ZERO, move || std::future::ready(result.clone()));
            Health::new(check, counter(0), counter(1))
        };
        let question = Question { method: Method::GET, uri: Uri::from_static("/health") };
        let well = page(Ok(())).answer(question.clone()).await;
        assert_eq!(well, Answer::text(r#"{"health":"true","reason":""}"#));
        let ill = page(Err("GET ERROR:\"x\"".into())).answer(question).await;
        assert_eq!(ill.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ill.body, "{\"health\":\"false\",\"reason\":\"GET ERROR:\\\"x\\\"\"}\n");
        assert_eq!(counts.map(|count| count.load(Ordering::Relaxed)), [1, 1]);
    }
}
