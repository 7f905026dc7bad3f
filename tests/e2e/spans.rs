//! `--enable-distributed-tracing`: what a collector gets of calls, in builds with the feature `otel`.

mod collector;

use std::process::Command;

use e2e::{JsonConnection, Proxy, SOON, environment, eventually};

use self::collector::{Collector, Seen};
use crate::requests::{get, put};
use crate::trace_context::{Recorder, context};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
/// OpenTelemetry's numbers.
const SERVER: i32 = 2;
const FAILED: i32 = 2;
/// `FAILED_PRECONDITION`, with which the member refuses everything.
const REFUSED: i64 = 9;

/// Whether this build has spans, which it says beside what else is wrong with a command line.
fn has_spans() -> bool {
    let mut command = Command::new(environment::proxy());
    let refused = command.args(["start", "--enable-distributed-tracing", "--metrics-addr=nonsense"]).output();
    let said = String::from_utf8(refused.expect("the proxy runs").stderr).expect("text");
    assert!(said.contains("cannot parse \"nonsense\""), "{said}");
    let has_none = said.contains("is not served by this build, which is without OpenTelemetry");
    if has_none {
        println!("this build is without the feature otel");
    }
    !has_none
}

async fn traced_proxy(recorder: &Recorder, collector: &Collector, rate: u32) -> Proxy {
    let flags = [
        "--enable-distributed-tracing".to_owned(),
        format!("--distributed-tracing-address={}", collector.address()),
        "--distributed-tracing-service-name=proxy-of-a-test".to_owned(),
        "--distributed-tracing-instance-id=seven".to_owned(),
        format!("--distributed-tracing-sampling-rate={rate}"),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Proxy::start(&recorder.listen().await, &flags).await
}

/// Ends the proxy, which sends what it still has.
async fn ended(mut proxy: Proxy) {
    proxy.terminate();
    assert_eq!(proxy.end().await.code(), Some(0));
}

fn only<'a>(spans: &'a [Seen], name: &str, parent: &str) -> &'a Seen {
    let found: Vec<_> = spans.iter().filter(|span| (&*span.name, &*span.parent) == (name, parent)).collect();
    let [span] = found[..] else { panic!("{name} below {parent:?}: {spans:?}") };
    span
}

#[tokio::test]
async fn calls_in_grpc_and_json_have_spans_between_the_clients_and_etcds() {
    if !has_spans() {
        return;
    }
    let (recorder, collector) = (Recorder::default(), Collector::start().await);
    let proxy = traced_proxy(&recorder, &collector, 1_000_000).await;
    let client = proxy.client();
    client.with("traceparent", &context(1)).kv().put(put("a", "1")).await.expect_err("a refusal");
    client.kv().range(get("a")).await.expect_err("a refusal");
    for (call, path) in [(2, "/v3/kv/deleterange"), (3, "/v3/maintenance/snapshot")] {
        let mut json = JsonConnection::connect(proxy.address()).await.with("traceparent", &context(call));
        let answer = json.post(path, "{}").await;
        assert!(answer.body.contains("refused"), "{path}: {}", answer.body);
    }
    // Neither has anything to do with calls of clients.
    for path in ["/health", "/proxy/health"] {
        e2e::http1::page(proxy.address(), "GET", path).await.expect("a page");
    }
    ended(proxy).await;

    let spans = collector.seen();
    assert_eq!(spans.len(), 4, "{spans:?}");
    for span in &spans {
        assert_eq!((&*span.service, &*span.instance), ("proxy-of-a-test", "seven"));
        assert_eq!((span.kind, span.status, span.code), (SERVER, FAILED, REFUSED), "{span:?}");
        assert!(span.ended >= span.began && span.began > 0, "{span:?}");
    }
    let calls = [
        (1, "etcdserverpb.KV/Put", "Put"),
        (2, "etcdserverpb.KV/DeleteRange", "DeleteRange"),
        (3, "etcdserverpb.Maintenance/Snapshot", "Snapshot"),
    ];
    for (call, name, method) in calls {
        let span = only(&spans, name, &format!("00f067aa0ba902{call:02x}"));
        assert_eq!(span.trace, TRACE);
        assert_eq!(recorder.contexts()[method], [format!("00-{TRACE}-{}-01", span.id)], "etcd's parent");
    }
    // Nobody has begun this trace before.
    let own = only(&spans, "etcdserverpb.KV/Range", "");
    assert!(own.trace != TRACE && own.trace.len() == 32, "{own:?}");
    let asked = &recorder.contexts()["Range"];
    assert!(asked.contains(&format!("00-{}-{}-01", own.trace, own.id)), "{asked:?}");
}

#[tokio::test]
async fn who_has_begun_a_trace_says_whether_it_is_kept() {
    if !has_spans() {
        return;
    }
    let (recorder, collector) = (Recorder::default(), Collector::start().await);
    let proxy = traced_proxy(&recorder, &collector, 0).await;
    let client = proxy.client();
    client.kv().put(put("a", "1")).await.expect_err("a refusal");
    let unwanted = context(1).replace("-01", "-00");
    client.with("traceparent", &unwanted).kv().put(put("a", "1")).await.expect_err("a refusal");
    client.with("traceparent", &context(2)).kv().put(put("a", "1")).await.expect_err("a refusal");
    eventually("all of them have reached etcd", SOON, async || {
        (recorder.contexts().get("Put")?.len() >= 2).then_some(())
    })
    .await;
    assert!(recorder.contexts()["Put"].contains(&unwanted), "an unwanted trace passes on as it came");
    ended(proxy).await;
    let spans = collector.seen();
    assert_eq!(spans.len(), 1, "{spans:?}");
    only(&spans, "etcdserverpb.KV/Put", "00f067aa0ba90202");
}
