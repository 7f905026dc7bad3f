//! The tables of `docs/configuration.md`. What stands around them is written by hand.

use super::{
    super::{flags::GROUPS, layers::variable, source::RELOADABLE},
    Flag, kind,
};

const BEGIN: &str = "<!-- flags: written by `cargo xtask docs` -->\n";
const END: &str = "<!-- end of flags -->";

/// The page with its tables anew.
pub(super) fn with_tables(page: &str) -> String {
    let (before, rest) = page.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    format!("{before}{BEGIN}{}{END}{after}", tables())
}

fn tables() -> String {
    let table = |group: &super::super::flags::Group| {
        let rows: String = group.flags.iter().filter(|flag| flag.name != "version").map(row).collect();
        format!("\n### {}\n\n| flag, key | kind | default | what |\n|---|---|---|---|\n{rows}", group.heading)
    };
    let text: String = GROUPS.iter().map(table).collect();
    format!("{text}\n")
}

fn row(flag: &Flag) -> String {
    let default = if flag.default.is_empty() { String::new() } else { format!("`{}`", flag.default) };
    let reloaded = if RELOADABLE.contains(&flag.name) { " *Taken over by SIGHUP.*" } else { "" };
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
