//! Every value and where it comes from, without secrets: for `config show`, as a file that can be used, and for the status.

use super::{
    flags::{Flag, Kind},
    layers::{Environment, Given, Layered, Origin, PASSWORD, variable},
};
use crate::config::Setting;

/// What stands in the place of a secret.
const HIDDEN: &str = "(not shown)";

/// Every flag with its value, in the order of the help.
pub(super) fn settings(layered: &Layered) -> Vec<Setting> {
    let setting = |(flag, given, origin): (&'static Flag, Given, Origin)| Setting {
        flag: flag.name,
        value: match without_secrets(flag, given) {
            Given::One(text) => text,
            Given::Many(texts) => texts.join(","),
        },
        origin: comment(flag, &origin),
    };
    layered.values().map(setting).collect()
}

/// A line for each flag, in TOML, with the origin as a comment.
pub(super) fn text(layered: &Layered, environment: &Environment) -> String {
    let rows: Vec<(String, String)> =
        layered.values().map(|(flag, given, origin)| (pair(flag, given), comment(flag, &origin))).collect();
    let width = rows.iter().map(|(pair, _)| pair.len()).filter(|width| *width < 60).max().unwrap_or_default();
    let mut lines: Vec<String> =
        rows.into_iter().map(|(pair, comment)| format!("{pair:width$}  # {comment}")).collect();
    if environment.get(PASSWORD).is_some() {
        lines.push(format!("# the password of user: {PASSWORD}"));
    }
    lines.join("\n")
}

/// A file may not name another one, so that row is a comment as a whole.
fn pair(flag: &Flag, given: Given) -> String {
    let mark = if flag.name == "config-file" { "# " } else { "" };
    format!("{mark}{} = {}", flag.name, value(flag, without_secrets(flag, given)))
}

fn value(flag: &Flag, given: Given) -> String {
    match (flag.kind, given) {
        (_, Given::Many(texts)) => {
            format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
        }
        // TOML's integers end where Go's signed ones do.
        (Kind::Bool, Given::One(text)) => text,
        (Kind::Int | Kind::Uint | Kind::Uint32, Given::One(text)) if text.parse::<i64>().is_ok() => text,
        (_, Given::One(text)) => quoted(&text),
    }
}

/// What follows the name in `name:password`, and in an endpoint what stands before its host.
fn without_secrets(flag: &Flag, given: Given) -> Given {
    match given {
        Given::One(text) if flag.name == "user" => Given::One(match text.split_once(':') {
            Some((name, _)) => format!("{name}:{HIDDEN}"),
            None => text,
        }),
        Given::Many(texts) => Given::Many(texts.iter().map(|text| without_userinfo(text)).collect()),
        given => given,
    }
}

/// The URL without what stands before its host.
pub(super) fn without_userinfo(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    match rest.rsplit_once('@') {
        Some((_, host)) if scheme.is_empty() => format!("{HIDDEN}@{host}"),
        Some((_, host)) => format!("{scheme}://{HIDDEN}@{host}"),
        None => url.to_owned(),
    }
}

fn comment(flag: &Flag, origin: &Origin) -> String {
    match origin {
        Origin::Default => Setting::DEFAULT.to_owned(),
        Origin::CommandLine => format!("--{}", flag.name),
        Origin::Environment => variable(flag.name),
        Origin::File { path, line } => format!("{}:{line}", path.display()),
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let escaped: String = text.chars().map(escape).collect();
    format!("\"{escaped}\"")
}

fn escape(c: char) -> String {
    match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '\t' => "\\t".to_owned(),
        c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
        c => c.to_string(),
    }
}
