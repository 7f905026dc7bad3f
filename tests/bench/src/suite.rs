//! What a suite is: its workloads, how one of them is measured on one system, the figures that come out and the
//! claims that they must bear.

mod gateway;
mod json;
mod keyspace;
mod lease;
mod leasing;
mod namespace;
mod reads;
mod scrape;
mod unary;
mod watch;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

pub(crate) use gateway::Gateway;
pub(crate) use json::Json;
pub(crate) use lease::Lease;
pub(crate) use leasing::Leasing;
pub(crate) use namespace::{Namespace, PREFIX};
pub(crate) use reads::Reads;
pub(crate) use scrape::Scrape;
pub(crate) use unary::Unary;
pub(crate) use watch::Watch;

use crate::Result;
use crate::arguments::Pace;
use crate::target::{System, Target};

/// One module per suite implements this; everything around it (rounds, reports, verdicts) is the same for all.
pub(crate) trait Suite {
    /// As on the command line and in the names of the files.
    fn name(&self) -> &'static str;

    /// A sentence or two for the report: what is called, over what, with what in flight.
    fn description(&self) -> String;

    /// What the number after a workload's `@` counts, such as "in flight".
    fn counts(&self) -> &'static str;

    fn workloads(&self) -> Vec<Workload>;

    /// The figures that [`Suite::measure`] gives, in the order of the report's columns.
    fn metrics(&self) -> &'static [Metric];

    fn claims(&self) -> &'static [Claim];

    /// Which plot the report gets.
    fn plot(&self) -> Plot {
        Plot::Bars
    }

    /// Whether every measurement wants an etcd and proxies that have served nothing yet.
    fn fresh(&self) -> bool {
        false
    }

    /// Flags for both proxies.
    fn proxy_flags(&self) -> &'static [&'static str] {
        &[]
    }

    /// How long one measurement takes, about.
    fn length(&self, _workload: &Workload, pace: Pace) -> Duration {
        pace.warmup + pace.measure
    }

    /// Puts into etcd what the workloads expect, once, before the first round.
    fn prepare(&self, _etcd: &Target) -> impl Future<Output = Result<()>> {
        async { Ok(()) }
    }

    /// Brings etcd back to much the same state before each round.
    fn before_round(&self, _etcd: &Target) -> impl Future<Output = Result<()>> {
        async { Ok(()) }
    }

    /// Measures one workload on one system. A wrong answer is an error and ends the run.
    fn measure(
        &self,
        workload: &Workload,
        target: &Target,
        pace: Pace,
    ) -> impl Future<Output = Result<Figures>>;
}

/// One kind of load, named `what@how-much`: plots put the first part on the bars and the second above the panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) name: String,
}

impl Workload {
    pub(crate) fn what(&self) -> &str {
        self.name.split_once('@').map_or(self.name.as_str(), |(what, _)| what)
    }

    /// Whether `at` is the part before the `@`, the part after it, or all of it.
    pub(crate) fn is_at(&self, at: &str) -> bool {
        [self.what(), self.how_much(), self.name.as_str()].contains(&at)
    }

    pub(crate) fn how_much(&self) -> &str {
        self.name.split_once('@').map_or("", |(_, how_much)| how_much)
    }
}

/// How a suite's report is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plot {
    /// Every plotted metric of every workload, as bars.
    Bars,
    /// One metric of the workloads that begin with `what`, against the number after their `@`, as lines.
    Lines { what: &'static str, metric: &'static str },
}

/// The figures of one measurement by [`Metric::key`]. One that makes no sense for a system (the CPU of no proxy) is
/// absent.
pub(crate) type Figures = BTreeMap<&'static str, f64>;

/// A column of the report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metric {
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) better: Better,
    /// Whether the plot shows it.
    pub(crate) plotted: bool,
}

impl Metric {
    /// Title and unit, for people.
    pub(crate) fn headed(&self) -> String {
        if self.unit.is_empty() { self.title.to_owned() } else { format!("{}, {}", self.title, self.unit) }
    }
}

/// A column that is not plotted.
pub(crate) const fn metric(
    key: &'static str,
    title: &'static str,
    unit: &'static str,
    better: Better,
) -> Metric {
    Metric { key, title, unit, better, plotted: false }
}

/// Which way a figure improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Lower,
    Higher,
}

impl Better {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Lower => "lower is better",
            Self::Higher => "higher is better",
        }
    }
}

/// What this project promises: on every workload at `at`, `metric` of this proxy is at most (or, for figures that
/// should be high, at least) `limit`, in terms of `against`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) text: &'static str,
    /// Selects workloads by [`Workload::is_at`].
    pub(crate) at: &'static str,
    pub(crate) metric: &'static str,
    pub(crate) against: Against,
    pub(crate) limit: f64,
}

pub(crate) const fn claim(
    text: &'static str,
    at: &'static str,
    metric: &'static str,
    against: Against,
    limit: f64,
) -> Claim {
    Claim { text, at, metric, against, limit }
}

/// What a claim's limit is to be multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Against {
    /// The same figure of another system.
    System(System),
    /// This proxy's own figure on another workload, by its name.
    Own(&'static str),
    /// Nothing: the limit is in the metric's unit.
    Unit,
}

pub(crate) const THEIRS: Against = Against::System(System::Theirs);
pub(crate) const DIRECT: Against = Against::System(System::Direct);

/// What `etcd grpc-proxy` does not sustain has no figures; anybody else's failure ends the run.
fn sustained(workload: &Workload, target: &Target, outcome: Result<Figures>) -> Result<Figures> {
    match outcome {
        Err(error) if target.system == System::Theirs => {
            eprintln!("{} on {}: not sustained: {error}", workload.name, target.system.title());
            Ok(Figures::new())
        }
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_claim_has_its_metric_and_its_rows(suite: &impl Suite) {
        for claim in suite.claims() {
            assert!(suite.metrics().iter().any(|metric| metric.key == claim.metric), "{claim:?}");
            assert!(suite.workloads().iter().any(|workload| workload.is_at(claim.at)), "{claim:?}");
            if let Against::Own(name) = claim.against {
                assert!(suite.workloads().iter().any(|workload| workload.name == name), "{claim:?}");
            }
        }
    }

    #[test]
    fn every_suite_can_bear_its_claims() {
        every_claim_has_its_metric_and_its_rows(&Unary::new(8));
        every_claim_has_its_metric_and_its_rows(&Namespace::new(8));
        every_claim_has_its_metric_and_its_rows(&Reads::new(8));
        every_claim_has_its_metric_and_its_rows(&Gateway::new(8));
        every_claim_has_its_metric_and_its_rows(&Json::new());
        every_claim_has_its_metric_and_its_rows(&Leasing::new(8));
        every_claim_has_its_metric_and_its_rows(&Lease::new(Duration::ZERO));
        every_claim_has_its_metric_and_its_rows(&Scrape::new(8));
        every_claim_has_its_metric_and_its_rows(&Watch::new(Duration::ZERO));
    }
}
