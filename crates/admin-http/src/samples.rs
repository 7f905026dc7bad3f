//! Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use crate::histogram::Buckets;

/// The samples of one name, as they are written.
#[derive(Debug)]
pub struct Samples<'a> {
    page: &'a mut String,
    name: &'a str,
    labels: &'a [&'a str],
}

impl<'a> Samples<'a> {
    pub(crate) fn new(page: &'a mut String, name: &'a str, labels: &'a [&'a str]) -> Self {
        Self { page, name, labels }
    }

    /// Writes a sample. The values are those of the labels that the name was registered with, in that order.
    pub fn push(&mut self, values: &[&str], value: f64) {
        self.page.push_str(self.name);
        push_labels(self.page, self.labels.iter().copied().zip(values.iter().copied()));
        push_value(self.page, value);
    }

    /// Writes a histogram.
    pub fn push_histogram(&mut self, values: &[&str], buckets: &Buckets) {
        let labels = || self.labels.iter().copied().zip(values.iter().copied());
        for (bound, count) in buckets.cumulated() {
            self.page.push_str(self.name);
            self.page.push_str("_bucket");
            let bound = number(bound);
            push_labels(self.page, labels().chain([("le", bound.as_str())]));
            push_value(self.page, count as f64);
        }
        for (suffix, value) in [("_sum", buckets.sum()), ("_count", buckets.count() as f64)] {
            self.page.push_str(self.name);
            self.page.push_str(suffix);
            push_labels(self.page, labels());
            push_value(self.page, value);
        }
    }
}

/// The two lines in front of a name's samples.
pub(crate) fn push_head(page: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string never fails.
    let _ = writeln!(page, "# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n"));
    let _ = writeln!(page, "# TYPE {name} {kind}");
}

fn push_labels<'l>(page: &mut String, labels: impl Iterator<Item = (&'l str, &'l str)>) {
    let mut before = '{';
    for (name, value) in labels {
        page.push(before);
        before = ',';
        page.push_str(name);
        page.push_str("=\"");
        push_escaped(page, value);
        page.push('"');
    }
    if before == ',' {
        page.push('}');
    }
}

fn push_escaped(page: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => page.push_str("\\\\"),
            '"' => page.push_str("\\\""),
            '\n' => page.push_str("\\n"),
            other => page.push(other),
        }
    }
}

fn push_value(page: &mut String, value: f64) {
    page.push(' ');
    page.push_str(&number(value));
    page.push('\n');
}

fn number(value: f64) -> String {
    match value {
        _ if value == f64::INFINITY => "+Inf".to_owned(),
        _ if value == f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped() {
        let mut page = String::new();
        Samples::new(&mut page, "up", &["a", "b"]).push(&["x\"y", "\\\n"], 1.5);
        assert_eq!(page, "up{a=\"x\\\"y\",b=\"\\\\\\n\"} 1.5\n");
    }

    #[test]
    fn large_and_odd_numbers_are_go_readable() {
        let numbers = [0.0, 48_050_029_002.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(number);
        assert_eq!(numbers, ["0", "48050029002", "+Inf", "-Inf", "NaN"]);
    }
}
