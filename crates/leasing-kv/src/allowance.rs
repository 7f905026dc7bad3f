//! `Allowance`: that etcd has let a caller read, and for how long that is good. A pure machine.
//!
//! An allowance is good for its age. In the second half of that etcd is asked again, beside a reader who is served. One
//! that is older is good only while etcd does not answer.

use std::time::Duration;

use crate::moment::Moment;

/// etcd has said yes at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// When the question was sent that etcd has said yes to.
    granted: Moment,
    /// When somebody went to ask again.
    asked: Option<Moment>,
}

/// What etcd's silence means for allowances, all at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outage {
    /// Until then what is too old is good enough.
    until: Moment,
}

/// How a reader goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Serve(Serve),
    /// To etcd.
    Ask,
}

/// From memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Serve {
    /// Whether nobody could confirm that the caller still may read.
    pub(crate) is_disconnected: bool,
    /// Whether etcd is to be asked beside it.
    pub(crate) confirms: bool,
}

impl Allowance {
    pub(crate) fn new(granted: Moment) -> Self {
        Self { granted, asked: None }
    }

    /// etcd has said yes again.
    pub(crate) fn renew(&mut self, granted: Moment) {
        self.granted = self.granted.max(granted);
        self.asked = None;
    }

    /// What a reader is to do. `floor`: what was allowed up to then is not allowed any more.
    pub(crate) fn judge(
        &mut self,
        now: Moment,
        age: Duration,
        floor: Moment,
        outage: &mut Outage,
    ) -> Verdict {
        if self.granted <= floor {
            return Verdict::Ask;
        }
        let is_asked = self.asked.is_some_and(|asked| now.since(asked) < age);
        let old = now.since(self.granted);
        let is_disconnected = old >= age;
        if is_disconnected && !outage.lasts(now) {
            return Verdict::Ask;
        }
        let confirms = match is_disconnected {
            true => !is_asked && outage.is_to_be_probed(now, age),
            false => !is_asked && old >= age / 2,
        };
        if confirms {
            self.asked = Some(now);
            outage.probed(now, age);
        }
        Verdict::Serve(Serve { is_disconnected, confirms })
    }
}

impl Outage {
    /// Somebody has asked and not been answered.
    pub(crate) fn begin(&mut self, now: Moment, age: Duration) {
        self.until = self.until.max(now.after(age));
    }

    /// etcd answers.
    pub(crate) fn end(&mut self) {
        self.until = Moment::default();
    }

    fn lasts(&self, now: Moment) -> bool {
        now < self.until
    }

    fn is_to_be_probed(&self, now: Moment, age: Duration) -> bool {
        self.until.since(now) <= age / 2
    }

    /// Somebody asks. The others are served until that has had its time.
    fn probed(&mut self, now: Moment, age: Duration) {
        if self.lasts(now) {
            self.until = self.until.max(now.after(age + age / 4));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_nanos(1000);

    fn judged(allowance: &mut Allowance, now: u64, outage: &mut Outage) -> Verdict {
        allowance.judge(Moment(now), AGE, Moment(0), outage)
    }

    const SERVE: Verdict = Verdict::Serve(Serve { is_disconnected: false, confirms: false });
    const CONFIRM: Verdict = Verdict::Serve(Serve { is_disconnected: false, confirms: true });
    const DISCONNECTED: Verdict = Verdict::Serve(Serve { is_disconnected: true, confirms: false });
    const PROBE: Verdict = Verdict::Serve(Serve { is_disconnected: true, confirms: true });

    #[test]
    fn in_its_second_half_one_asks_again_and_after_all_of_it_everybody_does() {
        let (mut allowance, mut outage) = (Allowance::new(Moment(100)), Outage::default());
        for (now, expected) in [
            (100, SERVE),
            (599, SERVE),
            (600, CONFIRM),
            (601, SERVE),
            (1099, SERVE),
            (1100, Verdict::Ask),
            (1101, Verdict::Ask),
        ] {
            assert_eq!(judged(&mut allowance, now, &mut outage), expected, "{now}");
        }
        allowance.renew(Moment(1050));
        assert_eq!(judged(&mut allowance, 1102, &mut outage), SERVE);
    }

    #[test]
    fn a_change_of_permissions_ends_what_was_allowed_before_it() {
        let (mut allowance, mut outage) = (Allowance::new(Moment(100)), Outage::default());
        outage.begin(Moment(110), AGE);
        assert_eq!(allowance.judge(Moment(120), AGE, Moment(100), &mut outage), Verdict::Ask);
        allowance.renew(Moment(101));
        assert_eq!(allowance.judge(Moment(120), AGE, Moment(100), &mut outage), SERVE);
    }

    #[test]
    fn while_etcd_is_away_what_is_too_old_is_good_and_one_asks_now_and_then() {
        let (mut allowance, mut outage) = (Allowance::new(Moment(1)), Outage::default());
        assert_eq!(judged(&mut allowance, 5000, &mut outage), Verdict::Ask);
        outage.begin(Moment(6000), AGE);
        for (now, expected) in [
            (6000, DISCONNECTED),
            (6499, DISCONNECTED),
            (6500, PROBE),
            (6501, DISCONNECTED),
            (7499, DISCONNECTED),
        ] {
            assert_eq!(judged(&mut allowance, now, &mut outage), expected, "{now}");
        }
        outage.begin(Moment(7500), AGE);
        assert_eq!(judged(&mut allowance, 7501, &mut outage), DISCONNECTED);
        outage.end();
        assert_eq!(judged(&mut allowance, 7502, &mut outage), Verdict::Ask);
    }
}
