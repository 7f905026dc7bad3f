//! What a Prometheus text page says.

use std::collections::{BTreeMap, BTreeSet};

use crate::http1;
use crate::patience::{SOON, eventually};

/// What a page says of one name, without its values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Family {
    /// The line behind `# HELP`.
    pub help: String,
    /// The line behind `# TYPE`.
    pub kind: String,
    /// The names of the labels of all its samples.
    pub labels: BTreeSet<String>,
}

/// All names of a page.
#[must_use]
pub fn families(page: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            families.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            name.clone_into(&mut current);
            families.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((_, labels)) = line.rsplit_once('}').and_then(|(head, _)| head.split_once('{')) {
            let names = labels
                .split("\",")
                .filter_map(|label| label.split_once('='))
                .map(|(name, _)| name.to_owned());
            families.entry(current.clone()).or_default().labels.extend(names);
        }
    }
    families
}

/// The sum of all samples of `name` whose labels contain every one of `labels` (such as `grpc_method="Watch"`).
pub async fn sum(address: &str, name: &str, labels: &[&str]) -> f64 {
    sum_at(address, "/metrics", name, labels).await
}

/// The same of the page under another path.
pub async fn sum_at(address: &str, path: &str, name: &str, labels: &[&str]) -> f64 {
    sum_in(&page(address, path).await, name, labels)
}

/// Waits until that sum is so: a page may be a moment old, and what a client has been answered may not have been counted.
pub async fn becomes(address: &str, path: &str, name: &str, labels: &[&str], expected: f64) {
    let mut last = f64::NAN;
    let what = format!("{name} of {labels:?} becomes {expected}");
    eventually(&what, SOON, async || {
        last = sum_at(address, path, name, labels).await;
        (last == expected).then_some(())
    })
    .await;
}

/// A page as it is.
pub async fn page(address: &str, path: &str) -> String {
    http1::get(address, path).await.expect("a page of metrics")
}

/// The same of a page that is at hand.
#[must_use]
pub fn sum_in(page: &str, name: &str, labels: &[&str]) -> f64 {
    page.lines().filter_map(|line| sample(line, name, labels)).sum()
}

/// The gRPC streams of `method` that the member at `address` has begun and not ended.
pub async fn open_calls(address: &str, method: &str) -> f64 {
    let label = format!("grpc_method=\"{method}\"");
    // One page, lest something begins or ends between two of them.
    let page = page(address, "/metrics").await;
    let count = |name| sum_in(&page, name, &[&label]);
    count("grpc_server_started_total") - count("grpc_server_handled_total")
}

fn sample(line: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let rest = line.strip_prefix(name)?;
    let (given, value) = rest.rsplit_once(' ')?;
    let whole_name = given.is_empty() || given.starts_with('{');
    (whole_name && labels.iter().all(|label| given.contains(label))).then(|| value.parse().ok())?
}
