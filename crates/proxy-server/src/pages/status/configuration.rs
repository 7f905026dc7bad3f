//! The flags that are in force. Secrets were left out when the line was read.

use admin_http::{Cell, Section, Table};

use crate::config::Setting;
use crate::process::live::Live;

pub(super) fn section(live: &Live) -> Section {
    let settings = live.settings();
    let (given, defaults): (Vec<&Setting>, Vec<&Setting>) =
        settings.iter().partition(|setting| !setting.is_default());
    let mut set = table("given", &given);
    set.when_empty = "Every flag has its default.";
    let mut rest = table("defaults", &defaults);
    (rest.caption, rest.is_folded) = ("Flags that have their defaults", true);
    Section {
        id: "configuration",
        heading: "Configuration",
        tables: vec![set, rest],
        is_wide: true,
        ..Section::default()
    }
}

fn table(id: &'static str, settings: &[&Setting]) -> Table {
    let mut table = Table::new(id, [("flag", "Flag"), ("value", "Value"), ("origin", "From")], "");
    let shown = |value: &str| if value.is_empty() { Cell::code("\"\"") } else { Cell::code(value) };
    let row = |setting: &&Setting| {
        vec![Cell::code(format!("--{}", setting.flag)), shown(&setting.value), Cell::code(&setting.origin)]
    };
    table.rows = settings.iter().map(row).collect();
    table
}
