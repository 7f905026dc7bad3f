//! Where a Watch stream goes: to the hub, which shares watchers, or past it to the member.

use http::HeaderValue;
use namespace::Namespaced;
use proto_gen::etcdserverpb::watch_server::WatchServer;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use upstream_balancer::{MessageLimit, Upstream};
use watch_coalesce::WatchService;

use crate::services::drain::end_with_drain;
use crate::services::router::{Answer, Call, serve};

/// Request metadata by which a client asks for the member's own answers.
const WISH: &str = "etcd-proxy-watch";
const PASSTHROUGH: HeaderValue = HeaderValue::from_static("passthrough");

/// The Watch service of one worker.
#[derive(Clone)]
pub(crate) struct WatchDoor {
    /// None relays every stream.
    pub(crate) hub: Option<WatchService>,
    pub(crate) relay: WatchServer<Namespaced<Upstream>>,
    /// Whether a client's wish for the relay is granted. The hub counts watchers, the relay does not.
    pub(crate) grants_wishes: bool,
}

impl WatchDoor {
    /// Streams of the hub end with the hub; those that are relayed end with the drain.
    pub(crate) async fn serve(&self, call: Call, drain: &CancellationToken) -> Answer {
        match &self.hub {
            Some(hub) if !self.grants_wishes || call.headers().get(WISH) != Some(&PASSTHROUGH) => {
                hub.serve(call.map(MessageLimit::into_inner)).map(Body::new)
            }
            _ => end_with_drain(drain, serve(self.relay.clone(), call)).await,
        }
    }
}
