//! The flags of `etcd-grpc-proxy status`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command, error::ErrorKind};
use tls_termination::ClientTls;

use super::{
    Refusal,
    go_values::{GoDuration, parse_duration},
    help::PROGRAM,
    invocation::Invocation,
};
use crate::status_command::{Address, StatusQuery};

/// The word that stands for it.
pub(super) const COMMAND: &str = "status";

const ABOUT: &str = "\
Shows what a proxy says of itself: members, watches, reads, leases, clients.

Where the proxy has a --metrics-addr, its status is there only.";

/// Reads what follows the word.
pub(super) fn read(arguments: &[OsString]) -> Result<Invocation, Refusal> {
    match command().try_get_matches_from(arguments) {
        Ok(mut matches) => query(&mut matches).map(|query| Invocation::Status(Box::new(query))),
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            Ok(Invocation::StatusHelp(error.to_string().trim_end().to_owned()))
        }
        Err(error) => Err(Refusal::new(error.to_string().trim_end())),
    }
}

/// What clap has to know of it.
pub(super) fn command() -> Command {
    let file = |name, help| value(name, "file", "", help);
    let flag = |name, help| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    Command::new("status").bin_name(format!("{PROGRAM} {COMMAND}")).about(ABOUT).no_binary_name(true).args([
        value(
            "endpoint",
            "address",
            "127.0.0.1:23790",
            "host:port, http://, https:// or unix:// of the proxy",
        ),
        flag("watch", "Shows it anew until it is interrupted"),
        value("interval", "duration", "2s", "How often, with --watch").value_parser(parse_duration),
        flag("json", "Shows it as JSON"),
        file("cacert", "Authorities that the proxy's certificate must lead to (PEM)"),
        file("cert", "Client certificate (PEM)"),
        file("key", "Private key of the client certificate (PEM)"),
        flag("insecure-skip-tls-verify", "Takes any certificate. For tests only"),
    ])
}

fn value(name: &'static str, value: &'static str, default: &'static str, help: &'static str) -> Arg {
    let arg = Arg::new(name).long(name).value_name(value).default_value(default).help(help);
    arg.hide_default_value(default.is_empty())
}

fn query(matches: &mut ArgMatches) -> Result<StatusQuery, Refusal> {
    let mut file = |name| {
        let given: String = matches.remove_one(name).unwrap_or_default();
        if given.is_empty() { None } else { Some(PathBuf::from(given)) }
    };
    let tls = ClientTls {
        cert: file("cert"),
        key: file("key"),
        cacert: file("cacert"),
        insecure_skip_verify: matches.get_flag("insecure-skip-tls-verify"),
        may_name_somebody: true,
        ..ClientTls::default()
    };
    let endpoint: String = matches.remove_one("endpoint").unwrap_or_default();
    let interval: GoDuration = matches.remove_one("interval").unwrap_or_default();
    let Some(interval) = interval.positive() else {
        return Err(Refusal::new(format!("invalid interval {interval} (must be positive)")));
    };
    Ok(StatusQuery {
        address: Address::parse(&endpoint)
            .ok_or_else(|| Refusal::new(format!("invalid endpoint \"{endpoint}\"")))?,
        tls,
        again: matches.get_flag("watch").then_some(interval),
        as_json: matches.get_flag("json"),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn query(arguments: &[&str]) -> Result<StatusQuery, String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        match read(&arguments) {
            Ok(Invocation::Status(query)) => Ok(*query),
            Ok(other) => Err(format!("{other:?}")),
            Err(refusal) => Err(refusal.to_string()),
        }
    }

    #[test]
    fn an_endpoint_says_how_it_is_reached() {
        let address = |endpoint: &str| query(&["--endpoint", endpoint]).map(|query| query.address);
        assert_eq!(query(&[]).unwrap().address, Address::Plain("127.0.0.1:23790".to_owned()));
        assert_eq!(address("a:1"), Ok(Address::Plain("a:1".to_owned())));
        assert_eq!(address("http://a:1/"), Ok(Address::Plain("a:1".to_owned())));
        assert_eq!(address("https://a:1"), Ok(Address::Tls("a:1".to_owned())));
        assert_eq!(address("unix:///run/p.sock"), Ok(Address::Unix("/run/p.sock".into())));
        assert_eq!(address("a").unwrap_err(), "invalid endpoint \"a\"");
        assert_eq!(address("ftp://a:1").unwrap_err(), "invalid endpoint \"ftp://a:1\"");
    }

    #[test]
    fn it_is_shown_again_when_asked_for() {
        assert_eq!(query(&[]).unwrap().again, None);
        assert_eq!(query(&["--watch"]).unwrap().again, Some(Duration::from_secs(2)));
        assert_eq!(query(&["--watch", "--interval=500ms"]).unwrap().again, Some(Duration::from_millis(500)));
        assert!(query(&["--interval=0s"]).unwrap_err().starts_with("invalid interval 0"));
        assert!(query(&["--nothing"]).unwrap_err().contains("--nothing"));
        assert!(query(&["--help"]).unwrap_err().contains("etcd-grpc-proxy status"));
    }
}
