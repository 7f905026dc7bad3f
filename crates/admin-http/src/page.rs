//! Pages and the paths that they are under.

use std::collections::BTreeMap;
use std::fmt;

use futures_util::future::BoxFuture;
use http::{HeaderValue, Method, Uri};

use crate::answer::Answer;

/// A request, as far as pages care: none reads a request's body.
#[derive(Clone, Debug)]
pub struct Question {
    /// One of [`Page::methods`].
    pub method: Method,
    /// Path and query.
    pub uri: Uri,
}

impl Question {
    /// The values that the query gives to `name`, as they stand. A name without a value has the empty one.
    pub fn query<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        let pairs = self.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(move |(given, _)| *given == name).map(|(_, value)| value)
    }
}

/// Something that answers.
pub trait Page: Send + Sync {
    /// The methods that it takes, as an `Allow` header lists them.
    fn methods(&self) -> HeaderValue {
        HeaderValue::from_static("GET")
    }

    /// The answer. Whoever asks may go away before it is there; the work is then dropped.
    fn answer(&self, question: Question) -> BoxFuture<'_, Answer>;
}

/// Pages by their paths.
#[derive(Default)]
pub struct Pages(BTreeMap<String, Hung>);

struct Hung {
    page: Box<dyn Page>,
    is_private: bool,
}

impl Pages {
    /// Puts a page under a path. A path has one page: the last that was put there.
    #[must_use]
    pub fn with(self, path: impl Into<String>, page: impl Page + 'static) -> Self {
        self.hang(path, page, false)
    }

    /// The same for a page that is not for everybody: [`crate::Admin::public`] does not know it.
    #[must_use]
    pub fn with_private(self, path: impl Into<String>, page: impl Page + 'static) -> Self {
        self.hang(path, page, true)
    }

    fn hang(mut self, path: impl Into<String>, page: impl Page + 'static, is_private: bool) -> Self {
        self.0.insert(path.into(), Hung { page: Box::new(page), is_private });
        self
    }

    /// All paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Those that are for everybody.
    pub(crate) fn public_paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, hung)| !hung.is_private).map(|(path, _)| path.as_str())
    }

    pub(crate) async fn answer(&self, question: Question) -> Answer {
        let Some(Hung { page, .. }) = self.0.get(question.uri.path()) else { return Answer::not_found() };
        let methods = page.methods();
        if !allows(&methods, &question.method) {
            return Answer::method_not_allowed(methods);
        }
        page.answer(question).await
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.paths()).finish()
    }
}

fn allows(methods: &HeaderValue, method: &Method) -> bool {
    let listed = methods.to_str().unwrap_or_default();
    listed.split(", ").any(|allowed| allowed == method.as_str())
}
