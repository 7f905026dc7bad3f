//! What the flags mean for those who look at the proxy.

use crate::cli::{Refusal, flags::Flags, go_values::quote};
use crate::config::{Log, MetricsAddr, MetricsSocket};
use crate::door::bind;
use crate::log::{LogFormat, LogLevel};
use crate::services::spans::TracingConfig;

/// The second address for the pages. The words are etcd's; etcd serves plain HTTP under a scheme that it does not know,
/// which can only be a slip.
pub(in crate::cli) fn metrics_addr(given: &str) -> Result<Option<MetricsAddr>, Refusal> {
    let unparsed = || Refusal::new(format!("cannot parse {}", quote(given)));
    if given.is_empty() {
        return Ok(None);
    }
    let (scheme, rest) = given.split_once("://").ok_or_else(unparsed)?;
    let host = rest.split('/').next().unwrap_or_default();
    let socket = match scheme {
        "http" | "https" => {
            bind::check(host).map_err(|error| Refusal::new(error.to_string()))?;
            MetricsSocket::Tcp(host.to_owned())
        }
        "unix" | "unixs" if !rest.is_empty() => MetricsSocket::Unix(rest.into()),
        _ => return Err(unparsed()),
    };
    Ok(Some(MetricsAddr { socket, is_tls: matches!(scheme, "https" | "unixs") }))
}

/// The same for who has no certificate to show.
pub(in crate::cli) fn plain_metrics_addr(given: &str) -> Result<Option<MetricsAddr>, Refusal> {
    let address = metrics_addr(given)?;
    match address.as_ref().is_some_and(|address| address.is_tls) {
        true => Err(without_certificate(given)),
        false => Ok(address),
    }
}

/// A scheme that needs a certificate where there is none. The words are etcd's.
pub(super) fn without_certificate(given: &str) -> Refusal {
    let address = given.split_once("://").map_or(given, |(_, rest)| rest);
    Refusal::new(format!("cannot listen on TLS for {address}: KeyFile and CertFile are not presented"))
}

/// What the log shows. `--debug` is etcd's flag, and says more than any level.
pub(super) fn log(flags: &Flags) -> Result<Log, Refusal> {
    let Flags { debug, log_level, log_format, experimental_enable_grpc_logging, .. } = flags;
    let level = log_level.parse().map_err(|()| {
        let given = quote(log_level);
        Refusal::new(format!("invalid log-level {given} (must be one of: debug, info, warn, error)"))
    })?;
    let format = match log_format.as_str() {
        "json" => LogFormat::Json,
        "console" => LogFormat::Console,
        other => {
            return Err(Refusal::new(format!("unknown log format: {other}, supported values json, console")));
        }
    };
    let level = if *debug { LogLevel::Debug } else { level };
    Ok(Log { level, format, messages: *experimental_enable_grpc_logging })
}

/// Where spans go, which a build has to be made for.
pub(super) fn tracing(flags: &Flags) -> Result<Option<TracingConfig>, Refusal> {
    let rate = flags.distributed_tracing_sampling_rate;
    let samples_per_million =
        u32::try_from(rate).ok().filter(|rate| *rate <= 1_000_000).ok_or_else(|| {
            Refusal::new(format!(
                "invalid distributed-tracing-sampling-rate {rate} (must be between 0 and 1000000)"
            ))
        })?;
    if !flags.enable_distributed_tracing {
        return Ok(None);
    }
    if !cfg!(feature = "otel") {
        let without = "which is without OpenTelemetry (the feature otel)";
        return Err(Refusal::new(format!(
            "--enable-distributed-tracing is not served by this build, {without}"
        )));
    }
    Ok(Some(TracingConfig {
        address: flags.distributed_tracing_address.clone(),
        service_name: flags.distributed_tracing_service_name.clone(),
        instance_id: flags.distributed_tracing_instance_id.clone(),
        samples_per_million,
    }))
}

/// Whether profiles are served, which a build can leave out.
pub(super) fn profiles(given: bool) -> Result<bool, Refusal> {
    if given && !cfg!(feature = "pprof") {
        return Err(Refusal::new("--enable-pprof is not served by this build, which is without profiles"));
    }
    Ok(given)
}

/// Whether calls are timed: the words are those of etcd's own flag.
pub(super) fn is_extensive(given: &str) -> Result<bool, Refusal> {
    match given {
        "basic" => Ok(false),
        "extensive" => Ok(true),
        _ => {
            let given = quote(given);
            Err(Refusal::new(format!("invalid metrics {given} (must be one of: basic, extensive)")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_url() {
        let tcp = |address: &str| {
            Ok(Some(MetricsAddr { socket: MetricsSocket::Tcp(address.to_owned()), is_tls: false }))
        };
        assert_eq!(metrics_addr(""), Ok(None));
        assert_eq!(metrics_addr("http://127.0.0.1:4443"), tcp("127.0.0.1:4443"));
        assert_eq!(metrics_addr("http://:4443/metrics"), tcp(":4443"));
        let unix = metrics_addr("unix:///run/proxy.sock").unwrap().unwrap();
        assert_eq!(unix.socket, MetricsSocket::Unix("/run/proxy.sock".into()));
        assert_eq!(unix.to_string(), "unix:///run/proxy.sock");
        for url in ["https://127.0.0.1:4443", "unixs:///run/proxy.sock"] {
            let address = metrics_addr(url).unwrap().unwrap();
            assert!(address.is_tls);
            assert_eq!(address.to_string(), url);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_in_etcds_words() {
        let tls = Refusal::new("cannot listen on TLS for a:1: KeyFile and CertFile are not presented");
        assert_eq!(plain_metrics_addr("https://a:1"), Err(tls));
        assert!(plain_metrics_addr("http://a:1").is_ok());
        for given in ["127.0.0.1:4443", "nonsense", ":/", "%zz", "ftp://a:1", "unix://"] {
            assert_eq!(metrics_addr(given), Err(Refusal::new(format!("cannot parse \"{given}\""))));
        }
    }
}
