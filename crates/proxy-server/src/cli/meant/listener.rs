//! What the flags mean for the side that faces clients.

use std::time::Duration;

use crate::cli::{Problems, Refusal, flags::Flags, go_values::quote};
use crate::config::ServerKeepalive;
use crate::door::bind;

/// The TLS versions by etcd's names, in their order. An unset one is below or above all others, as the side wants.
const VERSIONS: [&str; 2] = ["TLS1.2", "TLS1.3"];

/// What etcd refuses about listener TLS before it opens a file. The words are etcd's, and so is the order.
pub(super) fn check(flags: &Flags) -> Result<(), Refusal> {
    let mut all = Problems::default();
    let refused = |line: String| Err::<(), _>(Refusal::new(line));
    if flags.auto_tls && flags.self_signed_cert_validity == 0 {
        let _ = all.note(refused("selfSignedCertValidity is invalid,it should be greater than 0".to_owned()));
    }
    let (min, max) = (&flags.tls_min_version, &flags.tls_max_version);
    let oldest = all.note(version("tls-min-version", min)).ok().flatten();
    let newest = all.note(version("tls-max-version", max)).ok().flatten();
    if oldest.zip(newest).is_some_and(|(oldest, newest)| oldest > newest) {
        let _ = all.note(refused(format!("min version ({min}) is greater than max version ({max})")));
    }
    if min == "TLS1.3" && !flags.listen_cipher_suites.is_empty() {
        let only = "cipher suites cannot be configured when only TLS1.3 is enabled";
        let _ = all.note(refused(only.to_owned()));
    }
    all.refuse()
}

/// Where clients connect. Whether the address can be had is seen when it is bound.
pub(super) fn address(flags: &Flags) -> Result<(), Refusal> {
    bind::check(&flags.listen_addr).map_err(|error| Refusal::new(error.to_string()))
}

fn version(name: &str, given: &str) -> Result<Option<usize>, Refusal> {
    let place = VERSIONS.iter().position(|version| *version == given);
    if place.is_none() && !given.is_empty() {
        let reason = format!("unexpected TLS version {} (must be one of: TLS1.2, TLS1.3)", quote(given));
        return Err(Refusal::new(format!("{name} is invalid: {reason}")));
    }
    Ok(place)
}

/// What was set, and grpc-go's own defaults for what was set to nothing. grpc-go pings once a second at most.
pub(super) fn keepalive(flags: &Flags) -> ServerKeepalive {
    let minutes = |n: u64| Duration::from_secs(n * 60);
    let interval = flags.grpc_keepalive_interval.positive().unwrap_or(minutes(120));
    ServerKeepalive {
        min_time: flags.grpc_keepalive_min_time.positive().unwrap_or(minutes(5)),
        interval: interval.max(Duration::from_secs(1)),
        timeout: flags.grpc_keepalive_timeout.positive().unwrap_or(Duration::from_secs(20)),
    }
}
