//! Every figure of every round, for programs and for whoever wants to check the medians.

use serde_json::{Map, Value, json};

use super::Report;
use crate::Result;
use crate::rounds::Row;
use crate::statistics::median;
use crate::suite::{Against, Metric};
use crate::target::{Setting, System};
use crate::verdict::Verdict;

pub(crate) fn json(report: &Report) -> Result<String> {
    let value = json!({
        "suite": report.suite,
        "description": report.description,
        "setting": setting(&report.setting),
        "metrics": report.metrics.iter().map(metric).collect::<Vec<_>>(),
        "workloads": report.rows.iter().map(|row| workload(row, report.metrics)).collect::<Vec<_>>(),
        "claims": report.verdicts.iter().map(claim).collect::<Vec<_>>(),
    });
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

fn setting(setting: &Setting) -> Value {
    json!({
        "etcd": setting.etcd_version,
        "proxy": setting.proxy_version,
        "proxy_args": setting.proxy_args,
        "cores": setting.cores,
        "rounds": setting.rounds,
        "seconds": setting.seconds,
        "warmup_seconds": setting.warmup,
        "connections_at_most": setting.connections,
        "fsync": false,
    })
}

fn metric(metric: &Metric) -> Value {
    json!({ "key": metric.key, "title": metric.title, "unit": metric.unit, "better": metric.better.word() })
}

fn workload(row: &Row, metrics: &[Metric]) -> Value {
    let mut value = Map::from_iter([("name".to_owned(), json!(row.workload.name))]);
    for &system in System::all() {
        value.insert(system.key().to_owned(), by_metric(metrics, |metric| row.values(system, metric)));
    }
    for (name, against) in [("ours_to_theirs", System::Theirs), ("ours_to_direct", System::Direct)] {
        value.insert(name.to_owned(), by_metric(metrics, |metric| row.ratios(metric, against)));
    }
    Value::Object(value)
}

/// Median and rounds of each metric that was measured at all.
fn by_metric(metrics: &[Metric], rounds: impl Fn(&str) -> Vec<f64>) -> Value {
    let entry = |metric: &Metric| {
        let rounds: Vec<f64> = rounds(metric.key).into_iter().map(rounded).collect();
        let median = median(&rounds).map(rounded)?;
        Some((metric.key.to_owned(), json!({ "median": median, "rounds": rounds })))
    };
    Value::Object(metrics.iter().filter_map(entry).collect())
}

/// Four digits after the point say more than the measurement does.
fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn claim(verdict: &Verdict) -> Value {
    let measured = verdict.measured.as_ref();
    json!({
        "text": verdict.claim.text,
        "metric": verdict.claim.metric,
        "at": verdict.claim.at,
        "against": against(verdict.claim.against),
        "limit": verdict.claim.limit,
        "worst": measured.map(|measured| rounded(measured.worst)),
        "worst_workload": measured.map(|measured| measured.worst_workload.clone()),
        "median": measured.map(|measured| rounded(measured.median)),
        "holds": verdict.holds(),
    })
}

fn against(against: Against) -> String {
    match against {
        Against::System(system) => system.key().to_owned(),
        Against::Own(workload) => format!("ours on {workload}"),
        Against::Unit => "unit".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::sample;

    #[test]
    fn every_round_and_the_medians_are_there() {
        let value: Value = serde_json::from_str(&json(&sample()).unwrap()).unwrap();
        let reads = &value["workloads"][0];
        assert_eq!(reads["name"], "reads@1");
        assert_eq!(reads["ours"]["calls"], json!({ "median": 1550.0, "rounds": [1500.0, 1600.0] }));
        assert_eq!(reads["ours_to_theirs"]["calls"]["rounds"], json!([1.5, 1.4545]));
        assert_eq!(value["claims"][0]["holds"], true);
    }
}
