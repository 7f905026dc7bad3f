//! The runner: sends the errands, several in one transaction, and hands their outcomes in.

use std::sync::Arc;

use proto_gen::Transport;
use proto_gen::etcdserverpb::RangeRequest;
use proto_gen::etcdserverpb::kv_client::KvClient;
use tokio::time::sleep;
use tonic::{Code, Status};

use super::answer;
use super::errands::{outcomes, transaction};
use super::trouble::Trouble;
use crate::holdings::{Errand, Listing, Outcome};
use crate::leasing::Shared;
use crate::session::is_refusal;

/// Errands in one transaction. etcd counts the operations of each as well.
const BATCH: usize = 32;
/// Owners that are asked at once for one who waits. He looks for more when they have answered.
const PAGE: i64 = 256;

#[derive(Debug)]
pub(super) struct Runner<K> {
    shared: Arc<Shared>,
    kv: KvClient<K>,
    /// As many as etcd has not refused.
    batch: usize,
    trouble: Trouble,
}

impl<K: Transport> Runner<K> {
    pub(super) fn new(shared: Arc<Shared>, kv: KvClient<K>) -> Self {
        Self { shared, kv, batch: BATCH, trouble: Trouble::new("cannot take leased keys or give them back") }
    }

    /// Runs for ever.
    pub(super) async fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            let listing = shared.holdings().listing();
            let listed = match &listing {
                Some(listing) => self.list(listing).await,
                None => Ok(()),
            };
            let now = shared.now();
            let errands = shared.holdings().errands(now, self.batch);
            let done = match errands.is_empty() {
                true => Ok(()),
                false => self.send(errands).await,
            };
            if let Err(status) = listed.and(done) {
                let pause = self.trouble.failed(&status);
                sleep(pause).await;
            }
            if !shared.holdings().has_errands() {
                shared.bell.notified().await;
            }
        }
    }

    /// Fails where etcd could not be asked.
    async fn send(&mut self, errands: Vec<Errand>) -> Result<(), Status> {
        let Err(status) = self.attempt(&errands).await else { return Ok(()) };
        if !is_definite(&status) {
            self.end(&errands, &Outcome::Unknown);
            return Err(status);
        }
        // It is the fault of one of them, or of their number.
        if is_about_number(&status) {
            self.batch = (errands.len() / 2).max(1);
        }
        if let [errand] = errands.as_slice() {
            return self.refused(errand, status);
        }
        for errand in errands {
            if let Err(status) = self.attempt(std::slice::from_ref(&errand)).await {
                match is_definite(&status) {
                    true => drop(self.refused(&errand, status)),
                    false => self.end(&[errand], &Outcome::Unknown),
                }
            }
        }
        Ok(())
    }

    /// Nothing has happened where it fails with what is definite.
    async fn attempt(&mut self, errands: &[Errand]) -> Result<(), Status> {
        let request = transaction(errands, &self.shared.names);
        let answer = answer(self.shared.config.answer_timeout, self.kv.txn(request)).await?;
        self.shared.heard(answer.header.as_ref());
        self.trouble.is_over();
        match outcomes(errands, answer) {
            Some(outcomes) => {
                let now = self.shared.now();
                let mut holdings = self.shared.holdings();
                errands
                    .iter()
                    .zip(outcomes)
                    .for_each(|(errand, outcome)| holdings.done(now, errand, outcome));
            }
            None => self.end(errands, &Outcome::Unknown),
        }
        Ok(())
    }

    fn refused(&mut self, errand: &Errand, status: Status) -> Result<(), Status> {
        if status.message() == "etcdserver: requested lease not found" {
            self.shared.lease_gone.notify_one();
            self.end(std::slice::from_ref(errand), &Outcome::NotOurs);
            return Ok(());
        }
        self.end(std::slice::from_ref(errand), &Outcome::Forbidden);
        // Said once. Whatever else there is to do need not wait.
        self.trouble.failed(&status);
        Ok(())
    }

    fn end(&self, errands: &[Errand], outcome: &Outcome) {
        let now = self.shared.now();
        let mut holdings = self.shared.holdings();
        errands.iter().for_each(|errand| holdings.done(now, errand, outcome.clone()));
    }

    /// Who owns something in a range.
    async fn list(&mut self, listing: &Listing) -> Result<(), Status> {
        let request = RangeRequest {
            key: listing.range.start.clone(),
            range_end: listing.range.range_end(),
            limit: PAGE,
            ..RangeRequest::default()
        };
        let now = self.shared.now();
        match answer(self.shared.config.answer_timeout, self.kv.range(request)).await {
            Ok(answer) => {
                self.shared.heard(answer.header.as_ref());
                self.shared.holdings().listed(now, listing, &answer.kvs);
                Ok(())
            }
            // Nobody can be asked; what etcd refuses in a guard is refused again.
            Err(status) if is_definite(&status) => {
                self.shared.holdings().listed(now, listing, &[]);
                self.trouble.failed(&status);
                Ok(())
            }
            Err(status) => {
                self.shared.holdings().listing_failed(listing);
                Err(status)
            }
        }
    }
}

/// Whether etcd has answered that it does nothing.
fn is_definite(status: &Status) -> bool {
    is_refusal(status) || status.code() == Code::NotFound
}

fn is_about_number(status: &Status) -> bool {
    status.message() == "etcdserver: too many operations in txn request"
}
