//! Flags that this version knows and does not serve. Whoever serves one deletes its row.
//!
//! A value that asks for nothing passes: units often spell out defaults.

use super::{Refusal, flags::Flags};

type Asks = fn(&Flags) -> bool;

/// The flag, and whether its value asks for something.
#[rustfmt::skip]
const UNSERVED: &[(&str, Asks)] = &[
];

/// Refuses everything that is asked for and not served, a line each.
pub(super) fn refuse(flags: &Flags) -> Result<(), Refusal> {
    let asked = UNSERVED.iter().filter(|(_, asks)| asks(flags));
    Refusal::all(
        asked.map(|(name, _)| format!("--{name} is not served by this version of etcd-grpc-proxy")).collect(),
    )
}

/// Whether the flag of this name is one of them.
pub(super) fn is_unserved(name: &str) -> bool {
    UNSERVED.iter().any(|(unserved, _)| *unserved == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::flags::GROUPS;

    #[test]
    fn every_row_names_a_flag() {
        let known = |name: &str| GROUPS.iter().flat_map(|group| group.flags).any(|flag| flag.name == name);
        assert!(UNSERVED.iter().all(|(name, _)| known(name)));
    }
}
