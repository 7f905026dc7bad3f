//! Reads as JSON: what this proxy spends on one, beside what etcd spends on it when it is asked by JSON itself.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use super::keyspace::{KEYS, Keys, Keyspace, RANGE, VALUE_BYTES};
use super::reads::Reader;
use super::unary::figures;
use super::{Better, Claim, DIRECT, Figures, Metric, Suite, Workload, claim};
use crate::Result;
use crate::arguments::Pace;
use crate::client::Connection;
use crate::http1::Http1;
use crate::load::{self, Call, Load, Measured};
use crate::target::{System, Target};

const LINEARIZABLE: &str = "linearizable";
const SERIALIZABLE: &str = "serializable";
const IN_FLIGHT: [usize; 3] = [1, 8, 64];
/// Keys that serializable readers want over and over.
const HOT_KEYS: usize = 100;

const METRICS: &[Metric] = &[
    Metric { key: "calls", title: "JSON reads", unit: "1/s", better: Better::Higher, plotted: true },
    Metric { key: "p50", title: "p50", unit: "µs", better: Better::Lower, plotted: true },
    Metric { key: "p99", title: "p99", unit: "µs", better: Better::Lower, plotted: true },
    Metric {
        key: "asked_cpu",
        title: "CPU of who is asked",
        unit: "µs/read",
        better: Better::Lower,
        plotted: true,
    },
    Metric {
        key: "json_cpu",
        title: "of that, for JSON",
        unit: "µs/read",
        better: Better::Lower,
        plotted: true,
    },
    Metric { key: "both_cpu", title: "CPU of both", unit: "µs/read", better: Better::Lower, plotted: true },
    Metric { key: "etcd_cpu", title: "etcd CPU", unit: "µs/read", better: Better::Lower, plotted: false },
    Metric { key: "proxy_cpu", title: "proxy CPU", unit: "µs/read", better: Better::Lower, plotted: false },
    Metric {
        key: "grpc_cpu",
        title: "the same by gRPC",
        unit: "µs/read",
        better: Better::Lower,
        plotted: false,
    },
    Metric { key: "load_cpu", title: "load CPU", unit: "µs/read", better: Better::Lower, plotted: false },
];

const CLAIMS: &[Claim] = &[
    claim("CPU per linearizable JSON read", LINEARIZABLE, "asked_cpu", DIRECT, 0.6),
    claim("CPU per serializable JSON read", SERIALIZABLE, "asked_cpu", DIRECT, 0.6),
    claim("CPU that JSON adds to a linearizable read", LINEARIZABLE, "json_cpu", DIRECT, 0.6),
    claim("CPU that JSON adds to a serializable read", SERIALIZABLE, "json_cpu", DIRECT, 0.6),
];

/// JSON readers, each over a connection of its own.
pub(crate) struct Json {
    keyspace: Keyspace,
    hot: Keys,
}

impl Json {
    pub(crate) fn new() -> Self {
        let keyspace = Keyspace::new();
        let hot = keyspace.many.iter().take(HOT_KEYS).cloned().collect();
        Self { keyspace, hot }
    }

    fn keys(&self, serializable: bool) -> &Keys {
        if serializable { &self.hot } else { &self.keyspace.many }
    }

    fn by_json(&self, serializable: bool, target: &Target) -> JsonReader {
        let question = |key: &Bytes| Question::new(key, &self.keyspace.value, serializable);
        let questions = self.keys(serializable).iter().map(question).collect();
        JsonReader { questions, target: *target, connection: None }
    }

    fn by_grpc(&self, serializable: bool, target: &Target) -> Result<Reader> {
        let (keyspace, keys) = (self.keyspace.clone(), self.keys(serializable).clone());
        Ok(Reader { keyspace, keys, serializable, range: target.method(RANGE)? })
    }
}

impl Suite for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn description(&self) -> String {
        format!(
            "Reads of one key each by JSON over HTTP/1.1, values of {VALUE_BYTES} bytes: linearizable of {KEYS} keys \
             picked at random, serializable of {HOT_KEYS}. As many readers as calls in flight, each with a connection that \
             it keeps, and each sending its next read when the last was answered. The CPU of who is asked is etcd's \
             where etcd is asked directly, and the proxy's where the proxy is asked. What JSON adds is that less what the \
             same reads cost the same process by gRPC, measured right behind, over as many connections. `etcd \
             grpc-proxy` has no JSON API."
        )
    }

    fn counts(&self) -> &'static str {
        "in flight"
    }

    fn workloads(&self) -> Vec<Workload> {
        let at =
            |kind: &'static str| IN_FLIGHT.map(|in_flight| Workload { name: format!("{kind}@{in_flight}") });
        [LINEARIZABLE, SERIALIZABLE].into_iter().flat_map(at).collect()
    }

    fn metrics(&self) -> &'static [Metric] {
        METRICS
    }

    fn claims(&self) -> &'static [Claim] {
        CLAIMS
    }

    fn length(&self, _workload: &Workload, pace: Pace) -> std::time::Duration {
        2 * (pace.warmup + pace.measure)
    }

    async fn prepare(&self, etcd: &Target) -> Result<()> {
        self.keyspace.fill(etcd).await
    }

    async fn measure(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        if target.system == System::Theirs {
            return Ok(Figures::new());
        }
        let in_flight = workload.how_much().parse()?;
        let serializable = workload.what() == SERIALIZABLE;
        // JSON readers bring their own connections; the one of gRPC stays idle.
        let load = Load { in_flight, connections: 1, pace };
        let json = load::run(load, target, self.by_json(serializable, target)).await?;
        let load = Load { connections: in_flight, ..load };
        let grpc = load::run(load, target, self.by_grpc(serializable, target)?).await?;
        let (asked, by_grpc) = (of_who_is_asked(&json), of_who_is_asked(&grpc));
        let mut figures = figures(&json);
        let both = figures.get("proxy_cpu").copied().unwrap_or(0.0)
            + figures.get("etcd_cpu").copied().unwrap_or(0.0);
        figures.extend([
            ("asked_cpu", asked),
            ("grpc_cpu", by_grpc),
            ("json_cpu", asked - by_grpc),
            ("both_cpu", both),
        ]);
        Ok(figures)
    }
}

fn of_who_is_asked(measured: &Measured) -> f64 {
    measured.us_per_call(measured.proxy.map_or(measured.etcd_cpu, |proxy| proxy.cpu))
}

/// A request, and what its answer must have in it.
#[derive(Debug)]
struct Question {
    body: String,
    key: String,
    value: String,
}

impl Question {
    fn new(key: &Bytes, value: &Bytes, serializable: bool) -> Self {
        let (key, value) = (STANDARD.encode(key), STANDARD.encode(value));
        let serializable = if serializable { ",\"serializable\":true" } else { "" };
        Self {
            body: format!("{{\"key\":\"{key}\"{serializable}}}"),
            key: format!("\"key\":\"{key}\""),
            value: format!("\"value\":\"{value}\""),
        }
    }

    fn is_answered_by(&self, answer: &str) -> bool {
        [self.key.as_str(), &self.value, "\"count\":\"1\""].iter().all(|part| answer.contains(part))
    }
}

/// A reader; a clone has no connection yet.
struct JsonReader {
    questions: Arc<[Question]>,
    target: Target,
    connection: Option<Http1>,
}

impl Clone for JsonReader {
    fn clone(&self) -> Self {
        Self { questions: Arc::clone(&self.questions), target: self.target, connection: None }
    }
}

impl Call for JsonReader {
    async fn call(&mut self, _: &mut Connection) -> Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(Http1::connect(self.target.address).await?),
        };
        let question = fastrand::choice(self.questions.iter()).ok_or("no questions")?;
        let answer = connection.post("/v3/kv/range", &question.body).await?;
        if question.is_answered_by(answer) {
            Ok(())
        } else {
            Err(format!("{} was answered with {answer}", question.body).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_the_key_the_value_and_the_count() {
        let question = Question::new(&Bytes::from_static(b"foo"), &Bytes::from_static(b"bar"), true);
        assert_eq!(question.body, r#"{"key":"Zm9v","serializable":true}"#);
        assert!(question.is_answered_by(r#"{"kvs":[{"key":"Zm9v", "value":"YmFy"}], "count":"1"}"#));
        assert!(!question.is_answered_by(r#"{"kvs":[{"key":"Zm9v", "value":"YmF6"}], "count":"1"}"#));
    }
}
