//! Reads: from memory where they may be, at etcd otherwise, and back to memory where etcd is silent.

use std::pin::pin;

use bytes::Bytes;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse, ResponseHeader, TxnRequest, TxnResponse};
use tokio::time::timeout;
use tonic::metadata::MetadataMap;
use tonic::{Code, Extensions, Request, Response, Status};

use crate::caller::Caller;
use crate::holdings::Reading;
use crate::leasing::Shared;
use crate::service::{Answer, LeasedKv, wants_leader};
use crate::{answer, local};

/// A read that memory may be able to answer.
pub(super) trait Question: Clone + Send + 'static {
    type Found: Send;

    /// All keys that are read; none where memory cannot answer.
    fn keys(&self) -> Vec<Bytes>;

    fn recall(&self, shared: &Shared, caller: &Caller, keys: &[Bytes]) -> Reading<Self::Found>;

    fn header(found: &Self::Found) -> Option<&ResponseHeader>;

    fn ask<S: Kv>(inner: &S, request: Request<Self>) -> impl Future<Output = Answer<Self::Found>> + Send;
}

impl Question for RangeRequest {
    type Found = RangeResponse;

    fn keys(&self) -> Vec<Bytes> {
        if answer::is_of_one_key(self) { vec![self.key.clone()] } else { Vec::new() }
    }

    fn recall(&self, shared: &Shared, caller: &Caller, _: &[Bytes]) -> Reading<RangeResponse> {
        let now = shared.now();
        shared.holdings().read(now, caller, self)
    }

    fn header(found: &RangeResponse) -> Option<&ResponseHeader> {
        found.header.as_ref()
    }

    async fn ask<S: Kv>(inner: &S, request: Request<Self>) -> Answer<RangeResponse> {
        inner.range(request).await
    }
}

impl Question for TxnRequest {
    type Found = TxnResponse;

    fn keys(&self) -> Vec<Bytes> {
        local::keys(self).unwrap_or_default()
    }

    fn recall(&self, shared: &Shared, caller: &Caller, keys: &[Bytes]) -> Reading<TxnResponse> {
        let now = shared.now();
        shared.holdings().transact(now, caller, self, keys)
    }

    fn header(found: &TxnResponse) -> Option<&ResponseHeader> {
        found.header.as_ref()
    }

    async fn ask<S: Kv>(inner: &S, request: Request<Self>) -> Answer<TxnResponse> {
        inner.txn(request).await
    }
}

impl<S: Kv + Clone> LeasedKv<S> {
    /// The answer, where nobody has to be waited for.
    pub(super) fn recall<Q: Question>(&self, request: &Request<Q>) -> Option<Response<Q::Found>> {
        let keys = self.keys(request);
        if keys.is_empty() {
            return None;
        }
        let caller = Caller::of(request.metadata());
        match request.get_ref().recall(&self.leasing.0, &caller, &keys) {
            Reading::Ask => None,
            Reading::Answer { answer, confirms } => {
                if confirms {
                    self.confirm(request.metadata().clone(), request.get_ref().clone(), caller, keys);
                }
                Some(Response::new(answer))
            }
        }
    }

    /// None where memory can never answer.
    fn keys<Q: Question>(&self, request: &Request<Q>) -> Vec<Bytes> {
        let mut keys = request.get_ref().keys();
        let names = &self.leasing.0.names;
        if wants_leader(request) || keys.iter().any(|key| names.holds(key)) {
            keys.clear();
        }
        keys
    }

    /// Asks etcd whether the caller still may read. Nobody waits for it.
    fn confirm<Q: Question>(&self, mut metadata: MetadataMap, question: Q, caller: Caller, keys: Vec<Bytes>) {
        let layer = self.clone();
        // The caller's patience is with the answer that he has got already.
        metadata.remove("grpc-timeout");
        let request = Request::from_parts(metadata, Extensions::default(), question);
        tokio::spawn(async move {
            let shared = &layer.leasing.0;
            let sent = shared.now();
            let mut asking = pin!(Q::ask(&layer.inner, request));
            let answer = match timeout(shared.config.permission_age, &mut asking).await {
                Ok(answer) => answer,
                Err(_) => {
                    shared.holdings().silent(shared.now());
                    // Not given up: etcd before 3.5.7 may crash when a transaction that reads is.
                    asking.await
                }
            };
            match is_silence(&answer) {
                true => shared.holdings().silent(shared.now()),
                false => layer.learn::<Q>(&caller, &keys, sent, &answer),
            }
        });
    }

    /// A read that memory has not answered.
    pub(super) async fn read<Q: Question>(&self, request: Request<Q>) -> Answer<Q::Found> {
        let shared = &self.leasing.0;
        let (keys, caller) = (self.keys(&request), Caller::of(request.metadata()));
        if keys.is_empty() {
            let answer = Q::ask(&self.inner, request).await;
            shared.heard(answer.as_ref().ok().and_then(|response| Q::header(response.get_ref())));
            return answer;
        }
        let question = request.get_ref().clone();
        let sent = shared.now();
        let mut asking = pin!(Q::ask(&self.inner, request));
        let remember = || {
            shared.holdings().silent(shared.now());
            match question.recall(shared, &caller, &keys) {
                Reading::Answer { answer, .. } => Some(Ok(Response::new(answer))),
                Reading::Ask => None,
            }
        };
        let answer = match timeout(shared.config.permission_age, &mut asking).await {
            Ok(answer) if is_silence(&answer) => return remember().unwrap_or(answer),
            Ok(answer) => answer,
            Err(_) => match remember() {
                Some(answer) => return answer,
                None => asking.await,
            },
        };
        self.learn::<Q>(&caller, &keys, sent, &answer);
        answer
    }

    /// What etcd's answer says.
    fn learn<Q: Question>(
        &self,
        caller: &Caller,
        keys: &[Bytes],
        sent: crate::moment::Moment,
        answer: &Answer<Q::Found>,
    ) {
        let shared = &self.leasing.0;
        match answer {
            Ok(response) => {
                shared.heard(Q::header(response.get_ref()));
                shared.holdings().allowed(caller, keys, sent);
            }
            Err(status) if is_about_permission(status) => shared.holdings().forbidden(caller, keys),
            Err(_) => {}
        }
    }

    /// A read of one key, which is wanted from then on.
    pub(super) async fn read_and_want(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        let keys = if request.get_ref().serializable { Vec::new() } else { self.keys(&request) };
        let answer = self.read(request).await;
        let is_free = |found: &RangeResponse| found.kvs.first().is_none_or(|kv| kv.lease == 0);
        let shared = &self.leasing.0;
        if let (Ok(response), [key]) = (&answer, keys.as_slice())
            && is_free(response.get_ref())
        {
            let now = shared.now();
            if shared.holdings().want(now, key) {
                shared.bell.notify_one();
            }
        }
        answer
    }

    /// A transaction that writes nothing.
    pub(super) async fn reading_txn(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        match self.recall(&request) {
            Some(answer) => Ok(answer),
            None => self.read(request).await,
        }
    }
}

/// Whether etcd could not be asked.
fn is_silence<T>(answer: &Answer<T>) -> bool {
    answer.as_ref().is_err_and(|status| status.code() == Code::Unavailable)
}

/// Nothing else is wrong with a read of single keys.
fn is_about_permission(status: &Status) -> bool {
    matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated | Code::InvalidArgument)
}
