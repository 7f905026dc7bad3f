//! The report under a path.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

use super::report::Report;
use super::{html, json, text};
use crate::answer::Answer;
use crate::flight::Flight;
use crate::page::{Page, Question};

/// A report is made so often at most, however many look.
const MAX_AGE: Duration = Duration::from_secs(1);

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A report as a page in one of its forms. All forms of one report share it.
#[derive(Clone)]
pub struct StatusPage {
    report: Arc<Flight<Arc<Report>>>,
    form: Form,
}

#[derive(Clone, Copy, Debug)]
enum Form {
    Html,
    Json,
    Text,
}

impl StatusPage {
    /// The report for a browser. `look` is done at most once a second.
    pub fn html(look: impl Fn() -> Report + Send + Sync + 'static) -> Self {
        let look = move || {
            let report = Arc::new(look());
            async move { report }
        };
        Self { report: Arc::new(Flight::new(MAX_AGE, look)), form: Form::Html }
    }

    /// The same report for programs.
    #[must_use]
    pub fn as_json(&self) -> Self {
        Self { form: Form::Json, ..self.clone() }
    }

    /// The same report for a terminal.
    #[must_use]
    pub fn as_text(&self) -> Self {
        Self { form: Form::Text, ..self.clone() }
    }
}

impl Form {
    fn answer(self, report: &Report) -> Answer {
        match self {
            Self::Html => {
                let nonce = nonce();
                Answer::of_type(HTML, html::of(report, &nonce))
                    .with_header(CONTENT_SECURITY_POLICY, policy(&nonce))
            }
            Self::Json => Answer::of_type(JSON, json::of(report).to_string()),
            Self::Text => Answer::text(text::of(report)),
        }
    }
}

/// Nothing from elsewhere, nothing in a frame, no script but the page's own.
fn policy(nonce: &str) -> HeaderValue {
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// A word that nobody can guess: keys of the standard library's hash are random.
fn nonce() -> String {
    format!("{:016x}{:016x}", RandomState::new().hash_one(0), RandomState::new().hash_one(1))
}

impl Page for StatusPage {
    fn methods(&self) -> HeaderValue {
        HeaderValue::from_static("GET, HEAD")
    }

    fn answer(&self, _: Question) -> BoxFuture<'_, Answer> {
        const SAME: [(HeaderName, HeaderValue); 3] = [
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        Box::pin(async {
            let Some(report) = self.report.result().await else { return Answer::internal_error() };
            SAME.into_iter()
                .fold(self.form.answer(&report), |answer, (name, value)| answer.with_header(name, value))
        })
    }
}

impl fmt::Debug for StatusPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StatusPage").field(&self.form).finish()
    }
}
