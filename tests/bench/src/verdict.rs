//! Whether the claims of a suite hold in what was measured.

use crate::rounds::Row;
use crate::statistics::{figure, median, ratio};
use crate::suite::{Against, Better, Claim, Metric};
use crate::target::System;

/// A claim and what became of it.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    pub(crate) claim: Claim,
    better: Better,
    unit: &'static str,
    /// `None` when no workload of this run bears on the claim.
    pub(crate) measured: Option<Bearing>,
}

/// The ratios, or the figures themselves, of the workloads that bear on a claim.
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

    /// Such as `≤ 0.45 × etcd grpc-proxy` or `≤ 10 KiB`.
    pub(crate) fn limit(&self) -> String {
        let sign = match self.better {
            Better::Lower => '≤',
            Better::Higher => '≥',
        };
        let limit = self.written(self.claim.limit);
        match self.claim.against {
            Against::System(system) => format!("{sign} {limit} × {}", system.title()),
            Against::Own(workload) => format!("{sign} {limit} × its own on {workload}"),
            Against::Unit => format!("{sign} {limit} {}", self.unit).trim_end().to_owned(),
        }
    }

    /// A number of this claim, as its kind is written.
    pub(crate) fn written(&self, value: f64) -> String {
        match self.claim.against {
            Against::System(_) | Against::Own(_) => ratio(value),
            Against::Unit => figure(value),
        }
    }
}

/// One verdict per claim, in the suite's order.
pub(crate) fn verdicts(claims: &[Claim], metrics: &[Metric], rows: &[Row]) -> Vec<Verdict> {
    let judge = |claim: &Claim| {
        let metric = metrics.iter().find(|metric| metric.key == claim.metric);
        let (better, unit) = metric.map_or((Better::Lower, ""), |metric| (metric.better, metric.unit));
        Verdict { claim: *claim, better, unit, measured: bearing(claim, better, rows) }
    };
    claims.iter().map(judge).collect()
}

fn bearing(claim: &Claim, better: Better, rows: &[Row]) -> Option<Bearing> {
    let ratios: Vec<(f64, &str)> = rows
        .iter()
        .filter(|row| row.workload.is_at(claim.at))
        .filter_map(|row| Some((value(row, claim, rows)?, row.workload.name.as_str())))
        .collect();
    let by_ratio = |a: &&(f64, &str), b: &&(f64, &str)| a.0.total_cmp(&b.0);
    let (worst, workload) = match better {
        Better::Lower => ratios.iter().max_by(by_ratio)?,
        Better::Higher => ratios.iter().min_by(by_ratio)?,
    };
    let all: Vec<f64> = ratios.iter().map(|(ratio, _)| *ratio).collect();
    Some(Bearing { worst: *worst, worst_workload: (*workload).to_owned(), median: median(&all)? })
}

/// What a claim speaks of, on one workload.
fn value(row: &Row, claim: &Claim, rows: &[Row]) -> Option<f64> {
    match claim.against {
        Against::System(system) => row.ratio(claim.metric, system),
        Against::Unit => row.median(System::Ours, claim.metric),
        Against::Own(name) => {
            let base = rows.iter().find(|row| row.workload.name == name)?;
            let base = base.median(System::Ours, claim.metric).filter(|base| *base > 0.0)?;
            Some(row.median(System::Ours, claim.metric)? / base)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::tests::row;

    fn verdict(better: Better, limit: f64, rows: &[Row]) -> Verdict {
        judged(better, "8", Against::System(System::Theirs), limit, rows)
    }

    fn judged(better: Better, at: &'static str, against: Against, limit: f64, rows: &[Row]) -> Verdict {
        let metric = Metric { key: "calls", title: "", unit: "KiB", better, plotted: true };
        let claim = Claim { text: "", at, metric: "calls", against, limit };
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
    fn a_claim_may_be_absolute() {
        let absolute = judged(Better::Lower, "a@8", Against::Unit, 4.0, &rows());
        assert_eq!((absolute.word(), absolute.limit().as_str()), ("holds", "≤ 4.00 KiB"));
        assert_eq!(judged(Better::Lower, "8", Against::Unit, 4.0, &rows()).holds(), Some(false));
    }

    #[test]
    fn a_claim_may_compare_with_its_own_figure_elsewhere() {
        let flat = judged(Better::Lower, "a@256", Against::Own("a@8"), 2.0, &rows());
        assert_eq!(flat.measured.as_ref().unwrap().worst, 22.5);
        assert_eq!(flat.limit(), "≤ 2.00 × its own on a@8");
    }

    #[test]
    fn nothing_measured_is_no_verdict() {
        let none = verdict(Better::Lower, 0.5, &rows()[3..]);
        assert_eq!(none.word(), "not measured");
        assert_eq!(none.limit(), "≤ 0.50 × etcd grpc-proxy");
    }
}
