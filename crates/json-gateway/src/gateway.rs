//! The gateway: what an HTTP request asks for, and who answers it.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use tonic::Status;
use tonic::body::Body;
use tonic::client::GrpcService;

use crate::answers::Refusal;
use crate::call::Call;
use crate::cors::Origins;
use crate::routes::Routes;
use crate::websocket::{self, Talk};

type StdError = Box<dyn std::error::Error + Send + Sync>;

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// Largest JSON value in bytes that a client may send: a request, or one of the requests of a stream. Bytes are a
    /// third longer in base64.
    pub max_value_bytes: usize,
    /// Web pages that may read answers.
    pub origins: Origins,
}

/// What the gateway knows of etcd's API: routes, names and kinds of fields.
#[derive(Clone, Debug)]
pub struct Api(Arc<Routes>);

impl Api {
    /// Reads the description that was built in. Each runtime does well to have its own, so that its requests write no
    /// memory that other threads read.
    ///
    /// # Errors
    /// When that description is broken.
    pub fn new() -> Result<Self, StartError> {
        Ok(Self(Arc::new(Routes::new()?)))
    }
}

/// Why there can be no gateway.
#[derive(Debug, thiserror::Error)]
#[error("the description of etcd's API is broken: {0}")]
pub struct StartError(#[from] prost_reflect::DescriptorError);

/// etcd's JSON API over `service`, which is a client of etcd's services: a channel, or servers in this process.
#[derive(Clone, Debug)]
pub struct Gateway<S> {
    service: S,
    api: Api,
    // Cloned with every talk, and with nothing else.
    config: Config,
}

/// What becomes of a request.
#[derive(Debug)]
pub struct Answer<S> {
    /// What the client is sent.
    pub response: Response<Body>,
    /// What goes on once it was sent, over a WebSocket: run it.
    pub talk: Option<Talk<S>>,
}

impl<S> From<Response<Body>> for Answer<S> {
    fn from(response: Response<Body>) -> Self {
        Self { response, talk: None }
    }
}

impl<S> Gateway<S> {
    /// A gateway to `service`.
    pub fn new(service: S, api: Api, config: Config) -> Self {
        Self { service, api, config }
    }
}

/// The answer to a request that is refused before the gateway sees it.
pub fn refuse(refusal: Status) -> Response<Body> {
    Refusal::from(refusal).into_response()
}

/// Whether a path is the gateway's, be there a method behind it or not.
pub fn owns(path: &str) -> bool {
    path.starts_with("/v3/") || path.starts_with("/v3beta/")
}

impl<S> Gateway<S>
where
    S: GrpcService<Body, ResponseBody: Send + 'static, Future: Send> + Clone + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<StdError>,
    S::ResponseBody: http_body::Body<Data = Bytes>,
{
    /// Answers a request, whatever it is. The service gets its extensions. A WebSocket's talk is for the caller to run.
    pub async fn answer<B>(&self, mut request: Request<B>) -> Answer<S>
    where
        B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Send + Unpin + 'static,
    {
        let is_known = self.api.0.find(request.uri().path()).is_some();
        if is_known && websocket::is_asked_for(&request) {
            return websocket::open(self.clone(), &mut request);
        }
        let asks = request.headers().get(http::header::ORIGIN).cloned();
        let mut response = self.answer_http(request).await;
        self.config.origins.allow(asks.as_ref(), response.headers_mut());
        response.into()
    }

    /// The same for what is no WebSocket, and without a word on who may read it.
    pub(crate) async fn answer_http<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Send + Unpin + 'static,
    {
        if *request.method() == Method::OPTIONS {
            return Response::new(Body::new(Full::<Bytes>::default()));
        }
        match self.call(request).await {
            Ok(response) => response,
            Err(refusal) => refusal.into_response(),
        }
    }

    async fn call<B>(&self, request: Request<B>) -> Result<Response<Body>, Refusal>
    where
        B: http_body::Body<Data = Bytes, Error: Into<StdError>> + Send + Unpin + 'static,
    {
        let route = self.api.0.find(request.uri().path()).ok_or_else(|| Status::not_found("Not Found"))?;
        if *request.method() != Method::POST {
            return Err(Status::unimplemented("Method Not Allowed").into());
        }
        let max_value_bytes = self.config.max_value_bytes;
        let extensions = request.extensions().clone();
        let call = Call { routes: &self.api.0, route, max_value_bytes, extensions };
        call.answer(self.service.clone(), request).await
    }

    /// Largest JSON value in bytes that a client may send.
    pub(crate) fn max_value_bytes(&self) -> usize {
        self.config.max_value_bytes
    }
}

#[cfg(test)]
mod tests;
