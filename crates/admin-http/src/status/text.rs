//! The report for a terminal.

use super::cell::Cell;
use super::report::{Fact, Report, Section, Table, Trend};

const INDENT: &str = "  ";
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Points of a trend that a terminal has room for.
const POINTS: usize = 60;

/// The report as lines, with aligned columns.
pub(super) fn of(report: &Report) -> String {
    let (word, _) = &report.verdict;
    let mut page = format!("{} {}: {word}\n", plain(&report.title), plain(&report.subtitle));
    push_facts(&mut page, &report.facts);
    if !report.trends.is_empty() {
        push_heading(&mut page, "Last minutes");
        push_rows(&mut page, &[false, true, false], report.trends.iter().map(trend_row).collect());
    }
    report.sections.iter().for_each(|section| push_section(&mut page, section));
    page
}

fn push_section(page: &mut String, section: &Section) {
    push_heading(page, section.heading);
    if !section.note.is_empty() {
        page.push_str(&format!("{INDENT}{}\n", plain(&section.note)));
    }
    push_facts(page, &section.facts);
    section.tables.iter().filter(|table| !table.is_folded).for_each(|table| push_table(page, table));
}

fn push_heading(page: &mut String, heading: &str) {
    page.push_str(&format!("\n{}\n", heading.to_uppercase()));
}

fn push_facts(page: &mut String, facts: &[Fact]) {
    let row = |fact: &Fact| vec![fact.label.to_owned(), fact.value.shown()];
    push_rows(page, &[false, false], facts.iter().map(row).collect());
}

fn push_table(page: &mut String, table: &Table) {
    if !table.caption.is_empty() {
        page.push_str(&format!("{INDENT}{}:\n", table.caption));
    }
    if table.rows.is_empty() {
        page.push_str(&format!("{INDENT}{}\n", table.when_empty));
        return;
    }
    let numeric: Vec<bool> = (0..table.columns.len()).map(|column| table.is_numeric(column)).collect();
    let head: Vec<String> = table.columns.iter().map(|column| column.label.to_owned()).collect();
    let rows = table.rows.iter().map(|row| row.iter().map(Cell::shown).collect());
    push_rows(page, &numeric, std::iter::once(head).chain(rows).collect());
    if table.left_out > 0 {
        page.push_str(&format!("{INDENT}and {} more\n", table.left_out));
    }
}

/// Columns as wide as their widest cell, numbers to the right.
fn push_rows(page: &mut String, numeric: &[bool], rows: Vec<Vec<String>>) {
    let rows: Vec<Vec<String>> =
        rows.into_iter().map(|row| row.iter().map(|cell| plain(cell)).collect()).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..numeric.len()).map(width).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).zip(numeric).map(|((cell, width), numeric)| {
            if *numeric { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        page.push_str(&format!("{INDENT}{}\n", line.trim_end()));
    }
}

fn trend_row(trend: &Trend) -> Vec<String> {
    vec![trend.label.to_owned(), trend.unit.shown(trend.latest()), bars(trend)]
}

/// A bar for each of the latest points, from zero to the largest.
fn bars(trend: &Trend) -> String {
    let peak = trend.peak();
    let from = trend.points.len().saturating_sub(POINTS);
    let bar = |point: &f64| {
        let share = if peak > 0.0 { point / peak } else { 0.0 };
        let step = (share * (BARS.len() - 1) as f64).round() as usize;
        BARS.get(step).copied().unwrap_or(' ')
    };
    trend.points.get(from..).unwrap_or_default().iter().map(bar).collect()
}

/// What would move a terminal's cursor is shown as what it is.
fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}
