//! Which method is behind which path.

use std::collections::HashMap;

use prost_reflect::{DescriptorError, DescriptorPool, MessageDescriptor};

use crate::schema::{MessageId, Schema};

/// Paths below `/v3/`, and the method of each. etcd binds all of them to POST, with the whole body as the request.
const ROUTES: [(&str, &str); 51] = [
    ("kv/range", "etcdserverpb.KV/Range"),
    ("kv/put", "etcdserverpb.KV/Put"),
    ("kv/deleterange", "etcdserverpb.KV/DeleteRange"),
    ("kv/txn", "etcdserverpb.KV/Txn"),
    ("kv/compaction", "etcdserverpb.KV/Compact"),
    ("watch", "etcdserverpb.Watch/Watch"),
    ("lease/grant", "etcdserverpb.Lease/LeaseGrant"),
    ("lease/revoke", "etcdserverpb.Lease/LeaseRevoke"),
    ("kv/lease/revoke", "etcdserverpb.Lease/LeaseRevoke"),
    ("lease/keepalive", "etcdserverpb.Lease/LeaseKeepAlive"),
    ("lease/timetolive", "etcdserverpb.Lease/LeaseTimeToLive"),
    ("kv/lease/timetolive", "etcdserverpb.Lease/LeaseTimeToLive"),
    ("lease/leases", "etcdserverpb.Lease/LeaseLeases"),
    ("kv/lease/leases", "etcdserverpb.Lease/LeaseLeases"),
    ("cluster/member/add", "etcdserverpb.Cluster/MemberAdd"),
    ("cluster/member/remove", "etcdserverpb.Cluster/MemberRemove"),
    ("cluster/member/update", "etcdserverpb.Cluster/MemberUpdate"),
    ("cluster/member/list", "etcdserverpb.Cluster/MemberList"),
    ("cluster/member/promote", "etcdserverpb.Cluster/MemberPromote"),
    ("maintenance/alarm", "etcdserverpb.Maintenance/Alarm"),
    ("maintenance/status", "etcdserverpb.Maintenance/Status"),
    ("maintenance/defragment", "etcdserverpb.Maintenance/Defragment"),
    ("maintenance/hash", "etcdserverpb.Maintenance/Hash"),
    ("maintenance/hashkv", "etcdserverpb.Maintenance/HashKV"),
    ("maintenance/snapshot", "etcdserverpb.Maintenance/Snapshot"),
    ("maintenance/transfer-leadership", "etcdserverpb.Maintenance/MoveLeader"),
    ("maintenance/downgrade", "etcdserverpb.Maintenance/Downgrade"),
    ("auth/enable", "etcdserverpb.Auth/AuthEnable"),
    ("auth/disable", "etcdserverpb.Auth/AuthDisable"),
    ("auth/status", "etcdserverpb.Auth/AuthStatus"),
    ("auth/authenticate", "etcdserverpb.Auth/Authenticate"),
    ("auth/user/add", "etcdserverpb.Auth/UserAdd"),
    ("auth/user/get", "etcdserverpb.Auth/UserGet"),
    ("auth/user/list", "etcdserverpb.Auth/UserList"),
    ("auth/user/delete", "etcdserverpb.Auth/UserDelete"),
    ("auth/user/changepw", "etcdserverpb.Auth/UserChangePassword"),
    ("auth/user/grant", "etcdserverpb.Auth/UserGrantRole"),
    ("auth/user/revoke", "etcdserverpb.Auth/UserRevokeRole"),
    ("auth/role/add", "etcdserverpb.Auth/RoleAdd"),
    ("auth/role/get", "etcdserverpb.Auth/RoleGet"),
    ("auth/role/list", "etcdserverpb.Auth/RoleList"),
    ("auth/role/delete", "etcdserverpb.Auth/RoleDelete"),
    ("auth/role/grant", "etcdserverpb.Auth/RoleGrantPermission"),
    ("auth/role/revoke", "etcdserverpb.Auth/RoleRevokePermission"),
    ("election/campaign", "v3electionpb.Election/Campaign"),
    ("election/proclaim", "v3electionpb.Election/Proclaim"),
    ("election/leader", "v3electionpb.Election/Leader"),
    ("election/observe", "v3electionpb.Election/Observe"),
    ("election/resign", "v3electionpb.Election/Resign"),
    ("lock/lock", "v3lockpb.Lock/Lock"),
    ("lock/unlock", "v3lockpb.Lock/Unlock"),
];

/// All routes.
#[derive(Debug)]
pub(crate) struct Routes {
    by_path: HashMap<&'static str, Route>,
    pub(crate) schema: Schema,
}

/// A method as JSON clients call it.
#[derive(Debug)]
pub(crate) struct Route {
    /// `/service/method`.
    pub(crate) method: String,
    pub(crate) request: MessageDescriptor,
    pub(crate) response: MessageId,
    pub(crate) client_streams: bool,
    pub(crate) server_streams: bool,
}

impl Routes {
    /// The routes of etcd's API.
    ///
    /// # Errors
    /// When the descriptors that this was built with are broken.
    pub(crate) fn new() -> Result<Self, DescriptorError> {
        let pool = DescriptorPool::decode(proto_gen::FILE_DESCRIPTOR_SET)?;
        let mut schema = Schema::default();
        let by_path = ROUTES
            .iter()
            .filter_map(|(path, method)| Some((*path, Route::of(method, &pool, &mut schema)?)))
            .collect();
        Ok(Self { by_path, schema })
    }

    /// How many paths there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.by_path.len()
    }

    /// The route of a path that begins with `/v3/` or, as in etcd 3.3, `/v3beta/`.
    pub(crate) fn find(&self, path: &str) -> Option<&Route> {
        let below = path.strip_prefix("/v3/").or_else(|| path.strip_prefix("/v3beta/"))?;
        self.by_path.get(below)
    }
}

impl Route {
    fn of(method: &str, pool: &DescriptorPool, schema: &mut Schema) -> Option<Self> {
        let (service, name) = method.split_once('/')?;
        let found = pool.get_service_by_name(service)?.methods().find(|found| found.name() == name)?;
        Some(Self {
            method: format!("/{method}"),
            request: found.input(),
            response: schema.add(&found.output()),
            client_streams: found.is_client_streaming(),
            server_streams: found.is_server_streaming(),
        })
    }
}
