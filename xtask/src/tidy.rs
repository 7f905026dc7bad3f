//! `cargo xtask tidy`: the house rules as a test. Each finding says what to do about it.
//!
//! A rule is a function from the repository's text files to findings. To add one, write the function where its like
//! are and name it in `RULES`.

mod floors;
mod links;
mod manifests;
mod sources;
mod texts;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::console::{print, say};
use crate::workspace::{files, root};
use crate::{Outcome, no_arguments};

/// A text file of the repository.
struct TextFile {
    /// Relative to the root.
    path: PathBuf,
    text: String,
}

impl TextFile {
    fn is_named(&self, name: &str) -> bool {
        self.path.file_name().is_some_and(|found| found == name)
    }

    fn has_extension(&self, extension: &str) -> bool {
        self.path.extension().is_some_and(|found| found == extension)
    }

    /// `some-crate` for `crates/some-crate/...`.
    fn crate_folder(&self) -> Option<&str> {
        self.path.strip_prefix("crates").ok()?.iter().next()?.to_str()
    }

    /// Its lines with their numbers, counted from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    fn finding(&self, line: usize, says: impl Into<String>) -> Finding {
        Finding { path: self.path.clone(), line, says: says.into() }
    }
}

/// A rule not kept: where, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: PathBuf,
    /// 0 for the file as a whole.
    line: usize,
    says: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path.display(), self.says),
            line => write!(f, "{}:{line}: {}", self.path.display(), self.says),
        }
    }
}

type Rule = fn(&[TextFile]) -> Vec<Finding>;

const RULES: [Rule; 11] = [
    floors::arrows_only_go_down,
    manifests::dependencies_are_inherited,
    manifests::lints_are_inherited,
    sources::files_open_with_their_purpose,
    sources::files_are_not_too_long,
    sources::door_plates_are_short,
    sources::modules_are_named_by_their_files,
    sources::nothing_is_left_to_do,
    texts::reusable_crates_have_a_readme,
    texts::no_registry_is_named,
    links::relative_links_lead_somewhere,
];

pub(crate) fn run(arguments: &[String]) -> Outcome {
    no_arguments("tidy", arguments)?;
    let files = text_files(&root())?;
    let findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&files)).collect();
    if findings.is_empty() {
        say(&format!("tidy: {} files keep the house rules", files.len()));
        return Ok(());
    }
    for finding in &findings {
        print(&format!("{finding}\n"));
    }
    Err(format!("tidy: {} findings", findings.len()))
}

/// What is not UTF-8 is not text, and no rule is about it.
fn text_files(root: &Path) -> Outcome<Vec<TextFile>> {
    let files = files()?.into_iter();
    Ok(files
        .filter_map(|path| Some(TextFile { text: fs::read_to_string(root.join(&path)).ok()?, path }))
        .collect())
}

#[cfg(test)]
fn text_file(path: &str, text: &str) -> TextFile {
    TextFile { path: PathBuf::from(path), text: text.to_owned() }
}
