//! `Namespaced`: something that serves etcd's API, as one tenant sees it.

use bytes::Bytes;
use tonic::{Request, Response, Status};

use crate::message::{Enter, Leave};
use crate::policy::{self, Policy, Reach};
use crate::prefix::Prefix;
use crate::stream::{Entering, Leaving};

/// A tenant's place in the cluster, and how strictly it is kept there. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Namespace {
    prefix: Prefix,
    policy: Policy,
}

/// A layer that serves a [`Namespace`] over whatever serves etcd.
#[derive(Clone, Debug)]
pub struct Namespaced<S> {
    pub(crate) inner: S,
    pub(crate) namespace: Namespace,
}

impl Namespace {
    /// All keys under `prefix`; an empty one is the whole cluster, which no policy can be asked to keep.
    pub fn new(prefix: impl Into<Bytes>, policy: Policy) -> Self {
        Self { prefix: Prefix::new(prefix), policy }
    }

    /// What stands in front of the keys.
    pub fn prefix(&self) -> &Prefix {
        &self.prefix
    }

    /// Whether calls that reach beyond the namespace are refused.
    pub fn is_strict(&self) -> bool {
        self.policy == Policy::Strict && !self.prefix.is_empty()
    }

    /// Whether a call to this method may pass. For methods that nobody decodes it is all the protection there is.
    ///
    /// # Errors
    /// `PermissionDenied` under [`Policy::Strict`] for what cannot be confined, unknown methods included.
    pub fn admit(&self, service: &str, method: &str) -> Result<(), Status> {
        if self.is_strict() && policy::reach(service, method) == Reach::Unconfined {
            return Err(policy::refusal(&format!("{service}/{method}")));
        }
        Ok(())
    }

    /// The requests of a stream, on their way in. Together with [`Self::leaving`] it confines a Watch stream wherever
    /// one is opened: what opens it need not be a service.
    pub fn entering<S>(&self, requests: S) -> Entering<S> {
        Entering::new(requests, self.prefix.clone())
    }

    /// The responses of a stream, on their way out.
    pub fn leaving<S>(&self, responses: S) -> Leaving<S> {
        Leaving::new(responses, self.prefix.clone())
    }
}

impl<S> Namespaced<S> {
    /// `inner` as the tenant sees it.
    pub fn new(inner: S, namespace: Namespace) -> Self {
        Self { inner, namespace }
    }

    /// What is below, where the prefix can be seen.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    pub(crate) fn enter<T: Enter>(&self, mut request: Request<T>) -> Request<T> {
        let prefix = self.namespace.prefix();
        if !prefix.is_empty() {
            request.get_mut().enter(prefix);
        }
        request
    }

    pub(crate) fn leave<T: Leave>(&self, mut response: Response<T>) -> Response<T> {
        let prefix = self.namespace.prefix();
        if !prefix.is_empty() {
            response.get_mut().leave(prefix);
        }
        response
    }

    pub(crate) fn leave_stream<T>(&self, response: Response<T>) -> Response<Leaving<T>> {
        response.map(|stream| self.namespace.leaving(stream))
    }
}
