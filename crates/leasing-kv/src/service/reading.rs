//! Reads: from memory where they may be, at etcd otherwise, and back to memory where etcd is silent.

use std::pin::pin;

use bytes::Bytes;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse, TxnRequest, TxnResponse};
use tokio::time::timeout;
use tonic::{Code, Request, Response, Status};

use crate::caller::Caller;
use crate::holdings::Reading;
use crate::moment::Moment;
use crate::service::{Answer, LeasedKv, wants_leader};
use crate::{answer, local};

impl<S: Kv> LeasedKv<S> {
    /// Whether memory could ever answer this.
    fn is_of_memory(&self, request: &Request<RangeRequest>) -> bool {
        let read = request.get_ref();
        answer::is_of_one_key(read) && !wants_leader(request) && !self.leasing.0.names.holds(&read.key)
    }

    /// The answer, where nobody has to be asked.
    pub(crate) fn recall(&self, request: &Request<RangeRequest>) -> Option<Response<RangeResponse>> {
        if !self.is_of_memory(request) {
            return None;
        }
        let shared = &self.leasing.0;
        let caller = Caller::of(request.metadata());
        let now = shared.now();
        match shared.holdings().read(now, &caller, request.get_ref()) {
            Reading::Answer(answer) => Some(Response::new(answer)),
            Reading::Ask { .. } => None,
        }
    }

    /// A read that memory has not answered.
    pub(crate) async fn read(&self, request: Request<RangeRequest>) -> Answer<RangeResponse> {
        let shared = &self.leasing.0;
        let caller = Caller::of(request.metadata());
        let question = request.get_ref().clone();
        let keys = match self.is_of_memory(&request) {
            true => std::slice::from_ref(&question.key),
            false => &[],
        };
        let sent = shared.now();
        let recall = || match keys {
            [] => None,
            _ => match shared.holdings().read(shared.now(), &caller, &question) {
                Reading::Answer(answer) => Some(answer),
                Reading::Ask { .. } => None,
            },
        };
        let answer = self.ask(self.inner.range(request), recall).await;
        if let Ok(response) = &answer {
            shared.heard(response.get_ref().header.as_ref());
        }
        self.learn(&caller, keys, sent, &answer);
        if let (Ok(response), [key], false) = (&answer, keys, question.serializable)
            && response.get_ref().kvs.first().is_none_or(|kv| kv.lease == 0)
        {
            self.want(key);
        }
        answer
    }

    /// A transaction that writes nothing.
    pub(crate) async fn reading_txn(&self, request: Request<TxnRequest>) -> Answer<TxnResponse> {
        let shared = &self.leasing.0;
        let caller = Caller::of(request.metadata());
        let regular = local::keys(request.get_ref()).filter(|_| !wants_leader(&request));
        let keys = regular.filter(|keys| !keys.iter().any(|key| shared.names.holds(key))).unwrap_or_default();
        let question = request.get_ref().clone();
        let recall = || {
            if keys.is_empty() {
                return None;
            }
            match shared.holdings().transact(shared.now(), &caller, &question, &keys) {
                Reading::Answer(answer) => Some(answer),
                Reading::Ask { .. } => None,
            }
        };
        if let Some(answer) = recall() {
            return Ok(Response::new(answer));
        }
        let sent = shared.now();
        let answer = self.ask(self.inner.txn(request), recall).await;
        if let Ok(response) = &answer {
            shared.heard(response.get_ref().header.as_ref());
        }
        self.learn(&caller, &keys, sent, &answer);
        answer
    }

    /// Asks etcd. Where it is silent, memory may answer what it can.
    async fn ask<T>(
        &self,
        asking: impl Future<Output = Answer<T>>,
        recall: impl Fn() -> Option<T>,
    ) -> Answer<T> {
        let shared = &self.leasing.0;
        let remember = || {
            shared.holdings().silent(shared.now());
            recall()
        };
        let mut asking = pin!(asking);
        match timeout(shared.config.permission_age, &mut asking).await {
            Ok(Err(status)) if status.code() == Code::Unavailable => {
                remember().map_or(Err(status), |answer| Ok(Response::new(answer)))
            }
            Ok(answer) => answer,
            Err(_) => match remember() {
                Some(answer) => Ok(Response::new(answer)),
                None => asking.await,
            },
        }
    }

    /// What etcd's answer says of what the caller may.
    fn learn<T>(&self, caller: &Caller, keys: &[Bytes], sent: Moment, answer: &Answer<T>) {
        if keys.is_empty() {
            return;
        }
        let mut holdings = self.leasing.0.holdings();
        match answer {
            Ok(_) => holdings.allowed(caller, keys.iter(), sent),
            Err(status) if is_about_permission(status) => holdings.forbidden(caller, keys.iter()),
            Err(_) => {}
        }
    }

    fn want(&self, key: &Bytes) {
        let shared = &self.leasing.0;
        let now = shared.now();
        if shared.holdings().want(now, key) {
            shared.bell.notify_one();
        }
    }
}

/// Nothing else is wrong with a read of one key.
fn is_about_permission(status: &Status) -> bool {
    matches!(status.code(), Code::PermissionDenied | Code::Unauthenticated | Code::InvalidArgument)
}
