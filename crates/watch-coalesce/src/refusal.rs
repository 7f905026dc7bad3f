//! Every refusal of our own, in etcd's words, so that client libraries recognise it.

use tonic::{Code, Status};

/// etcd: watch ids are unique per stream.
pub(crate) const DUPLICATE_ID: &str = "mvcc: duplicate watch ID provided on the WatchStream";
/// etcd: a negative start revision is before everything that is kept.
pub(crate) const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
/// etcd: a server that has more to do than it can.
pub(crate) const TOO_MANY_REQUESTS: &str = "etcdserver: too many requests";
/// The end of a stream that asked for a leader while there is none.
pub(crate) const NO_LEADER: &str = "etcdserver: no leader";

/// The client's side of the stream broke.
pub(crate) fn watch_canceled() -> Status {
    Status::cancelled("etcdserver: watch canceled")
}

/// This process is going away.
pub(crate) fn server_stopped() -> Status {
    Status::unavailable("etcdserver: server stopped")
}

/// The request's deadline, as gRPC servers word it.
pub(crate) fn deadline() -> Status {
    Status::deadline_exceeded("context deadline exceeded")
}

/// A request message over the limit.
pub(crate) fn too_large(size: usize, limit: usize) -> Status {
    Status::resource_exhausted(format!("grpc: received message larger than max ({size} vs. {limit})"))
}

/// A compressed message although no compression was offered.
pub(crate) fn compressed() -> Status {
    Status::unimplemented("grpc: Decompressor is not installed for grpc-encoding")
}

/// The end of the requests within one.
pub(crate) fn cut_off() -> Status {
    Status::internal("unexpected EOF")
}

/// A message that is not one.
pub(crate) fn undecodable(error: &prost::DecodeError) -> Status {
    Status::internal(format!("grpc: error unmarshalling request: {error}"))
}

/// Whether a failure of an upstream stream is etcd's final word to its caller, which another try would only repeat.
pub(crate) fn is_final(status: &Status, has_leader: bool) -> bool {
    match status.code() {
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented | Code::InvalidArgument => true,
        Code::Unavailable => has_leader && status.message() == NO_LEADER,
        _ => false,
    }
}
