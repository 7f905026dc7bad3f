//! What a suite is: its workloads, how one of them is measured on one system, the figures that come out and the
//! claims that they must bear.

mod unary;

use std::collections::BTreeMap;
use std::future::Future;

pub(crate) use unary::Unary;

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

    /// Puts into etcd what the workloads expect, once, before the first round.
    fn prepare(&self, etcd: &Target) -> impl Future<Output = Result<()>>;

    /// Brings etcd back to much the same state before each round.
    fn before_round(&self, etcd: &Target) -> impl Future<Output = Result<()>>;

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

    pub(crate) fn how_much(&self) -> &str {
        self.name.split_once('@').map_or("", |(_, how_much)| how_much)
    }
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

/// What this project promises: on every workload at `at`, `metric` of this proxy is at most (or, for
/// figures that should be high, at least) `limit` times that of `against`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) text: &'static str,
    /// Selects workloads by [`Workload::how_much`].
    pub(crate) at: &'static str,
    pub(crate) metric: &'static str,
    pub(crate) against: System,
    pub(crate) limit: f64,
}
