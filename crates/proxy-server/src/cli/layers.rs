//! Where values come from: the command line, then the environment, then the file, then the table's default.
//!
//! ```text
//! command line ──────────────────────────────┐
//! ETCD_GRPC_PROXY_… ─► what is not above ────┼─► one command line ─► typed ─► Flags
//! --config-file ─────► what is not above ────┘
//! ```
//!
//! What a variable or the file says is put into the words of the command line, so that there is one reader for all three.
//! Its value is read by itself before that: what is wrong with it is said with the place where it stands.

mod environment;
mod file;

use std::{ffi::OsString, fmt, path::PathBuf};

pub(crate) use environment::Environment;
pub(super) use environment::{PASSWORD, variable};

use super::{
    flags::{Flag, Flags, Kind, all},
    go_values::{parse_bool, parse_csv, parse_duration, parse_int, parse_uint, parse_uint32, quote},
    typed::{self, Typed},
};

/// A value before anybody asked what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    One(String),
    /// Of a list, each value by itself.
    Many(Vec<String>),
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Default,
    CommandLine,
    Environment,
    File { path: PathBuf, line: usize },
}

/// One value of a variable or of the file.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    flag: &'static Flag,
    given: Given,
    origin: Origin,
}

/// All values, whoever gave them.
#[derive(Debug)]
pub(super) struct Layered {
    typed: Typed,
    settings: Vec<Setting>,
    /// What could not be read in the environment and in the file, a line each.
    pub(super) wrong: Vec<String>,
    /// The flags whose values these are.
    pub(super) unread: Vec<&'static str>,
}

/// Keys that only make sense where something is started.
const COMMAND_LINE_ONLY: &str = "version";

/// Adds to the command line what the environment and the file say.
pub(super) fn layer(arguments: &[OsString], typed: &Typed, environment: &Environment) -> Layered {
    let mut layered = Layers { typed, settings: Vec::new(), wrong: Vec::new(), unread: Vec::new() };
    environment.read(&mut layered);
    if let Some(path) = layered.config_file() {
        file::read(&path, &mut layered);
    }
    let Layers { settings, wrong, unread, .. } = layered;
    let mut line: Vec<OsString> = settings.iter().flat_map(Setting::arguments).map(OsString::from).collect();
    line.extend_from_slice(arguments);
    Layered { typed: typed::read(&line), settings, wrong, unread }
}

/// The layers below the command line while they are read.
struct Layers<'a> {
    typed: &'a Typed,
    settings: Vec<Setting>,
    wrong: Vec<String>,
    unread: Vec<&'static str>,
}

impl Layers<'_> {
    /// Takes a value, unless somebody above has given one, and tells what is wrong with it even then. `place` is what the
    /// operator calls it.
    fn take(&mut self, place: &dyn fmt::Display, setting: Setting) {
        let Setting { flag, given, .. } = &setting;
        if let Err(reason) = readable(flag, given) {
            self.unread.push(flag.name);
            self.wrong.push(format!("{place}: {reason}"));
        } else if !self.typed.has(flag.name)
            && !self.settings.iter().any(|above| above.flag.name == flag.name)
        {
            self.settings.push(setting);
        }
    }

    fn config_file(&self) -> Option<PathBuf> {
        let set = self.settings.iter().find(|setting| setting.flag.name == "config-file");
        let path = match set.map(|setting| &setting.given) {
            Some(Given::One(path)) => path.clone(),
            Some(Given::Many(_)) | None => self.typed.flags().config_file,
        };
        (!path.is_empty()).then(|| path.into())
    }
}

impl Layered {
    /// What they say together.
    pub(super) fn flags(&self) -> Flags {
        self.typed.flags()
    }

    /// Every flag with its value and who gave it.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'static Flag, Given, Origin)> {
        all().filter(|flag| flag.name != COMMAND_LINE_ONLY).map(|flag| {
            let setting = self.settings.iter().find(|setting| setting.flag.name == flag.name);
            let origin = match setting {
                Some(setting) => setting.origin.clone(),
                None if self.typed.has(flag.name) => Origin::CommandLine,
                None => Origin::Default,
            };
            (flag, self.typed.value(flag), origin)
        })
    }
}

impl Setting {
    /// The words of the command line that say the same.
    fn arguments(&self) -> Vec<String> {
        let name = self.flag.name;
        match &self.given {
            Given::One(text) => vec![format!("--{name}={text}")],
            Given::Many(texts) if texts.is_empty() => vec![format!("--{name}=")],
            Given::Many(texts) => {
                texts.iter().map(|text| format!("--{name}=\"{}\"", text.replace('"', "\"\""))).collect()
            }
        }
    }
}

/// Whether the table's kind can be read from the text, and why not.
fn readable(flag: &Flag, given: &Given) -> Result<(), String> {
    let text = match (flag.kind, given) {
        (Kind::List, Given::Many(_)) => return Ok(()),
        (_, Given::Many(_)) => return Err(format!("{} takes one value, not a list", flag.name)),
        (_, Given::One(text)) => text,
    };
    let read = match flag.kind {
        Kind::Bool => parse_bool(text).map(drop),
        Kind::Text => Ok(()),
        Kind::List => parse_csv(text).map(drop),
        Kind::Int => parse_int(text).map(drop),
        Kind::Uint => parse_uint(text).map(drop),
        Kind::Uint32 => parse_uint32(text).map(drop),
        Kind::Duration => parse_duration(text).map(drop),
    };
    read.map_err(|reason| format!("invalid argument {} for {}: {reason}", quote(text), flag.name))
}

/// The flag of this name, where it may stand outside of the command line.
fn flag_named(name: &str) -> Option<&'static Flag> {
    all().find(|flag| flag.name == name && name != COMMAND_LINE_ONLY)
}

fn names() -> impl Iterator<Item = &'static str> {
    all().map(|flag| flag.name).filter(|name| *name != COMMAND_LINE_ONLY)
}

#[cfg(test)]
mod tests;
