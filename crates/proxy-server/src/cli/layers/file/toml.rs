//! TOML: `endpoints = ["a:1", "b:2"]`. Tables are not needed: every key is the name of a flag.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Content, Entry, Given};

/// Everything that can be read, and everything that is wrong.
pub(super) fn read(text: &str) -> Content {
    let mut content = Content::default();
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        content.fault(error.span().map_or(1, |span| line(span.start)), error.message());
    }
    for (key, value) in table.get_ref() {
        let (name, line) = (key.get_ref(), line(key.span().start));
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
