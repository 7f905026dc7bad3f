//! Writes the generated half of `proto-gen` from the `.proto` files: `codegen <proto dir> <output dir>`.
//!
//! A program of its own, so that `xtask` stays free of dependencies: `cargo xtask codegen` runs it.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(proto), Some(output), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: codegen <proto dir> <output dir>".into());
    };
    generate(&proto, &output)
}

fn generate(proto: &Path, output: &Path) -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    collect_proto_files(proto, &mut files)?;
    files.sort();

    // Paths in the descriptors are relative to `proto/`, so that they do not depend on who generates.
    let mut compiler = protox::Compiler::new([proto])?;
    compiler.include_source_info(true).include_imports(true).open_files(&files)?;

    fs::create_dir_all(output)?;
    tonic_prost_build::configure()
        .out_dir(output)
        .bytes(".")
        .emit_rerun_if_changed(false)
        .build_transport(false)
        .compile_fds(compiler.file_descriptor_set())?;

    compiler.include_source_info(false);
    fs::write(output.join("descriptors.bin"), compiler.file_descriptor_set().encode_to_vec())?;
    Ok(())
}

fn collect_proto_files(directory: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            collect_proto_files(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}
