//! Reads from memory, and what is learned from those that went to etcd.

use std::time::Duration;

use bytes::Bytes;
use proto_gen::etcdserverpb::{RangeRequest, RangeResponse, TxnRequest, TxnResponse};

use super::{Entry, Holdings};
use crate::allowance::{Allowance, Outage, Serve, Verdict};
use crate::caller::Caller;
use crate::moment::Moment;
use crate::{answer, local};

/// How a read goes on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading<T> {
    /// The answer, and whether etcd is to be asked beside it.
    Answer { answer: T, confirms: bool },
    /// To etcd.
    Ask,
}

/// When, and by which rules, allowances are looked at.
struct Judge {
    now: Moment,
    age: Duration,
    floor: Moment,
}

impl Judge {
    fn verdict(
        &self,
        caller: &Caller,
        anonymous: Option<&mut Allowance>,
        entry: &mut Entry,
        outage: &mut Outage,
    ) -> Verdict {
        let allowance = match caller {
            Caller::Anonymous => anonymous,
            Caller::Named(caller) => entry.allowance(caller),
        };
        allowance.map_or(Verdict::Ask, |allowance| allowance.judge(self.now, self.age, self.floor, outage))
    }
}

impl Holdings {
    /// Reads one key.
    pub(crate) fn read(
        &mut self,
        now: Moment,
        caller: &Caller,
        read: &RangeRequest,
    ) -> Reading<RangeResponse> {
        let is_alive = self.lease(now).is_some();
        let judge = Judge { now, age: self.config.permission_age, floor: self.floor };
        let entry = self.owned.get_mut(&read.key).filter(|entry| is_alive && entry.settled().is_some());
        let Some(entry) = entry else { return Reading::Ask };
        let verdict = judge.verdict(caller, self.anonymous.as_mut(), entry, &mut self.outage);
        match (entry.settled(), verdict) {
            (Some(state), Verdict::Serve(serve)) => {
                let answer = answer::of_range(read, state.as_ref(), self.newest.header());
                self.hit(serve.is_disconnected);
                Reading::Answer { answer, confirms: serve.confirms }
            }
            _ => Reading::Ask,
        }
    }

    /// A transaction that only reads these keys.
    pub(crate) fn transact(
        &mut self,
        now: Moment,
        caller: &Caller,
        txn: &TxnRequest,
        keys: &[Bytes],
    ) -> Reading<TxnResponse> {
        let is_owned = self.lease(now).is_some()
            && keys.iter().all(|key| self.owned.peek(key).is_some_and(|entry| entry.settled().is_some()));
        if !is_owned {
            return Reading::Ask;
        }
        let judge = Judge { now, age: self.config.permission_age, floor: self.floor };
        let mut serve = Serve::default();
        for key in keys {
            let Some(entry) = self.owned.get_mut(key) else { return Reading::Ask };
            match judge.verdict(caller, self.anonymous.as_mut(), entry, &mut self.outage) {
                Verdict::Ask => return Reading::Ask,
                Verdict::Serve(one) => {
                    serve.is_disconnected |= one.is_disconnected;
                    serve.confirms |= one.confirms;
                }
            }
        }
        let lookup = |key: &Bytes| self.owned.peek(key)?.settled()?.as_ref();
        let answer = local::answer(txn, self.newest.header(), &lookup);
        self.hit(serve.is_disconnected);
        Reading::Answer { answer, confirms: serve.confirms }
    }

    fn hit(&self, is_disconnected: bool) {
        self.counters.hits.increment();
        if is_disconnected {
            self.counters.disconnected.increment();
        }
    }

    /// etcd has let this caller read these keys, upon a question sent at `sent`.
    pub(crate) fn allowed(&mut self, caller: &Caller, keys: &[Bytes], sent: Moment) {
        self.outage.end();
        match caller {
            Caller::Anonymous => match &mut self.anonymous {
                Some(allowance) => allowance.renew(sent),
                None => self.anonymous = Some(Allowance::new(sent)),
            },
            Caller::Named(caller) => keys.iter().for_each(|key| self.owned.allow(key, caller, sent)),
        }
    }

    /// etcd has refused it.
    pub(crate) fn forbidden(&mut self, caller: &Caller, keys: &[Bytes]) {
        self.outage.end();
        match caller {
            Caller::Anonymous => self.anonymous = None,
            Caller::Named(caller) => {
                keys.iter().for_each(|key| self.owned.change(key, |entry| entry.forbid(caller)));
            }
        }
    }

    /// etcd could not be asked.
    pub(crate) fn silent(&mut self, now: Moment) {
        self.outage.begin(now, self.config.permission_age);
    }

    /// Users, roles or permissions change: etcd has to say everything again.
    pub(crate) fn permissions_changed(&mut self, now: Moment) {
        self.floor = self.floor.max(now);
        self.outage.end();
    }
}
