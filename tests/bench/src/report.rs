//! What a run leaves behind: a table for the terminal, JSON with every round, a plot, and a section of the README.

mod json;
mod lines;
mod markdown;
mod svg;
mod table;

use std::fs;
use std::path::Path;

use crate::Result;
use crate::rounds::Row;
use crate::suite::{Metric, Plot, Suite};
use crate::target::Setting;
use crate::verdict::{Verdict, verdicts};

/// A finished run.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub(crate) suite: &'static str,
    pub(crate) description: String,
    pub(crate) counts: &'static str,
    pub(crate) metrics: &'static [Metric],
    pub(crate) plot: Plot,
    pub(crate) setting: Setting,
    pub(crate) rows: Vec<Row>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Report {
    pub(crate) fn new(suite: &impl Suite, rows: Vec<Row>, setting: Setting) -> Self {
        Self {
            suite: suite.name(),
            description: suite.description(),
            counts: suite.counts(),
            metrics: suite.metrics(),
            plot: suite.plot(),
            setting,
            verdicts: verdicts(suite.claims(), suite.metrics(), &rows),
            rows,
        }
    }

    fn drawn(&self) -> String {
        match self.plot {
            Plot::Bars => svg::plot(self),
            Plot::Lines { what, metric } => lines::plot(self, what, metric),
        }
    }

    /// Prints the table and writes the files into `folder`.
    pub(crate) fn publish(&self, folder: &Path) -> Result<()> {
        print!("{}", table::table(self));
        fs::create_dir_all(folder)?;
        let readme = folder.join("README.md");
        // A README that is not there yet is an empty one.
        let old = fs::read_to_string(&readme).unwrap_or_default();
        fs::write(folder.join(format!("{}.json", self.suite)), json::json(self)?)?;
        fs::write(folder.join(format!("{}.svg", self.suite)), self.drawn())?;
        fs::write(&readme, markdown::with_section(&old, self))?;
        eprintln!("\nwritten: {0}/{1}.json, {0}/{1}.svg, {0}/README.md", folder.display(), self.suite);
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rounds::tests::row;
    use crate::suite::{Against, Better, Claim};
    use crate::target::System;

    const METRICS: &[Metric] =
        &[Metric { key: "calls", title: "calls", unit: "1/s", better: Better::Higher, plotted: true }];

    /// Two workloads at two loads, two rounds, one claim.
    pub(crate) fn sample() -> Report {
        let rows = vec![
            row("reads@1", &[(2000.0, 1000.0, 1500.0), (2200.0, 1100.0, 1600.0)]),
            row("reads@8", &[(9000.0, 4000.0, 8000.0), (9100.0, 4100.0, 8100.0)]),
            row("writes@1", &[(900.0, 500.0, 800.0), (910.0, 510.0, 805.0)]),
            row("writes@8", &[(4000.0, 2000.0, 3000.0), (4100.0, 2100.0, 3100.0)]),
        ];
        let claim = Claim {
            text: "calls",
            at: "8",
            metric: "calls",
            against: Against::System(System::Theirs),
            limit: 1.4,
        };
        Report {
            suite: "sample",
            description: "Calls.".to_owned(),
            counts: "in flight",
            metrics: METRICS,
            plot: Plot::Bars,
            setting: Setting {
                etcd_version: "etcd Version: 0.0.0".to_owned(),
                proxy_version: "unknown".to_owned(),
                proxy_args: String::new(),
                cores: 2,
                rounds: 2,
                seconds: 1.0,
                warmup: 0.1,
                connections: 8,
            },
            verdicts: verdicts(&[claim], METRICS, &rows),
            rows,
        }
    }
}
