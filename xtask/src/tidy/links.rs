//! Links in Markdown that point into the repository.

use std::path::{Component, Path, PathBuf};

use super::{Finding, TextFile};
use crate::workspace::root;

/// Followed from the file that has the link.
pub(super) fn relative_links_lead_somewhere(files: &[TextFile]) -> Vec<Finding> {
    let root = root();
    broken_links(files, |path| root.join(path).exists())
}

fn broken_links(files: &[TextFile], exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.has_extension("md")) {
        let folder = file.path.parent().unwrap_or(Path::new(""));
        for (line, target) in links(file) {
            let leads_somewhere = inside(&folder.join(&target)).is_some_and(|path| exists(&path));
            if !leads_somewhere {
                findings.push(
                    file.finding(line, format!("the link to {target} leads nowhere: correct or remove it")),
                );
            }
        }
    }
    findings
}

/// The relative targets with their lines, without what is in code and without anchors.
fn links(file: &TextFile) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in file.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            let targets = targets_in(&without_code(line));
            found.extend(targets.into_iter().map(|target| (number, target)));
        }
    }
    found
}

/// Every second piece between backquotes is code.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

fn targets_in(line: &str) -> Vec<String> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let definition = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
    inline.chain(definition).filter_map(relative_path).collect()
}

/// The path in `path#anchor "title"`; nothing for another site, an anchor alone, or an absolute path.
fn relative_path(target: &str) -> Option<String> {
    let target = target.split_whitespace().next()?.trim_matches(['<', '>']);
    let path = target.split('#').next()?;
    let is_relative = !path.is_empty() && !path.contains("://") && !path.starts_with("mailto:");
    is_relative.then(|| path.to_owned())
}

/// The path without `.` and `..`; nothing when it leaves the repository.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => plain.pop().then_some(())?,
            Component::Normal(name) => plain.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::super::text_file;
    use super::*;

    fn broken(text: &str) -> Vec<String> {
        let there = [Path::new("docs/adr/1.md"), Path::new("README.md")];
        let findings = broken_links(&[text_file("docs/guide.md", text)], |path| there.contains(&path));
        findings.into_iter().map(|finding| finding.says).collect()
    }

    #[test]
    fn links_are_followed_from_their_file() {
        assert!(broken("[a](adr/1.md#why) and [b](../README.md \"title\")\n[c]: <../README.md>").is_empty());
        assert_eq!(broken("[a](README.md)\n[b]: adr/2.md").len(), 2);
    }

    #[test]
    fn other_sites_anchors_and_code_are_left_alone() {
        let text = "[a](https://example.org/x) [b](#here) `[c](nowhere)`\n```\n[d](nowhere)\n```\n";
        assert!(broken(text).is_empty(), "{:?}", broken(text));
    }

    #[test]
    fn a_link_out_of_the_repository_leads_nowhere() {
        assert_eq!(broken("[a](../../outside.md)").len(), 1);
    }
}
