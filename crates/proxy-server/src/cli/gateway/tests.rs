//! The line of the gateway against what etcd 3.7.3 does with it (its `gateway start`).

use std::time::Duration;

use super::*;
use crate::gateway::GatewayConfig;

fn run(line: &[&str]) -> Result<Command, Refusal> {
    super::super::parse(line.iter().map(OsString::from), &crate::cli::Environment::default())
}

fn start(flags: &[&str]) -> Result<GatewayConfig, Refusal> {
    match run(&[&["etcd-grpc-proxy", "gateway", "start"], flags].concat())? {
        Command::Gateway(config) => Ok(*config),
        other => panic!("{flags:?}: {other:?}"),
    }
}

#[track_caller]
fn config(flags: &[&str]) -> GatewayConfig {
    start(flags).unwrap()
}

#[track_caller]
fn refusal(flags: &[&str]) -> String {
    start(flags).unwrap_err().to_string()
}

fn endpoints(flags: &[&str]) -> Vec<String> {
    config(flags).endpoints.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_are_etcds() {
    let config = config(&[]);
    assert_eq!(config.listen_addr, "127.0.0.1:23790");
    assert_eq!(endpoints(&[]), ["127.0.0.1:2379"]);
    assert_eq!(config.retry_delay, Duration::from_secs(60));
    assert_eq!(config.dial_timeout, Duration::from_secs(5));
    assert_eq!(config.drain_timeout, Duration::from_secs(30));
    assert!(
        config.metrics_addr.is_none()
            && config.worker_threads.is_none()
            && config.log == crate::config::Log::default()
    );
}

#[test]
fn every_way_to_be_called_starts() {
    for line in [
        &["etcd-grpc-proxy", "gateway", "start"][..],
        &["etcd-grpc-proxy", "gateway", "--endpoints=a:1", "start"],
        &["etcd-grpc-proxy", "gateway", "--endpoints", "a:1", "start", "extra"],
        &["/usr/local/bin/etcd", "gateway", "start", "--retry-delay=1s"],
    ] {
        assert!(matches!(run(line), Ok(Command::Gateway(_))), "{line:?}");
    }
}

#[test]
fn help_and_version_are_printed() {
    for line in [
        &["etcd-grpc-proxy", "gateway"][..],
        &["etcd", "gateway", "--help"],
        &["etcd", "gateway", "start", "-h"],
    ] {
        let Ok(Command::Print(text)) = run(line) else { panic!("{line:?}") };
        for flag in GROUPS.iter().flat_map(|group| group.flags) {
            assert!(text.contains(&format!("--{}", flag.name)), "{} in {text}", flag.name);
        }
    }
    let version = run(&["etcd-grpc-proxy", "gateway", "--version"]);
    assert!(matches!(version, Ok(Command::Print(text)) if text.starts_with("etcd-grpc-proxy Version: ")));
}

/// Every row of the table is read, whatever its type: another value than the default must arrive.
#[test]
fn every_flag_takes_a_value() {
    for flag in GROUPS.iter().flat_map(|group| group.flags) {
        let value = match flag.kind {
            crate::cli::flags::Kind::Bool => "true",
            crate::cli::flags::Kind::Duration => "7s",
            _ => "7",
        };
        let read = |arguments: &[String]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            format!("{:?}", flags::read(&mut typed::read_by(GROUPS, &arguments).line()))
        };
        assert_ne!(read(&[]), read(&[format!("--{}={value}", flag.name)]), "{}", flag.name);
    }
}

#[test]
fn schemes_are_stripped() {
    let given = "--endpoints=http://a:1,https://b:2/path,c:3,[::1]:4,http://[::1]:5,d:6/path";
    assert_eq!(endpoints(&[given]), ["a:1", "b:2", "c:3", "[::1]:4", "[::1]:5", "d:6"]);
}

#[test]
fn bad_values_are_refused_in_etcds_words() {
    let parsing = |text: &str| format!("error parsing endpoint {text:?}");
    let cases: [(&[&str], String); 14] = [
        (&["--endpoints=a:b:c"], parsing("a:b:c")),
        (&["--endpoints=foo"], parsing("foo")),
        (&["--endpoints=https://127.0.0.1"], parsing("127.0.0.1")),
        (&["--endpoints=::1"], parsing("::1")),
        (&["--endpoints=[::1]"], parsing("[::1]")),
        (&["--endpoints=,"], parsing("")),
        (&["--endpoints=a:1,,b:2"], parsing("")),
        (&["--endpoints=a:0"], parsing("a:0")),
        (&["--endpoints=a:65536"], parsing("a:65536")),
        (&["--endpoints=unix:///a.sock"], parsing("unix:///a.sock")),
        (&["--endpoints="], "no endpoints found".to_owned()),
        (&["--listen-addr=foo"], "failed to validate listen address: foo".to_owned()),
        (&["--listen-addr="], "failed to validate listen address: ".to_owned()),
        (&["--listen-addr=foo", "--endpoints=a:b:c"], parsing("a:b:c")),
    ];
    for (flags, message) in cases {
        assert_eq!(refusal(flags), message, "{flags:?}");
    }
}

#[test]
fn times_are_checked() {
    assert_eq!(config(&["--retry-delay=0"]).retry_delay, Duration::from_secs(300));
    assert_eq!(config(&["--retry-delay=2s"]).retry_delay, Duration::from_secs(2));
    assert_eq!(refusal(&["--retry-delay=-1s"]), "invalid retry-delay -1s (must not be negative)");
    assert_eq!(refusal(&["--dial-timeout=-1s"]), "invalid dial-timeout -1s (must not be negative)");
    assert_eq!(refusal(&["--dial-timeout=0"]), "invalid dial-timeout 0s (must be positive)");
}

#[test]
fn bad_lines_are_refused_in_pflags_words() {
    let cases = [
        ("--bogus", "unknown flag: --bogus"),
        ("--namespace=x", "unknown flag: --namespace"),
        (
            "--retry-delay=x",
            "invalid argument \"x\" for \"--retry-delay\" flag: time: invalid duration \"x\"",
        ),
    ];
    for (flag, message) in cases {
        let hint = "Run \"etcd-grpc-proxy gateway start --help\" for the flags.";
        assert_eq!(refusal(&[flag]), format!("Error: {message}\n{hint}"));
    }
    let unknown = run(&["etcd-grpc-proxy", "gateway", "bogus"]).unwrap_err().to_string();
    assert!(
        unknown.starts_with("Error: unknown command \"bogus\" for \"etcd-grpc-proxy gateway\"\n"),
        "{unknown}"
    );
}
