//! Rules about texts of any kind.

use std::path::Path;

use super::floors::floor_of;
use super::{Finding, TextFile};

/// The floor of what is not meant to be used alone.
const TOP_FLOOR: u8 = 3;

/// Where packages come from is each machine's own business. Put together so that this file names none.
const REGISTRY_HOSTS: [&str; 6] = [
    concat!("static.crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
    concat!("registry.npmjs", ".org"),
    concat!("pypi", ".org"),
];

/// Written by tools, which name hosts as they please.
const LOCK_FILES: [&str; 2] = ["Cargo.lock", "go.sum"];

pub(super) fn no_registry_is_named(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| !LOCK_FILES.iter().any(|name| file.is_named(name))) {
        for (number, line) in file.lines() {
            for host in REGISTRY_HOSTS.iter().filter(|host| line.contains(**host)) {
                findings.push(
                    file.finding(number, format!("do not name {host}: each machine has its own source")),
                );
            }
        }
    }
    findings
}

pub(super) fn reusable_crates_have_a_readme(files: &[TextFile]) -> Vec<Finding> {
    let manifests = files.iter().filter(|file| file.is_named("Cargo.toml"));
    manifests
        .filter(|file| {
            let name = file.crate_folder().unwrap_or_default();
            let wanted = Path::new("crates").join(name).join("README.md");
            floor_of(name).is_some_and(|floor| floor < TOP_FLOOR)
                && !files.iter().any(|other| other.path == wanted)
        })
        .map(|file| file.finding(0, "add a README.md beside it: one page with a runnable example"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::text_file;
    use super::*;

    #[test]
    fn a_registry_is_found_except_in_a_lock_file() {
        let text = format!("\nsee {}\n", REGISTRY_HOSTS[0]);
        let files = [text_file("README.md", &text), text_file("Cargo.lock", &text)];
        assert_eq!(no_registry_is_named(&files).iter().map(|finding| finding.line).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn a_reusable_crate_needs_a_readme_and_the_binary_does_not() {
        let files = [
            text_file("crates/kv-cache/Cargo.toml", ""),
            text_file("crates/namespace/Cargo.toml", ""),
            text_file("crates/namespace/README.md", ""),
            text_file("crates/proxy-server/Cargo.toml", ""),
        ];
        let found = reusable_crates_have_a_readme(&files);
        assert_eq!(
            found.iter().map(|finding| finding.path.as_path()).collect::<Vec<_>>(),
            [files[0].path.as_path()]
        );
    }
}
