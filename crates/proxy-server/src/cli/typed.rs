//! pflag's syntax on top of clap, and pflag's words for what is wrong with a line.
//!
//! clap reads the line from left to right and stops at the first thing that is wrong, as pflag does. Commands are words
//! among the flags, because pflag lets a flag stand before its command.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::ValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
};

mod settings;

use super::{
    Refusal,
    flags::{Flag, Flags, GROUPS, Group, Kind},
    go_values::{parse_bool, parse_csv, parse_duration, parse_int, parse_uint, parse_uint32, quote},
    help,
};

/// A line that could be read.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) flags: Flags,
    /// What is neither a flag nor the value of one.
    pub(super) words: Vec<String>,
    /// Whether any flag stood on the line.
    pub(super) has_flags: bool,
}

const WORDS: &str = "words";

/// Reads the arguments that follow the program's name.
pub(super) fn read(arguments: &[OsString]) -> Result<Typed, Refusal> {
    let mut matches = command()
        .try_get_matches_from(joined(arguments))
        .map_err(|error| Refusal::syntax(worded(&error, arguments)))?;
    let has_flags = arguments.iter().any(|argument| argument.as_encoded_bytes().starts_with(b"-"));
    let words = matches.remove_many(WORDS).map(Iterator::collect).unwrap_or_default();
    Ok(Typed { flags: flags(&mut matches), words, has_flags })
}

/// `--name value` as `--name=value`. clap looks at a value that stands apart only when it has read on, and may then
/// complain of something later on the line than pflag does.
fn joined(arguments: &[OsString]) -> Vec<OsString> {
    let mut joined = Vec::with_capacity(arguments.len());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut argument = argument.clone();
        if argument == "--" {
            joined.push(argument);
            joined.extend(rest.cloned());
            break;
        }
        if let Some(value) = if wants_value(&argument) { rest.next() } else { None } {
            argument.push("=");
            argument.push(value);
        }
        joined.push(argument);
    }
    joined
}

fn wants_value(argument: &OsStr) -> bool {
    let name = argument.to_str().and_then(|argument| argument.strip_prefix("--"));
    let mut flags = GROUPS.iter().flat_map(|group| group.flags);
    flags.any(|flag| Some(flag.name) == name && flag.kind != Kind::Bool)
}

/// What clap has to know, for reading as well as for the help.
pub(super) fn command() -> Command {
    let flags = GROUPS.iter().flat_map(|group| group.flags.iter().map(move |flag| arg(group, flag)));
    Command::new(help::PROGRAM)
        .no_binary_name(true)
        .args_override_self(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(Arg::new(WORDS).num_args(0..).hide(true))
        .args(flags)
        .arg(
            boolean(Arg::new("help").long("help").short('h'))
                .help_heading("Process")
                .help("Prints this help"),
        )
}

fn arg(group: &Group, flag: &Flag) -> Arg {
    let arg = Arg::new(flag.name).long(flag.name).help_heading(group.heading).help(help::line(flag));
    let arg = arg.value_name(flag.value).hide_default_value(true);
    match flag.kind {
        Kind::Bool => boolean(arg),
        Kind::Text => value(arg, ValueParser::string()).default_value(flag.default),
        Kind::List => value(arg, parse_csv.into()).action(ArgAction::Append).default_value(flag.default),
        Kind::Int => value(arg, parse_int.into()).default_value(flag.default),
        Kind::Uint => value(arg, parse_uint.into()).default_value(flag.default),
        Kind::Uint32 => value(arg, parse_uint32.into()).default_value(flag.default),
        Kind::Duration => value(arg, parse_duration.into()).default_value(flag.default),
    }
}

/// `--name` alone means true, and never takes the word after it.
fn boolean(arg: Arg) -> Arg {
    let arg = arg.action(ArgAction::Set).num_args(0..=1).require_equals(true);
    arg.value_parser(parse_bool).default_value("false").default_missing_value("true").hide_default_value(true)
}

fn value(arg: Arg, parser: ValueParser) -> Arg {
    arg.action(ArgAction::Set).value_parser(parser)
}

/// Every row of the table has a default, so an absent value means a row that is not in the table: tests look for that.
fn flags(matches: &mut ArgMatches) -> Flags {
    let settings = settings::read(matches);
    let mut line = Line(matches);
    Flags {
        listen_addr: line.take("listen-addr"),
        advertise_client_url: line.take("advertise-client-url"),
        max_concurrent_streams: line.take("max-concurrent-streams"),
        grpc_keepalive_min_time: line.take("grpc-keepalive-min-time"),
        grpc_keepalive_interval: line.take("grpc-keepalive-interval"),
        grpc_keepalive_timeout: line.take("grpc-keepalive-timeout"),
        drain_timeout: line.take("drain-timeout"),
        endpoints: line.list("endpoints"),
        endpoints_auto_sync_interval: line.take("endpoints-auto-sync-interval"),
        user: line.take("user"),
        password_file: line.take("password-file"),
        balancer: line.take("balancer"),
        read_coalescing: line.take("read-coalescing"),
        watch_coalescing: line.take("watch-coalescing"),
        watch_history_bytes: line.take("watch-history-bytes"),
        cache_max_entries: line.take("cache-max-entries"),
        cache_max_bytes: line.take("cache-max-bytes"),
        cache_max_age: line.take("cache-max-age"),
        upstream_connections: line.take("upstream-connections"),
        dial_keepalive_time: line.take("dial-keepalive-time"),
        dial_keepalive_timeout: line.take("dial-keepalive-timeout"),
        permit_without_stream: line.take("permit-without-stream"),
        max_send_bytes: line.take("max-send-bytes"),
        max_recv_bytes: line.take("max-recv-bytes"),
        cert: line.take("cert"),
        key: line.take("key"),
        cacert: line.take("cacert"),
        insecure_skip_tls_verify: line.take("insecure-skip-tls-verify"),
        cert_file: line.take("cert-file"),
        key_file: line.take("key-file"),
        trusted_ca_file: line.take("trusted-ca-file"),
        client_crl_file: line.take("client-crl-file"),
        listen_cipher_suites: line.list("listen-cipher-suites"),
        tls_min_version: line.take("tls-min-version"),
        tls_max_version: line.take("tls-max-version"),
        auto_tls: line.take("auto-tls"),
        self_signed_cert_validity: line.take("self-signed-cert-validity"),
        discovery_srv: line.take("discovery-srv"),
        discovery_srv_name: line.take("discovery-srv-name"),
        namespace: line.take("namespace"),
        namespace_policy: line.take("namespace-policy"),
        resolver_prefix: line.take("resolver-prefix"),
        resolver_ttl: line.take("resolver-ttl"),
        experimental_serializable_ordering: line.take("experimental-serializable-ordering"),
        experimental_leasing_prefix: line.take("experimental-leasing-prefix"),
        metrics_addr: line.take("metrics-addr"),
        metrics: line.take("metrics"),
        enable_pprof: line.take("enable-pprof"),
        experimental_enable_grpc_logging: line.take("experimental-enable-grpc-logging"),
        debug: line.take("debug"),
        worker_threads: line.take("worker-threads"),
        help: line.take("help"),
        version: line.take("version"),
        settings,
    }
}

struct Line<'a>(&'a mut ArgMatches);

impl Line<'_> {
    fn take<T: Clone + Default + Send + Sync + 'static>(&mut self, name: &str) -> T {
        self.0.remove_one(name).unwrap_or_default()
    }

    fn list(&mut self, name: &str) -> Vec<String> {
        self.0.remove_many::<Vec<String>>(name).map(|lists| lists.flatten().collect()).unwrap_or_default()
    }
}

/// pflag's words for clap's error.
fn worded(error: &clap::Error, arguments: &[OsString]) -> String {
    let name = context(error, ContextKind::InvalidArg);
    // "--resolver-ttl <seconds>", "--debug[=<bool>]": clap shows the flag with its value.
    let flag = name.split([' ', '[', '=']).next().unwrap_or_default();
    let given = context(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(&name, arguments),
        ErrorKind::ValueValidation => {
            let shown = if flag == "--help" { "-h, --help" } else { flag };
            let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            format!("invalid argument {} for {} flag: {reason}", quote(&given), quote(shown))
        }
        ErrorKind::InvalidValue => format!("flag needs an argument: {flag}"),
        ErrorKind::InvalidUtf8 => "the command line is not valid UTF-8".to_owned(),
        _ => error.kind().to_string(),
    }
}

fn unknown(name: &str, arguments: &[OsString]) -> String {
    if name == "--" || name.starts_with("---") {
        return format!("bad flag syntax: {}", as_typed(if name == "--" { "--=" } else { name }, arguments));
    }
    match name.strip_prefix('-').filter(|rest| !rest.starts_with('-')).and_then(|rest| rest.chars().next()) {
        Some(letter) => format!("unknown shorthand flag: '{letter}' in {}", as_typed(name, arguments)),
        None => format!("unknown flag: {name}"),
    }
}

/// The whole argument, of which clap shows the beginning.
fn as_typed(start: &str, arguments: &[OsString]) -> String {
    let mut typed = arguments.iter().map(|argument| argument.to_string_lossy());
    typed
        .find(|argument| argument.starts_with(start))
        .map_or_else(|| start.to_owned(), |typed| typed.into_owned())
}

fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    }
}
