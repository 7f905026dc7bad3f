//! Certificates and handshakes.

use std::collections::BTreeSet;
use std::sync::Arc;

use admin_http::{Kind, Registry};
use tls_termination::Reason;

use crate::door::tls::{Tls, now};

pub(super) fn register(registry: &Registry, tls: &Tls) {
    expiries(registry, tls);
    handshakes(registry, tls);
    let tally = Arc::clone(&tls.renewed);
    let help =
        "Certificate files that were read again and put to use, those that belong together counted once.";
    registry.counter("etcd_grpc_proxy_tls_reloads_total", help, move || tally.good());
    let tally = Arc::clone(&tls.renewed);
    let help = "Certificate files that were read again and were no good, so that those before stayed in use.";
    registry.counter("etcd_grpc_proxy_tls_reload_failures_total", help, move || tally.bad());
}

/// A file may serve several purposes; it is shown once.
fn expiries(registry: &Registry, tls: &Tls) {
    let tls = tls.clone();
    registry.read(
        "etcd_grpc_proxy_tls_certificate_expiry_days",
        Kind::Gauge,
        "Days until a certificate in use expires, or a revocation list (without a serial number) wants to be renewed.",
        &["file", "serial", "subject"],
        move |samples| {
            let now = now();
            let mut shown = BTreeSet::new();
            for expiry in tls.expiries() {
                let file = expiry.file.display().to_string();
                if shown.insert((file.clone(), expiry.serial.clone(), expiry.subject.clone())) {
                    samples.push(&[&file, &expiry.serial, &expiry.subject], expiry.days_from(now));
                }
            }
        },
    );
}

fn handshakes(registry: &Registry, tls: &Tls) {
    let counters = Arc::clone(&tls.counters);
    let help = "TLS handshakes with clients that ended well.";
    registry.counter("etcd_grpc_proxy_tls_handshakes_total", help, move || counters.handshakes());
    let counters = Arc::clone(&tls.counters);
    registry.read(
        "etcd_grpc_proxy_tls_handshake_failures_total",
        Kind::Counter,
        "TLS handshakes with clients that came to nothing, by the reason.",
        &["reason"],
        move |samples| {
            for reason in Reason::ALL {
                samples.push(&[reason.name()], counters.failures(*reason) as f64);
            }
        },
    );
    let listeners: Vec<_> = [&tls.clients, &tls.metrics].into_iter().flatten().cloned().collect();
    registry.gauge(
        "etcd_grpc_proxy_tls_handshakes_pending",
        "TLS handshakes with clients that are under way.",
        move || listeners.iter().map(|listener| listener.pending()).sum::<usize>() as f64,
    );
}
