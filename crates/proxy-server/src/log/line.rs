//! One event as one line: of JSON, or of words for people.

use std::{error::Error, fmt, iter};

use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};
use tracing::{
    Event, Level, Metadata,
    field::{Field, Visit},
};

const TIMESTAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// An object.
    #[default]
    Json,
    /// Columns apart by tabs, then an object of what is left.
    Console,
}

/// The line, with its line feed.
pub(super) fn of(event: &Event<'_>, now: OffsetDateTime, format: LogFormat) -> String {
    let mut fields = Fields::default();
    event.record(&mut fields);
    match format {
        LogFormat::Json => json(event.metadata(), &fields, now),
        LogFormat::Console => console(event.metadata(), &fields, now),
    }
}

fn json(metadata: &Metadata<'_>, fields: &Fields, now: OffsetDateTime) -> String {
    let mut line = Line::default();
    line.member("level", &level(*metadata.level()).into());
    line.member("ts", &timestamp(now).into());
    line.member("caller", &caller(metadata).into());
    line.member("msg", &fields.message.as_str().into());
    fields.rest.iter().for_each(|(name, value)| line.member(name, value));
    line.end()
}

/// What would break a terminal's line is written as JSON writes it.
fn console(metadata: &Metadata<'_>, fields: &Fields, now: OffsetDateTime) -> String {
    let message: String = fields.message.chars().flat_map(visible).collect();
    let level = level(*metadata.level());
    let line = format!("{}\t{level}\t{}\t{message}", timestamp(now), caller(metadata));
    if fields.rest.is_empty() {
        return line + "\n";
    }
    let rest: Vec<String> =
        fields.rest.iter().map(|(name, value)| format!("{}: {value}", Value::from(*name))).collect();
    format!("{line}\t{{{}}}\n", rest.join(", "))
}

fn visible(character: char) -> Vec<char> {
    if character.is_control() { character.escape_default().collect() } else { vec![character] }
}

/// Written by hand, because the order of the members is part of the shape.
#[derive(Default)]
struct Line(String);

impl Line {
    fn member(&mut self, name: &str, value: &Value) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        self.0.push_str(&Value::from(name).to_string());
        self.0.push(':');
        self.0.push_str(&value.to_string());
    }

    fn end(mut self) -> String {
        self.0.push_str("}\n");
        self.0
    }
}

/// The message apart from the other fields, which keep their order.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl Fields {
    fn push(&mut self, field: &Field, value: Value) {
        self.rest.push((field.name(), value));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.push(field, value.into());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value.into());
    }

    /// JSON has no word for what is not a number; zap writes a string.
    fn record_f64(&mut self, field: &Field, value: f64) {
        let value = if value.is_finite() { json!(value) } else { value.to_string().into() };
        self.push(field, value);
    }

    /// The error with its causes, as Go's errors carry theirs.
    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let chain: Vec<String> =
            iter::successors(Some(value), |error| Error::source(*error)).map(ToString::to_string).collect();
        self.push(field, chain.join(": ").into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match list(&text) {
            Some(list) => self.push(field, list),
            None => self.record_str(field, &text),
        }
    }
}

/// A list of texts in Rust's form is one in JSON's too, short of texts with odd characters in them.
fn list(text: &str) -> Option<Value> {
    let list = text.starts_with("[\"").then(|| serde_json::from_str::<Vec<String>>(text).ok())??;
    Some(list.into())
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        _ => "debug",
    }
}

fn timestamp(now: OffsetDateTime) -> String {
    now.format(TIMESTAMP).unwrap_or_default()
}

/// The file with the folder that it is in, where `src` counts as the crate that it belongs to.
fn caller(metadata: &Metadata<'_>) -> String {
    let file = metadata.file().unwrap_or_else(|| metadata.target());
    let mut backwards =
        file.rsplit(['/', '\\']).enumerate().filter(|(index, part)| *index == 0 || *part != "src");
    let name = backwards.next().map_or(file, |(_, name)| name);
    let folder = backwards.next().map(|(_, folder)| format!("{folder}/")).unwrap_or_default();
    format!("{folder}{name}:{}", metadata.line().unwrap_or(0))
}
