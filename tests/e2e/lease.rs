//! Leases are granted, kept alive, looked at and revoked as etcd does it.

use e2e::{Client, Pair, Shape, Side, Transcript};
use proto_gen::etcdserverpb::{
    LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseLeasesRequest, LeaseRevokeRequest,
    LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, PutRequest,
};
use tonic::Response;

mod credentials;
mod faults;
mod sharing;

use crate::duplex::Duplex;
use crate::requests::{get, grant, put, range};

/// One LeaseKeepAlive stream.
pub(crate) type KeepingAlive = Duplex<LeaseKeepAliveRequest, LeaseKeepAliveResponse>;

pub(crate) fn keep_alive(client: &Client) -> KeepingAlive {
    let mut lease = client.lease();
    Duplex::open(|requests| async move { lease.lease_keep_alive(requests).await })
}

pub(crate) fn ping(id: i64) -> LeaseKeepAliveRequest {
    LeaseKeepAliveRequest { id }
}

/// A lease that is pinged again at once may be answered with its age taken off, and so may one that was held up by
/// those before it.
pub(crate) fn fresh(answer: LeaseKeepAliveResponse) -> LeaseKeepAliveResponse {
    fresh_of(3000, answer)
}

/// The same of a lease that was granted for so long.
fn fresh_of(granted: i64, mut answer: LeaseKeepAliveResponse) -> LeaseKeepAliveResponse {
    if answer.ttl == granted - 1 {
        answer.ttl = granted;
    }
    answer
}

/// One member: what is said during an election is nobody's promise, and a follower may be behind.
#[tokio::test]
async fn lease_answers_are_equal() {
    compare_all(&Pair::start(Shape::single()).await).await;
}

/// Every scenario of this theme, on a pair of clusters that have seen nothing yet.
pub(crate) async fn compare_all(pair: &Pair) {
    pair.compare(grants).await;
    pair.compare(times_to_live).await;
    pair.compare(keep_alives).await;
    pair.compare(many_keep_alives_on_one_stream).await;
    pair.compare(half_closed_keep_alives).await;
    pair.compare(revocations).await;
    pair.compare(expiry).await;
}

async fn grants(seen: &mut Transcript, side: &Side<'_>) {
    let mut lease = side.client.lease();
    seen.answer("an id of my own", lease.lease_grant(grant(11, 3000)).await);
    seen.answer("the same id", lease.lease_grant(grant(11, 3000)).await);
    seen.answer("a TTL too large", lease.lease_grant(grant(12, 9_000_000_001)).await);
    seen.answer("a TTL of zero", lease.lease_grant(grant(13, 0)).await);
    seen.answer("a negative TTL", lease.lease_grant(grant(14, -1)).await);
    let granted = lease.lease_grant(grant(0, 3000)).await;
    if let Ok(response) = &granted {
        seen.name(response.get_ref().id, "generated id");
    }
    seen.answer("a generated id", granted);
}

async fn times_to_live(seen: &mut Transcript, side: &Side<'_>) {
    let mut lease = side.client.lease();
    for key in ["lease/b", "lease/a"] {
        seen.answer("attach", side.client.kv().put(PutRequest { lease: 11, ..put(key, "1") }).await);
    }
    for keys in [false, true] {
        let answer = lease.lease_time_to_live(LeaseTimeToLiveRequest { id: 11, keys }).await;
        seen.answer("time to live", answer.map(rounded));
    }
    seen.answer("unknown", lease.lease_time_to_live(LeaseTimeToLiveRequest { id: 4711, keys: true }).await);
    let leases = lease.lease_leases(LeaseLeasesRequest {}).await.map(|mut response| {
        response.get_mut().leases.retain(|lease| lease.id == 11);
        response
    });
    seen.answer("leases", leases);
}

/// Takes the seconds that have passed out of an answer, if they are few.
fn rounded(mut response: Response<LeaseTimeToLiveResponse>) -> Response<LeaseTimeToLiveResponse> {
    let answer = response.get_mut();
    if (2900..=3000).contains(&answer.ttl) {
        answer.ttl = 3000;
    }
    answer.keys.sort();
    response
}

async fn keep_alives(seen: &mut Transcript, side: &Side<'_>) {
    let mut alive = keep_alive(&side.client);
    for id in [11, 11, 4711, 0, 11] {
        alive.send(ping(id)).await;
        seen.note("one ping, one answer", fresh(alive.next().await));
    }
}

/// Answers keep the order of the pings, unknown leases between known ones included.
async fn many_keep_alives_on_one_stream(seen: &mut Transcript, side: &Side<'_>) {
    let mut lease = side.client.lease();
    for id in 100..110 {
        seen.answer("grant", lease.lease_grant(grant(id, 3000 + id)).await);
    }
    let mut alive = keep_alive(&side.client);
    for id in 98..112 {
        alive.send(ping(id)).await;
    }
    for _ in 98..112 {
        let answer = alive.next().await;
        seen.note("in order", fresh_of(3000 + answer.id, answer));
    }
}

async fn half_closed_keep_alives(seen: &mut Transcript, side: &Side<'_>) {
    for id in [110, 111] {
        side.client.lease().lease_grant(grant(id, 3000)).await.expect("a lease");
    }
    let mut alive = keep_alive(&side.client);
    for id in [110, 111, 4711] {
        alive.send(ping(id)).await;
    }
    alive.half_close();
    for _ in 0..3 {
        seen.note("answered after the half-close", fresh(alive.next().await));
    }
    seen.note("then the end", alive.try_next().await.map_err(|status| status.code()));
}

async fn revocations(seen: &mut Transcript, side: &Side<'_>) {
    let mut lease = side.client.lease();
    seen.answer("its keys", side.client.kv().range(range("lease/", "lease0")).await);
    seen.answer("revoke", lease.lease_revoke(LeaseRevokeRequest { id: 11 }).await);
    seen.answer("its keys are gone", side.client.kv().range(range("lease/", "lease0")).await);
    seen.answer("revoke again", lease.lease_revoke(LeaseRevokeRequest { id: 11 }).await);
    let mut alive = keep_alive(&side.client);
    alive.send(ping(11)).await;
    seen.note("no longer kept alive", alive.next().await);
    seen.answer(
        "time to live",
        lease.lease_time_to_live(LeaseTimeToLiveRequest { id: 11, keys: true }).await,
    );
}

async fn expiry(seen: &mut Transcript, side: &Side<'_>) {
    // Long enough for a slow machine to attach a key.
    seen.answer("grant", side.client.lease().lease_grant(grant(500, 10)).await);
    seen.answer("attach", side.client.kv().put(PutRequest { lease: 500, ..put("expiring", "1") }).await);
    e2e::eventually("the lease expires", e2e::SOON, async || {
        let answer = side.client.kv().range(get("expiring")).await.expect("a read").into_inner();
        (answer.count == 0).then_some(())
    })
    .await;
    let mut alive = keep_alive(&side.client);
    alive.send(ping(500)).await;
    seen.note("expired", alive.next().await);
}
