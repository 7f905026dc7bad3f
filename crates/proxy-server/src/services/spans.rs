//! A span for each call of a client, be it gRPC or JSON, sent to an OpenTelemetry collector. Without the feature `otel`
//! there are none, and whatever a client says of its trace passes on as it is.

#[cfg(feature = "otel")]
mod exported;

use std::net::SocketAddr;

use http::Request;
use tonic::Code;

/// What an operator says about traces: etcd's flags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TracingConfig {
    /// `host:port` of the collector, which is spoken to in OTLP over gRPC.
    pub(crate) address: String,
    pub(crate) service_name: String,
    /// Which of the service's instances this is; empty for no word on it.
    pub(crate) instance_id: String,
    /// Of a million traces that begin here. For those that have begun elsewhere it was decided there.
    pub(crate) samples_per_million: u32,
}

/// Makes spans, or none; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans {
    #[cfg(feature = "otel")]
    exported: Option<exported::Exported>,
}

/// The span of a call, where there is one.
#[derive(Debug, Default)]
pub(crate) struct CallSpan {
    #[cfg(feature = "otel")]
    open: Option<exported::OpenSpan>,
}

#[cfg(feature = "otel")]
impl Spans {
    /// Sends spans to where the operator wants them. Called on the runtime that speaks to the collector.
    ///
    /// # Errors
    /// When the collector's address is none.
    pub(crate) fn new(config: Option<&TracingConfig>) -> Result<Self, String> {
        Ok(Self { exported: config.map(exported::Exported::new).transpose()? })
    }

    /// A client's call begins. What follows it belongs to its span.
    pub(crate) fn begin<B>(&self, call: &mut Request<B>, client: SocketAddr) -> CallSpan {
        let Some(exported) = &self.exported else { return CallSpan::default() };
        let path = call.uri().path().to_owned();
        CallSpan { open: exported.begin(&path, call.headers_mut(), client) }
    }

    /// Sends what is still to be sent.
    pub(crate) async fn finish(self) {
        if let Some(exported) = self.exported {
            // It waits for the collector, which this runtime speaks to.
            let _ = tokio::task::spawn_blocking(move || exported.shutdown()).await;
        }
    }
}

#[cfg(not(feature = "otel"))]
impl Spans {
    /// The flags are refused in a build without spans.
    pub(crate) fn new(_: Option<&TracingConfig>) -> Result<Self, String> {
        Ok(Self {})
    }

    pub(crate) fn begin<B>(&self, _: &mut Request<B>, _: SocketAddr) -> CallSpan {
        CallSpan::default()
    }

    pub(crate) async fn finish(self) {}
}

impl CallSpan {
    /// The call has ended so.
    pub(crate) fn end(&mut self, code: Code) {
        #[cfg(feature = "otel")]
        if let Some(open) = self.open.take() {
            open.end(code);
        }
        #[cfg(not(feature = "otel"))]
        let _ = code;
    }
}
