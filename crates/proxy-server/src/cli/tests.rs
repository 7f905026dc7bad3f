//! The whole command line against what etcd 3.7.3 does with the same arguments (its `grpc-proxy start`).

mod listener_tls;

use std::time::Duration;

use super::*;
use crate::config::{Notice, Registration, ServerKeepalive};
use crate::log::LogLevel;

fn run(line: &[&str]) -> Result<Command, Refusal> {
    parse(line.iter().map(OsString::from), &Environment::default())
}

fn start(flags: &[&str]) -> Result<Command, Refusal> {
    run(&[&["etcd-grpc-proxy", "start"], flags].concat())
}

#[track_caller]
fn config(flags: &[&str]) -> Config {
    match start(flags) {
        Ok(Command::Start(config, _)) => *config,
        other => panic!("{flags:?}: {other:?}"),
    }
}

/// What is said first, which is what etcd says.
#[track_caller]
fn refusal(flags: &[&str]) -> String {
    refusals(flags).lines().next().unwrap().to_owned()
}

/// All that is said.
#[track_caller]
fn refusals(flags: &[&str]) -> String {
    start(flags).map(|_| ()).unwrap_err().to_string()
}

/// The first line of what is said about a line that cannot be read.
#[track_caller]
fn syntax(flags: &[&str]) -> String {
    let said = refusals(flags);
    assert!(said.ends_with("\nRun \"etcd-grpc-proxy start --help\" for the flags."), "{said}");
    said.lines().next().unwrap().strip_prefix("Error: ").unwrap().to_owned()
}

#[track_caller]
fn printed(line: &[&str]) -> String {
    match run(line) {
        Ok(Command::Print(text)) => text,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[test]
fn cors_names_the_origins_of_web_pages() {
    use json_gateway::Origins;
    let origins = |names: &[&str]| Origins::new(names.iter().map(|name| (*name).to_owned()));
    assert_eq!(config(&[]).origins, origins(&["*"]));
    assert_eq!(config(&["--cors="]).origins, origins(&[]));
    let two = ["https://a.example", "http://b.example:8080"];
    assert_eq!(config(&["--cors=https://a.example,http://b.example:8080"]).origins, origins(&two));
    for wrong in
        ["a.example", "https://a.example/", "https://a.example/x", "ftp://a", "https://u@a.example", "**"]
    {
        assert!(refusal(&[&format!("--cors={wrong}")]).contains("invalid cors"), "{wrong}");
    }
}

fn endpoints(flags: &[&str]) -> Vec<String> {
    config(flags).upstream.endpoints.iter().map(ToString::to_string).collect()
}

#[test]
fn defaults_are_etcds() {
    let config = config(&[]);
    assert_eq!(config.listen_addr, "127.0.0.1:23790");
    assert_eq!(config.advertise_client_url, "127.0.0.1:23790");
    assert_eq!(config.max_concurrent_streams, u32::MAX);
    let keepalive = ServerKeepalive {
        min_time: Duration::from_secs(5),
        interval: Duration::from_secs(7200),
        timeout: Duration::from_secs(20),
    };
    assert_eq!(config.server_keepalive, keepalive);
    assert_eq!(
        config.upstream.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["127.0.0.1:2379"]
    );
    assert_eq!((config.upstream.max_send_bytes, config.upstream.max_recv_bytes), (1_572_864, 2_147_483_647));
    assert_eq!(config.upstream.keepalive, None);
    assert!(config.upstream.tls.is_none() && config.log.level == LogLevel::Info && config.notices.is_empty());
}

#[test]
fn own_flags_have_their_defaults() {
    let config = config(&[]);
    assert_eq!(config.upstream.policy, upstream_balancer::Policy::Pin);
    assert_eq!(config.upstream.connections, 1);
    assert_eq!(config.worker_threads, None);
    assert_eq!(config.drain.timeout, Duration::from_secs(30));
}

/// Every row of the table is read, whatever its type: another value than the default must arrive.
#[test]
fn every_flag_takes_a_value() {
    for flag in flags::GROUPS.iter().flat_map(|group| group.flags) {
        let name = format!("--{}", flag.name);
        let value = match flag.kind {
            flags::Kind::Bool => "true",
            flags::Kind::Duration => "7s",
            flags::Kind::Text | flags::Kind::List => "seven",
            flags::Kind::Int | flags::Kind::Uint | flags::Kind::Uint32 => "7",
        };
        let read = |arguments: &[String]| {
            let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
            format!("{:?}", typed::read(&arguments).flags())
        };
        let default = read(&[]);
        let given = read(&[format!("{name}={value}")]);
        assert_ne!(default, given, "{name}");
    }
}

#[test]
fn every_way_to_be_called_starts() {
    for line in [
        &["etcd-grpc-proxy", "start"][..],
        &["etcd-grpc-proxy", "grpc-proxy", "start"],
        &["/usr/bin/etcd-grpc-proxy", "--debug", "start"],
        &["etcd-grpc-proxy", "grpc-proxy", "--listen-addr=:1", "start"],
        &["etcd-grpc-proxy", "grpc-proxy", "--listen-addr", ":1", "start"],
        &["etcd", "grpc-proxy", "start"],
        &["/usr/local/bin/etcd", "grpc-proxy", "start", "--debug"],
    ] {
        assert!(matches!(run(line), Ok(Command::Start(..))), "{line:?}");
    }
}

/// etcd 3.7.3 starts with each of these.
#[test]
fn words_after_start_are_passed_over() {
    for words in
        [&["extra"][..], &["help"], &["-"], &["--", "--bad"], &["--debug", "false"], &["--help=false"]]
    {
        assert!(matches!(start(words), Ok(Command::Start(..))), "{words:?}");
    }
    assert_eq!(config(&["--debug", "false"]).log.level, LogLevel::Debug);
}

#[test]
fn other_etcd_commands_are_refused_in_one_line() {
    let refused = |line: &[&str]| run(line).unwrap_err().to_string();
    let only = "etcd-grpc-proxy serves \"etcd grpc-proxy start\" and \"etcd gateway start\" only,";
    assert_eq!(refused(&["etcd"]), format!("{only} it is not an etcd server"));
    assert_eq!(refused(&["etcd", "--name", "m1"]), format!("{only} not \"etcd --name\""));
    assert_eq!(refused(&["etcd", "start"]), format!("{only} not \"etcd start\""));
    let unknown = refused(&["etcd-grpc-proxy", "member"]);
    assert!(unknown.starts_with("Error: unknown command \"member\" for \"etcd-grpc-proxy\"\n"), "{unknown}");
    let forgotten = refused(&["etcd-grpc-proxy", "--listen-addr=:1"]);
    assert!(forgotten.starts_with("Error: no command: the flags belong to"), "{forgotten}");
}

#[test]
fn help_and_version_are_printed() {
    let help = printed(&["etcd-grpc-proxy"]);
    for line in [
        &["etcd-grpc-proxy", "--help"][..],
        &["etcd-grpc-proxy", "-h"],
        &["etcd-grpc-proxy", "help"],
        &["etcd-grpc-proxy", "start", "--help"],
        &["etcd-grpc-proxy", "start", "--endpoints=a", "-h"],
        &["etcd-grpc-proxy", "grpc-proxy"],
        &["etcd", "--help"],
        &["etcd", "grpc-proxy", "start", "--help"],
    ] {
        assert_eq!(printed(line), help, "{line:?}");
    }
    for line in [
        &["etcd-grpc-proxy", "--version"][..],
        &["etcd-grpc-proxy", "-version"],
        &["etcd-grpc-proxy", "version"],
        &["etcd", "--version"],
        &["etcd", "grpc-proxy", "--version"],
    ] {
        assert!(printed(line).starts_with("etcd-grpc-proxy Version: "), "{line:?}");
    }
}

#[test]
fn help_names_every_flag() {
    let help = printed(&["etcd-grpc-proxy", "--help"]);
    for flag in flags::GROUPS.iter().flat_map(|group| group.flags) {
        assert!(help.contains(&format!("--{}", flag.name)), "{}", flag.name);
    }
}

#[test]
fn bad_lines_are_refused_in_pflags_words() {
    let cases: [(&[&str], &str); 22] = [
        (&["--bad-flag"], "unknown flag: --bad-flag"),
        (&["--bad=x"], "unknown flag: --bad"),
        (&["--bad", "x"], "unknown flag: --bad"),
        (&["--debug", "--bad"], "unknown flag: --bad"),
        (&["-h", "--bad"], "unknown flag: --bad"),
        (&["--h"], "unknown flag: --h"),
        (&["--listen-add=:1"], "unknown flag: --listen-add"),
        (&["-x"], "unknown shorthand flag: 'x' in -x"),
        (&["-dx"], "unknown shorthand flag: 'd' in -dx"),
        (&["--debug", "--=x"], "bad flag syntax: --=x"),
        (&["---x"], "bad flag syntax: ---x"),
        (
            &["--resolver-ttl", "x", "--bad"],
            r#"invalid argument "x" for "--resolver-ttl" flag: strconv.ParseInt: parsing "x": invalid syntax"#,
        ),
        (
            &["--resolver-ttl", "--", "--bad"],
            r#"invalid argument "--" for "--resolver-ttl" flag: strconv.ParseInt: parsing "--": invalid syntax"#,
        ),
        (&["--resolver-ttl"], "flag needs an argument: --resolver-ttl"),
        (&["--endpoints"], "flag needs an argument: --endpoints"),
        (
            &["--resolver-ttl=x"],
            r#"invalid argument "x" for "--resolver-ttl" flag: strconv.ParseInt: parsing "x": invalid syntax"#,
        ),
        (
            &["--resolver-ttl", "--bad"],
            r#"invalid argument "--bad" for "--resolver-ttl" flag: strconv.ParseInt: parsing "--bad": invalid syntax"#,
        ),
        (
            &["--debug="],
            r#"invalid argument "" for "--debug" flag: strconv.ParseBool: parsing "": invalid syntax"#,
        ),
        (
            &["--help=x"],
            r#"invalid argument "x" for "-h, --help" flag: strconv.ParseBool: parsing "x": invalid syntax"#,
        ),
        (
            &["--dial-keepalive-time=5"],
            r#"invalid argument "5" for "--dial-keepalive-time" flag: time: missing unit in duration "5""#,
        ),
        (
            &[r#"--endpoints=a"b"#],
            r#"invalid argument "a\"b" for "--endpoints" flag: parse error on line 1, column 2: bare " in non-quoted-field"#,
        ),
        (
            &["--max-concurrent-streams=4294967296"],
            r#"invalid argument "4294967296" for "--max-concurrent-streams" flag: strconv.ParseUint: parsing "4294967296": value out of range"#,
        ),
    ];
    for (flags, message) in cases {
        assert_eq!(syntax(flags), message, "{flags:?}");
    }
}

#[test]
fn a_bad_value_is_refused_even_when_a_good_one_follows() {
    assert!(syntax(&["--max-recv-bytes=x", "--max-recv-bytes=5"]).starts_with("invalid argument \"x\""));
    assert!(syntax(&["--max-recv-bytes=5", "--max-recv-bytes=x"]).starts_with("invalid argument \"x\""));
}

#[test]
fn the_last_value_of_a_flag_wins() {
    assert_eq!(config(&["--listen-addr", ":1", "--listen-addr=:2"]).listen_addr, ":2");
    assert_eq!(config(&["--debug", "--debug=F"]).log.level, LogLevel::Info);
    assert_eq!(config(&["--debug=0", "--debug"]).log.level, LogLevel::Debug);
}

#[test]
fn values_may_be_empty_or_look_like_flags() {
    assert_eq!(config(&["--advertise-client-url="]).advertise_client_url, "");
    assert_eq!(config(&["--advertise-client-url", ""]).advertise_client_url, "");
    let advertised = |flags: &[&str]| config(flags).advertise_client_url;
    assert_eq!(advertised(&["--advertise-client-url", "--bad"]), "--bad");
    assert_eq!(advertised(&["--advertise-client-url=a=b"]), "a=b");
    assert!(matches!(start(&["--resolver-ttl", "-1"]), Ok(Command::Start(..))));
}

#[test]
fn lists_repeat_and_replace_the_default() {
    assert_eq!(endpoints(&["--endpoints", "a:1,b:2"]), ["a:1", "b:2"]);
    assert_eq!(endpoints(&["--endpoints=a:1", "--endpoints=b:2,c:3"]), ["a:1", "b:2", "c:3"]);
    assert_eq!(endpoints(&["--endpoints=", "--endpoints=https://a:1"]), ["https://a:1"]);
    assert_eq!(endpoints(&["--endpoints=a:1,,b:2,"]), ["a:1", "b:2"]);
    assert_eq!(endpoints(&[r#"--endpoints="a:1","b:2""#]), ["a:1", "b:2"]);
}

#[test]
fn nothing_to_connect_to_is_refused_in_etcds_words() {
    for flags in [&["--endpoints="][..], &["--endpoints", ""], &["--endpoints=", "--max-recv-bytes=1"]] {
        assert_eq!(refusal(flags), "etcdclient: no available endpoints");
    }
}

/// etcd 3.7.3, one check after the other.
#[test]
fn registration_is_checked_in_etcds_words() {
    assert_eq!(refusal(&["--resolver-ttl", "5"]), "invalid resolver-prefix \"\"");
    assert_eq!(refusal(&["--resolver-ttl=0x10"]), "invalid resolver-prefix \"\"");
    assert_eq!(refusal(&["--resolver-prefix=x"]), "invalid resolver-ttl 0");
    assert_eq!(refusal(&["--resolver-prefix=x", "--resolver-ttl=-1"]), "invalid resolver-ttl -1");
    assert_eq!(config(&["--resolver-ttl=-1"]).registration, None);
    let registration = config(&["--resolver-prefix=x/", "--resolver-ttl=5"]).registration;
    assert_eq!(registration, Some(Registration { prefix: "x/".to_owned(), ttl: 5 }));
    let all = ["--resolver-ttl=5", "--resolver-prefix=x", "--advertise-client-url="];
    assert_eq!(refusal(&all), "invalid advertise-client-url \"\"");
}

#[test]
fn listener_tls_is_checked_in_etcds_words_and_order() {
    let validity = "selfSignedCertValidity is invalid,it should be greater than 0";
    let unexpected = |name: &str, version: &str| {
        format!("{name} is invalid: unexpected TLS version \"{version}\" (must be one of: TLS1.2, TLS1.3)")
    };
    let cases: [(&[&str], String); 10] = [
        (&["--self-signed-cert-validity=0", "--auto-tls", "--tls-min-version=x"], validity.to_owned()),
        (
            &["--self-signed-cert-validity=0", "--auto-tls", "--resolver-ttl=5"],
            "invalid resolver-prefix \"\"".to_owned(),
        ),
        (&["--self-signed-cert-validity=0", "--tls-min-version=x"], unexpected("tls-min-version", "x")),
        (&["--tls-min-version=TLS1.1"], unexpected("tls-min-version", "TLS1.1")),
        (&["--tls-min-version=tls1.2"], unexpected("tls-min-version", "tls1.2")),
        (&["--tls-min-version=y", "--tls-max-version=x"], unexpected("tls-min-version", "y")),
        (&["--tls-max-version=x"], unexpected("tls-max-version", "x")),
        (
            &["--tls-min-version=TLS1.3", "--tls-max-version=TLS1.2"],
            "min version (TLS1.3) is greater than max version (TLS1.2)".to_owned(),
        ),
        (
            &["--tls-min-version=TLS1.3", "--listen-cipher-suites=bogus"],
            "cipher suites cannot be configured when only TLS1.3 is enabled".to_owned(),
        ),
        (&["--self-signed-cert-validity=0", "--auto-tls"], validity.to_owned()),
    ];
    for (flags, message) in cases {
        assert_eq!(refusal(flags), message, "{flags:?}");
    }
}

/// etcd 3.7.3: certificate files come before the endpoints, those before the sizes.
#[test]
fn message_sizes_are_etcds() {
    let sizes = |flags: &[&str]| {
        let upstream = config(flags).upstream;
        (upstream.max_send_bytes, upstream.max_recv_bytes)
    };
    let too_small = |recv: i64, send: i64| {
        format!("gRPC message recv limit ({recv} bytes) must be greater than send limit ({send} bytes)")
    };
    assert_eq!(refusal(&["--max-send-bytes=010", "--max-recv-bytes=7"]), too_small(7, 8));
    assert_eq!(refusal(&["--max-send-bytes=0x_1f", "--max-recv-bytes=2"]), too_small(2, 31));
    assert_eq!(refusal(&["--max-send-bytes=5000000000", "--max-recv-bytes=4"]), too_small(4, 5_000_000_000));
    assert_eq!(sizes(&["--max-send-bytes=0_1", "--max-recv-bytes=4"]), (1, 4));
    assert_eq!(sizes(&["--max-send-bytes=4", "--max-recv-bytes=4"]), (4, 4));
    assert_eq!(sizes(&["--max-send-bytes=0", "--max-recv-bytes=5"]), (2_097_152, 5));
    assert_eq!(sizes(&["--max-send-bytes=-3", "--max-recv-bytes=-5"]), (2_097_152, 2_147_483_647));
    assert_eq!(sizes(&["--max-recv-bytes=0"]), (1_572_864, 2_147_483_647));
}

#[test]
fn keepalive_flags_mean_what_grpc_go_makes_of_them() {
    let keepalive = |flags: &[&str]| config(flags).upstream.keepalive;
    assert_eq!(keepalive(&["--permit-without-stream", "--dial-keepalive-timeout=1s"]), None);
    assert_eq!(keepalive(&["--dial-keepalive-time=-5s"]), None);
    let pings = keepalive(&["--dial-keepalive-time=1m", "--permit-without-stream"]).unwrap();
    assert_eq!((pings.interval, pings.timeout), (Duration::from_secs(60), Duration::from_secs(20)));
    assert!(pings.permit_without_stream);
    assert_eq!(keepalive(&["--dial-keepalive-time=1s"]).unwrap().interval, Duration::from_secs(10));
    let server = |flags: &[&str]| config(flags).server_keepalive;
    assert_eq!(server(&["--grpc-keepalive-interval=1ms"]).interval, Duration::from_secs(1));
    assert_eq!(server(&["--grpc-keepalive-interval=-1s"]).interval, Duration::from_secs(7200));
    assert_eq!(server(&["--grpc-keepalive-min-time=0"]).min_time, Duration::from_secs(300));
    assert_eq!(config(&["--max-concurrent-streams=0"]).max_concurrent_streams, u32::MAX);
}

#[test]
fn own_flags_are_checked() {
    use upstream_balancer::Policy;
    assert_eq!(config(&["--balancer=round-robin"]).upstream.policy, Policy::RoundRobin);
    assert_eq!(config(&["--balancer=least-in-flight"]).upstream.policy, Policy::LeastInFlight);
    assert!(refusal(&["--balancer=x"]).contains("balancer"));
    assert_eq!(config(&["--worker-threads=3"]).worker_threads, Some(3));
    assert_eq!(config(&["--drain-timeout=0"]).drain.timeout, Duration::ZERO);
    let bounds = "(must be between 1 and 256)";
    assert_eq!(refusal(&["--upstream-connections=0"]), format!("invalid upstream-connections 0 {bounds}"));
    assert_eq!(
        refusal(&["--upstream-connections=257"]),
        format!("invalid upstream-connections 257 {bounds}")
    );
    assert_eq!(refusal(&["--drain-timeout=-5s"]), "invalid drain-timeout -5s (must not be negative)");
    assert_eq!(refusal(&["--drain-delay=-5s"]), "invalid drain-delay -5s (must not be negative)");
    assert_eq!(config(&[]).drain.delay, Duration::ZERO);
    assert_eq!(config(&["--drain-delay=5s"]).drain.delay, Duration::from_secs(5));
    assert!(config(&["--read-only"]).read_only && !config(&[]).read_only);
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let said = refusals(&[
        "--listen-add=:1",
        "--resolver-ttl=x",
        "--endpoints=ftp://a:1,b:2,http://",
        "--balancer=none",
        "--max-recv-bytes=1",
        "--listen-addr=nowhere",
        "--tls-min-version=y",
        "--tls-max-version=z",
        "--drain-timeout=-5s",
        "--debug=maybe",
        "--cert=/nonexistent/c",
    ]);
    let wanted = [
        "Error: unknown flag: --listen-add",
        "Did you mean --listen-addr?",
        "Error: invalid argument \"x\" for \"--resolver-ttl\" flag: ",
        "Error: invalid argument \"maybe\" for \"--debug\" flag: ",
        "tls-min-version is invalid: unexpected TLS version \"y\"",
        "tls-max-version is invalid: unexpected TLS version \"z\"",
        "listen tcp: address nowhere: missing port in address",
        "KeyFile and CertFile must both be present",
        "gRPC message recv limit (1 bytes) must be greater",
        "unknown balancer",
        "invalid drain-timeout -5s",
        "Run \"etcd-grpc-proxy start --help\"",
    ];
    for wanted in wanted {
        assert_eq!(said.lines().filter(|line| line.starts_with(wanted)).count(), 1, "{wanted} in\n{said}");
    }
    assert!(said.contains("ftp") && !said.contains("resolver-ttl 0"), "{said}");
}

#[test]
fn a_slip_in_a_name_is_pointed_out_after_pflags_words() {
    let second = |flags: &[&str]| refusals(flags).lines().nth(1).unwrap().to_owned();
    assert_eq!(second(&["--endpoint=a:1"]), "Did you mean --endpoints?");
    assert_eq!(second(&["--listen_addr", ":1"]), "Did you mean --listen-addr?");
    assert!(second(&["--initial-cluster=x"]).starts_with("Run "));
    let command = run(&["etcd-grpc-proxy", "strat"]).unwrap_err().to_string();
    assert!(command.contains("Did you mean start?"), "{command}");
}

#[test]
fn a_line_with_nothing_but_slips_ends() {
    let slips: Vec<String> = (0..200).map(|index| format!("--slip-{index}")).collect();
    let flags: Vec<&str> = slips.iter().map(String::as_str).collect();
    assert!(refusals(&flags).lines().count() < 50);
}

#[test]
fn a_namespace_is_kept_by_the_policy_that_was_asked_for() {
    let open = config(&[]).namespace;
    assert!(open.prefix().is_empty() && !open.is_strict());
    let permissive = config(&["--namespace=ns/"]).namespace;
    assert_eq!((permissive.prefix().as_bytes(), permissive.is_strict()), (&b"ns/"[..], false));
    assert!(config(&["--namespace=ns/", "--namespace-policy=strict"]).namespace.is_strict());
    let choice = "(must be one of: permissive, strict)";
    assert_eq!(refusal(&["--namespace-policy=lax"]), format!("invalid namespace-policy \"lax\" {choice}"));
    let keeps_nobody = "invalid namespace-policy \"strict\" (there is no --namespace to keep)";
    assert_eq!(refusal(&["--namespace-policy=strict"]), keeps_nobody);
}

#[test]
fn values_that_ask_for_nothing_pass() {
    let spelled_out = [
        "--namespace=",
        "--metrics-addr=",
        "--resolver-prefix=",
        "--resolver-ttl=0",
        "--enable-pprof=false",
        "--endpoints-auto-sync-interval=0s",
        "--listen-cipher-suites=",
        "--tls-min-version=TLS1.2",
        "--tls-min-version=",
        "--tls-max-version=",
        "--auto-tls=false",
        "--self-signed-cert-validity=0",
        "--data-dir=/var/lib/proxy",
        "--insecure-discovery",
        "--discovery-srv=",
        "--experimental-serializable-ordering=false",
    ];
    config(&spelled_out);
}

#[test]
fn the_cache_is_bounded_and_can_be_switched_off() {
    assert_eq!(config(&[]).cache, kv_cache::Config::default());
    let given = config(&["--cache-max-entries=7", "--cache-max-bytes=0", "--cache-max-age=250ms"]).cache;
    assert_eq!((given.max_entries, given.max_bytes), (7, 0));
    assert_eq!(given.max_age, Duration::from_millis(250));
    assert_eq!(config(&["--cache-max-age=0"]).cache.max_age, Duration::ZERO);
    assert!(config(&["--experimental-serializable-ordering"]).cache.ordered && !given.ordered);
    assert_eq!(refusal(&["--cache-max-age=-1s"]), "invalid cache-max-age -1s (must not be negative)");
}

#[test]
fn client_certificates_are_refused_in_etcds_words() {
    assert_eq!(refusal(&["--cert=a.pem"]), "KeyFile and CertFile must both be present[key: , cert: a.pem]");
    let missing = ["--cert=/nonexistent/c", "--key=/nonexistent/k", "--endpoints="];
    assert_eq!(refusal(&missing), "open /nonexistent/c: no such file or directory");
}

#[test]
fn schemes_and_flags_decide_which_endpoint_speaks_tls() {
    let skip = "--insecure-skip-tls-verify";
    assert!(config(&["--endpoints=a:1"]).upstream.tls.is_none());
    assert!(config(&["--endpoints=a:1", skip]).upstream.tls.is_some());
    assert!(config(&["--endpoints=https://a:1", skip]).upstream.tls.is_some());
    let mixed = config(&["--endpoints=http://a:1,https://b:1", skip]);
    assert!(mixed.upstream.tls.is_some());
    let plain = config(&["--endpoints=http://a:1", skip]);
    assert!(plain.upstream.tls.is_none());
    assert_eq!(plain.notices.first(), Some(&Notice::Unverified));
    assert_eq!(plain.notices.last(), Some(&Notice::PlainDespiteTlsFlags("http://a:1".to_owned())));
}

#[cfg(unix)]
#[test]
fn bytes_that_are_not_text_are_refused() {
    use std::os::unix::ffi::OsStringExt;
    let line = ["etcd-grpc-proxy".into(), "start".into(), OsString::from_vec(b"--cert=\xff".to_vec())];
    assert!(
        parse(line, &Environment::default())
            .unwrap_err()
            .to_string()
            .starts_with("Error: the command line is not valid UTF-8\n")
    );
    let line = ["etcd-grpc-proxy".into(), OsString::from_vec(b"st\xff".to_vec())];
    assert!(parse(line, &Environment::default()).is_err());
}

#[test]
fn settings_are_shown_as_typed_and_without_secrets() {
    let settings =
        config(&["--user=proxy:a:b", "--debug", "--endpoints=a:1", "--endpoints", "b:1,c:1"]).settings;
    let given: Vec<_> = settings.iter().filter(|setting| !setting.is_default()).collect();
    let shown: Vec<_> = given.iter().map(|setting| (setting.flag, setting.value.as_str())).collect();
    assert_eq!(shown, [("endpoints", "a:1,b:1,c:1"), ("user", "proxy:(not shown)"), ("debug", "true")]);
    assert!(settings.iter().any(|setting| setting.flag == "balancer" && setting.value == "pin"));
}

#[test]
fn limits_are_off_unless_asked_for_and_make_sense_together() {
    assert_eq!(config(&[]).limits, crate::door::limits::LimitsConfig::default());
    let limits = config(&["--client-qps=10", "--max-connections=5", "--max-watches-per-client=7"]).limits;
    assert_eq!((limits.connections, limits.watches), (Some(5), Some(7)));
    let rate = limits.calls.expect("a rate");
    assert_eq!((rate.qps.get(), rate.burst.get()), (10, 10));
    let rate = config(&["--client-qps=10", "--client-burst=3"]).limits.calls.expect("a rate");
    assert_eq!(rate.burst.get(), 3);
    for (flags, refused) in [
        (&["--client-burst=3"][..], "invalid client-burst 3 (there is no --client-qps)"),
        (&["--client-qps=2000000000"], "invalid client-qps 2000000000 (must be between 1 and 1000000000)"),
        (
            &["--client-key=name"],
            "invalid client-key \"name\" (must be one of: address, credential, certificate)",
        ),
        (
            &["--client-key=certificate"],
            "invalid client-key \"certificate\" (without --trusted-ca-file clients show none)",
        ),
        (
            &["--max-watches-per-client=1", "--watch-coalescing=off"],
            "invalid max-watches-per-client (watchers are counted with --watch-coalescing=on only)",
        ),
    ] {
        assert_eq!(refusal(flags), refused);
    }
}

#[test]
fn keys_are_leased_under_a_prefix_for_a_time() {
    assert_eq!(config(&[]).leasing, leasing_kv::Config::off());
    let leasing = config(&["--experimental-leasing-prefix=_l/"]).leasing;
    assert_eq!((leasing.prefix.as_ref(), leasing.ttl), (&b"_l/"[..], 60));
    assert_eq!(config(&["--experimental-leasing-prefix=x", "--leasing-session-ttl=5"]).leasing.ttl, 5);
    let refused = "invalid leasing-session-ttl 0 (must be at least 1)";
    assert_eq!(refusal(&["--leasing-session-ttl=0"]), refused);
}
