//! JSON to the message that a method wants.

use std::borrow::Cow;

use bytes::{BufMut as _, Bytes, BytesMut};
use prost_reflect::prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, Kind, MessageDescriptor};
use serde_json::Value;
use serde_json::error::Category;
use tonic::Status;

/// What stands before a message on a gRPC stream: whether it is compressed, and its length.
pub(crate) const PREFIX_BYTES: usize = 5;

/// The gRPC frame with the message that `json` describes; nothing at all describes a message without fields.
///
/// Names may be those of the `.proto` file or camelCase. Unknown names are ignored, and so are the names of enum values
/// that are not known; null stands for a field that is not there. Numbers may be strings and enums numbers.
///
/// # Errors
/// `InvalidArgument` where `json` describes no such message.
pub(crate) fn frame(descriptor: &MessageDescriptor, json: Option<&[u8]>) -> Result<Bytes, Status> {
    let message = match json {
        Some(json) if has_endless_number(json) => {
            return Err(Status::invalid_argument("invalid request: number out of range"));
        }
        Some(json) => parse(descriptor, json).map_err(|error| refusal(&error))?,
        None => DynamicMessage::new(descriptor.clone()),
    };
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).map_err(|_| Status::invalid_argument("the message is too large"))?);
    frame.put(message.encode_to_vec().as_slice());
    Ok(frame.freeze())
}

fn parse(descriptor: &MessageDescriptor, json: &[u8]) -> Result<DynamicMessage, serde_json::Error> {
    let options = DeserializeOptions::new().deny_unknown_fields(false);
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let parsed = DynamicMessage::deserialize_with_options(descriptor.clone(), &mut deserializer, &options);
    // Go's base64 reads over line ends, which encoders for mail put in, and the library does not.
    if parsed.is_err() && has_escaped_line_end(json) {
        let mut value: Value = serde_json::from_slice(json)?;
        drop_line_ends(descriptor, &mut value);
        return DynamicMessage::deserialize_with_options(descriptor.clone(), value, &options);
    }
    parsed
}

/// Whether there is an integer of more than 64 bits outside of strings. The parser would make it a number with a point,
/// which the library takes for the greatest or the least integer.
fn has_endless_number(json: &[u8]) -> bool {
    let mut rest = json;
    while let Some(at) = rest.iter().position(|byte| *byte == b'"' || byte.is_ascii_digit()) {
        let (before, token) = rest.split_at(at);
        if token.first() == Some(&b'"') {
            rest = behind_string(token.get(1..).unwrap_or_default());
            continue;
        }
        let of_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
        let (number, behind) = token.split_at(token.iter().take_while(|byte| of_number(byte)).count());
        let is_negative = before.last() == Some(&b'-');
        if number.iter().all(u8::is_ascii_digit) && !fits(number, is_negative) {
            return true;
        }
        rest = behind;
    }
    false
}

fn fits(digits: &[u8], is_negative: bool) -> bool {
    let text = std::str::from_utf8(digits).unwrap_or_default();
    if is_negative { format!("-{text}").parse::<i64>().is_ok() } else { text.parse::<u64>().is_ok() }
}

/// What comes after the end of a string.
fn behind_string(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr::memchr2(b'"', b'\\', rest) {
        let is_end = rest.get(at) == Some(&b'"');
        rest = rest.get(at + if is_end { 1 } else { 2 }..).unwrap_or_default();
        if is_end {
            return rest;
        }
    }
    &[]
}

fn has_escaped_line_end(json: &[u8]) -> bool {
    json.windows(2).any(|pair| pair == b"\\n" || pair == b"\\r")
}

/// Takes line ends out of all that is base64.
fn drop_line_ends(descriptor: &MessageDescriptor, value: &mut Value) {
    let Value::Object(fields) = value else { return };
    for (name, value) in fields {
        let field = descriptor.get_field_by_json_name(name).or_else(|| descriptor.get_field_by_name(name));
        match (field.map(|field| field.kind()), value) {
            (Some(Kind::Bytes), Value::String(text)) => text.retain(|letter| !matches!(letter, '\r' | '\n')),
            (Some(Kind::Message(message)), Value::Array(values)) => {
                values.iter_mut().for_each(|value| drop_line_ends(&message, value));
            }
            (Some(Kind::Message(message)), value) => drop_line_ends(&message, value),
            _ => {}
        }
    }
}

fn refusal(error: &serde_json::Error) -> Status {
    let text: Cow<'_, str> = match error.classify() {
        Category::Eof => "unexpected EOF".into(),
        _ => format!("invalid request: {error}").into(),
    };
    Status::invalid_argument(text)
}

#[cfg(test)]
mod tests;
