//! The table for the terminal: a block per workload, a line per system, then the ratios, and the verdicts at the end.

use std::fmt::Write as _;

use super::Report;
use crate::rounds::Row;
use crate::statistics::{figure, ratio};
use crate::suite::Metric;
use crate::target::System;

const NAME: usize = 24;
const NARROWEST: usize = 10;

pub(crate) fn table(report: &Report) -> String {
    let mut text = String::new();
    for row in &report.rows {
        text.push('\n');
        block(&mut text, row, report.metrics);
    }
    text.push_str("\nClaims (ratios are medians of per-round ratios; the worst workload decides)\n");
    text.push_str(&verdicts(report));
    text
}

/// Only the columns that the workload has figures for.
fn block(text: &mut String, row: &Row, metrics: &[Metric]) {
    let has = |metric: &&Metric| System::all().iter().any(|system| row.median(*system, metric.key).is_some());
    let metrics: Vec<Metric> = metrics.iter().filter(has).copied().collect();
    let metrics = metrics.as_slice();
    line(text, &row.workload.name, metrics, header);
    for &system in System::all() {
        let median = |metric: &Metric| cell(row.median(system, metric.key), figure);
        line(text, &format!("  {}", system.title()), metrics, median);
    }
    for (name, against) in [("  ratio to etcd's proxy", System::Theirs), ("  ratio to etcd", System::Direct)]
    {
        line(text, name, metrics, |metric| cell(row.ratio(metric.key, against), ratio));
    }
}

fn header(metric: &Metric) -> String {
    format!("{} {}", metric.title, metric.unit).trim_end().to_owned()
}

fn cell(value: Option<f64>, written: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), written)
}

fn line(text: &mut String, name: &str, metrics: &[Metric], cell: impl Fn(&Metric) -> String) {
    let _ = write!(text, "{name:<NAME$}");
    for metric in metrics {
        let width = header(metric).chars().count().max(NARROWEST) + 2;
        let _ = write!(text, "{:>width$}", cell(metric));
    }
    text.push('\n');
}

fn verdicts(report: &Report) -> String {
    let mut text = String::new();
    for verdict in &report.verdicts {
        let _ = write!(text, "  {:<13}{}: {}", verdict.word(), verdict.claim.text, verdict.limit());
        if let Some(measured) = &verdict.measured {
            let _ = write!(
                text,
                "; measured {} at worst ({}), median {}",
                verdict.written(measured.worst),
                measured.worst_workload,
                verdict.written(measured.median)
            );
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn columns_stand_under_their_titles() {
        let text = table(&sample());
        let lines: Vec<&str> = text.lines().skip(1).take(6).collect();
        assert_eq!(
            lines,
            [
                "reads@1                    calls 1/s",
                "  etcd directly                2,100",
                "  etcd grpc-proxy              1,050",
                "  this proxy                   1,550",
                "  ratio to etcd's proxy         1.48",
                "  ratio to etcd                 0.74",
            ]
        );
    }

    #[test]
    fn the_end_says_which_claims_hold() {
        let text = table(&sample());
        let last = text.lines().last().unwrap();
        assert_eq!(
            last,
            "  holds        calls: ≥ 1.40 × etcd grpc-proxy; measured 1.49 at worst (writes@8), median 1.74"
        );
    }
}
