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
    let parsed =
        DynamicMessage::deserialize_with_options(descriptor.clone(), &mut deserializer, &options);
    // Go's base64 reads over line ends, which encoders for mail put in, and the library does not.
    if parsed.is_err() && has_escaped_line_end(json) {
        let mut value: Value = serde_json::from_slice(json)?;
        drop_line_ends(descriptor, &mut value);
        return DynamicMessage::deserialize_with_options(descriptor.clone(), value, &options);
    }
    parsed
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
