//! `grpc_server_*`, as go-grpc-middleware names them and etcd's servers show them: every method and code from the
//! start.

use admin_http::{Kind, Registry};

use crate::services::calls::{CODES, Calls, Method, Totals};

const LABELS: &[&str] = &["grpc_method", "grpc_service", "grpc_type"];
const LABELS_WITH_CODE: &[&str] = &["grpc_code", "grpc_method", "grpc_service", "grpc_type"];

/// Registers them; the histogram only where calls are timed.
pub(super) fn register(registry: &Registry, calls: &Calls) {
    let count = |name, help, count: fn(&Totals) -> u64| {
        let calls = calls.clone();
        registry.read(name, Kind::Counter, help, LABELS, move |samples| {
            for (method, totals) in calls.totals() {
                samples.push(&labels(method), count(&totals) as f64);
            }
        });
    };
    count("grpc_server_started_total", "Total number of RPCs started on the server.", |totals| {
        totals.started
    });
    count(
        "grpc_server_msg_received_total",
        "Total number of RPC stream messages received on the server.",
        |totals| totals.received,
    );
    count(
        "grpc_server_msg_sent_total",
        "Total number of gRPC stream messages sent by the server.",
        |totals| totals.sent,
    );
    handled(registry, calls.clone());
    if calls.is_timed() {
        times(registry, calls.clone());
    }
}

fn handled(registry: &Registry, calls: Calls) {
    let help = "Total number of RPCs completed on the server, regardless of success or failure.";
    registry.read("grpc_server_handled_total", Kind::Counter, help, LABELS_WITH_CODE, move |samples| {
        for (method, totals) in calls.totals() {
            let [name, service, kind] = labels(method);
            for (code, count) in CODES.iter().zip(totals.handled) {
                samples.push(&[code, name, service, kind], count as f64);
            }
        }
    });
}

fn times(registry: &Registry, calls: Calls) {
    let help = "Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.";
    registry.read("grpc_server_handling_seconds", Kind::Histogram, help, LABELS, move |samples| {
        for (method, totals) in calls.totals() {
            samples.push_histogram(&labels(method), &totals.took);
        }
    });
}

fn labels(method: &Method) -> [&str; 3] {
    [&method.name, &method.service, method.kind.name()]
}
