//! TOML: `endpoints = ["a:1", "b:2"]`. Tables are not needed: every key is the name of a flag.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Content, Entry, Given};

/// Nobody reads more.
const MOST_FAULTS: usize = 64;

/// Everything that can be read, and everything that is wrong. Of a value that is broken nothing is taken.
pub(super) fn read(text: &str) -> Content {
    let mut content = Content::default();
    let ends: Vec<usize> = text.match_indices('\n').map(|(offset, _)| offset).collect();
    let number = |offset: usize| 1 + ends.partition_point(|end| *end < offset);
    let (table, errors) = DeTable::parse_recoverable(text);
    let broken: Vec<Range<usize>> =
        errors.iter().map(|error| error.span().unwrap_or_default()).take(MOST_FAULTS).collect();
    for (error, span) in errors.iter().zip(&broken) {
        content.fault(number(span.start), error.message());
    }
    // What is wrong once is often met again on the way to where it makes sense.
    content.faults.dedup();
    for (key, value) in table.get_ref() {
        let (name, line) = (key.get_ref(), number(key.span().start));
        let last = number(value.span().end);
        let is_broken = |fault: &Range<usize>| number(fault.start) <= last && fault.end >= key.span().start;
        if broken.iter().any(is_broken) {
            continue;
        }
        match given(value) {
            Some(given) => content.entries.push(Entry { key: name.to_string(), given, line }),
            None => content.fault(line, format!("{name} takes a value or a list of values")),
        }
    }
    content.entries.sort_by_key(|entry| entry.line);
    content
}

fn given(value: &Spanned<DeValue<'_>>) -> Option<Given> {
    match value.get_ref() {
        DeValue::Array(values) => {
            values.iter().map(|value| one(value.get_ref())).collect::<Option<_>>().map(Given::Many)
        }
        value => one(value).map(Given::One),
    }
}

/// Numbers as they are written: Go's syntax for them is read where the flags are.
fn one(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(is) => Some(is.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
