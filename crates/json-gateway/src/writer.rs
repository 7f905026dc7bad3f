//! A message to JSON, a piece at a time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::schema::{Field, MessageId, Schema, Shape};
use crate::writer::wire::{Malformed, Value, WireFields};

mod wire;

/// Deeper messages are not of this API: transactions in transactions are refused by etcd long before.
const MAX_DEPTH: usize = 200;
/// Bytes that are put into base64 at once; a multiple of three, so that pieces can be joined.
const BASE64_BYTES: usize = 48 << 10;

/// Writes one encoded message. What is not set is left out.
#[derive(Debug)]
pub(crate) struct Writer {
    message: Bytes,
    /// The message that is being written and those around it.
    levels: Vec<Level>,
    /// The rest of a byte field that is being written.
    bytes: Option<Span>,
}

/// From the first to behind the last byte in [`Writer::message`].
#[derive(Clone, Copy, Debug)]
struct Span {
    from: usize,
    to: usize,
}

/// A message of which some fields have been written.
#[derive(Debug)]
struct Level {
    id: MessageId,
    span: Span,
    /// The field to be looked for next.
    field: usize,
    /// Where to look for its next element, in a list.
    from: usize,
    in_list: bool,
    /// Whether nothing has been written of it.
    is_empty: bool,
}

impl Level {
    fn new(id: MessageId, span: Span) -> Self {
        Self { id, span, field: 0, from: span.from, in_list: false, is_empty: true }
    }
}

impl Writer {
    /// Begins with an encoded message.
    pub(crate) fn new(id: MessageId, message: Bytes, out: &mut String) -> Self {
        let span = Span { from: 0, to: message.len() };
        out.push('{');
        Self { message, levels: vec![Level::new(id, span)], bytes: None }
    }

    /// Appends to `out` until it is `until` bytes long or somewhat longer, or the message is at its end, which is true.
    ///
    /// # Errors
    /// When the bytes are no message.
    pub(crate) fn write(
        &mut self,
        schema: &Schema,
        out: &mut String,
        until: usize,
    ) -> Result<bool, Malformed> {
        while out.len() < until {
            if self.write_bytes(out) {
                continue;
            }
            let Some(level) = self.levels.last_mut() else { return Ok(true) };
            match schema.fields(level.id).get(level.field) {
                Some(field) => self.field(field, out)?,
                None => {
                    out.push('}');
                    self.levels.pop();
                }
            }
        }
        Ok(self.levels.is_empty())
    }

    /// Writes a field, or one element of it.
    fn field(&mut self, field: &Field, out: &mut String) -> Result<(), Malformed> {
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        let fields = WireFields::new(&self.message, level.from, level.span.to);
        let found = if field.repeated { fields.first(field.number)? } else { fields.last(field.number)? };
        let Some((value, behind)) = found else {
            if level.in_list {
                out.push(']');
            }
            (level.in_list, level.from) = (false, level.span.from);
            level.field += 1;
            return Ok(());
        };
        if !field.repeated && is_default(&field.shape, value) {
            level.field += 1;
            return Ok(());
        }
        if !level.in_list {
            if !level.is_empty {
                out.push(',');
            }
            out.push_str(&field.label);
        }
        level.is_empty = false;
        if field.repeated {
            out.push(if level.in_list { ',' } else { '[' });
            (level.in_list, level.from) = (true, behind);
        } else {
            level.field += 1;
        }
        self.value(&field.shape, value, out)
    }

    fn value(&mut self, shape: &Shape, value: Value, out: &mut String) -> Result<(), Malformed> {
        use std::fmt::Write as _;
        // Writing to a string does not fail.
        match (shape, value) {
            (Shape::Bytes, Value::Bytes { from, to }) => {
                out.push('"');
                self.bytes = Some(Span { from, to });
            }
            (Shape::Text, Value::Bytes { from, to }) => {
                let text = String::from_utf8_lossy(self.message.get(from..to).unwrap_or_default());
                let _ = write!(out, "{}", serde_json::Value::from(text));
            }
            (Shape::Message(id), Value::Bytes { from, to }) => {
                if self.levels.len() >= MAX_DEPTH {
                    return Err(Malformed);
                }
                out.push('{');
                self.levels.push(Level::new(*id, Span { from, to }));
            }
            (Shape::Signed, Value::Number(number)) => drop(write!(out, "\"{}\"", number.cast_signed())),
            (Shape::Unsigned, Value::Number(number)) => drop(write!(out, "\"{number}\"")),
            (Shape::Small, Value::Number(number)) => drop(write!(out, "{}", number & u64::from(u32::MAX))),
            (Shape::Bool, Value::Number(_)) => out.push_str("true"),
            (Shape::Enum(names), Value::Number(number)) => write_enum(names, number, out),
            _ => return Err(Malformed),
        }
        Ok(())
    }

    /// Writes some of the byte field that is being written; false where there is none.
    fn write_bytes(&mut self, out: &mut String) -> bool {
        let Some(span) = &mut self.bytes else { return false };
        let to = span.to.min(span.from + BASE64_BYTES);
        STANDARD.encode_string(self.message.get(span.from..to).unwrap_or_default(), out);
        span.from = to;
        if span.from == span.to {
            out.push('"');
            self.bytes = None;
        }
        true
    }
}

/// Whether a value is the one that a field has when it is not set.
fn is_default(shape: &Shape, value: Value) -> bool {
    match value {
        Value::Number(number) => number == 0,
        Value::Bytes { from, to } => from == to && !matches!(shape, Shape::Message(_)),
    }
}

fn write_enum(names: &[(i32, String)], number: u64, out: &mut String) {
    use std::fmt::Write as _;
    // Negative numbers come in 64 bits.
    #[expect(clippy::cast_possible_truncation, reason = "an enum has 32 bits, whatever is sent")]
    let number = number as i32;
    let _ = match names.iter().find(|(known, _)| *known == number) {
        Some((_, name)) => write!(out, "\"{name}\""),
        None => write!(out, "{number}"),
    };
}

#[cfg(test)]
mod tests;
