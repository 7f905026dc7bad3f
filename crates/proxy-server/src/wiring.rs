//! How the rooms are connected: a list of nouns.

use std::pin::Pin;
use std::sync::Arc;

use admin_http::Admin;
use json_gateway::Gateway;
use kv_cache::{CachedKv, KvCache, Overseen};
use lease_coalesce::LeaseHub;
use leasing_kv::{Cleared, LeasedKv, Leasing};
use namespace::Namespaced;
use proto_gen::etcdserverpb::kv_client::KvClient;
use proto_gen::etcdserverpb::kv_server::KvServer;
use proto_gen::etcdserverpb::lease_client::LeaseClient;
use proto_gen::etcdserverpb::lease_server::LeaseServer;
use proto_gen::etcdserverpb::watch_client::WatchClient;
use proto_gen::etcdserverpb::watch_server::WatchServer;
use proto_gen::v3electionpb::election_server::ElectionServer;
use proto_gen::v3lockpb::lock_server::LockServer;
use read_coalesce::CoalescedReads;
use resolver_registry::{Proxy, Registry};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use upstream_balancer::{Cluster, Identified, Identity, Lane, LaneService, Upstream};
use watch_coalesce::{Relay, WatchHub, Worker};

use crate::config::Config;
use crate::door::clients::Clients;
use crate::door::entrance::Entrance;
use crate::door::http_door::HttpDoor;
use crate::door::limits::Limits;
use crate::door::tls::Tls;
use crate::log::LevelSwitch;
use crate::process::live::Live;
use crate::services::alarms::Alarms;
use crate::services::cache_watch::CacheWatch;
use crate::services::calls::Calls;
use crate::services::health::HealthService;
use crate::services::in_process::InProcess;
use crate::services::member_list::MemberList;
use crate::services::message_log::MessageLog;
use crate::services::router::Router;
use crate::services::sort_guard::SortGuard;
use crate::services::spans::Spans;
use crate::services::watch_door::WatchDoor;
use crate::services::watch_upstream::WatchUpstream;

/// What a JSON request may have around its keys and values, in bytes.
const JSON_OVERHEAD_BYTES: usize = 64 << 10;

/// What the workers share.
#[derive(Clone)]
pub(crate) struct House {
    pub(crate) config: Arc<Config>,
    pub(crate) live: Live,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) watch_hub: WatchHub,
    pub(crate) lease_hub: LeaseHub,
    pub(crate) cache: KvCache,
    pub(crate) leasing: Leasing,
    pub(crate) read_counters: Arc<read_coalesce::Counters>,
    pub(crate) registry: Registry,
    pub(crate) health: HealthService,
    pub(crate) calls: Calls,
    pub(crate) clients: Clients,
    pub(crate) limits: Limits,
    pub(crate) spans: Spans,
    pub(crate) log_level: LevelSwitch,
    pub(crate) tls: Tls,
    pub(crate) drain: CancellationToken,
}

/// Something that goes on beside the clients' calls.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The hub of all watchers, and its worker, whose upstream connections are those of the runtime that runs it.
pub(crate) fn watch_hub(config: &Config, upstream: &Upstream) -> (WatchHub, Worker<WatchUpstream>) {
    let limits = watch_coalesce::Config {
        history_bytes: config.watch.history_bytes,
        fragment_bytes: config.upstream.max_client_bytes(),
        max_request_bytes: config.upstream.max_client_bytes(),
        ..watch_coalesce::Config::default()
    };
    let upstream = upstream.lane(Lane::Watch);
    // What a member sends is limited where it is received.
    let client = WatchClient::new(upstream).max_decoding_message_size(usize::MAX);
    WatchHub::new(limits, WatchUpstream { client, namespace: config.namespace.clone() })
}

/// The hub of all keep-alives, and its worker. Keep-alives carry no keys, so nothing stands between it and etcd.
pub(crate) fn lease_hub(upstream: &Upstream) -> (LeaseHub, lease_coalesce::Worker<LeaseClient<LaneService>>) {
    LeaseHub::new(lease_coalesce::Config::default(), LeaseClient::new(upstream.lane(Lane::Lease)))
}

/// What the proxy asks on its own behalf, by the names that the log gives it.
pub(crate) fn own_requests(config: &Config) -> Vec<&'static str> {
    let auto_sync = config.auto_sync.map(|_| "--endpoints-auto-sync-interval");
    let registration = config.registration.as_ref().map(|_| "--resolver-prefix");
    let ordering = config.cache.ordered.then_some("--experimental-serializable-ordering");
    let leasing = (!config.leasing.prefix.is_empty()).then_some("--experimental-leasing-prefix");
    let flags = auto_sync.into_iter().chain(registration).chain(ordering).chain(leasing);
    ["noticing a lost leader"].into_iter().chain(flags).collect()
}

/// Who is registered, and the work that keeps this proxy among them. Its keys are in the namespace, and it asks as the
/// proxy itself.
pub(crate) fn registry(config: &Config, upstream: &Upstream, identity: &Identity) -> (Registry, Work) {
    let name = gethostname::gethostname().to_string_lossy().into_owned();
    let itself = Proxy { name, address: config.advertise_client_url.clone() };
    let Some(registration) = &config.registration else {
        return (Registry::alone(itself), Box::pin(std::future::ready(())));
    };
    let Itself { kv, lease, watch } = Itself::new(config, upstream, identity);
    let limits = resolver_registry::Config::new(registration.prefix.clone(), itself, registration.ttl);
    let (registry, worker) = Registry::new(limits, kv, lease, watch);
    (registry, Box::pin(worker.run()))
}

/// What is owned, and the work that takes it and gives it back. Leasing keys are in the namespace, and the proxy writes
/// them as itself.
pub(crate) fn leasing(config: &Config, upstream: &Upstream, identity: &Identity) -> (Leasing, Work) {
    if config.leasing.prefix.is_empty() {
        return (Leasing::off(), Box::pin(std::future::ready(())));
    }
    let Itself { kv, lease, watch } = Itself::new(config, upstream, identity);
    let (leasing, worker) = Leasing::new(config.leasing.clone(), kv, lease, watch);
    (leasing, Box::pin(worker.run()))
}

/// The clients by which the proxy asks as itself, in the namespace.
struct Itself {
    kv: KvClient<Identified<KvServer<Namespaced<Upstream>>>>,
    lease: LeaseClient<Identified<LeaseServer<Namespaced<Upstream>>>>,
    watch: WatchClient<Identified<WatchServer<Namespaced<Upstream>>>>,
}

impl Itself {
    fn new(config: &Config, upstream: &Upstream, identity: &Identity) -> Self {
        let tenant = Namespaced::new(upstream.clone(), config.namespace.clone());
        let kv = KvServer::new(tenant.clone()).max_decoding_message_size(usize::MAX);
        let lease = LeaseServer::new(tenant.clone()).max_decoding_message_size(usize::MAX);
        let watch = WatchServer::new(tenant).max_decoding_message_size(usize::MAX);
        Self {
            kv: KvClient::new(identity.service(kv)).max_decoding_message_size(usize::MAX),
            lease: LeaseClient::new(identity.service(lease)).max_decoding_message_size(usize::MAX),
            watch: WatchClient::new(identity.service(watch)).max_decoding_message_size(usize::MAX),
        }
    }
}

/// The way on which the cache watches what is read often, with the keys as clients see them, and the work that wakes it.
pub(crate) fn cache_watch(house: &House) -> (WatchClient<CacheWatch>, Relay) {
    let House { config, cluster, watch_hub, .. } = house;
    let (hub, relay) = watch_hub.local_service();
    let watch = if config.watch.coalesced {
        CacheWatch::Hub(hub)
    } else {
        let tenant = Namespaced::new(Upstream::new(Arc::clone(cluster)), config.namespace.clone());
        CacheWatch::Relay(WatchServer::new(tenant).max_decoding_message_size(usize::MAX))
    };
    (WatchClient::new(watch).max_decoding_message_size(usize::MAX), relay)
}

/// KV as one tenant has it.
pub(crate) type TenantKv = CachedKv<LeasedKv<CoalescedReads<Namespaced<Upstream>>>>;

/// Locks and elections as one tenant has them.
pub(crate) type TenantNames = Overseen<Cleared<Namespaced<Upstream>>>;

/// What a worker runs beside its connections.
pub(crate) struct Chores {
    /// Wakes its watchers.
    pub(crate) watch_relay: Relay,
    /// Wakes those who keep leases alive.
    pub(crate) lease_relay: lease_coalesce::Relay,
    /// Sends for its readers.
    pub(crate) reads: read_coalesce::Worker<Namespaced<Upstream>>,
}

impl Chores {
    /// Runs all of them on this runtime.
    pub(crate) fn spawn(self) {
        tokio::spawn(self.watch_relay.run());
        tokio::spawn(self.lease_relay.run());
        tokio::spawn(self.reads.run());
    }
}

/// Everything that one worker serves, and its chores. What is talked over WebSockets goes into `talks`.
pub(crate) fn entrance(
    house: House,
    admin: Admin,
    api: json_gateway::Api,
    talks: TaskTracker,
) -> (Entrance, Chores) {
    let (json, drain, clients) = (json_limits(&house.config), house.drain.clone(), house.clients.shard());
    let (limits, spans) = (house.limits.clone(), house.spans.clone());
    let messages = MessageLog::new(house.config.log.messages);
    let (router, chores) = router(house);
    let router = Arc::new(router);
    let service = InProcess::new(Arc::clone(&router)).observed_by(messages.clone(), spans.clone());
    let json = Gateway::new(service, api, json);
    let http = HttpDoor { admin, json, talks, drain };
    (Entrance { router, http, clients, messages, limits, spans }, chores)
}

/// Whatever gRPC clients may send, JSON clients may too.
fn json_limits(config: &Config) -> json_gateway::Config {
    let in_base64 = config.upstream.max_client_bytes() / 3 * 4;
    json_gateway::Config { max_value_bytes: in_base64 + JSON_OVERHEAD_BYTES, origins: config.origins.clone() }
}

/// The services of one worker, and its chores. Called on the worker's thread: its upstream connections never leave it.
pub(crate) fn router(house: House) -> (Router, Chores) {
    let House {
        config,
        live,
        cluster,
        watch_hub,
        lease_hub,
        cache,
        leasing,
        read_counters,
        registry,
        health,
        calls,
        drain,
        ..
    } = house;
    let upstream = Upstream::new(cluster);
    let tenant = Namespaced::new(upstream.clone(), config.namespace.clone());
    let overseen = Overseen::new(tenant.clone(), cache.clone());
    let (watch_service, watch_relay) = watch_hub.local_service();
    let (leases, lease_relay) = lease_hub.local_layer(overseen);
    let names: TenantNames = Overseen::new(Cleared::new(tenant.clone(), leasing.clone()), cache.clone());
    let shared =
        if config.reads.coalesced { read_coalesce::Config::default() } else { read_coalesce::Config::off() };
    let (coalesced, reads) = CoalescedReads::new(tenant.clone(), &shared, read_counters);
    // Every request body is limited before it is decoded, so the decoders need no limit of their own.
    let router = Router {
        kv: KvServer::new(SortGuard(CachedKv::new(LeasedKv::new(coalesced, leasing.clone()), cache.clone())))
            .max_decoding_message_size(usize::MAX),
        watch: WatchDoor {
            hub: config.watch.coalesced.then_some(watch_service),
            relay: WatchServer::new(tenant).max_decoding_message_size(usize::MAX),
            grants_wishes: config.limits.watches.is_none(),
        },
        lease: LeaseServer::new(leases).max_decoding_message_size(usize::MAX),
        election: ElectionServer::new(names.clone()).max_decoding_message_size(usize::MAX),
        lock: LockServer::new(names).max_decoding_message_size(usize::MAX),
        health,
        member_list: MemberList::new(upstream.clone(), registry, &config.advertise_client_url),
        alarms: Alarms::new(upstream.clone(), &config.namespace),
        cache,
        leasing,
        pass_through: upstream,
        namespace: config.namespace.clone(),
        live,
        max_client_bytes: config.upstream.max_client_bytes(),
        drain,
        calls: calls.shard(),
    };
    (router, Chores { watch_relay, lease_relay, reads })
}
