//! One profile of a kind at a time, each taken on a thread of its own: names are looked up for seconds in a large binary.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use admin_http::Answer;
use http::{HeaderValue, StatusCode};
use tokio::sync::oneshot;

const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Whether a profile of this kind is being taken.
#[derive(Debug, Default)]
pub(super) struct Turns(Arc<AtomicBool>);

/// Given back when the profile is there, whether or not somebody still waits for it.
#[derive(Debug)]
pub(super) struct Turn(Arc<AtomicBool>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Turns {
    pub(super) fn take(&self) -> Option<Turn> {
        let is_free = !self.0.swap(true, Ordering::Acquire);
        is_free.then(|| Turn(Arc::clone(&self.0)))
    }

    /// The profile as an answer, or why there is none.
    pub(super) async fn answer(
        &self,
        profile: impl FnOnce() -> Result<Vec<u8>, String> + Send + 'static,
    ) -> Answer {
        let Some(turn) = self.take() else {
            return Answer::error(StatusCode::CONFLICT, "a profile is being taken already");
        };
        match on_a_thread(profile, turn).await {
            Ok(profile) => Answer::of_type(OCTETS, profile),
            Err(error) => Answer::error(StatusCode::INTERNAL_SERVER_ERROR, &error),
        }
    }
}

async fn on_a_thread(
    profile: impl FnOnce() -> Result<Vec<u8>, String> + Send + 'static,
    turn: Turn,
) -> Result<Vec<u8>, String> {
    let (tell, told) = oneshot::channel();
    let take = move || {
        let profile = profile();
        drop(turn);
        // Who asked may have gone.
        let _ = tell.send(profile);
    };
    std::thread::Builder::new().name("profile".to_owned()).spawn(take).map_err(|error| error.to_string())?;
    told.await.unwrap_or_else(|_| Err(format!("the profile of process {} was given up", process::id())))
}
