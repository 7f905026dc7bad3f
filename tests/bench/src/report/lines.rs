//! The plot of one metric against a number: a line per system, its median at every number and the range of its rounds.

use std::fmt::Write as _;

use super::Report;
use super::svg::{STYLE, escaped, text};
use crate::rounds::Row;
use crate::statistics::figure;
use crate::target::System;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 720.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 344.0;
const GRID: u32 = 4;

/// Lines have no filling and dots are drawn over them.
const LINES: &str = ".line{fill:none;stroke-width:2}.line.direct{stroke:#9aa4af}.line.theirs{stroke:#e0823d}\
.line.ours{stroke:#2f81f7}";

/// `metric` of the workloads that begin with `what`.
pub(super) fn plot(report: &Report, what: &str, metric: &str) -> String {
    let rows: Vec<(f64, &Row)> = report.rows.iter().filter_map(|row| placed(row, what)).collect();
    let scale = Scale::of(&rows, metric);
    let mut svg = open(report, metric);
    grid(&mut svg, &rows, &scale, report.counts);
    for &system in System::all() {
        line(&mut svg, &rows, metric, system, &scale);
    }
    svg.push_str("</svg>\n");
    svg
}

/// A row of the plot and where it stands from left to right.
fn placed<'row>(row: &'row Row, what: &str) -> Option<(f64, &'row Row)> {
    let number: f64 = row.workload.how_much().parse().ok().filter(|number| *number > 0.0)?;
    (row.workload.what() == what).then_some((number, row))
}

/// Numbers to places: logarithmic from left to right, linear and from zero upwards.
struct Scale {
    least: f64,
    most: f64,
    reach: f64,
}

impl Scale {
    fn of(rows: &[(f64, &Row)], metric: &str) -> Self {
        let numbers = || rows.iter().map(|(number, _)| *number);
        let values =
            rows.iter().flat_map(|(_, row)| System::all().iter().map(|system| row.range(*system, metric)));
        Self {
            least: numbers().fold(f64::INFINITY, f64::min),
            most: numbers().fold(0.0, f64::max),
            reach: values.flatten().map(|(_, most)| most).fold(0.0, f64::max) * 1.1,
        }
    }

    fn x(&self, number: f64) -> f64 {
        let span = (self.most / self.least).ln();
        let part = if span > 0.0 { (number / self.least).ln() / span } else { 0.5 };
        LEFT + 20.0 + part * (RIGHT - LEFT - 40.0)
    }

    fn y(&self, value: f64) -> f64 {
        let part = if self.reach > 0.0 { value / self.reach } else { 0.0 };
        BOTTOM - part * (BOTTOM - TOP)
    }
}

fn open(report: &Report, key: &str) -> String {
    let suite = escaped(report.suite);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\">\n<title>{suite}</title>\n<style>{STYLE}{LINES}</style>\n\
         <rect class=\"card\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n",
        WIDTH - 1.0,
        HEIGHT - 1.0
    );
    let title = report.metrics.iter().find(|metric| metric.key == key);
    let title = title.map_or_else(String::new, |metric| format!(": {}", metric.headed()));
    text(&mut svg, "title", 20.0, 30.0, &format!("etcd-grpc-proxy, suite {}{title}", report.suite));
    let rounds = format!("medians of {} rounds; upright: their range", report.setting.rounds);
    text(&mut svg, "soft", 20.0 + 128.0 * 3.0, 54.0, &rounds);
    svg
}

fn grid(svg: &mut String, rows: &[(f64, &Row)], scale: &Scale, counts: &str) {
    for step in 0..=GRID {
        let value = scale.reach * f64::from(step) / f64::from(GRID);
        let y = scale.y(value);
        let _ =
            writeln!(svg, "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\"/>");
        text(svg, "soft end", LEFT - 8.0, y + 4.0, &figure(value));
    }
    for (number, _) in rows {
        text(svg, "soft end", scale.x(*number) + 16.0, BOTTOM + 20.0, &figure(*number));
    }
    text(svg, "soft end", RIGHT, BOTTOM + 40.0, counts);
}

fn line(svg: &mut String, rows: &[(f64, &Row)], metric: &str, system: System, scale: &Scale) {
    let has = |(number, row): &(f64, &Row)| {
        Some((scale.x(*number), row.median(system, metric)?, row.range(system, metric)?))
    };
    let points: Vec<(f64, f64, (f64, f64))> = rows.iter().filter_map(has).collect();
    if points.is_empty() {
        return;
    }
    legend(svg, system);
    let path: Vec<String> =
        points.iter().map(|(x, value, _)| format!("{x:.1},{:.1}", scale.y(*value))).collect();
    let key = system.key();
    let _ = writeln!(svg, "<polyline class=\"line {key}\" points=\"{}\"/>", path.join(" "));
    for (x, value, (least, most)) in points {
        let (y, low, high) = (scale.y(value), scale.y(least), scale.y(most));
        let _ = writeln!(
            svg,
            "<line class=\"range\" x1=\"{x:.1}\" y1=\"{low:.1}\" x2=\"{x:.1}\" y2=\"{high:.1}\"/>\
             <circle class=\"{key}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>"
        );
        text(svg, "figure", x + 6.0, y - 6.0, &figure(value));
    }
}

fn legend(svg: &mut String, system: System) {
    let place = System::all().iter().position(|other| *other == system).unwrap_or(0);
    let left = 20.0 + 128.0 * place as f64;
    let key = system.key();
    let _ =
        writeln!(svg, "<rect class=\"{key}\" x=\"{left}\" y=\"44\" width=\"11\" height=\"11\" rx=\"2\"/>");
    text(svg, "", left + 16.0, 54.0, system.title());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn every_system_has_a_line_through_all_its_numbers() {
        let svg = plot(&sample(), "reads", "calls");
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert_eq!(svg.matches("<circle").count(), 6);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    }

    #[test]
    fn a_metric_that_nobody_has_gives_no_line() {
        assert!(!plot(&sample(), "reads", "other").contains("<polyline"));
        assert!(!plot(&sample(), "none", "calls").contains("<polyline"));
    }

    #[test]
    fn tenfold_is_the_same_way_everywhere() {
        let scale = Scale { least: 100.0, most: 10_000.0, reach: 4.0 };
        assert!((scale.x(1000.0) - f64::midpoint(scale.x(100.0), scale.x(10_000.0))).abs() < 1e-9);
        assert_eq!((scale.y(0.0), scale.y(4.0)), (BOTTOM, TOP));
    }
}
