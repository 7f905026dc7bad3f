//! Which of our names we were called by, and which command.

use std::{ffi::OsString, path::Path};

use super::{
    Refusal, gateway,
    go_values::quote,
    help::PROGRAM,
    nearest::nearest,
    status,
    typed::{self, Typed},
};
use crate::status_command::StatusQuery;

/// The command, with the line of the one that has flags.
#[derive(Debug)]
pub(super) enum Invocation {
    Run(Purpose, Line),
    /// With what follows the word.
    Gateway(Vec<OsString>),
    Status(Box<StatusQuery>),
    StatusHelp(String),
    Help,
    Version,
}

/// What a configuration is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Start,
    Check,
    Show,
}

/// A command line, as it was given and as it was read.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) arguments: Vec<OsString>,
    pub(super) typed: Typed,
}

const COMMANDS: [&str; 8] =
    ["start", "check", "config", "status", "version", "help", "grpc-proxy", gateway::COMMAND];

/// `etcd-grpc-proxy start`, `etcd-grpc-proxy grpc-proxy start`, or `etcd grpc-proxy start` through a link named etcd; and
/// `gateway start` after either name.
pub(super) fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Refusal> {
    let mut arguments = arguments.into_iter();
    let as_etcd = arguments.next().is_some_and(|program| is_etcd(&program));
    let arguments: Vec<OsString> = arguments.collect();
    match arguments.first().map(|first| first.to_string_lossy()).as_deref() {
        // Go's flag package, which the etcd server uses, takes one dash for a long name.
        Some("--version" | "-version") => Ok(Invocation::Version),
        Some(status::COMMAND) => status::read(arguments.get(1..).unwrap_or_default()),
        Some(gateway::COMMAND) => Ok(Invocation::Gateway(arguments.into_iter().skip(1).collect())),
        first if as_etcd => as_etcd_itself(first, &arguments),
        _ => command(arguments),
    }
}

fn is_etcd(program: &OsString) -> bool {
    Path::new(program).file_stem().is_some_and(|name| name == "etcd")
}

fn as_etcd_itself(first: Option<&str>, arguments: &[OsString]) -> Result<Invocation, Refusal> {
    match first {
        Some("grpc-proxy") => command(arguments.to_vec()),
        Some("--help" | "-help" | "-h") => Ok(Invocation::Help),
        Some(other) => Err(Refusal::new(format!(
            "{PROGRAM} serves \"etcd grpc-proxy start\" and \"etcd gateway start\" only, not \"etcd {other}\""
        ))),
        None => Err(Refusal::new(format!(
            "{PROGRAM} serves \"etcd grpc-proxy start\" and \"etcd gateway start\" only, it is not an etcd server"
        ))),
    }
}

/// Words after the command are passed over, as etcd does.
fn command(arguments: Vec<OsString>) -> Result<Invocation, Refusal> {
    let typed = typed::read(&arguments);
    let mut words = typed.words.iter().map(String::as_str);
    let first = words.next();
    let below = first == Some("grpc-proxy");
    let word = if below { words.next() } else { first };
    let second = words.next();
    let flags = typed.flags();
    let purpose = match word {
        Some("start") => Some(Purpose::Start),
        Some("check") => Some(Purpose::Check),
        Some("config") if second == Some("show") => Some(Purpose::Show),
        _ => None,
    };
    match (purpose, word) {
        (Some(purpose), _) if !flags.help && !flags.version => {
            Ok(Invocation::Run(purpose, Line { arguments, typed }))
        }
        _ if !typed.wrong.is_empty() => Err(Refusal::unread(PROGRAM, &typed.wrong)),
        _ if flags.help => Ok(Invocation::Help),
        (_, Some("version")) => Ok(Invocation::Version),
        _ if flags.version => Ok(Invocation::Version),
        (_, None | Some("help")) if !typed.has_flags => Ok(Invocation::Help),
        (_, None) => {
            Err(Refusal::syntax(PROGRAM, format!("no command: the flags belong to \"{PROGRAM} start\"")))
        }
        (_, Some("config")) => {
            Err(Refusal::syntax(PROGRAM, format!("\"{PROGRAM} config\" has one command: show")))
        }
        // etcd prints its help and exits with 0, which looks like success to a script.
        (_, Some(word)) => Err(Refusal::syntax(PROGRAM, unknown(word))),
    }
}

fn unknown(word: &str) -> String {
    let near = nearest(word, COMMANDS.into_iter()).map(|near| format!("\nDid you mean {near}?"));
    format!("unknown command {} for {}{}", quote(word), quote(PROGRAM), near.unwrap_or_default())
}
