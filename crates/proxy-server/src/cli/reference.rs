//! What is written down of the flags: the reference page, the man page and the completions of shells, all from the one
//! table. `cargo xtask docs` writes them, `cargo xtask docs --check` holds them against it.

mod completions;
mod man;
mod page;
mod samples;

use std::path::{Path, PathBuf};

use super::flags::{Flag, Kind, all};

/// Below the root of the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name)
}

/// Writes the file where `WRITE_DOCS` is set, and compares otherwise.
#[track_caller]
fn keep(name: &str, text: &str) {
    let path = path(name);
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    } else {
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == text, "{name} is not what the table of flags says: run `cargo xtask docs`");
    }
}

fn kind(flag: &Flag) -> &'static str {
    match flag.kind {
        Kind::Bool => "bool",
        Kind::Text => "text",
        Kind::List => "list",
        Kind::Int | Kind::Uint | Kind::Uint32 => "integer",
        Kind::Duration => "duration",
    }
}

#[test]
fn the_reference_page_is_documented_by_the_table() {
    let (name, found) =
        ("docs/configuration.md", std::fs::read_to_string(path("docs/configuration.md")).unwrap());
    keep(name, &page::with_tables(&found));
}

#[test]
fn the_man_page_is_documented_by_the_table() {
    keep("contrib/man/etcd-grpc-proxy.1", &man::page());
}

#[test]
fn the_completions_are_documented_by_the_table() {
    for (name, text) in completions::all_shells() {
        keep(&format!("contrib/completions/{name}"), &text);
    }
}
