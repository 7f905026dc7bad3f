//! The command line: the only place that knows clap.
//!
//! ```text
//! arguments ─► invocation (which program are we?) ─► typed (pflag's syntax) ─► layers ─► meant ─► Config
//!                                                environment, file ──────────────┘
//! ```
//!
//! Everything here is held against etcd 3.7.3: what it accepts, what it says otherwise, and in which order it checks.
//! etcd tells of the first thing that is wrong; we tell of all of them, that one first. Whatever goes wrong goes to stderr
//! with exit code 1, whatever was asked for goes to stdout with 0.

mod flags;
mod gateway;
mod go_values;
mod help;
mod invocation;
mod layers;
mod meant;
mod nearest;
mod problems;
mod shown;
mod source;
mod status;
mod typed;
mod version;

use std::{
    ffi::OsString,
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use crate::config::Config;
use crate::gateway::GatewayConfig;
use crate::status_command::StatusQuery;
pub(crate) use gateway::split_host_port;
use invocation::{Invocation, Line, Purpose};
pub(crate) use layers::Environment;
use layers::Layered;
use problems::Problems;
pub(crate) use source::{Again, Source};

/// What the operator wants.
#[derive(Debug)]
pub(crate) enum Command {
    /// Serve, and read the configuration again when asked to.
    Start(Box<Config>, Box<Source>),
    /// Serve TCP connections as they are.
    Gateway(Box<GatewayConfig>),
    /// Show what a proxy says of itself.
    Status(Box<StatusQuery>),
    /// Look at everything that could keep it from serving.
    Check(Box<Config>),
    /// Print this text and be done.
    Print(String),
}

/// Why the process does not start: what the operator reads, a line for each thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    lines: Vec<String>,
}

/// What to do, or the code to exit with once everything that is wrong is said.
pub(crate) fn command_or_exit(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, ExitCode> {
    parse(arguments, &Environment::of_process()).map_err(|refusal| {
        complain(&refusal);
        ExitCode::FAILURE
    })
}

/// Tells the operator what is wrong.
pub(crate) fn complain(reason: &impl fmt::Display) {
    say(&mut io::stderr(), &reason.to_string());
}

/// The text in one line: names and values may have anything in them.
pub(crate) fn one_line(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(shown).collect()
}

/// Tells the operator what was asked for.
pub(crate) fn answer(text: &str) {
    say(&mut io::stdout(), text);
}

/// Reads the arguments, the first of which is the program's own name.
pub(crate) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
) -> Result<Command, Refusal> {
    match invocation::read(arguments)? {
        Invocation::Version => Ok(Command::Print(version::text())),
        Invocation::Status(query) => Ok(Command::Status(query)),
        Invocation::StatusHelp(text) => Ok(Command::Print(text)),
        Invocation::Help => Ok(Command::Print(help::text())),
        Invocation::Gateway(arguments) => gateway::read(&arguments),
        Invocation::Run(purpose, line) => run(purpose, line, environment),
    }
}

fn run(purpose: Purpose, line: Line, environment: &Environment) -> Result<Command, Refusal> {
    let layered = layers::layer(&line.arguments, &line.typed, environment);
    if purpose == Purpose::Show {
        Problems::of_reading(&line, &layered).refuse()?;
        return Ok(Command::Print(shown::text(&layered, environment)));
    }
    let config = config(&line, &layered, environment)?;
    if purpose == Purpose::Check {
        return Ok(Command::Check(config));
    }
    let source = Source::new(line, environment.clone(), &layered);
    Ok(Command::Start(config, Box::new(source)))
}

/// The configuration, or everything that is wrong: what cannot be read, then what cannot be meant.
fn config(line: &Line, layered: &Layered, environment: &Environment) -> Result<Box<Config>, Refusal> {
    let mut problems = Problems::of_reading(line, layered);
    let config = problems.note(meant::config(layered.flags(), environment));
    problems.refuse()?;
    config.map(|config| Box::new(Config { settings: shown::settings(layered), ..config }))
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
    fn syntax(program: &str, reason: impl fmt::Display) -> Self {
        Self { lines: vec![format!("Error: {reason}"), hint(program)] }
    }

    /// These parts of the line cannot be read.
    fn unread(program: &str, wrong: &[typed::Wrong]) -> Self {
        let lines = wrong.iter().map(|wrong| format!("Error: {}", wrong.line));
        Self { lines: lines.chain([hint(program)]).collect() }
    }

    /// What is wrong, a line each.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    fn all(lines: Vec<String>) -> Result<(), Self> {
        if lines.is_empty() { Ok(()) } else { Err(Self { lines }) }
    }
}

fn hint(program: &str) -> String {
    format!("Run \"{program} start --help\" for the flags.")
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
