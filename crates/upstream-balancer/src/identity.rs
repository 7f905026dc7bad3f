//! `Identity`: who the proxy itself is to etcd, for what it asks on its own behalf and never for what clients ask.

mod credentials;
mod identified;
mod tokens;

pub use credentials::{Credentials, Password};
pub use identified::Identified;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use http::HeaderValue;
use proto_gen::etcdserverpb::{AuthenticateRequest, AuthenticateResponse};
use tokio::time::{Instant, timeout};
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};
use tracing::{info, warn};

use crate::unary::Method;
use crate::upstream::Upstream;
use tokens::{Next, Tokens};

/// To authenticate again does no harm: a token more, which expires.
const AUTHENTICATE: Method = Method::read("/etcdserverpb.Auth/Authenticate");
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// A handle, cheap to clone, for the runtime of its upstream.
///
/// It authenticates when the first request needs a token, again when the token has not been used for so long that etcd
/// may have forgotten it, and again when etcd refuses it; all who wait for a token wait for the same one. Without
/// credentials, or where etcd has no authentication, requests go without a token.
#[derive(Clone, Debug)]
pub struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    upstream: Upstream,
    credentials: Option<Credentials>,
    /// What does not work for who is nobody.
    needed_for: String,
    is_told: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tokens: Tokens,
    flight: Option<Shared<BoxFuture<'static, ()>>>,
    complaint: Option<String>,
}

/// What etcd gave for the credentials. It is as good as they are until it expires, so it is never shown.
pub(crate) type Token = HeaderValue;

/// The metadata in which etcd's own clients carry it.
pub(crate) const TOKEN: &str = "token";

impl Identity {
    /// Authenticates through `upstream`. `needed_for` is named in the log, once, should etcd want credentials that are
    /// not there.
    pub fn new(upstream: Upstream, credentials: Option<Credentials>, needed_for: &[&str]) -> Self {
        Self(Arc::new(Inner {
            upstream,
            credentials,
            needed_for: needed_for.join(", "),
            is_told: AtomicBool::new(false),
            state: Mutex::default(),
        }))
    }

    /// Asks by `call`, a second time with a new token where etcd refuses the first.
    ///
    /// # Errors
    /// What etcd answers to the call, or why there is no token for it.
    pub async fn ask<Q, R, F>(
        &self,
        message: Q,
        call: impl Fn(Request<Q>) -> F,
    ) -> Result<Response<R>, Status>
    where
        Q: Clone,
        F: Future<Output = Result<Response<R>, Status>>,
    {
        let token = self.token().await?;
        match call(with(message.clone(), token.as_ref())).await {
            Err(status) if self.heed(token.as_ref(), &status) => {
                let token = self.token().await?;
                call(with(message, token.as_ref())).await
            }
            answer => answer,
        }
    }

    /// A service that does the same for every call through it, but for the second time: a stream cannot be sent again.
    pub fn service<S>(&self, inner: S) -> Identified<S> {
        Identified::new(self.clone(), inner)
    }

    /// The token that is there at this moment, if any.
    pub(crate) fn held(&self) -> Option<Token> {
        self.lock().tokens.held(Instant::now())
    }

    /// The token for the next request; none where none is needed.
    pub(crate) async fn token(&self) -> Result<Option<Token>, Status> {
        let Some(credentials) = &self.0.credentials else { return Ok(None) };
        loop {
            let flight = {
                let mut state = self.lock();
                match state.tokens.next(Instant::now()) {
                    Next::Go(token) => return Ok(token),
                    Next::Refuse(status) => return Err(status),
                    Next::Authenticate => {
                        let flight = || self.clone().authenticate(credentials.clone()).boxed().shared();
                        state.flight.get_or_insert_with(flight).clone()
                    }
                }
            };
            flight.await;
        }
    }

    /// Takes note of what a refusal says about the token that was sent. True when another attempt has better prospects.
    pub(crate) fn heed(&self, sent: Option<&Token>, status: &Status) -> bool {
        if !is_about_token(status) {
            return false;
        }
        if self.0.credentials.is_none() {
            if !self.0.is_told.swap(true, Ordering::Relaxed) {
                let (reason, affected) = (status.message(), &self.0.needed_for);
                warn!(reason, affected, "etcd wants to know who asks, and this proxy has no user of its own");
            }
            return false;
        }
        self.lock().tokens.refused(sent);
        true
    }

    async fn authenticate(self, credentials: Credentials) {
        let obtained = match timeout(ANSWER_TIMEOUT, self.obtain(&credentials)).await {
            Ok(obtained) => obtained,
            Err(_) => Err(Status::unavailable(format!("no answer within {ANSWER_TIMEOUT:?}"))),
        };
        let mut state = self.lock();
        state.flight = None;
        match &obtained {
            Err(status) if state.complaint.as_deref() != Some(status.message()) => {
                warn!(user = credentials.name(), reason = status.message(), "cannot authenticate at etcd");
                state.complaint = Some(status.message().to_owned());
            }
            Ok(_) if state.complaint.take().is_some() => {
                info!(user = credentials.name(), "authenticated at etcd again");
            }
            Ok(_) | Err(_) => {}
        }
        state.tokens.obtained(Instant::now(), obtained);
    }

    /// None where etcd has no authentication.
    async fn obtain(&self, credentials: &Credentials) -> Result<Option<Token>, Status> {
        let name = credentials.name().to_owned();
        let password = credentials.password().map_err(|error| Status::internal(error.to_string()))?;
        let request = Request::new(AuthenticateRequest { name, password });
        let answer: Result<Response<AuthenticateResponse>, Status> =
            self.0.upstream.unary(&AUTHENTICATE, request).await;
        match answer {
            Ok(response) => {
                let token = HeaderValue::try_from(response.into_inner().token);
                let mut token = token.map_err(|_| Status::internal("etcd's token is not text"))?;
                token.set_sensitive(true);
                Ok(Some(token))
            }
            Err(status) if status.message() == "etcdserver: authentication is not enabled" => Ok(None),
            Err(status) => Err(status),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The message as a request that carries the token.
fn with<Q>(message: Q, token: Option<&Token>) -> Request<Q> {
    let mut request = Request::new(message);
    if let Some(token) = token.and_then(|token| MetadataValue::try_from(token.as_bytes()).ok()) {
        request.metadata_mut().insert(TOKEN, token);
    }
    request
}

/// etcd's words for a token that is missing, unknown, expired, or older than the last change of users and roles.
fn is_about_token(status: &Status) -> bool {
    matches!(
        status.message(),
        "etcdserver: user name is empty"
            | "etcdserver: invalid auth token"
            | "etcdserver: revision of auth store is old"
    )
}
