//! The refusals of our own, in etcd's words, and what etcd's refusals are about.

use tonic::{Code, Status};

/// The end of a stream that asked for a leader, and of a ping for which none was found.
const NO_LEADER: &str = "etcdserver: no leader";
/// What etcd says of a ping that it gave up; a reason may follow.
const TIMED_OUT: &str = "etcdserver: request timed out";

/// What an upstream stream's end says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// Nothing about anybody: the way to the member is lost.
    Way,
    /// etcd refused the ping that was asked first, and had not looked at the others.
    Ping,
    /// The cluster could not answer the ping that was asked first, and may not be able to answer the others.
    Cluster,
    /// etcd knows this caller's credential no more.
    Caller,
    /// There is no leader, and this caller asked to be told.
    Leader,
}

/// What the status that ended an upstream stream is about. etcd answers the pings of a stream one after the other, so
/// it is the first unanswered one that was refused.
pub(crate) fn about(status: &Status, has_leader: bool) -> About {
    match status.code() {
        Code::Unauthenticated | Code::Unimplemented => About::Caller,
        Code::Unavailable if status.message() == NO_LEADER && has_leader => About::Leader,
        Code::Unavailable if status.message() == NO_LEADER => About::Cluster,
        Code::Unavailable if status.message().starts_with(TIMED_OUT) => About::Cluster,
        Code::Ok
        | Code::Unavailable
        | Code::Cancelled
        | Code::Internal
        | Code::Aborted
        | Code::DeadlineExceeded => About::Way,
        _ => About::Ping,
    }
}

/// This process is going away.
pub(crate) fn server_stopped() -> Status {
    Status::unavailable("etcdserver: server stopped")
}

/// The request's deadline, as gRPC servers word it.
pub(crate) fn deadline() -> Status {
    Status::deadline_exceeded("context deadline exceeded")
}

/// A stream that etcd ended although it was still asked.
pub(crate) fn ended() -> Status {
    Status::unavailable("the keep-alive stream has ended")
}

/// An answer to something that was not asked.
pub(crate) fn out_of_order() -> Status {
    Status::unavailable("etcd answered another keep-alive than was asked")
}

/// Nothing was heard from etcd for as long as a client can wait. What was lost may say why.
pub(crate) fn unavailable(lost: &Status) -> Status {
    Status::unavailable(lost.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etcds_words_are_told_from_a_lost_way() {
        let table = [
            (Code::Unauthenticated, "etcdserver: invalid auth token", About::Caller),
            (Code::PermissionDenied, "etcdserver: permission denied", About::Ping),
            (Code::InvalidArgument, "etcdserver: user name is empty", About::Ping),
            (Code::Unknown, "whatever", About::Ping),
            (Code::Unavailable, "etcdserver: request timed out", About::Cluster),
            (
                Code::Unavailable,
                "etcdserver: request timed out, possibly due to connection lost",
                About::Cluster,
            ),
            (Code::Unavailable, NO_LEADER, About::Cluster),
            (Code::Unavailable, "etcdserver: server stopped", About::Way),
            (Code::Unavailable, "connection to etcd lost", About::Way),
            (Code::Internal, "stream ended by etcd", About::Way),
            (Code::Ok, "", About::Way),
        ];
        for (code, message, expected) in table {
            assert_eq!(about(&Status::new(code, message), false), expected, "{code:?} {message}");
        }
        assert_eq!(about(&Status::unavailable(NO_LEADER), true), About::Leader);
    }
}
