//! What a Rust source file looks like.

use super::{Finding, TextFile};

const LONGEST_FILE: usize = 600;
const LONGEST_DOOR_PLATE: usize = 80;

/// Left for later, or left behind. Put together here so that this file does not contain them.
const LEFTOVERS: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!("), concat!("db", "g!(")];

/// Written by people.
fn sources(files: &[TextFile]) -> impl Iterator<Item = &TextFile> {
    files.iter().filter(|file| {
        file.has_extension("rs") && !file.path.components().any(|part| part.as_os_str() == "generated")
    })
}

pub(super) fn files_open_with_their_purpose(files: &[TextFile]) -> Vec<Finding> {
    sources(files)
        .filter(|file| !file.text.starts_with("//!"))
        .map(|file| file.finding(1, "open the file with `//!` and a sentence on what it is for"))
        .collect()
}

pub(super) fn files_are_not_too_long(files: &[TextFile]) -> Vec<Finding> {
    too_long(
        sources(files),
        LONGEST_FILE,
        "cut the file by nouns: one job per file, tests in `<file>/tests.rs`",
    )
}

pub(super) fn door_plates_are_short(files: &[TextFile]) -> Vec<Finding> {
    let door_plates = sources(files).filter(|file| file.is_named("lib.rs"));
    too_long(door_plates, LONGEST_DOOR_PLATE, "a lib.rs is a door-plate: move the code into modules")
}

fn too_long<'a>(files: impl Iterator<Item = &'a TextFile>, limit: usize, remedy: &str) -> Vec<Finding> {
    files
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > limit)
        .map(|(file, lines)| file.finding(0, format!("{lines} lines, {limit} at most; {remedy}")))
        .collect()
}

pub(super) fn modules_are_named_by_their_files(files: &[TextFile]) -> Vec<Finding> {
    sources(files)
        .filter(|file| file.is_named("mod.rs"))
        .map(|file| file.finding(0, "name it by its folder: `foo.rs` beside `foo/`, no mod.rs"))
        .collect()
}

pub(super) fn nothing_is_left_to_do(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in sources(files) {
        for (number, line) in file.lines() {
            for leftover in LEFTOVERS.iter().filter(|leftover| line.contains(**leftover)) {
                findings
                    .push(file.finding(number, format!("do what {leftover} stands for, or write an issue")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::text_file;
    use super::*;

    #[test]
    fn a_file_without_a_purpose_is_found_and_a_generated_one_is_not() {
        let files =
            [text_file("a/src/x.rs", "fn x() {}\n"), text_file("a/src/generated/y.rs", "fn y() {}\n")];
        assert_eq!(files_open_with_their_purpose(&files).len(), 1);
    }

    #[test]
    fn length_is_counted_in_lines_and_door_plates_are_shorter() {
        let files = [text_file("a/src/lib.rs", &"\n".repeat(81)), text_file("a/src/b.rs", &"\n".repeat(601))];
        assert_eq!(
            door_plates_are_short(&files),
            [files[0].finding(0, door_plates_are_short(&files)[0].says.clone())]
        );
        assert_eq!(files_are_not_too_long(&files).len(), 1);
    }

    #[test]
    fn leftovers_are_found_with_their_line() {
        let files = [text_file("a/src/b.rs", &format!("//! b\n// {} later\n", LEFTOVERS[0]))];
        assert_eq!(nothing_is_left_to_do(&files).iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_module_file_is_to_be_named_by_its_folder() {
        assert_eq!(modules_are_named_by_their_files(&[text_file("a/src/b/mod.rs", "//! b\n")]).len(), 1);
    }
}
