//! `cargo xtask e2e`: the end-to-end tests against real etcd, newest and oldest.

use std::path::Path;

use crate::cargo::{Profile, cargo};
use crate::command::run as run_command;
use crate::console::say;
use crate::provision::{self, Etcd};
use crate::{Outcome, proxy};

/// Which etcd to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Newest,
    Oldest,
    Both,
}

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let (choice, rest) = parse(arguments)?;
    let etcds = chosen(choice)?;
    let nsd = provision::nsd()?;
    let proxy = proxy::binary(Profile::Dev)?;
    let failures: Vec<String> =
        etcds.iter().filter_map(|etcd| run_on(etcd, &nsd, &proxy, &rest).err()).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// The tests that are chosen, with this proxy and on the newest etcd.
pub(crate) fn run_with(proxy: &Path, chosen: &[String]) -> Outcome {
    run_on(&provision::newest()?, &provision::nsd()?, proxy, chosen)
}

/// Takes out `--etcd`; the rest is for the test binary, with or without a `--` in front of its flags.
fn parse(arguments: &[String]) -> Outcome<(Choice, Vec<String>)> {
    let mut choice = Choice::Both;
    let mut rest = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--" => rest.extend(arguments.by_ref().cloned()),
            "--etcd" => choice = parse_choice(arguments.next().map_or("", String::as_str))?,
            other => match other.strip_prefix("--etcd=") {
                Some(value) => choice = parse_choice(value)?,
                None => rest.push(other.to_owned()),
            },
        }
    }
    Ok((choice, rest))
}

fn parse_choice(value: &str) -> Outcome<Choice> {
    match value {
        "newest" => Ok(Choice::Newest),
        "oldest" => Ok(Choice::Oldest),
        other => Err(format!("--etcd is newest or oldest, not {other:?}")),
    }
}

fn chosen(choice: Choice) -> Outcome<Vec<Etcd>> {
    match choice {
        Choice::Newest => Ok(vec![provision::newest()?]),
        Choice::Oldest => Ok(vec![provision::oldest()?]),
        Choice::Both => both(),
    }
}

/// The newest must be had; the oldest is used where it can be had and is another version.
fn both() -> Outcome<Vec<Etcd>> {
    let newest = provision::newest()?;
    match provision::oldest() {
        Ok(oldest) if oldest.version != newest.version => Ok(vec![newest, oldest]),
        Ok(_) => {
            say(&format!(
                "only one version to test with, {}: the oldest to be had is the same",
                newest.version
            ));
            Ok(vec![newest])
        }
        Err(reason) => {
            say(&format!("only one version to test with, {}: {reason}", newest.version));
            Ok(vec![newest])
        }
    }
}

fn run_on(etcd: &Etcd, nsd: &Path, proxy: &Path, arguments: &[String]) -> Outcome {
    say(&format!("end-to-end tests on etcd {}", etcd.version));
    let mut command = cargo();
    command.args(["test", "--package", "e2e", "--"]).args(arguments);
    command.env(provision::VARIABLE, &etcd.folder).env(proxy::VARIABLE, proxy).env(provision::NSD, nsd);
    run_command(&mut command)
        .map_err(|_| format!("end-to-end tests failed on etcd {} ({})", etcd.version, etcd.folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Outcome<(Choice, Vec<String>)> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn filters_and_flags_after_the_dashes_reach_the_test_binary() {
        let expected = vec!["watch".to_owned(), "--nocapture".to_owned(), "--etcd".to_owned()];
        assert_eq!(parsed("watch -- --nocapture --etcd"), Ok((Choice::Both, expected)));
    }

    #[test]
    fn one_etcd_can_be_picked_in_either_spelling() {
        assert_eq!(parsed("--etcd oldest"), Ok((Choice::Oldest, Vec::new())));
        assert_eq!(parsed("--etcd=newest"), Ok((Choice::Newest, Vec::new())));
    }

    #[test]
    fn another_word_for_an_etcd_is_refused() {
        assert!(parsed("--etcd 3.4").is_err());
        assert!(parsed("--etcd").is_err());
    }
}
