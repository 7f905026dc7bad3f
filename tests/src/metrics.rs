//! Sums over a Prometheus text page.

use crate::http1;

/// The sum of all samples of `name` whose labels contain every one of `labels` (such as `grpc_method="Watch"`).
pub async fn sum(address: &str, name: &str, labels: &[&str]) -> f64 {
    let page = http1::get(address, "/metrics").await.expect("a page of metrics");
    page.lines().filter_map(|line| sample(line, name, labels)).sum()
}

/// The gRPC streams of `method` that the member at `address` has begun and not ended.
pub async fn open_calls(address: &str, method: &str) -> f64 {
    let label = format!("grpc_method=\"{method}\"");
    let started = sum(address, "grpc_server_started_total", &[&label]).await;
    started - sum(address, "grpc_server_handled_total", &[&label]).await
}

fn sample(line: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let rest = line.strip_prefix(name)?;
    let (given, value) = rest.rsplit_once(' ')?;
    let whole_name = given.is_empty() || given.starts_with('{');
    (whole_name && labels.iter().all(|label| given.contains(label))).then(|| value.parse().ok())?
}
