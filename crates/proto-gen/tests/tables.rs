//! Holds the generated descriptors against the tables of etcd's API: every service, method, message, field
//! number, type, oneof, JSON name and enum value, in both directions.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a descriptor that breaks these fails the test"
)]

use std::collections::BTreeSet;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
};

fn descriptors() -> Vec<FileDescriptorProto> {
    FileDescriptorSet::decode(proto_gen::FILE_DESCRIPTOR_SET).expect("the committed descriptors decode").file
}

/// The table's rows, without its heading, each as the cells joined by a tab.
fn table(text: &str) -> BTreeSet<String> {
    text.lines().skip(1).map(|row| row.trim_end().to_owned()).collect()
}

fn unqualified(name: &str) -> &str {
    name.trim_start_matches('.')
}

fn type_name(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum => unqualified(field.type_name()).to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn message_rows(prefix: &str, message: &DescriptorProto) -> Vec<String> {
    let name = format!("{prefix}.{}", message.name());
    if message.field.is_empty() {
        return vec![format!("{name}\t\t\t\t(no fields)")];
    }
    let row = |field: &FieldDescriptorProto| {
        let label = if field.label() == Label::Repeated { "repeated" } else { "" };
        let oneof = field.oneof_index.map_or("", |index| message.oneof_decl[index as usize].name());
        let (number, field_name, json) = (field.number(), field.name(), field.json_name());
        format!("{name}\t{number}\t{field_name}\t{label}\t{}\t{oneof}\t{json}", type_name(field))
    };
    message.field.iter().map(row).collect()
}

fn enum_rows(prefix: &str, declared: &EnumDescriptorProto) -> Vec<String> {
    let row = |number: i32, value: &str| format!("{prefix}.{}\t{number}\t{value}", declared.name());
    declared.value.iter().map(|value| row(value.number(), value.name())).collect()
}

#[test]
fn services_and_methods_equal_the_table() {
    let streams = |yes: bool, word: &'static str| if yes { word } else { "" };
    let generated: BTreeSet<String> = descriptors()
        .iter()
        .flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
        .flat_map(|(package, service)| service.method.iter().map(move |method| (package, service, method)))
        .map(|(package, service, method)| {
            let row = format!(
                "{package}.{}\t{}\t{}\t{}\t{}\t{}",
                service.name(),
                method.name(),
                unqualified(method.input_type()),
                unqualified(method.output_type()),
                streams(method.client_streaming(), "client-stream"),
                streams(method.server_streaming(), "server-stream"),
            );
            row.trim_end().to_owned()
        })
        .collect();
    assert_eq!(generated, table(include_str!("data/services.tsv")));
}

#[test]
fn messages_and_fields_equal_the_table() {
    let generated: BTreeSet<String> = descriptors()
        .iter()
        .flat_map(|file| file.message_type.iter().flat_map(|message| message_rows(file.package(), message)))
        .collect();
    assert_eq!(generated, table(include_str!("data/messages.tsv")));
}

#[test]
fn enums_and_values_equal_the_table() {
    let mut generated = BTreeSet::new();
    for file in descriptors() {
        for declared in &file.enum_type {
            generated.extend(enum_rows(file.package(), declared));
        }
        for message in &file.message_type {
            let prefix = format!("{}.{}", file.package(), message.name());
            generated.extend(message.enum_type.iter().flat_map(|declared| enum_rows(&prefix, declared)));
        }
    }
    assert_eq!(generated, table(include_str!("data/enums.tsv")));
}
