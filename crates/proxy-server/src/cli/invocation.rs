//! Which of our names we were called by, and which command.

use std::{ffi::OsString, path::Path};

use super::{
    Refusal,
    flags::Flags,
    go_values::quote,
    help::PROGRAM,
    status,
    typed::{self, Typed},
};
use crate::status_command::StatusQuery;

/// The command, with the flags of the one that has some.
#[derive(Debug)]
pub(super) enum Invocation {
    Start(Box<Flags>),
    Status(Box<StatusQuery>),
    StatusHelp(String),
    Help,
    Version,
}

/// `etcd-grpc-proxy start`, `etcd-grpc-proxy grpc-proxy start`, or `etcd grpc-proxy start` through a link named etcd.
pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Refusal> {
    let mut arguments = arguments.into_iter();
    let as_etcd = arguments.next().is_some_and(|program| is_etcd(&program));
    let arguments: Vec<OsString> = arguments.collect();
    match arguments.first().map(|first| first.to_string_lossy()).as_deref() {
        // Go's flag package, which the etcd server uses, takes one dash for a long name.
        Some("--version" | "-version") => Ok(Invocation::Version),
        Some(status::COMMAND) => status::read(arguments.get(1..).unwrap_or_default()),
        first if as_etcd => as_etcd_itself(first, &arguments),
        _ => command(typed::read(&arguments)?),
    }
}

fn is_etcd(program: &OsString) -> bool {
    Path::new(program).file_stem().is_some_and(|name| name == "etcd")
}

fn as_etcd_itself(first: Option<&str>, arguments: &[OsString]) -> Result<Invocation, Refusal> {
    match first {
        Some("grpc-proxy") => command(typed::read(arguments)?),
        Some("--help" | "-help" | "-h") => Ok(Invocation::Help),
        Some(other) => Err(Refusal::new(format!(
            "{PROGRAM} serves \"etcd grpc-proxy start\" only, not \"etcd {other}\""
        ))),
        None => Err(Refusal::new(format!(
            "{PROGRAM} serves \"etcd grpc-proxy start\" only, it is not an etcd server"
        ))),
    }
}

/// Words after `start` are passed over, as etcd does.
fn command(typed: Typed) -> Result<Invocation, Refusal> {
    let mut words = typed.words.iter().map(String::as_str);
    let first = words.next();
    let below = first == Some("grpc-proxy");
    let word = if below { words.next() } else { first };
    match word {
        _ if typed.flags.help => Ok(Invocation::Help),
        _ if typed.flags.version => Ok(Invocation::Version),
        Some("start") => Ok(Invocation::Start(Box::new(typed.flags))),
        Some("version") => Ok(Invocation::Version),
        None | Some("help") if !typed.has_flags => Ok(Invocation::Help),
        None => Err(Refusal::syntax(format!("no command: the flags belong to \"{PROGRAM} start\""))),
        // etcd prints its help and exits with 0, which looks like success to a script.
        Some(word) => Err(Refusal::syntax(format!("unknown command {} for {}", quote(word), quote(PROGRAM)))),
    }
}
