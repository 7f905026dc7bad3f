//! A message as JSON for a log: short, and without secrets.

use serde_json::{Map, Value, json};

use super::schema::{Field, Kind, Schema};

/// Bytes of a key or a value that are shown.
const SHOWN_BYTES: usize = 32;
/// Members of a list that are shown.
const SHOWN_MEMBERS: usize = 16;
/// How deep transactions are followed into transactions.
const DEPTH: usize = 8;
const SECRET: &str = "(not shown)";
const CUT: &str = "…";

/// The message of this type. What cannot be read is passed over: this is for people.
pub(super) fn message(schema: &Schema, kind: &str, bytes: &[u8]) -> Value {
    Value::Object(fields(schema, kind, bytes, 0))
}

fn fields(schema: &Schema, kind: &str, bytes: &[u8], depth: usize) -> Map<String, Value> {
    let mut found = Map::new();
    let mut wire = Wire(bytes);
    while let Some((number, raw)) = wire.next() {
        let Some(field) = schema.field(kind, number) else { continue };
        if !field.is_repeated {
            found.insert(field.name.clone(), value(schema, field, &raw, depth));
            continue;
        }
        let list = found.entry(field.name.clone()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            push(list, members(schema, field, &raw, depth));
        }
    }
    found
}

fn push(list: &mut Vec<Value>, members: Vec<Value>) {
    for member in members {
        match list.len() {
            0..SHOWN_MEMBERS => list.push(member),
            SHOWN_MEMBERS => list.push(CUT.into()),
            _ => return,
        }
    }
}

/// One, or several numbers in one piece.
fn members(schema: &Schema, field: &Field, raw: &Raw<'_>, depth: usize) -> Vec<Value> {
    let is_number = matches!(field.kind, Kind::Bool | Kind::Int | Kind::Long { .. } | Kind::Enum(_));
    match raw {
        Raw::Bytes(bytes) if is_number => {
            let mut wire = Wire(bytes);
            let numbers = std::iter::from_fn(|| wire.varint()).take(SHOWN_MEMBERS + 1);
            numbers.map(|number| value(schema, field, &Raw::Number(number), depth)).collect()
        }
        _ => vec![value(schema, field, raw, depth)],
    }
}

fn value(schema: &Schema, field: &Field, raw: &Raw<'_>, depth: usize) -> Value {
    match (&field.kind, raw) {
        (Kind::Secret, _) => SECRET.into(),
        (Kind::Message(_), _) if depth == DEPTH => CUT.into(),
        (Kind::Message(kind), Raw::Bytes(bytes)) => Value::Object(fields(schema, kind, bytes, depth + 1)),
        (Kind::Bytes | Kind::Text, Raw::Bytes(bytes)) => short(bytes).into(),
        (Kind::Bool, Raw::Number(number)) => (*number != 0).into(),
        (Kind::Long { is_signed: true }, Raw::Number(number)) => (*number as i64).to_string().into(),
        (Kind::Long { .. }, Raw::Number(number)) => number.to_string().into(),
        (Kind::Int, Raw::Number(number)) => (*number as i32).into(),
        (Kind::Enum(kind), Raw::Number(number)) => {
            let number = *number as i32;
            schema.word(kind, number).map_or_else(|| number.into(), Into::into)
        }
        (Kind::Double, Raw::Number(number)) => json!(f64::from_bits(*number)),
        (Kind::Float, Raw::Number(number)) => json!(f32::from_bits(*number as u32)),
        _ => Value::Null,
    }
}

/// Text as it is, other bytes as Rust writes them, up to a length.
fn short(bytes: &[u8]) -> String {
    let shown = bytes.get(..SHOWN_BYTES).unwrap_or(bytes);
    let text = match std::str::from_utf8(shown) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => shown.escape_ascii().to_string(),
    };
    match bytes.len() - shown.len() {
        0 => text,
        left => format!("{text}{CUT}(+{left} bytes)"),
    }
}

/// Protobuf's wire format, field by field.
struct Wire<'a>(&'a [u8]);

enum Raw<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    fn next(&mut self) -> Option<(u32, Raw<'a>)> {
        let tag = self.varint()?;
        let raw = match tag & 7 {
            0 => Raw::Number(self.varint()?),
            1 => Raw::Number(u64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Raw::Bytes(self.take(length)?)
            }
            5 => Raw::Number(u32::from_le_bytes(self.take(4)?.try_into().ok()?).into()),
            _ => return None,
        };
        Some((u32::try_from(tag >> 3).ok()?, raw))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Where a message was cut, what is left of the last field is shown.
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).unwrap_or((self.0, &[]));
        self.0 = rest;
        (!taken.is_empty() || length == 0).then_some(taken)
    }
}
