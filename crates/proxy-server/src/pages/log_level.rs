//! `/proxy/log-level`: what is logged, and the switch for it. On `--metrics-addr` only: it changes the process.

use admin_http::{Answer, Page, Pages, Question};
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use crate::log::LevelSwitch;

const PATH: &str = "/proxy/log-level";
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const USAGE: &str = "level must be one of: debug, info, warn, error, as in PUT /proxy/log-level?level=debug";

/// GET shows the level, `PUT ?level=debug` sets it. The answer is that of zap's own handler.
#[derive(Debug)]
pub(crate) struct LogLevelPage {
    level: LevelSwitch,
}

impl LogLevelPage {
    pub(crate) fn new(level: LevelSwitch) -> Self {
        Self { level }
    }

    pub(crate) fn hang(self, pages: Pages) -> Pages {
        pages.with_private(PATH, self)
    }

    fn set(&self, question: &Question) -> Result<(), ()> {
        let mut given = question.query("level");
        match (given.next(), given.next()) {
            (Some(word), None) => word.parse().map(|level| self.level.set(level)),
            _ => Err(()),
        }
    }
}

impl Page for LogLevelPage {
    fn methods(&self) -> HeaderValue {
        HeaderValue::from_static("GET, PUT")
    }

    fn answer(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            if question.method == Method::PUT && self.set(&question).is_err() {
                return Answer::error(StatusCode::BAD_REQUEST, USAGE);
            }
            let level = self.level.get().to_string();
            Answer::of_type(JSON, json!({ "level": level }).to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;
    use crate::log::LogLevel;

    async fn ask(page: &LogLevelPage, method: Method, uri: &'static str) -> (u16, String) {
        let answer = page.answer(Question { method, uri: Uri::from_static(uri) }).await;
        (answer.status.as_u16(), String::from_utf8(answer.body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_level_is_shown_and_set() {
        let _alone = crate::log::tests::ALONE.lock().await;
        let page = LogLevelPage::new(LevelSwitch::new(LogLevel::Info));
        assert_eq!(ask(&page, Method::GET, "/l?level=debug").await, (200, "{\"level\":\"info\"}".into()));
        assert_eq!(ask(&page, Method::PUT, "/l?level=debug").await, (200, "{\"level\":\"debug\"}".into()));
        for wrong in ["/l", "/l?level=", "/l?level=DEBUG", "/l?level=trace", "/l?level=info&level=warn"] {
            assert_eq!(ask(&page, Method::PUT, wrong).await.0, 400, "{wrong}");
        }
        assert_eq!(page.level.get(), LogLevel::Debug);
    }
}
