//! `gateway start`: the flags of etcd's TCP gateway, and what they mean.

mod flags;
mod meant;

pub(super) use flags::GROUPS;
pub(crate) use meant::split_host_port;

use std::ffi::OsString;

use super::{Command, Refusal, go_values::quote, help, typed, version};

/// The word that stands for it.
pub(super) const COMMAND: &str = "gateway";

/// Reads the arguments that follow the word `gateway`.
pub(super) fn read(arguments: &[OsString]) -> Result<Command, Refusal> {
    let typed = typed::read_by(GROUPS, arguments);
    if !typed.wrong.is_empty() {
        return Err(Refusal::unread(help::GATEWAY, &typed.wrong));
    }
    let flags = flags::read(&mut typed.line());
    match typed.words.first().map(String::as_str) {
        _ if flags.help => Ok(Command::Print(help::gateway(GROUPS))),
        _ if flags.version => Ok(Command::Print(version::text())),
        // Words after it are passed over, as etcd does.
        Some("start") => meant::config(flags).map(|config| Command::Gateway(Box::new(config))),
        None if !typed.has_flags => Ok(Command::Print(help::gateway(GROUPS))),
        None => Err(Refusal::syntax(help::GATEWAY, "no command: the flags belong to \"gateway start\"")),
        // etcd prints its help and exits with 0, which looks like success to a script.
        Some(word) => {
            let unknown = format!("unknown command {} for {}", quote(word), quote(help::GATEWAY));
            Err(Refusal::syntax(help::GATEWAY, unknown))
        }
    }
}

#[cfg(test)]
mod tests;
