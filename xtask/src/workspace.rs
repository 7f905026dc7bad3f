//! Where things are: the checkout, its target folder, the files that belong to it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// The checkout. Cargo's word at run time comes first: a target folder may have moved with its checkout.
pub(crate) fn root() -> PathBuf {
    let xtask = env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&xtask).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// The folder for everything that is made, absolute.
pub(crate) fn target() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    std::path::absolute(&target).unwrap_or(target)
}

/// The files of the repository, relative to its root and in order: those git knows, or would if they were added.
///
/// Where git cannot say (an unpacked archive), everything outside `target/`.
pub(crate) fn files() -> Outcome<Vec<PathBuf>> {
    let root = root();
    let mut files = match files_by_git(&root) {
        Some(files) => files,
        None => {
            let mut files = Vec::new();
            walk(&root, &root, &mut files)?;
            files
        }
    };
    // What is made is no source, wherever it is put.
    let made = target();
    files.retain(|file| !root.join(file).starts_with(&made));
    files.sort();
    Ok(files)
}

/// An empty folder, whatever was there before.
pub(crate) fn emptied(folder: &Path) -> Outcome {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(at(folder))?;
    }
    fs::create_dir_all(folder).map_err(at(folder))
}

/// An input or output error with the path it is about.
pub(crate) fn at(path: &Path) -> impl FnOnce(std::io::Error) -> String + use<> {
    let path = path.to_path_buf();
    move |error| format!("{}: {error}", path.display())
}

fn files_by_git(root: &Path) -> Option<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    // A file deleted but still in the index is not there to be read.
    Some(names.split('\0').filter(|name| root.join(name).is_file()).map(PathBuf::from).collect())
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Outcome {
    const LEFT_OUT: [&str; 2] = ["target", ".git"];
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        let name = path.file_name().unwrap_or_default();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, files)?;
        } else {
            files.push(path.strip_prefix(root).unwrap_or(&path).to_path_buf());
        }
    }
    Ok(())
}
