//! `Allowance`: that etcd has let a caller read, and for how long that is good. A pure machine.

use std::time::Duration;

use crate::moment::Moment;

/// etcd has said yes at some moment. After half of its age one reader asks again while the others are served.
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
    /// From memory.
    Serve,
    /// From memory, although nobody could confirm it.
    ServeDisconnected,
    /// To etcd.
    Ask,
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
        if old < age / 2 || old < age && is_asked {
            return Verdict::Serve;
        }
        if old >= age {
            if !outage.lasts(now) {
                return Verdict::Ask;
            }
            if is_asked || !outage.is_to_be_probed(now, age) {
                return Verdict::ServeDisconnected;
            }
            outage.probed(now, age);
        }
        self.asked = Some(now);
        Verdict::Ask
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
        self.until = self.until.max(now.after(age + age / 4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = Duration::from_nanos(1000);

    fn judged(allowance: &mut Allowance, now: u64, outage: &mut Outage) -> Verdict {
        allowance.judge(Moment(now), AGE, Moment(0), outage)
    }

    #[test]
    fn after_half_of_the_age_one_asks_and_after_all_of_it_everybody_does() {
        let (mut allowance, mut outage) = (Allowance::new(Moment(100)), Outage::default());
        for (now, expected) in [
            (100, Verdict::Serve),
            (599, Verdict::Serve),
            (600, Verdict::Ask),
            (601, Verdict::Serve),
            (1099, Verdict::Serve),
            (1100, Verdict::Ask),
            (1101, Verdict::Ask),
        ] {
            assert_eq!(judged(&mut allowance, now, &mut outage), expected, "{now}");
        }
        allowance.renew(Moment(1050));
        assert_eq!(judged(&mut allowance, 1102, &mut outage), Verdict::Serve);
    }

    #[test]
    fn a_change_of_permissions_ends_what_was_allowed_before_it() {
        let (mut allowance, mut outage) = (Allowance::new(Moment(100)), Outage::default());
        outage.begin(Moment(110), AGE);
        assert_eq!(allowance.judge(Moment(120), AGE, Moment(100), &mut outage), Verdict::Ask);
        allowance.renew(Moment(101));
        assert_eq!(allowance.judge(Moment(120), AGE, Moment(100), &mut outage), Verdict::Serve);
    }

    #[test]
    fn while_etcd_is_away_what_is_too_old_is_good_and_one_asks_now_and_then() {
        let (mut allowance, mut outage) = (Allowance::new(Moment(1)), Outage::default());
        assert_eq!(judged(&mut allowance, 5000, &mut outage), Verdict::Ask);
        outage.begin(Moment(6000), AGE);
        for (now, expected) in [
            (6000, Verdict::ServeDisconnected),
            (6499, Verdict::ServeDisconnected),
            (6500, Verdict::Ask),
            (6501, Verdict::ServeDisconnected),
            (7499, Verdict::ServeDisconnected),
        ] {
            assert_eq!(judged(&mut allowance, now, &mut outage), expected, "{now}");
        }
        outage.begin(Moment(7500), AGE);
        assert_eq!(judged(&mut allowance, 7501, &mut outage), Verdict::ServeDisconnected);
        outage.end();
        assert_eq!(judged(&mut allowance, 7502, &mut outage), Verdict::Ask);
    }
}
