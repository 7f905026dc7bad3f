//! The worker: sends what is due and hands out the answers.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use proto_gen::etcdserverpb::RangeResponse;
use proto_gen::etcdserverpb::kv_server::Kv;
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval};
use tonic::metadata::MetadataMap;
use tonic::{Code, Extensions, Request, Response, Status};

use crate::batch::{TOO_MANY_OPERATIONS, answers, transaction};
use crate::caller::Caller;
use crate::config::Config;
use crate::lines::{Batch, Read};
use crate::station::{Answer, Station, Waiter};

/// Turns of the runtime that a batch waits for those who are about to come: their sockets are read, their calls
/// start, the calls run.
const TURNS: usize = 3;
const SHORTEST_TICK: Duration = Duration::from_millis(1);

/// Sends for the reads of one [`CoalescedReads`](crate::CoalescedReads), on the same runtime. When it ends, every
/// read goes alone.
#[derive(Debug)]
pub struct Worker<S> {
    inner: S,
    station: Arc<Station>,
    tick: Duration,
    calls: FuturesUnordered<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<S> Drop for Worker<S> {
    fn drop(&mut self) {
        self.station.close();
    }
}

impl<S: Kv + Clone> Worker<S> {
    pub(crate) fn new(inner: S, station: Arc<Station>, config: &Config) -> Self {
        let tick = (config.patience / 2).max(SHORTEST_TICK);
        Self { inner, station, tick, calls: FuturesUnordered::new() }
    }

    /// Runs until it is dropped.
    pub async fn run(mut self) {
        self.station.open();
        let mut ticks = interval(self.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.station.is_due() {
                let_others_come().await;
            }
            while let Some(batch) = self.station.take() {
                self.calls.push(Box::pin(call(self.inner.clone(), Arc::clone(&self.station), batch)));
            }
            let watching = self.station.watch(!self.calls.is_empty());
            tokio::select! {
                biased;
                Some(()) = self.calls.next() => {}
                () = self.station.bell.notified() => {}
                now = ticks.tick(), if watching => self.station.tick(now),
            }
        }
    }
}

async fn let_others_come() {
    for _ in 0..TURNS {
        yield_now().await;
    }
}

/// Asks for a batch and answers all who wait for it.
async fn call<S: Kv>(inner: S, station: Arc<Station>, batch: Batch<Waiter>) {
    let Batch { ticket, caller, mut reads } = batch;
    reads.retain(|read| read.waiters().any(|waiter| !waiter.is_closed()));
    let readers = reads.iter().map(|read| 1 + read.others.len()).sum();
    let answered = match reads.as_slice() {
        [] => Ok(None),
        [read] => {
            station.counters.sent(1);
            // Equal reads of one caller have equal answers, and errors.
            let answer = inner.range(request(&caller, read.request.clone())).await;
            Ok(Some(vec![answer]))
        }
        several => {
            station.counters.sent(several.len());
            let transaction = transaction(several.iter().map(|read| read.request.clone()));
            let answer = inner.txn(request(&caller, transaction)).await;
            answer.map(|answer| split(answer, several.len()))
        }
    };
    station.returned(ticket);
    match answered {
        Ok(Some(answers)) => {
            station.counters.answered(readers);
            station.learn(
                reads
                    .iter()
                    .zip(&answers)
                    .filter_map(|(read, answer)| Some((read.fingerprint, answer.as_ref().ok()?.get_ref()))),
            );
            reads.into_iter().zip(answers).for_each(|(read, answer)| hand_out(read, answer));
        }
        Ok(None) => {}
        Err(status) => fail(&station, reads, &status),
    }
}

fn request<T>(caller: &Caller, message: T) -> Request<T> {
    let metadata = MetadataMap::from_headers(caller.headers());
    Request::from_parts(metadata, Extensions::default(), message)
}

/// None where the answer is not one to this transaction; then everybody asks for himself.
fn split(answer: Response<proto_gen::etcdserverpb::TxnResponse>, reads: usize) -> Option<Vec<Answer>> {
    let (metadata, message, _) = answer.into_parts();
    let response =
        |range: RangeResponse| Ok(Response::from_parts(metadata.clone(), range, Extensions::default()));
    Some(answers(message, reads)?.into_iter().map(response).collect())
}

/// Whoever has left is not missed.
fn hand_out(read: Read<Waiter>, answer: Answer) {
    for waiter in read.others {
        let _ = waiter.send(copy(&answer));
    }
    let _ = read.first.send(answer);
}

fn copy(answer: &Answer) -> Answer {
    let response = answer.as_ref().map_err(Status::clone)?;
    let metadata = response.metadata().clone();
    Ok(Response::from_parts(metadata, response.get_ref().clone(), Extensions::default()))
}

/// What no member could be asked is nobody's fault, and all would hear the same. Any other error may be about one of
/// the reads, or about transactions: dropped without an answer, the readers ask for themselves.
fn fail(station: &Station, reads: Vec<Read<Waiter>>, status: &Status) {
    if status.message() == TOO_MANY_OPERATIONS {
        station.refused(reads.len());
    }
    if status.code() == Code::Unavailable {
        reads.into_iter().for_each(|read| hand_out(read, Err(status.clone())));
    }
}
