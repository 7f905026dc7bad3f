//! `/livez` and `/readyz` as etcd answers them: named checks, a line each.

use futures_util::future::{BoxFuture, join_all};
use http::StatusCode;

use crate::answer::Answer;
use crate::check::Check;
use crate::page::{Page, Question};

/// `ok`, with a line for each check where `?verbose` asks for it; 503 and the lines where one fails. What
/// `?exclude=name` names is not looked at; a name that is not known is passed over.
#[derive(Clone, Debug)]
pub struct Readiness(Vec<Check>);

impl Readiness {
    /// A page over these checks, answered in this order.
    pub fn new(checks: impl IntoIterator<Item = Check>) -> Self {
        Self(checks.into_iter().collect())
    }
}

impl Page for Readiness {
    fn answer(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let wanted = |check: &&Check| question.query("exclude").all(|name| name != check.name());
            let wanted: Vec<&Check> = self.0.iter().filter(wanted).collect();
            let results = join_all(wanted.iter().map(|check| check.result())).await;
            let is_well = results.iter().all(Result::is_ok);
            let lines: String =
                wanted.iter().zip(&results).map(|(check, result)| line(check.name(), result)).collect();
            let is_verbose = question.query("verbose").next().is_some();
            match (is_well, is_verbose) {
                (false, _) => Answer::error(StatusCode::SERVICE_UNAVAILABLE, &lines),
                (true, true) => Answer::text(lines + "ok\n"),
                (true, false) => Answer::text("ok\n"),
            }
        })
    }
}

fn line(name: &str, result: &Result<(), String>) -> String {
    match result {
        Ok(()) => format!("[+]{name} ok\n"),
        Err(reason) => format!("[-]{name} failed: {reason}\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{Method, Uri};

    use super::*;

    async fn answer(drain: Result<(), String>, uri: &'static str) -> (u16, String) {
        let check = |name, result: Result<(), String>| {
            Check::new(name, Duration::ZERO, move || std::future::ready(result.clone()))
        };
        let page = Readiness::new([check("drain", drain), check("upstream", Ok(()))]);
        let question = Question { method: Method::GET, uri: Uri::from_static(uri) };
        let answer = page.answer(question).await;
        (answer.status.as_u16(), String::from_utf8(answer.body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_lines_are_shown_when_asked_for() {
        assert_eq!(answer(Ok(()), "/readyz").await, (200, "ok\n".into()));
        let lines = "[+]drain ok\n[+]upstream ok\nok\n";
        assert_eq!(answer(Ok(()), "/readyz?verbose").await, (200, lines.into()));
        assert_eq!(answer(Ok(()), "/readyz?verbose=1&exclude=drain").await.1, "[+]upstream ok\nok\n");
        assert_eq!(answer(Ok(()), "/readyz?exclude=nothing&verbose").await.1, lines);
    }

    #[tokio::test]
    async fn a_failed_check_shows_all_lines_and_can_be_excluded() {
        let failed = || Err("it has begun".to_owned());
        let lines = "[-]drain failed: it has begun\n[+]upstream ok\n\n";
        assert_eq!(answer(failed(), "/readyz").await, (503, lines.into()));
        assert_eq!(answer(failed(), "/readyz?exclude=upstream&exclude=drain").await, (200, "ok\n".into()));
    }
}
