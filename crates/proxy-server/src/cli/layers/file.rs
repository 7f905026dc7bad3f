//! The configuration file: names of flags with their values, in TOML or YAML.

mod toml;
mod yaml;

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::FileTypeExt,
    path::Path,
};

use super::{Given, Layers, Origin, Setting, flag_named, names};
use crate::cli::nearest::nearest;

/// A larger file was named by mistake.
const LONGEST: u64 = 1 << 20;

/// One key of a file with its value, and the line where it stands, from 1.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    key: String,
    given: Given,
    line: usize,
}

/// Something that is wrong in a line.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    line: usize,
    reason: String,
}

/// What a file says, and what is wrong in it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Content {
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

impl Content {
    fn fault(&mut self, line: usize, reason: impl Into<String>) {
        self.faults.push(Fault { line, reason: reason.into() });
    }
}

type Reader = fn(&str) -> Content;

/// Takes what the file says, or tells why it cannot be read.
pub(super) fn read(path: &Path, layers: &mut Layers<'_>) {
    match text(path).and_then(|text| Ok((reader(path)?, text))) {
        Ok((reader, text)) => take(path, reader(&text), layers),
        Err(reason) => layers.wrong.push(reason),
    }
}

fn take(path: &Path, content: Content, layers: &mut Layers<'_>) {
    let place = |line: usize| format!("{}:{line}", path.display());
    let faults =
        content.faults.into_iter().map(|Fault { line, reason }| format!("{}: {reason}", place(line)));
    layers.wrong.extend(faults);
    for Entry { key, given, line } in content.entries {
        match flag_named(&key).filter(|flag| flag.name != "config-file") {
            Some(flag) => {
                let origin = Origin::File { path: path.to_owned(), line };
                layers.take(&place(line), Setting { flag, given, origin });
            }
            None => layers.wrong.push(format!("{}: {}", place(line), unknown(&key))),
        }
    }
}

fn unknown(key: &str) -> String {
    if key == "config-file" {
        return "a file cannot name another one by config-file".to_owned();
    }
    let near = nearest(key, names().filter(|name| *name != "config-file"));
    let near = near.map(|near| format!("; did you mean {near}?"));
    format!("unknown key {}{}", crate::cli::go_values::quote(key), near.unwrap_or_default())
}

/// By the file's extension.
fn reader(path: &Path) -> Result<Reader, String> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => Ok(toml::read),
        Some("yaml" | "yml") => Ok(yaml::read),
        _ => Err(format!("{}: the name must end in .toml, .yaml or .yml", path.display())),
    }
}

fn text(path: &Path) -> Result<String, String> {
    // Whoever opens a pipe waits for a writer, and SIGHUP reads the file again.
    if fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo()) {
        return Err(format!("open {}: is a pipe", path.display()));
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    let length = read.map_err(|error| worded(path, &error))?;
    if length as u64 > LONGEST {
        return Err(format!("{}: longer than {LONGEST} bytes", path.display()));
    }
    let text = String::from_utf8(bytes).map_err(|_| format!("{}: not valid UTF-8", path.display()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// As Go says it, and as we say it of certificates.
fn worded(path: &Path, error: &io::Error) -> String {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        _ => error.to_string(),
    };
    format!("open {}: {reason}", path.display())
}

#[cfg(test)]
mod tests;
