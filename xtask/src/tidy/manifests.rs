//! What every member's `Cargo.toml` takes from the workspace instead of saying it again.

use super::{Finding, TextFile};
use crate::manifest::Manifest;

fn members(files: &[TextFile]) -> impl Iterator<Item = (&TextFile, Manifest)> {
    let manifests = files.iter().filter(|file| file.is_named("Cargo.toml"));
    manifests
        .map(|file| (file, Manifest::parse(&file.text)))
        .filter(|(_, manifest)| manifest.has_section("package"))
}

pub(super) fn dependencies_are_inherited(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, manifest) in members(files) {
        for found in manifest.dependencies().into_iter().filter(|found| !found.is_inherited) {
            let says = format!(
                "say `{}.workspace = true` here, and the version once in the root's [workspace.dependencies]",
                found.name
            );
            findings.push(file.finding(found.line, says));
        }
    }
    findings
}

pub(super) fn lints_are_inherited(files: &[TextFile]) -> Vec<Finding> {
    members(files)
        .filter(|(_, manifest)| manifest.value("lints", "workspace") != Some("true"))
        .map(|(file, _)| file.finding(0, "add `[lints]` with `workspace = true`"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::text_file;
    use super::*;

    #[test]
    fn a_member_that_says_all_by_itself_is_told_so() {
        let files =
            [text_file("crates/a/Cargo.toml", "[package]\nname = \"a\"\n[dependencies]\nb = \"1\"\n")];
        assert_eq!(dependencies_are_inherited(&files).len(), 1);
        assert_eq!(lints_are_inherited(&files).len(), 1);
    }

    #[test]
    fn the_root_is_not_a_member() {
        let files = [text_file("Cargo.toml", "[workspace.dependencies]\nb = \"1\"\n")];
        assert!(dependencies_are_inherited(&files).is_empty());
        assert!(lints_are_inherited(&files).is_empty());
    }
}
