//! Spans by OpenTelemetry's SDK.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator as _};
use opentelemetry::trace::{
    Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _, TracerProvider as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span, TracerProviderBuilder};
use tonic::Code;

use super::TracingConfig;

const MILLION: f64 = 1e6;
const SCOPE: &str = "etcd-grpc-proxy";

/// Where spans go.
#[derive(Clone, Debug)]
pub(super) struct Exported {
    tracer: SdkTracer,
    propagator: Arc<TraceContextPropagator>,
    provider: SdkTracerProvider,
}

/// A span whose call goes on.
#[derive(Debug)]
pub(super) struct OpenSpan(Span);

impl Exported {
    pub(super) fn new(config: &TracingConfig) -> Result<Self, String> {
        let exporter = SpanExporter::builder().with_tonic();
        let exporter = exporter.with_endpoint(format!("http://{}", config.address)).build();
        let exporter = exporter.map_err(|error| error.to_string())?;
        Ok(Self::over(SdkTracerProvider::builder().with_batch_exporter(exporter), config))
    }

    fn over(builder: TracerProviderBuilder, config: &TracingConfig) -> Self {
        let sampled = Sampler::TraceIdRatioBased(f64::from(config.samples_per_million) / MILLION);
        let instance = (!config.instance_id.is_empty())
            .then(|| KeyValue::new("service.instance.id", config.instance_id.clone()));
        let resource = Resource::builder().with_service_name(config.service_name.clone());
        let provider = builder
            .with_sampler(Sampler::ParentBased(Box::new(sampled)))
            .with_resource(resource.with_attributes(instance).build())
            .build();
        let tracer = provider.tracer(SCOPE);
        Self { tracer, propagator: Arc::new(TraceContextPropagator::new()), provider }
    }

    /// From here on the call belongs to its span, and so do the spans that etcd makes of it. None where nobody wants
    /// this trace; the call's own context then passes on as it is.
    pub(super) fn begin(&self, path: &str, headers: &mut HeaderMap, peer: SocketAddr) -> Option<OpenSpan> {
        let parent = self.propagator.extract(&Headers(headers));
        let name = path.trim_start_matches('/').to_owned();
        let (service, method) = name.split_once('/').unwrap_or((&name, ""));
        let attributes = [
            KeyValue::new("rpc.system", "grpc"),
            KeyValue::new("rpc.service", service.to_owned()),
            KeyValue::new("rpc.method", method.to_owned()),
            KeyValue::new("client.address", peer.ip().to_string()),
            KeyValue::new("client.port", i64::from(peer.port())),
        ];
        let span = self.tracer.span_builder(name.clone()).with_kind(SpanKind::Server);
        let span = span.with_attributes(attributes).start_with_context(&self.tracer, &parent);
        if !span.is_recording() {
            return None;
        }
        let context = Context::new().with_remote_span_context(span.span_context().clone());
        self.propagator.inject_context(&context, &mut HeadersMut(headers));
        Some(OpenSpan(span))
    }

    /// Blocks until the collector has all, or for as long as the SDK has patience.
    pub(super) fn shutdown(&self) {
        if let Err(error) = self.provider.shutdown() {
            tracing::warn!(%error, "not all spans could be sent");
        }
    }
}

impl OpenSpan {
    pub(super) fn end(mut self, code: Code) {
        self.0.set_attribute(KeyValue::new("rpc.grpc.status_code", i64::from(code as i32)));
        if code != Code::Ok {
            self.0.set_status(Status::error(format!("{code:?}")));
        }
        self.0.end();
    }
}

struct Headers<'a>(&'a HeaderMap);
struct HeadersMut<'a>(&'a mut HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) {
            self.0.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use opentelemetry_sdk::error::OTelSdkResult;
    use opentelemetry_sdk::trace::{SpanData, SpanExporter};

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";

    #[derive(Clone, Debug, Default)]
    struct Kept(Arc<Mutex<Vec<SpanData>>>);

    impl SpanExporter for Kept {
        async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
            self.0.lock().unwrap().extend(batch);
            Ok(())
        }
    }

    fn exported(samples_per_million: u32) -> (Exported, Kept) {
        let config = TracingConfig {
            address: "localhost:4317".to_owned(),
            service_name: "etcd".to_owned(),
            instance_id: "a".to_owned(),
            samples_per_million,
        };
        let kept = Kept::default();
        (Exported::over(SdkTracerProvider::builder().with_simple_exporter(kept.clone()), &config), kept)
    }

    fn begin(exported: &Exported, parent: Option<&str>) -> (Option<OpenSpan>, HeaderMap) {
        let mut headers = HeaderMap::new();
        headers.extend(
            parent.map(|parent| ("traceparent".parse::<HeaderName>().unwrap(), parent.parse().unwrap())),
        );
        let span = exported.begin("/etcdserverpb.KV/Put", &mut headers, "10.0.0.1:7".parse().unwrap());
        (span, headers)
    }

    #[test]
    fn a_call_of_a_sampled_trace_is_a_child_and_etcds_spans_are_its_children() {
        let (exported, kept) = exported(0);
        let (span, headers) = begin(&exported, Some(PARENT));
        span.unwrap().end(Code::Unavailable);
        let kept = kept.0.lock().unwrap();
        let [span] = &kept[..] else { panic!("{kept:?}") };
        assert_eq!((span.name.as_ref(), &span.span_kind), ("etcdserverpb.KV/Put", &SpanKind::Server));
        assert_eq!(span.span_context.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span.parent_span_id.to_string(), "00f067aa0ba902b7");
        assert_eq!(span.status, Status::error("Unavailable"));
        let passed_on = headers["traceparent"].to_str().unwrap();
        let ours = span.span_context.span_id();
        assert_eq!(passed_on, format!("00-0af7651916cd43dd8448eb211c80319c-{ours}-01"));
    }

    #[test]
    fn who_is_not_sampled_passes_on_as_he_came() {
        let (exported, kept) = exported(0);
        assert!(begin(&exported, None).0.is_none());
        let unsampled = PARENT.replace("-01", "-00");
        let (span, headers) = begin(&exported, Some(&unsampled));
        assert!(span.is_none());
        assert_eq!(headers["traceparent"], unsampled.as_str());
        assert!(kept.0.lock().unwrap().is_empty());
    }

    #[test]
    fn traces_begin_here_at_the_rate_that_was_asked_for() {
        let (exported, kept) = exported(1_000_000);
        let (span, headers) = begin(&exported, None);
        span.unwrap().end(Code::Ok);
        assert!(headers.contains_key("traceparent"));
        assert_eq!(kept.0.lock().unwrap()[0].status, Status::Unset);
    }
}
