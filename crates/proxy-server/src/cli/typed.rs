//! pflag's syntax on top of clap, and pflag's words for what is wrong with a line.
//!
//! clap reads the line from left to right and stops at the first thing that is wrong, as pflag does. Commands are words
//! among the flags, because pflag lets a flag stand before its command.

use std::ffi::{OsStr, OsString};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    builder::ValueParser,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use super::{
    flags::{Flag, Flags, GROUPS, Group, Kind},
    go_values::{
        GoDuration, parse_bool, parse_csv, parse_duration, parse_int, parse_uint, parse_uint32, quote,
    },
    help,
    layers::Given,
    nearest::nearest,
};

/// A line as it was read. What could not be read of it is left out, and told in `wrong`.
#[derive(Debug)]
pub(super) struct Typed {
    matches: ArgMatches,
    /// What is neither a flag nor the value of one.
    pub(super) words: Vec<String>,
    /// Whether any flag stood on the line.
    pub(super) has_flags: bool,
    pub(super) wrong: Vec<Wrong>,
}

/// Something that could not be read, in pflag's words.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) line: String,
    /// The flag whose value it is.
    pub(super) flag: Option<String>,
}

const WORDS: &str = "words";
/// pflag tells of one thing that is wrong. Whoever has so many needs the help, not a list.
const MOST_WRONG: usize = 32;

/// Reads the arguments that follow the program's name.
pub(super) fn read(arguments: &[OsString]) -> Typed {
    read_by(GROUPS, arguments)
}

/// Reads arguments by another table.
pub(super) fn read_by(groups: &'static [Group], arguments: &[OsString]) -> Typed {
    let mut line = joined(groups, arguments);
    let mut wrong = Vec::new();
    let mut matches = loop {
        match command(groups).try_get_matches_from(&line) {
            Ok(matches) => break matches,
            Err(error) => {
                wrong.push(Wrong::of(&error, groups, arguments));
                match offender(&error, &line).filter(|_| wrong.len() < MOST_WRONG) {
                    Some(at) => drop(line.remove(at)),
                    None => line.clear(),
                }
            }
        }
    };
    let has_flags = arguments.iter().any(|argument| argument.as_encoded_bytes().starts_with(b"-"));
    let words = matches.remove_many(WORDS).map(Iterator::collect).unwrap_or_default();
    Typed { matches, words, has_flags, wrong }
}

impl Typed {
    /// All values, with defaults where nothing was typed.
    pub(super) fn flags(&self) -> Flags {
        flags(&mut self.line())
    }

    /// The same, for who reads them by another table.
    pub(super) fn line(&self) -> Line {
        Line(self.matches.clone())
    }

    /// Whether the flag stood on the line.
    pub(super) fn has(&self, name: &str) -> bool {
        self.matches.value_source(name) == Some(ValueSource::CommandLine)
    }

    /// The value as the table's kind has it, spelled as it can be read again.
    pub(super) fn value(&self, flag: &Flag) -> Given {
        let one = |text: Option<String>| Given::One(text.unwrap_or_default());
        match flag.kind {
            Kind::Bool => one(self.shown::<bool>(flag)),
            Kind::Text => one(self.shown::<String>(flag)),
            Kind::Int => one(self.shown::<i64>(flag)),
            Kind::Uint => one(self.shown::<u64>(flag)),
            Kind::Uint32 => one(self.shown::<u32>(flag)),
            Kind::Duration => one(self.shown::<GoDuration>(flag)),
            Kind::List => {
                let lists = self.matches.get_many::<Vec<String>>(flag.name).into_iter().flatten();
                Given::Many(lists.flatten().cloned().collect())
            }
        }
    }

    fn shown<T: ToString + Clone + Send + Sync + 'static>(&self, flag: &Flag) -> Option<String> {
        self.matches.get_one::<T>(flag.name).map(ToString::to_string)
    }
}

/// `--name value` as `--name=value`. clap looks at a value that stands apart only when it has read on, and may then
/// complain of something later on the line than pflag does.
fn joined(groups: &[Group], arguments: &[OsString]) -> Vec<OsString> {
    let mut joined = Vec::with_capacity(arguments.len());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut argument = argument.clone();
        if argument == "--" {
            joined.push(argument);
            joined.extend(rest.cloned());
            break;
        }
        if let Some(value) = if wants_value(groups, &argument) { rest.next() } else { None } {
            argument.push("=");
            argument.push(value);
        }
        joined.push(argument);
    }
    joined
}

fn wants_value(groups: &[Group], argument: &OsStr) -> bool {
    let name = argument.to_str().and_then(|argument| argument.strip_prefix("--"));
    let mut flags = groups.iter().flat_map(|group| group.flags);
    flags.any(|flag| Some(flag.name) == name && flag.kind != Kind::Bool)
}

/// What clap has to know, for reading as well as for the help.
pub(super) fn command(groups: &'static [Group]) -> Command {
    let flags = groups.iter().flat_map(|group| group.flags.iter().map(move |flag| arg(group, flag)));
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
fn flags(line: &mut Line) -> Flags {
    Flags {
        listen_addr: line.take("listen-addr"),
        advertise_client_url: line.take("advertise-client-url"),
        max_concurrent_streams: line.take("max-concurrent-streams"),
        grpc_keepalive_min_time: line.take("grpc-keepalive-min-time"),
        grpc_keepalive_interval: line.take("grpc-keepalive-interval"),
        grpc_keepalive_timeout: line.take("grpc-keepalive-timeout"),
        read_only: line.take("read-only"),
        drain_delay: line.take("drain-delay"),
        drain_timeout: line.take("drain-timeout"),
        config_file: line.take("config-file"),
        cors: line.list("cors"),
        max_connections: line.take("max-connections"),
        max_watches_per_client: line.take("max-watches-per-client"),
        client_qps: line.take("client-qps"),
        client_burst: line.take("client-burst"),
        client_key: line.take("client-key"),
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
        client_crl_mode: line.take("client-crl-mode"),
        listen_cipher_suites: line.list("listen-cipher-suites"),
        tls_min_version: line.take("tls-min-version"),
        tls_max_version: line.take("tls-max-version"),
        tls_curve_preferences: line.list("tls-curve-preferences"),
        auto_tls: line.take("auto-tls"),
        self_signed_cert_validity: line.take("self-signed-cert-validity"),
        data_dir: line.take("data-dir"),
        discovery_srv: line.take("discovery-srv"),
        discovery_srv_name: line.take("discovery-srv-name"),
        insecure_discovery: line.take("insecure-discovery"),
        discovery_interval: line.take("discovery-interval"),
        dns_server: line.take("dns-server"),
        namespace: line.take("namespace"),
        namespace_policy: line.take("namespace-policy"),
        resolver_prefix: line.take("resolver-prefix"),
        resolver_ttl: line.take("resolver-ttl"),
        experimental_serializable_ordering: line.take("experimental-serializable-ordering"),
        experimental_leasing_prefix: line.take("experimental-leasing-prefix"),
        leasing_session_ttl: line.take("leasing-session-ttl"),
        metrics_addr: line.take("metrics-addr"),
        metrics_cert_file: line.take("metrics-cert-file"),
        metrics_key_file: line.take("metrics-key-file"),
        metrics_client_cert_auth: line.take("metrics-client-cert-auth"),
        metrics: line.take("metrics"),
        enable_pprof: line.take("enable-pprof"),
        experimental_enable_grpc_logging: line.take("experimental-enable-grpc-logging"),
        enable_distributed_tracing: line.take("enable-distributed-tracing"),
        distributed_tracing_address: line.take("distributed-tracing-address"),
        distributed_tracing_service_name: line.take("distributed-tracing-service-name"),
        distributed_tracing_instance_id: line.take("distributed-tracing-instance-id"),
        distributed_tracing_sampling_rate: line.take("distributed-tracing-sampling-rate"),
        debug: line.take("debug"),
        log_level: line.take("log-level"),
        log_format: line.take("log-format"),
        worker_threads: line.take("worker-threads"),
        help: line.take("help"),
        version: line.take("version"),
    }
}

/// The values of a line by their names.
pub(super) struct Line(ArgMatches);

impl Line {
    pub(super) fn take<T: Clone + Default + Send + Sync + 'static>(&mut self, name: &str) -> T {
        self.0.remove_one(name).unwrap_or_default()
    }

    pub(super) fn list(&mut self, name: &str) -> Vec<String> {
        self.0.remove_many::<Vec<String>>(name).map(|lists| lists.flatten().collect()).unwrap_or_default()
    }
}

impl Wrong {
    fn of(error: &clap::Error, groups: &[Group], arguments: &[OsString]) -> Self {
        let flag = matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue);
        let name = flag.then(|| flag_of(error).trim_start_matches('-').to_owned());
        Self { line: worded(error, groups, arguments), flag: name }
    }
}

/// Which argument clap complains of.
fn offender(error: &clap::Error, line: &[OsString]) -> Option<usize> {
    let at = |is_it: &dyn Fn(&str) -> bool| {
        line.iter()
            .take_while(|argument| *argument != "--")
            .position(|argument| argument.to_str().is_some_and(is_it))
    };
    let (flag, name) = (flag_of(error), context(error, ContextKind::InvalidArg));
    match error.kind() {
        ErrorKind::UnknownArgument => at(&|argument| argument.split('=').next() == Some(name.as_str()))
            .or_else(|| at(&|argument| argument.starts_with(&name))),
        ErrorKind::ValueValidation => {
            let typed = format!("{flag}={}", context(error, ContextKind::InvalidValue));
            at(&|argument| argument == typed)
        }
        ErrorKind::InvalidValue => at(&|argument| argument == flag),
        ErrorKind::InvalidUtf8 => line.iter().position(|argument| argument.to_str().is_none()),
        _ => None,
    }
}

/// `--resolver-ttl <seconds>`, `--debug[=<bool>]`: clap shows the flag with its value.
fn flag_of(error: &clap::Error) -> String {
    let shown = context(error, ContextKind::InvalidArg);
    shown.split([' ', '[', '=']).next().unwrap_or_default().to_owned()
}

/// pflag's words for clap's error.
fn worded(error: &clap::Error, groups: &[Group], arguments: &[OsString]) -> String {
    let name = context(error, ContextKind::InvalidArg);
    let flag = flag_of(error);
    let given = context(error, ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(&name, groups, arguments),
        ErrorKind::ValueValidation => {
            let shown = if flag == "--help" { "-h, --help" } else { &flag };
            let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            format!("invalid argument {} for {} flag: {reason}", quote(&given), quote(shown))
        }
        ErrorKind::InvalidValue => format!("flag needs an argument: {flag}"),
        ErrorKind::InvalidUtf8 => "the command line is not valid UTF-8".to_owned(),
        _ => error.kind().to_string(),
    }
}

fn unknown(name: &str, groups: &[Group], arguments: &[OsString]) -> String {
    if name == "--" || name.starts_with("---") {
        return format!("bad flag syntax: {}", as_typed(if name == "--" { "--=" } else { name }, arguments));
    }
    match name.strip_prefix('-').filter(|rest| !rest.starts_with('-')).and_then(|rest| rest.chars().next()) {
        Some(letter) => format!("unknown shorthand flag: '{letter}' in {}", as_typed(name, arguments)),
        None => format!("unknown flag: {name}{}", suggestion(name, groups)),
    }
}

/// A line of its own: the first one is pflag's.
fn suggestion(name: &str, groups: &[Group]) -> String {
    let names = groups.iter().flat_map(|group| group.flags).map(|flag| flag.name);
    let near = nearest(name.trim_start_matches('-'), names);
    near.map(|near| format!("\nDid you mean --{near}?")).unwrap_or_default()
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
