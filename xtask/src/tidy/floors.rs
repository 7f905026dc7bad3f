//! The floors of the house: arrows between crates only go down, never sideways, never up.

use super::{Finding, TextFile};
use crate::manifest::Manifest;

/// Each crate under `crates/` and the floor it is on. A new crate, or a new floor for one, needs an ADR.
const FLOORS: [(&str, u8); 16] = [
    ("proto-gen", 0),
    ("counts", 0),
    ("dns-discovery", 0),
    ("upstream-balancer", 1),
    ("namespace", 1),
    ("tls-termination", 1),
    ("admin-http", 1),
    ("json-gateway", 1),
    ("tcp-gateway", 1),
    ("watch-coalesce", 2),
    ("lease-coalesce", 2),
    ("read-coalesce", 2),
    ("kv-cache", 2),
    ("leasing-kv", 2),
    ("resolver-registry", 2),
    ("proxy-server", 3),
];

/// Dependencies of all kinds, those of tests included.
pub(super) fn arrows_only_go_down(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_named("Cargo.toml")) {
        let Some(name) = file.crate_folder() else { continue };
        match floor_of(name) {
            Some(floor) => findings.extend(arrows(file, name, floor)),
            None => findings.push(file.finding(
                0,
                format!("{name} is on no floor: add it to FLOORS in xtask/src/tidy/floors.rs, with an ADR"),
            )),
        }
    }
    findings
}

fn arrows(file: &TextFile, name: &str, floor: u8) -> Vec<Finding> {
    let dependencies = Manifest::parse(&file.text).dependencies().into_iter();
    let upward = dependencies.filter(|found| floor_of(&found.name).is_some_and(|below| below >= floor));
    upward
        .map(|found| {
            let says = format!(
                "{name} (floor {floor}) must not depend on {}: arrows only go down; move what is shared to a floor \
                 below, or let proxy-server bring the two together",
                found.name
            );
            file.finding(found.line, says)
        })
        .collect()
}

/// None for what is not a crate of the house.
pub(super) fn floor_of(name: &str) -> Option<u8> {
    FLOORS.iter().find(|(known, _)| *known == name).map(|(_, floor)| *floor)
}

#[cfg(test)]
mod tests {
    use super::super::text_file;
    use super::*;

    fn findings(name: &str, manifest: &str) -> usize {
        arrows_only_go_down(&[text_file(&format!("crates/{name}/Cargo.toml"), manifest)]).len()
    }

    #[test]
    fn downward_arrows_and_foreign_crates_are_welcome() {
        assert_eq!(
            findings("kv-cache", "[dependencies]\nproto-gen.workspace = true\nlru.workspace = true\n"),
            0
        );
    }

    #[test]
    fn sideways_and_upward_arrows_are_refused_in_tests_too() {
        assert_eq!(findings("kv-cache", "[dependencies]\nread-coalesce.workspace = true\n"), 1);
        assert_eq!(findings("namespace", "[dev-dependencies]\nkv-cache.workspace = true\n"), 1);
    }

    #[test]
    fn an_unknown_crate_has_to_be_given_a_floor() {
        assert_eq!(findings("attic", "[package]\nname = \"attic\"\n"), 1);
    }
}
