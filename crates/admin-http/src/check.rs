//! Something that is well, or is not and can say why.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::flight::Flight;

/// A named question about the server's health. Clones share its answer.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    flight: Arc<Flight<Result<(), String>>>,
}

impl Check {
    /// `ask` is done at most once in `max_age`, however many want to know; it has to end by itself. Its error says
    /// what is wrong.
    pub fn new<F>(name: &'static str, max_age: Duration, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, flight: Arc::new(Flight::new(max_age, ask)) }
    }

    /// The name, such as etcd's `linearizable_read`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether all is well, or what is wrong.
    ///
    /// # Errors
    /// What is wrong, in words for an operator.
    pub async fn result(&self) -> Result<(), String> {
        self.flight.result().await.unwrap_or_else(|| Err("the check has panicked".to_owned()))
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.name).finish()
    }
}
