//! Typed clients of one address, with metadata on every call.

use std::time::Duration;

use proto_gen::etcdserverpb::auth_client::AuthClient;
use proto_gen::etcdserverpb::cluster_client::ClusterClient;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::maintenance_client::MaintenanceClient;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::v3electionpb::election_client::ElectionClient;
use proto_gen::v3lockpb::lock_client::LockClient;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tonic_health::pb::health_client::HealthClient;

use crate::patience::CALL;

/// A channel that puts the client's metadata on every call.
pub type Service = InterceptedService<Channel, Attach>;

/// A connection to one address (made when it is first used) and the metadata that its calls carry.
#[derive(Clone, Debug)]
pub struct Client {
    address: String,
    channel: Channel,
    attach: Attach,
}

/// Adds fixed metadata to every call.
#[derive(Clone, Debug, Default)]
pub struct Attach(Vec<(AsciiMetadataKey, AsciiMetadataValue)>, Option<Duration>);

impl Interceptor for Attach {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (key, value) in &self.0 {
            request.metadata_mut().insert(key.clone(), value.clone());
        }
        if let Some(deadline) = self.1 {
            request.set_timeout(deadline);
        }
        Ok(request)
    }
}

macro_rules! service {
    ($name:ident, $client:ident) => {
        #[doc = concat!("A `", stringify!($client), "` on this connection, with no limit on sizes of its own.")]
        #[must_use]
        pub fn $name(&self) -> $client<Service> {
            $client::new(self.service()).max_decoding_message_size(usize::MAX)
        }
    };
}

impl Client {
    /// A client of `address` on a connection of its own.
    #[must_use]
    pub fn of(address: &str) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a valid address");
        let channel = endpoint.connect_timeout(CALL).connect_lazy();
        Self { address: address.to_owned(), channel, attach: Attach::default() }
    }

    /// The same address on another connection, with the same metadata.
    #[must_use]
    pub fn reconnected(&self) -> Self {
        Self { attach: self.attach.clone(), ..Self::of(&self.address) }
    }

    /// The same connection; calls also carry `key: value`.
    #[must_use]
    pub fn with(&self, key: &'static str, value: &str) -> Self {
        let mut client = self.clone();
        let value = value.parse().expect("metadata of plain ASCII");
        client.attach.0.push((AsciiMetadataKey::from_static(key), value));
        client
    }

    /// The same connection; calls carry this deadline as `grpc-timeout`.
    #[must_use]
    pub fn with_deadline(&self, deadline: Duration) -> Self {
        let mut client = self.clone();
        client.attach.1 = Some(deadline);
        client
    }

    /// Where it connects to.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    fn service(&self) -> Service {
        InterceptedService::new(self.channel.clone(), self.attach.clone())
    }

    service!(kv, KvClient);
    service!(watch, WatchClient);
    service!(lease, LeaseClient);
    service!(cluster, ClusterClient);
    service!(maintenance, MaintenanceClient);
    service!(auth, AuthClient);
    service!(election, ElectionClient);
    service!(lock, LockClient);
    service!(health, HealthClient);
}
