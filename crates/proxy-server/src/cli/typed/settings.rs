//! The flags as people read them: every flag with its value as it was typed, secrets left out.

use clap::{ArgMatches, parser::ValueSource};

use crate::{
    cli::flags::{Flag, GROUPS},
    config::Setting,
};

/// The flag whose value may hold a password, behind a colon.
const USER: &str = "user";
/// With it nothing is served.
const VERSION: &str = "version";

/// Every flag, in the order of the help.
pub(super) fn read(matches: &ArgMatches) -> Vec<Setting> {
    let flags = GROUPS.iter().flat_map(|group| group.flags).filter(|flag| flag.name != VERSION);
    flags.map(|flag| setting(matches, flag)).collect()
}

fn setting(matches: &ArgMatches, flag: &Flag) -> Setting {
    let typed = matches.get_raw(flag.name).into_iter().flatten().map(|value| value.to_string_lossy());
    let value = typed.collect::<Vec<_>>().join(",");
    Setting {
        flag: flag.name,
        value: if flag.name == USER { without_password(&value) } else { value },
        is_default: matches.value_source(flag.name) != Some(ValueSource::CommandLine),
    }
}

fn without_password(user: &str) -> String {
    match user.split_once(':') {
        Some((name, _)) => format!("{name}:(not shown)"),
        None => user.to_owned(),
    }
}
