//! The suite's section of `docs/bench/README.md`, between two marks, so that text around it stays as it is.

use std::fmt::Write as _;

use super::Report;
use crate::rounds::Row;
use crate::statistics::{figure, ratio};
use crate::suite::Metric;
use crate::target::System;

/// `readme` with the section of this suite replaced, or added at the end.
pub(crate) fn with_section(readme: &str, report: &Report) -> String {
    let begin = format!("<!-- begin {} -->", report.suite);
    let end = format!("<!-- end {} -->", report.suite);
    let section = format!("{begin}\n{}{end}", section(report));
    let around =
        readme.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    match around {
        Some((before, after)) => format!("{before}{section}{after}"),
        None if readme.is_empty() => format!("{section}\n"),
        None => format!("{}\n\n{section}\n", readme.trim_end()),
    }
}

fn section(report: &Report) -> String {
    let mut text = format!("## {}\n\n{}\n\n", report.suite, report.description);
    text.push_str(&setting(report));
    let _ = write!(text, "\n![{0}]({0}.svg)\n\n", report.suite);
    text.push_str(&claims(report));
    text.push_str(&figures(report));
    text
}

fn setting(report: &Report) -> String {
    let setting = &report.setting;
    let flags = match setting.proxy_args.as_str() {
        "" => String::new(),
        flags => format!(" This proxy ran with `{flags}`."),
    };
    format!(
        "{}, one member without fsync, on {} cores that etcd, the proxy and the generator share. Medians of {} \
         rounds of {} s after {} s of warm-up each.{flags} Reproduce it with `cargo xtask bench {}`; every round is in \
         [{6}.json]({6}.json).\n",
        setting.etcd_version,
        setting.cores,
        setting.rounds,
        setting.seconds,
        setting.warmup,
        report.suite,
        report.suite
    )
}

fn claims(report: &Report) -> String {
    let mut text =
        String::from("| claim | limit | worst workload | median of workloads | |\n|---|---|---|---|---|\n");
    for verdict in &report.verdicts {
        let (worst, median) = match &verdict.measured {
            Some(measured) => (
                format!("{} ({})", verdict.written(measured.worst), measured.worst_workload),
                verdict.written(measured.median),
            ),
            None => Default::default(),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {worst} | {median} | {} |",
            verdict.claim.text,
            verdict.limit(),
            verdict.word()
        );
    }
    text
}

/// A row per workload and a column per metric: etcd directly, its proxy, this proxy, and the ratio of the last two.
fn figures(report: &Report) -> String {
    let mut text = format!(
        "\nEach cell: {}; then the last over the one before.\n\n| workload |",
        System::all().iter().map(|system| system.title()).collect::<Vec<_>>().join(" · ")
    );
    for metric in report.metrics {
        let _ = write!(text, " {} |", metric.headed());
    }
    let _ = writeln!(text, "\n|---|{}", "---:|".repeat(report.metrics.len()));
    for row in &report.rows {
        let _ = write!(text, "| {} |", row.workload.name);
        for metric in report.metrics {
            let _ = write!(text, " {} |", cell(row, metric));
        }
        text.push('\n');
    }
    text
}

fn cell(row: &Row, metric: &Metric) -> String {
    if System::all().iter().all(|system| row.median(*system, metric.key).is_none()) {
        return String::new();
    }
    let value = |system: &System| row.median(*system, metric.key).map_or("–".to_owned(), figure);
    let values: Vec<String> = System::all().iter().map(value).collect();
    let ratio = row.ratio(metric.key, System::Theirs).map(|value| format!("<br>**{}**", ratio(value)));
    values.join(" · ") + &ratio.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn a_new_readme_is_the_section() {
        let text = with_section("", &sample());
        assert!(text.starts_with("<!-- begin sample -->\n## sample\n"));
        assert!(text.ends_with("<!-- end sample -->\n"));
        assert!(text.contains("| reads@1 | 2,100 · 1,050 · 1,550<br>**1.48** |"), "{text}");
    }

    #[test]
    fn the_section_is_replaced_and_the_rest_kept() {
        let old = "# Title\n\n<!-- begin sample -->\nold\n<!-- end sample -->\n\nafter\n";
        let text = with_section(old, &sample());
        assert!(text.starts_with("# Title\n\n<!-- begin sample -->\n## sample"));
        assert!(text.ends_with("<!-- end sample -->\n\nafter\n"));
        assert!(!text.contains("\nold\n"));
        assert_eq!(with_section(&text, &sample()), text);
    }

    #[test]
    fn a_section_that_was_not_there_comes_last() {
        let text = with_section("# Title\n", &sample());
        assert!(text.starts_with("# Title\n\n<!-- begin sample -->\n"));
    }
}
