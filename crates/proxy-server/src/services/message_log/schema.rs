//! The messages of the API by their field numbers, from its descriptors.

use std::collections::HashMap;
use std::sync::Arc;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// Fields that nobody may read in a log.
const SECRET: [&str; 3] = ["password", "hashedPassword", "token"];

/// All messages and calls that are known.
#[derive(Debug)]
pub(super) struct Schema {
    messages: HashMap<String, HashMap<u32, Field>>,
    enums: HashMap<String, HashMap<i32, String>>,
    routes: HashMap<String, Arc<Route>>,
}

/// A method, and the types of what goes and comes.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) service: String,
    pub(super) method: String,
    pub(super) request: String,
    pub(super) answer: String,
}

#[derive(Debug)]
pub(super) struct Field {
    /// As JSON has it.
    pub(super) name: String,
    pub(super) is_repeated: bool,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    Bytes,
    Text,
    Bool,
    /// JSON writes numbers of 64 bits as text.
    Long {
        is_signed: bool,
    },
    Int,
    Double,
    Float,
    Enum(String),
    Message(String),
}

impl Schema {
    /// etcd's services.
    pub(super) fn known() -> Self {
        let mut schema = Self { messages: HashMap::new(), enums: HashMap::new(), routes: HashMap::new() };
        // It is compiled in; that it can be read is tested.
        let files = FileDescriptorSet::decode(proto_gen::FILE_DESCRIPTOR_SET).unwrap_or_default().file;
        for file in files {
            let scope = format!(".{}", file.package());
            file.enum_type.iter().for_each(|kind| schema.add_enum(&scope, kind));
            file.message_type.iter().for_each(|message| schema.add_message(&scope, message));
            for service in &file.service {
                let name = format!("{}.{}", file.package(), service.name());
                service.method.iter().for_each(|method| schema.add_route(&name, method));
            }
        }
        schema
    }

    pub(super) fn route(&self, path: &str) -> Option<Arc<Route>> {
        self.routes.get(path).cloned()
    }

    pub(super) fn field(&self, message: &str, number: u32) -> Option<&Field> {
        self.messages.get(message)?.get(&number)
    }

    pub(super) fn word(&self, kind: &str, number: i32) -> Option<&str> {
        self.enums.get(kind)?.get(&number).map(String::as_str)
    }

    fn add_route(&mut self, service: &str, method: &prost_types::MethodDescriptorProto) {
        let route = Route {
            service: service.to_owned(),
            method: method.name().to_owned(),
            request: method.input_type().to_owned(),
            answer: method.output_type().to_owned(),
        };
        self.routes.insert(format!("/{service}/{}", method.name()), Arc::new(route));
    }

    fn add_enum(&mut self, scope: &str, kind: &EnumDescriptorProto) {
        let words = kind.value.iter().map(|value| (value.number(), value.name().to_owned())).collect();
        self.enums.insert(format!("{scope}.{}", kind.name()), words);
    }

    fn add_message(&mut self, scope: &str, message: &DescriptorProto) {
        let name = format!("{scope}.{}", message.name());
        message.enum_type.iter().for_each(|kind| self.add_enum(&name, kind));
        message.nested_type.iter().for_each(|nested| self.add_message(&name, nested));
        let numbered =
            |field: &FieldDescriptorProto| Some((u32::try_from(field.number()).ok()?, Field::of(field)));
        self.messages.insert(name, message.field.iter().filter_map(numbered).collect());
    }
}

impl Field {
    fn of(field: &FieldDescriptorProto) -> Self {
        let name = if field.json_name().is_empty() {
            camel_case(field.name())
        } else {
            field.json_name().to_owned()
        };
        let kind = if SECRET.contains(&name.as_str()) { Kind::Secret } else { Kind::of(field) };
        Self { name, is_repeated: field.label() == Label::Repeated, kind }
    }
}

impl Kind {
    fn of(field: &FieldDescriptorProto) -> Self {
        match field.r#type() {
            Type::Bytes => Self::Bytes,
            Type::String => Self::Text,
            Type::Bool => Self::Bool,
            Type::Uint64 | Type::Fixed64 => Self::Long { is_signed: false },
            Type::Int64 | Type::Sint64 | Type::Sfixed64 => Self::Long { is_signed: true },
            Type::Double => Self::Double,
            Type::Float => Self::Float,
            Type::Enum => Self::Enum(field.type_name().to_owned()),
            Type::Message | Type::Group => Self::Message(field.type_name().to_owned()),
            Type::Int32 | Type::Uint32 | Type::Sint32 | Type::Fixed32 | Type::Sfixed32 => Self::Int,
        }
    }
}

/// `range_end` as `rangeEnd`.
fn camel_case(name: &str) -> String {
    let mut camel = String::new();
    let mut is_next_upper = false;
    for character in name.chars() {
        match character {
            '_' => is_next_upper = true,
            _ if is_next_upper => {
                camel.extend(character.to_uppercase());
                is_next_upper = false;
            }
            _ => camel.push(character),
        }
    }
    camel
}
