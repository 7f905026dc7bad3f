//! The plot: a panel per metric and load, a group of bars per kind of call, a bar per system with its median beside
//! it and the range of its rounds drawn over it.
//!
//! It brings its own background, so it is readable wherever it is embedded, and follows the reader's colour scheme.

use std::fmt::Write as _;

use super::Report;
use crate::rounds::Row;
use crate::statistics::figure;
use crate::suite::Metric;
use crate::target::System;

const MARGIN: f64 = 20.0;
const HEADER: f64 = 74.0;
const LABELS: f64 = 92.0;
const PANEL: f64 = 270.0;
/// What a panel keeps free on the right for the figure beside its longest bar.
const FIGURE: f64 = 62.0;
const BAR: f64 = 11.0;
const GROUP_GAP: f64 = 9.0;
const METRIC_TITLE: f64 = 30.0;

pub(super) const STYLE: &str = "\
text{font-size:12px;font-family:-apple-system,BlinkMacSystemFont,'Segoe UI','Noto Sans',Helvetica,Arial,sans-serif;\
fill:#1f2328}\
.title{font-size:17px;font-weight:600}.metric{font-size:13px;font-weight:600}.soft{fill:#59636e}\
.figure{font-size:10px;fill:#59636e}.end{text-anchor:end}.card{fill:#ffffff;stroke:#d1d9e0}.axis{stroke:#d1d9e0}\
.range{stroke:#1f2328;stroke-opacity:.55}.direct{fill:#9aa4af}.haproxy{fill:#8250df}.theirs{fill:#e0823d}.ours{fill:#2f81f7}\
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.soft,.figure{fill:#9198a1}\
.card{fill:#0d1117;stroke:#3d444d}.axis{stroke:#3d444d}.range{stroke:#f0f6fc}.direct{fill:#6e7681}}";

pub(crate) fn plot(report: &Report) -> String {
    let layout = Layout::of(report);
    let mut svg = open(report, &layout);
    let mut top = HEADER;
    for shown in &layout.metrics {
        band(&mut svg, report, &layout, shown, top);
        top += layout.band(shown);
    }
    svg.push_str("</svg>\n");
    svg
}

/// What stands where: metrics from top to bottom, loads from left to right, kinds of call within a panel.
struct Layout<'report> {
    metrics: Vec<Shown<'report>>,
    kinds: Vec<&'report str>,
    loads: Vec<&'report str>,
}

/// A metric and the systems that have it: without a proxy there is no CPU of one, and no empty place for its bar.
struct Shown<'report> {
    metric: &'report Metric,
    systems: Vec<System>,
}

impl<'report> Shown<'report> {
    fn of(metric: &'report Metric, rows: &[Row]) -> Self {
        let has = |system: &System| rows.iter().any(|row| row.median(*system, metric.key).is_some());
        Self { metric, systems: System::all().iter().copied().filter(has).collect() }
    }

    /// Height of one kind's bars.
    fn bars(&self) -> f64 {
        BAR * self.systems.len() as f64
    }

    /// Height of one kind's bars with the gap after them.
    fn group(&self) -> f64 {
        self.bars() + GROUP_GAP
    }
}

impl<'report> Layout<'report> {
    fn of(report: &'report Report) -> Self {
        let plotted = report.metrics.iter().filter(|metric| metric.plotted);
        Self {
            metrics: plotted.map(|metric| Shown::of(metric, &report.rows)).collect(),
            kinds: distinct(report.rows.iter().map(|row| row.workload.what())),
            loads: distinct(report.rows.iter().map(|row| row.workload.how_much())),
        }
    }

    /// Height of one metric's panels with their title.
    fn band(&self, shown: &Shown<'_>) -> f64 {
        METRIC_TITLE + shown.group() * self.kinds.len() as f64 + GROUP_GAP
    }

    fn width(&self) -> f64 {
        // The legend needs the room of two panels even where there is one.
        MARGIN * 2.0 + LABELS + PANEL * self.loads.len().max(2) as f64
    }

    fn height(&self) -> f64 {
        HEADER + self.metrics.iter().map(|shown| self.band(shown)).sum::<f64>() + MARGIN / 2.0
    }
}

fn distinct<'text>(texts: impl Iterator<Item = &'text str>) -> Vec<&'text str> {
    let mut seen = Vec::new();
    for text in texts {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen
}

fn open(report: &Report, layout: &Layout<'_>) -> String {
    let (width, height) = (layout.width(), layout.height());
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\">\n<title>{0}: {3}</title>\n\
         <style>{STYLE}</style>\n\
         <rect class=\"card\" x=\".5\" y=\".5\" width=\"{1}\" height=\"{2}\" rx=\"6\"/>\n",
        escaped(report.suite),
        width - 1.0,
        height - 1.0,
        System::all().iter().map(|system| system.title()).collect::<Vec<_>>().join(", ")
    );
    text(&mut svg, "title", MARGIN, 30.0, &format!("etcd-grpc-proxy, suite {}", report.suite));
    legend(&mut svg, report);
    svg
}

fn legend(svg: &mut String, report: &Report) {
    let mut left = MARGIN;
    for &system in System::all() {
        let _ = writeln!(
            svg,
            "<rect class=\"{}\" x=\"{left}\" y=\"44\" width=\"11\" height=\"11\" rx=\"2\"/>",
            system.key()
        );
        text(svg, "", left + 16.0, 54.0, system.title());
        left += 128.0;
    }
    let rounds =
        format!("bars: medians of {} rounds; lines: their range, cut at the edge", report.setting.rounds);
    text(svg, "soft", left, 54.0, &rounds);
}

/// One metric at every load.
fn band(svg: &mut String, report: &Report, layout: &Layout<'_>, shown: &Shown<'_>, top: f64) {
    let Metric { title, unit, better, .. } = shown.metric;
    text(svg, "metric", MARGIN, top + 14.0, &format!("{title}, {unit} ({})", better.word()));
    let first = top + METRIC_TITLE;
    for (place, kind) in layout.kinds.iter().enumerate() {
        let middle = first + shown.group() * place as f64 + shown.bars() / 2.0 + 4.0;
        text(svg, "soft end", MARGIN + LABELS - 8.0, middle, kind);
    }
    for (place, load) in layout.loads.iter().enumerate() {
        let left = MARGIN + LABELS + PANEL * place as f64;
        text(svg, "soft end", left + PANEL - FIGURE, top + 14.0, &format!("{load} {}", report.counts));
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.workload.how_much() == *load).collect();
        panel(svg, &rows, &layout.kinds, shown, (left, first));
    }
}

/// One metric at one load. Bars of different panels are not to the same scale; the figures beside them are.
fn panel(svg: &mut String, rows: &[&Row], kinds: &[&str], shown: &Shown<'_>, (left, top): (f64, f64)) {
    let scale = Scale::reaching(reach(rows, shown.metric.key), PANEL - FIGURE);
    let bottom = top + shown.group() * kinds.len() as f64 - GROUP_GAP;
    let _ = writeln!(svg, "<line class=\"axis\" x1=\"{left}\" y1=\"{top}\" x2=\"{left}\" y2=\"{bottom}\"/>");
    for (place, kind) in kinds.iter().enumerate() {
        let Some(row) = rows.iter().find(|row| row.workload.what() == *kind) else { continue };
        let mut y = top + shown.group() * place as f64;
        for system in &shown.systems {
            bar(svg, row, *system, shown.metric.key, &scale, (left, y));
            y += BAR;
        }
    }
}

fn bar(svg: &mut String, row: &Row, system: System, metric: &str, scale: &Scale, (left, top): (f64, f64)) {
    let Some(value) = row.median(system, metric) else { return };
    let (least, greatest) = row.range(system, metric).unwrap_or((value, value));
    let (length, from, to) = (scale.length(value), scale.length(least), scale.length(greatest));
    let middle = top + BAR / 2.0;
    let _ = writeln!(
        svg,
        "<rect class=\"{}\" x=\"{left}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\"/>\
         <line class=\"range\" x1=\"{:.1}\" y1=\"{middle}\" x2=\"{:.1}\" y2=\"{middle}\"/>",
        system.key(),
        top + 0.5,
        BAR - 1.0,
        left + from,
        left + to
    );
    text(svg, "figure", left + length.max(to) + 4.0, top + BAR - 2.0, &figure(value));
}

/// Where a panel's scale ends: at the greatest value of any round, but not so far beyond the longest bar that one
/// disturbed round would make all bars short.
fn reach(rows: &[&Row], metric: &str) -> f64 {
    let all = || rows.iter().flat_map(|row| System::all().iter().map(move |system| (row, *system)));
    let longest = all().filter_map(|(row, system)| row.median(system, metric)).fold(0.0, f64::max);
    let furthest = all().filter_map(|(row, system)| row.range(system, metric)).map(|(_, most)| most);
    furthest.fold(0.0, f64::max).min(longest * 1.25)
}

/// Values to lengths, linear and from zero: a bar twice as long is a value twice as large.
struct Scale {
    reach: f64,
    length: f64,
}

impl Scale {
    fn reaching(reach: f64, length: f64) -> Self {
        Self { reach, length }
    }

    /// What lies beyond the scale is cut at its end.
    fn length(&self, value: f64) -> f64 {
        if self.reach > 0.0 { value.clamp(0.0, self.reach) / self.reach * self.length } else { 0.0 }
    }
}

pub(super) fn text(svg: &mut String, class: &str, x: f64, y: f64, content: &str) {
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(content));
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;
    use crate::rounds::tests::row;

    #[test]
    fn scale_starts_at_zero_and_is_linear() {
        let scale = Scale::reaching(50.0, 200.0);
        assert_eq!(scale.length(0.0), 0.0);
        assert_eq!(scale.length(25.0), 100.0);
        assert_eq!(scale.length(50.0), 200.0);
    }

    #[test]
    fn scale_cuts_what_lies_beyond_it() {
        let scale = Scale::reaching(50.0, 200.0);
        assert_eq!(scale.length(51.0), 200.0);
        assert_eq!(scale.length(-1.0), 0.0);
    }

    #[test]
    fn one_disturbed_round_does_not_make_all_bars_short() {
        let calm = row("x@1", &[(1.0, 8.0, 4.0), (1.0, 9.0, 4.0), (1.0, 7.0, 4.0)]);
        let disturbed = row("x@1", &[(1.0, 8.0, 4.0), (1.0, 8.0, 90.0), (1.0, 7.0, 4.0)]);
        assert_eq!(reach(&[&calm], "calls"), 9.0);
        assert_eq!(reach(&[&disturbed], "calls"), 10.0);
    }

    #[test]
    fn scale_of_nothing_draws_nothing() {
        let scale = Scale::reaching(0.0, 200.0);
        assert_eq!(scale.length(0.0), 0.0);
        assert_eq!(scale.length(3.0), 0.0);
    }

    #[test]
    fn every_workload_has_a_bar_for_every_system() {
        let svg = plot(&sample());
        for &system in System::all() {
            let bars = svg.matches(&format!("<rect class=\"{}\"", system.key())).count();
            assert_eq!(bars, 4 + 1, "{}", system.title());
        }
        assert_eq!(svg.matches("class=\"range\"").count(), 12);
    }

    #[test]
    fn tags_are_closed_and_text_is_escaped() {
        let svg = plot(&sample());
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert_eq!(escaped("a<b & \"c\">"), "a&lt;b &amp; &quot;c&quot;&gt;");
    }

    #[test]
    fn distinct_keeps_the_first_of_each_in_order() {
        assert_eq!(distinct(["b", "a", "b", "c", "a"].into_iter()), ["b", "a", "c"]);
    }
}
