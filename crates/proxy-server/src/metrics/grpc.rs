//! `grpc_server_*`, as go-grpc-middleware names them and etcd's servers show them: every method and code from the
//! start.

use admin_http::{Kind, Registry, Samples};

use crate::calls::{CODES, Calls, Method, Totals};

const LABELS: &[&str] = &["grpc_method", "grpc_service", "grpc_type"];
const LABELS_WITH_CODE: &[&str] = &["grpc_code", "grpc_method", "grpc_service", "grpc_type"];

/// Registers them; the histogram only where calls are timed.
pub(super) fn register(registry: &Registry, calls: &Calls) {
    let count = |name, help, count: fn(&Totals) -> u64| {
        let each = each(calls);
        registry.read(name, Kind::Counter, help, LABELS, move |samples| {
            each(&mut |method, totals| samples.push(&labels(method), count(totals) as f64));
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
    handled(registry, calls);
    if calls.is_timed() {
        times(registry, calls);
    }
}

fn handled(registry: &Registry, calls: &Calls) {
    let help = "Total number of RPCs completed on the server, regardless of success or failure.";
    let each = each(calls);
    registry.read("grpc_server_handled_total", Kind::Counter, help, LABELS_WITH_CODE, move |samples| {
        each(&mut |method, totals| {
            let [name, service, kind] = labels(method);
            for (code, count) in CODES.iter().zip(totals.handled) {
                samples.push(&[code, name, service, kind], count as f64);
            }
        });
    });
}

fn times(registry: &Registry, calls: &Calls) {
    let help = "Histogram of response latency (seconds) of gRPC that had been application-level handled by the server.";
    let each = each(calls);
    registry.read(
        "grpc_server_handling_seconds",
        Kind::Histogram,
        help,
        LABELS,
        move |samples: &mut Samples<'_>| {
            each(&mut |method, totals| samples.push_histogram(&labels(method), &totals.took));
        },
    );
}

/// Visits every method with its counts.
fn each(calls: &Calls) -> impl Fn(&mut dyn FnMut(&Method, &Totals)) + Send + Sync + use<> {
    let calls = calls.clone();
    move |visit| calls.totals().iter().for_each(|(method, totals)| visit(method, totals))
}

fn labels(method: &Method) -> [&str; 3] {
    [&method.name, &method.service, method.kind.name()]
}
