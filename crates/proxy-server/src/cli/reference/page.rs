//! The tables of `docs/configuration.md`. What stands around them is written by hand.

use super::{
    super::{
        flags::{GROUPS, Group},
        gateway,
        layers::variable,
        source::RELOADABLE,
    },
    Flag, kind,
};

const BEGIN: &str = "<!-- flags: written by `cargo xtask docs` -->\n";
const END: &str = "<!-- end of flags -->";
const BEGIN_GATEWAY: &str = "<!-- flags of gateway start: written by `cargo xtask docs` -->\n";

/// The page with its tables anew.
pub(super) fn with_tables(page: &str) -> String {
    let proxys = |flag: &Flag| row(flag, RELOADABLE.contains(&flag.name));
    let page = with(page, BEGIN, &tables(GROUPS, "flag, key", proxys));
    with(&page, BEGIN_GATEWAY, &tables(gateway::GROUPS, "flag", |flag| row(flag, false)))
}

fn with(page: &str, begin: &str, tables: &str) -> String {
    let (before, rest) = page.split_once(begin).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    format!("{before}{begin}{tables}{END}{after}")
}

fn tables(groups: &[Group], name: &str, row: impl Fn(&Flag) -> String) -> String {
    let table = |group: &Group| {
        let rows: String = group.flags.iter().filter(|flag| flag.name != "version").map(&row).collect();
        format!("\n### {}\n\n| {name} | kind | default | what |\n|---|---|---|---|\n{rows}", group.heading)
    };
    let text: String = groups.iter().map(table).collect();
    format!("{text}\n")
}

fn row(flag: &Flag, is_reloaded: bool) -> String {
    let default = if flag.default.is_empty() { String::new() } else { format!("`{}`", flag.default) };
    let reloaded = if is_reloaded { " *Taken over by SIGHUP.*" } else { "" };
    let what = flag.help.replace('|', "\\|");
    format!("| `{}` | {} | {default} | {what}.{reloaded} |\n", flag.name, kind(flag))
}

#[test]
fn what_is_taken_over_by_sighup_is_a_flag() {
    let known = |name: &&str| super::all().any(|flag| flag.name == *name);
    assert!(RELOADABLE.iter().all(known), "{RELOADABLE:?}");
}

#[test]
fn variables_are_documented_as_they_are_read() {
    assert_eq!(variable("cache-max-age"), "ETCD_GRPC_PROXY_CACHE_MAX_AGE");
}
