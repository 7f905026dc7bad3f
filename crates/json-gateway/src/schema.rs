//! What a message looks like in JSON: names and kinds of its fields, ready to be written.

use std::collections::HashMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};

/// The messages that answers are made of.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    messages: Vec<Message>,
    by_name: HashMap<String, MessageId>,
}

/// Names a message of a [`Schema`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageId(usize);

/// The fields of a message, by ascending number, which is etcd's order in JSON too.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) fields: Vec<Field>,
}

#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    /// `"name":`, as the `.proto` file spells it.
    pub(crate) label: String,
    pub(crate) repeated: bool,
    pub(crate) shape: Shape,
}

/// How a value is written.
#[derive(Debug)]
pub(crate) enum Shape {
    /// In base64.
    Bytes,
    Text,
    /// 64 bits, in quotes: numbers in JavaScript have 53.
    Signed,
    /// The same without a sign.
    Unsigned,
    /// 32 bits, without quotes.
    Small,
    Bool,
    /// Its name in quotes, or its number where it has no name.
    Enum(Vec<(i32, String)>),
    Message(MessageId),
}

impl Schema {
    /// Takes in a message and all that it is made of.
    pub(crate) fn add(&mut self, message: &MessageDescriptor) -> MessageId {
        if let Some(known) = self.by_name.get(message.full_name()) {
            return *known;
        }
        let id = MessageId(self.messages.len());
        self.messages.push(Message::default());
        // Known before its fields are: messages may hold themselves.
        self.by_name.insert(message.full_name().to_owned(), id);
        let mut fields: Vec<Field> = message.fields().filter_map(|field| self.field(&field)).collect();
        fields.sort_by_key(|field| field.number);
        if let Some(place) = self.messages.get_mut(id.0) {
            place.fields = fields;
        }
        id
    }

    /// None for what no answer of etcd's has: numbers with a point, maps, and lists of numbers.
    fn field(&mut self, field: &FieldDescriptor) -> Option<Field> {
        let shape = match field.kind() {
            Kind::Bytes => Shape::Bytes,
            Kind::String => Shape::Text,
            Kind::Message(message) => Shape::Message(self.add(&message)),
            _ if field.is_list() => return None,
            Kind::Int64 => Shape::Signed,
            Kind::Uint64 => Shape::Unsigned,
            Kind::Uint32 => Shape::Small,
            Kind::Bool => Shape::Bool,
            Kind::Enum(values) => Shape::Enum(names(&values)),
            _ => return None,
        };
        let label = format!("\"{}\":", field.name());
        Some(Field { number: field.number(), label, repeated: field.is_list(), shape })
    }

    /// The fields of a message.
    pub(crate) fn fields(&self, message: MessageId) -> &[Field] {
        self.messages.get(message.0).map(|message| message.fields.as_slice()).unwrap_or_default()
    }
}

fn names(values: &EnumDescriptor) -> Vec<(i32, String)> {
    values.values().map(|value| (value.number(), value.name().to_owned())).collect()
}
