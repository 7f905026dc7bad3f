//! Limits as clients meet them.

use std::net::{Ipv4Addr, SocketAddr};

use tonic::Code;

use super::*;
use crate::door::clients::ClientShard;

fn seat(last: u32) -> ClientSeat {
    ClientShard::default().enter(SocketAddr::new(Ipv4Addr::from_bits(last).into(), 1))
}

fn calls(qps: u32, burst: u32) -> Option<CallRate> {
    Some(CallRate { qps: NonZeroU32::new(qps)?, burst: NonZeroU32::new(burst)? })
}

#[test]
fn nothing_is_limited_unless_asked_for() {
    let limits = Limits::new(&LimitsConfig::default());
    let client = seat(1);
    assert!((0..1000).all(|_| limits.admit(&client, &HeaderMap::new()).is_ok()));
    assert!(limits.watch_quota(&client, &HeaderMap::new()).is_none());
    assert!(limits.connections(None).admits(usize::MAX - 1));
    assert_eq!((limits.refused_calls(), limits.refused_connections()), (0, 0));
}

#[test]
fn one_clients_calls_take_nothing_from_another() {
    let limits = Limits::new(&LimitsConfig { calls: calls(1, 3), ..LimitsConfig::default() });
    let (greedy, modest) = (seat(1), seat(2));
    let headers = HeaderMap::new();
    let began = Instant::now();
    let asked: Vec<_> = (0..50).map(|_| limits.admit(&greedy, &headers)).collect();
    let admitted = asked.iter().filter(|answer| answer.is_ok()).count() as u64;
    // And one for each second that asking took.
    assert!((3..=3 + began.elapsed().as_secs()).contains(&admitted), "{admitted}");
    assert!(limits.admit(&modest, &headers).is_ok());
    let refusal = asked.into_iter().find_map(Result::err).unwrap();
    assert_eq!(
        (refusal.code(), refusal.message()),
        (Code::ResourceExhausted, "etcdserver: too many requests")
    );
    assert_eq!(limits.refused_calls(), 50 - admitted);
}

#[test]
fn connections_are_counted_where_they_are_refused() {
    let limits = Limits::new(&LimitsConfig::default());
    let room = limits.connections(Some(2));
    assert!(room.admits(1) && !room.admits(2) && !room.admits(3));
    assert_eq!(limits.refused_connections(), 2);
}
