//! Whether the claims of a suite hold in what was measured.

use crate::rounds::Row;
use crate::statistics::{median, ratio};
use crate::suite::{Better, Claim, Metric};

/// A claim and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) claim: Claim,
    better: Better,
    /// `None` when no workload of this run bears on the claim.
    pub(crate) measured: Option<Bearing>,
}

/// The ratios of the workloads that bear on a claim.
#[derive(Debug, Clone)]
pub(crate) struct Bearing {
    /// The one furthest on the wrong side; the claim holds if this one keeps the limit.
    pub(crate) worst: f64,
    pub(crate) worst_workload: String,
    pub(crate) median: f64,
}

impl Verdict {
    pub(crate) fn holds(&self) -> Option<bool> {
        let worst = self.measured.as_ref()?.worst;
        Some(match self.better {
            Better::Lower => worst <= self.claim.limit,
            Better::Higher => worst >= self.claim.limit,
        })
    }

    /// `holds`, `MISSED` or `not measured`.
    pub(crate) fn word(&self) -> &'static str {
        match self.holds() {
            Some(true) => "holds",
            Some(false) => "MISSED",
            None => "not measured",
        }
    }

    /// Such as `≤ 0.45 × etcd grpc-proxy`.
    pub(crate) fn limit(&self) -> String {
        let sign = match self.better {
            Better::Lower => '≤',
            Better::Higher => '≥',
        };
        format!("{sign} {} × {}", ratio(self.claim.limit), self.claim.against.title())
    }
}

/// One verdict per claim, in the suite's order.
pub(crate) fn verdicts(claims: &[Claim], metrics: &[Metric], rows: &[Row]) -> Vec<Verdict> {
    let judge = |claim: &Claim| {
        let better = metrics.iter().find(|metric| metric.key == claim.metric).map(|metric| metric.better);
        let better = better.unwrap_or(Better::Lower);
        Verdict { claim: *claim, better, measured: bearing(claim, better, rows) }
    };
    claims.iter().map(judge).collect()
}

fn bearing(claim: &Claim, better: Better, rows: &[Row]) -> Option<Bearing> {
    let ratios: Vec<(f64, &str)> = rows
        .iter()
        .filter(|row| row.workload.how_much() == claim.at)
        .filter_map(|row| Some((row.ratio(claim.metric, claim.against)?, row.workload.name.as_str())))
        .collect();
    let by_ratio = |a: &&(f64, &str), b: &&(f64, &str)| a.0.total_cmp(&b.0);
    let (worst, workload) = match better {
        Better::Lower => ratios.iter().max_by(by_ratio)?,
        Better::Higher => ratios.iter().min_by(by_ratio)?,
    };
    let all: Vec<f64> = ratios.iter().map(|(ratio, _)| *ratio).collect();
    Some(Bearing { worst: *worst, worst_workload: (*workload).to_owned(), median: median(&all)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::tests::row;
    use crate::target::System;

    fn verdict(better: Better, limit: f64, rows: &[Row]) -> Verdict {
        let metric = Metric { key: "calls", title: "", unit: "", better, plotted: true };
        let claim = Claim { text: "", at: "8", metric: "calls", against: System::Theirs, limit };
        verdicts(&[claim], &[metric], rows).remove(0)
    }

    fn rows() -> Vec<Row> {
        vec![
            row("a@8", &[(1.0, 10.0, 4.0)]),
            row("b@8", &[(1.0, 10.0, 6.0)]),
            row("c@8", &[(1.0, 10.0, 5.0)]),
            row("a@256", &[(1.0, 10.0, 90.0)]),
        ]
    }

    #[test]
    fn the_worst_workload_decides() {
        let low = verdict(Better::Lower, 0.55, &rows());
        assert_eq!(low.holds(), Some(false));
        let bearing = low.measured.unwrap();
        assert_eq!((bearing.worst, bearing.worst_workload.as_str(), bearing.median), (0.6, "b@8", 0.5));
        assert_eq!(verdict(Better::Lower, 0.6, &rows()).holds(), Some(true));
        assert_eq!(verdict(Better::Higher, 0.4, &rows()).holds(), Some(true));
        assert_eq!(verdict(Better::Higher, 0.5, &rows()).word(), "MISSED");
    }

    #[test]
    fn nothing_measured_is_no_verdict() {
        let none = verdict(Better::Lower, 0.5, &rows()[3..]);
        assert_eq!(none.word(), "not measured");
        assert_eq!(none.limit(), "≤ 0.50 × etcd grpc-proxy");
    }
}
