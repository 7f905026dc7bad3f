//! The command line: the only place that knows clap.
//!
//! ```text
//! arguments ─► invocation (which program are we?) ─► typed (pflag's syntax) ─► unserved ─► meant ─► Config
//! ```
//!
//! Everything here is held against etcd 3.7.3: what it accepts, what it says otherwise, and in which order it checks.
//! Whatever goes wrong goes to stderr with exit code 1, whatever was asked for goes to stdout with 0.

mod flags;
mod go_values;
mod help;
mod invocation;
mod meant;
mod status;
mod typed;
mod unserved;
mod version;

use std::{
    ffi::OsString,
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use crate::config::Config;
use crate::status_command::StatusQuery;
use invocation::Invocation;

/// What the operator wants.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve.
    Start(Box<Config>),
    /// Show what a proxy says of itself.
    Status(Box<StatusQuery>),
    /// Print this text and be done.
    Print(String),
}

/// Why the process does not start: what the operator reads, a line for each thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    lines: Vec<String>,
}

/// The configuration to serve with, or the code to exit with once everything is said.
pub(crate) fn config_or_exit(arguments: impl IntoIterator<Item = OsString>) -> Result<Box<Config>, ExitCode> {
    match parse(arguments) {
        Ok(Command::Start(config)) => Ok(config),
        Ok(Command::Status(query)) => Err(query.run()),
        Ok(Command::Print(text)) => {
            say(&mut io::stdout(), &text);
            Err(ExitCode::SUCCESS)
        }
        Err(refusal) => {
            say(&mut io::stderr(), &refusal.to_string());
            Err(ExitCode::FAILURE)
        }
    }
}

/// Reads the arguments, the first of which is the program's own name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, Refusal> {
    match invocation::read(arguments)? {
        Invocation::Version => Ok(Command::Print(version::text())),
        Invocation::Status(query) => Ok(Command::Status(query)),
        Invocation::StatusHelp(text) => Ok(Command::Print(text)),
        Invocation::Help => Ok(Command::Print(help::text())),
        Invocation::Start(flags) => meant::config(*flags).map(|config| Command::Start(Box::new(config))),
    }
}

/// Nobody reads a closed stream, which is no reason to fail.
fn say(stream: &mut impl Write, text: &str) {
    let _ = writeln!(stream, "{text}").and_then(|()| stream.flush());
}

impl Refusal {
    /// One thing that is wrong with the values, in etcd's words where etcd has some.
    fn new(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()] }
    }

    /// The line cannot be read at all. etcd prints its whole help then; this names where to find ours.
    fn syntax(reason: impl fmt::Display) -> Self {
        let hint = format!("Run \"{} start --help\" for the flags.", help::PROGRAM);
        Self { lines: vec![format!("Error: {reason}"), hint] }
    }

    fn all(lines: Vec<String>) -> Result<(), Self> {
        if lines.is_empty() { Ok(()) } else { Err(Self { lines }) }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests;
