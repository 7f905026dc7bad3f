//! What cannot be confined to a prefix, and what becomes of it.
//!
//! [`METHODS`] holds every method of etcd's API once. A method that is not in it is taken for one that cannot be
//! confined: nobody has looked at what it reaches.

use tonic::Status;

/// What becomes of a call that reaches beyond the namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// It is let through, as etcd's own proxy does.
    #[default]
    Permissive,
    /// It is refused.
    Strict,
}

/// How far a method reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It reads and changes only what is the tenant's, or tells nothing but how the cluster is.
    Confined,
    /// It reads or changes what belongs to others.
    Unconfined,
}

use Reach::{Confined, Unconfined};

/// Every service and method of etcd's API.
#[rustfmt::skip]
pub const METHODS: &[(&str, &str, Reach)] = &[
    ("etcdserverpb.KV", "Range", Confined),
    ("etcdserverpb.KV", "RangeStream", Confined),
    ("etcdserverpb.KV", "Put", Confined),
    ("etcdserverpb.KV", "DeleteRange", Confined),
    ("etcdserverpb.KV", "Txn", Confined),
    // Takes everybody's history away.
    ("etcdserverpb.KV", "Compact", Unconfined),
    ("etcdserverpb.Watch", "Watch", Confined),
    ("etcdserverpb.Lease", "LeaseGrant", Confined),
    // Only after a look at what hangs on the lease: see `services/lease.rs`.
    ("etcdserverpb.Lease", "LeaseRevoke", Confined),
    ("etcdserverpb.Lease", "LeaseKeepAlive", Confined),
    ("etcdserverpb.Lease", "LeaseTimeToLive", Confined),
    // Shows everybody's leases.
    ("etcdserverpb.Lease", "LeaseLeases", Unconfined),
    ("v3lockpb.Lock", "Lock", Confined),
    ("v3lockpb.Lock", "Unlock", Confined),
    ("v3electionpb.Election", "Campaign", Confined),
    ("v3electionpb.Election", "Proclaim", Confined),
    ("v3electionpb.Election", "Leader", Confined),
    ("v3electionpb.Election", "Observe", Confined),
    ("v3electionpb.Election", "Resign", Confined),
    // Clients find their endpoints by it.
    ("etcdserverpb.Cluster", "MemberList", Confined),
    ("etcdserverpb.Cluster", "MemberAdd", Unconfined),
    ("etcdserverpb.Cluster", "MemberRemove", Unconfined),
    ("etcdserverpb.Cluster", "MemberUpdate", Unconfined),
    ("etcdserverpb.Cluster", "MemberPromote", Unconfined),
    ("etcdserverpb.Maintenance", "Status", Confined),
    // An alarm stops everybody's writes. To read alarms is harmless: who can tell the two apart may let that pass.
    ("etcdserverpb.Maintenance", "Alarm", Unconfined),
    ("etcdserverpb.Maintenance", "Defragment", Unconfined),
    ("etcdserverpb.Maintenance", "Hash", Unconfined),
    ("etcdserverpb.Maintenance", "HashKV", Unconfined),
    ("etcdserverpb.Maintenance", "Snapshot", Unconfined),
    ("etcdserverpb.Maintenance", "MoveLeader", Unconfined),
    ("etcdserverpb.Maintenance", "Downgrade", Unconfined),
    // Clients get their tokens by the one, and say by the other whether they need any.
    ("etcdserverpb.Auth", "Authenticate", Confined),
    ("etcdserverpb.Auth", "AuthStatus", Confined),
    ("etcdserverpb.Auth", "AuthEnable", Unconfined),
    ("etcdserverpb.Auth", "AuthDisable", Unconfined),
    ("etcdserverpb.Auth", "UserAdd", Unconfined),
    ("etcdserverpb.Auth", "UserGet", Unconfined),
    ("etcdserverpb.Auth", "UserList", Unconfined),
    ("etcdserverpb.Auth", "UserDelete", Unconfined),
    ("etcdserverpb.Auth", "UserChangePassword", Unconfined),
    ("etcdserverpb.Auth", "UserGrantRole", Unconfined),
    ("etcdserverpb.Auth", "UserRevokeRole", Unconfined),
    ("etcdserverpb.Auth", "RoleAdd", Unconfined),
    ("etcdserverpb.Auth", "RoleGet", Unconfined),
    ("etcdserverpb.Auth", "RoleList", Unconfined),
    ("etcdserverpb.Auth", "RoleDelete", Unconfined),
    ("etcdserverpb.Auth", "RoleGrantPermission", Unconfined),
    ("etcdserverpb.Auth", "RoleRevokePermission", Unconfined),
];

/// How far a method reaches.
pub fn reach(service: &str, method: &str) -> Reach {
    let row = METHODS.iter().find(|row| (row.0, row.1) == (service, method));
    row.map_or(Unconfined, |row| row.2)
}

/// What a client is told whose call reaches beyond its namespace. `what` is the subject of the sentence.
pub fn refusal(what: &str) -> Status {
    Status::permission_denied(format!(
        "etcd-grpc-proxy: {what} reaches beyond the namespace: refused by --namespace-policy=strict"
    ))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    fn described() -> HashSet<(String, String)> {
        let set = FileDescriptorSet::decode(proto_gen::FILE_DESCRIPTOR_SET).unwrap();
        let services =
            set.file.iter().flat_map(|file| file.service.iter().map(move |service| (file, service)));
        services
            .flat_map(|(file, service)| {
                let name = format!("{}.{}", file.package(), service.name());
                service.method.iter().map(move |method| (name.clone(), method.name().to_owned()))
            })
            .collect()
    }

    #[test]
    fn the_table_holds_every_method_of_the_api_once() {
        let rows: HashSet<_> = METHODS.iter().map(|row| (row.0.to_owned(), row.1.to_owned())).collect();
        assert_eq!(rows, described());
        assert_eq!(rows.len(), METHODS.len());
    }

    #[test]
    fn what_nobody_has_looked_at_is_not_confined() {
        assert_eq!(reach("etcdserverpb.Maintenance", "Status"), Confined);
        assert_eq!(reach("etcdserverpb.Maintenance", "status"), Unconfined);
        assert_eq!(reach("etcdserverpb.Later", "Status"), Unconfined);
        assert_eq!(reach("", ""), Unconfined);
    }
}
