//! Writes: guarded, once, after the owners of what they write have given it back.

use std::time::Duration;

use proto_gen::KeyRange;
use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{RequestOp, TxnRequest, TxnResponse};
use tokio::time::{sleep, timeout};
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Response, Status};

use crate::attempt::{Attempt, Block, Wait};
use crate::caller::Caller;
use crate::executed;
use crate::guarded::{Reply, Shape, guarded, permission_questions, reply, shape};
use crate::leasing::Shared;
use crate::service::{Answer, LOOK_AGAIN, LeasedKv};
use crate::writes::Writes;

/// The pause of whoever is refused and finds no owner, the second time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// etcd: what `--max-txn-ops` is exceeded with.
const TOO_MANY_OPERATIONS: &str = "etcdserver: too many operations in txn request";

impl<S: Kv + Clone> LeasedKv<S> {
    /// A transaction that may write. `asked` are operations that never happen where it happens, and that etcd checks the
    /// caller's permission for.
    pub(crate) async fn write(
        &self,
        metadata: MetadataMap,
        user: TxnRequest,
        asked: &[RequestOp],
    ) -> Answer<TxnResponse> {
        let shared = &self.leasing.0;
        let writes = Writes::of(&user, &shared.names);
        if writes.is_empty() {
            return self.send(&metadata, user).await;
        }
        let patience = shared.config.patience;
        match proto_gen::timeout(metadata.as_ref()).filter(|time| *time < patience) {
            None => timeout(patience, self.write_guarded(&metadata, &user, writes, asked))
                .await
                .unwrap_or_else(|_| Err(Status::unavailable("the owner of a key does not give it back"))),
            Some(time) => timeout(time, self.write_guarded(&metadata, &user, writes, asked))
                .await
                .unwrap_or_else(|_| Err(Status::deadline_exceeded("context deadline exceeded"))),
        }
    }

    async fn write_guarded(
        &self,
        metadata: &MetadataMap,
        user: &TxnRequest,
        mut writes: Writes,
        asked: &[RequestOp],
    ) -> Answer<TxnResponse> {
        let shared = &self.leasing.0;
        let shape = shape(user);
        let mut is_checked = shape != Shape::Nested || Caller::of(metadata) == Caller::Anonymous;
        let mut is_merged = false;
        let mut empty = Duration::ZERO;
        let _block = (!writes.ranges.is_empty()).then(|| Block::new(shared, writes.ranges.clone()));
        loop {
            let (attempt, mut guards) = Attempt::begin(shared, &writes);
            if is_merged {
                // The range around them says it of all.
                guards.points.clear();
            }
            if !is_checked {
                for question in permission_questions(user, &guards) {
                    if let Err(status) = self.send(metadata, question).await {
                        attempt.not_done();
                        return Err(status);
                    }
                }
                is_checked = true;
            }
            match self.send(metadata, guarded(user, &guards, shape, asked)).await {
                Ok(response) => {
                    let (metadata, answer, extensions) = response.into_parts();
                    match reply(user, &guards, shape, answer) {
                        Reply::Done(answer) => {
                            end(attempt, user, &answer);
                            return Ok(Response::from_parts(metadata, answer, extensions));
                        }
                        Reply::Refused => attempt.not_done(),
                        Reply::Strange => {
                            return Err(Status::internal(
                                "etcd has answered another transaction than this one",
                            ));
                        }
                    }
                }
                Err(status)
                    if status.message() == TOO_MANY_OPERATIONS && !is_merged && guards.points.len() > 1 =>
                {
                    attempt.not_done();
                    is_merged = true;
                    writes.ranges.extend(span(&writes));
                    release(shared, &writes);
                    continue;
                }
                Err(status) => {
                    attempt.failed(&status);
                    return Err(status);
                }
            }
            let mut wait = Wait::begin(shared, &writes);
            if let Ok(false) = timeout(LOOK_AGAIN, wait.ended()).await {
                // Nobody owns anything any more, or nobody can be asked.
                sleep(empty).await;
                empty = (empty * 2).clamp(FIRST_PAUSE, LOOK_AGAIN);
            }
        }
    }

    /// One transaction as the caller.
    async fn send(&self, metadata: &MetadataMap, txn: TxnRequest) -> Answer<TxnResponse> {
        let answer = self.inner.txn(Request::from_parts(metadata.clone(), Extensions::default(), txn)).await;
        if let Ok(response) = &answer {
            self.leasing.0.heard(response.get_ref().header.as_ref());
        }
        answer
    }
}

fn end(attempt: Attempt<'_>, user: &TxnRequest, answer: &TxnResponse) {
    let effects = executed::effects(user, answer);
    match &answer.header {
        Some(header) => attempt.done(header.revision, effects.as_deref()),
        None => attempt.done(0, None),
    }
}

/// All keys between the first and the last that is written.
fn span(writes: &Writes) -> Option<KeyRange> {
    let (first, last) = (writes.points.first()?, writes.points.last()?);
    Some(KeyRange { start: first.clone(), end: proto_gen::End::Through(last.clone()) })
}

/// What is to be written by one condition for many keys must not be owned here either.
fn release(shared: &Shared, writes: &Writes) {
    let now = shared.now();
    let mut holdings = shared.holdings();
    writes.ranges.iter().for_each(|range| holdings.release(now, range));
}
