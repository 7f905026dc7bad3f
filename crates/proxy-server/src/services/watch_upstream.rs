//! Where the hub's streams to etcd enter and leave the namespace: below the sharing, so that one shared watcher costs
//! one change of keys however many read it.

use namespace::{Leaving, Namespace};
use proto_gen::etcdserverpb::WatchResponse;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use tonic::metadata::MetadataMap;
use tonic::{Extensions, Request, Response, Status, Streaming};
use upstream_balancer::LaneService;
use watch_coalesce::{Caller, OpenWatch, Requests};

/// Opens Watch streams to etcd on which only the namespace can be seen.
pub(crate) struct WatchUpstream {
    pub(crate) client: WatchClient<LaneService>,
    pub(crate) namespace: Namespace,
}

impl OpenWatch for WatchUpstream {
    type Responses = Leaving<Streaming<WatchResponse>>;

    fn open(
        &self,
        caller: &Caller,
        requests: Requests,
    ) -> impl Future<Output = Result<Self::Responses, Status>> + Send + 'static {
        let (mut client, namespace) = (self.client.clone(), self.namespace.clone());
        let metadata = MetadataMap::from_headers(caller.headers());
        let request = Request::from_parts(metadata, Extensions::default(), namespace.entering(requests));
        async move {
            let responses = client.watch(request).await.map(Response::into_inner)?;
            Ok(namespace.leaving(responses))
        }
    }
}
