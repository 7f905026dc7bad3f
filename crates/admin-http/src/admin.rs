//! `Admin`: who asks, and `Worker`: who answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{Method, Response, StatusCode, Uri};
use tokio::sync::{mpsc, oneshot};

use crate::answer::{Answer, AnswerBody};
use crate::page::{Pages, Question};

/// Questions that wait for the worker to take them up. Who finds no room waits where he is.
const QUEUE: usize = 256;

type Asked = (Question, oneshot::Sender<Answer>);

/// The pages, from any runtime; cheap to clone.
#[derive(Clone, Debug)]
pub struct Admin {
    paths: Arc<BTreeSet<String>>,
    public_paths: Arc<BTreeSet<String>>,
    questions: mpsc::Sender<Asked>,
}

/// The work that answers. Run it on a runtime that serves nobody else.
#[derive(Debug)]
pub struct Worker {
    pages: Arc<Pages>,
    questions: mpsc::Receiver<Asked>,
}

impl Admin {
    /// The handle, and the work to run for it.
    pub fn new(pages: Pages) -> (Self, Worker) {
        let paths = Arc::new(pages.paths().map(str::to_owned).collect());
        let public_paths = Arc::new(pages.public_paths().map(str::to_owned).collect());
        let (send, questions) = mpsc::channel(QUEUE);
        (Self { paths, public_paths, questions: send }, Worker { pages: Arc::new(pages), questions })
    }

    /// The same without the pages that are not for everybody.
    #[must_use]
    pub fn public(&self) -> Self {
        Self { paths: Arc::clone(&self.public_paths), ..self.clone() }
    }

    /// Whether there is a page under this path.
    pub fn knows(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Asks the worker and waits for its answer. 404 where there is no page, 503 where the worker has ended.
    pub async fn answer(&self, method: Method, uri: Uri) -> Response<AnswerBody> {
        let answer = if self.knows(uri.path()) {
            self.ask(Question { method, uri }).await
        } else {
            Answer::not_found()
        };
        answer.into_response()
    }

    async fn ask(&self, question: Question) -> Answer {
        let (reply, answer) = oneshot::channel();
        let gone = || Answer::error(StatusCode::SERVICE_UNAVAILABLE, "the admin worker has ended");
        match self.questions.send((question, reply)).await {
            Ok(()) => answer.await.unwrap_or_else(|_| gone()),
            Err(_) => gone(),
        }
    }
}

impl Worker {
    /// Answers until every [`Admin`] is gone.
    pub async fn run(mut self) {
        while let Some((question, mut reply)) = self.questions.recv().await {
            let pages = Arc::clone(&self.pages);
            tokio::spawn(async move {
                tokio::select! {
                    answer = pages.answer(question) => { let _ = reply.send(answer); }
                    () = reply.closed() => {}
                }
            });
        }
    }
}

#[cfg(test)]
mod tests;
