//! Lock and Election: who waits, who holds, who leads.

use e2e::{Pair, Shape, Side, Transcript, eventually, soon};
use proto_gen::etcdserverpb::{LeaseRevokeRequest, RangeRequest};
use proto_gen::v3electionpb::{CampaignRequest, LeaderKey, LeaderRequest, ProclaimRequest, ResignRequest};
use proto_gen::v3lockpb::{LockRequest, UnlockRequest};

use crate::requests::{grant, range};

/// One member: what is said during an election is nobody's promise, and a follower may be behind.
#[tokio::test]
async fn lock_and_election_answers_are_equal() {
    compare_all(&Pair::start(Shape::single()).await).await;
}

/// Every scenario of this theme, on a pair of clusters that have seen nothing yet.
pub(crate) async fn compare_all(pair: &Pair) {
    pair.compare(locks).await;
    pair.compare(a_lock_without_a_lease).await;
    pair.compare(a_lock_whose_holder_vanishes).await;
    pair.compare(elections).await;
    pair.compare(observers).await;
    pair.compare(refusals).await;
}

pub(crate) fn lock(name: &str, lease: i64) -> LockRequest {
    LockRequest { name: name.to_owned().into(), lease }
}

pub(crate) fn campaign(name: &str, lease: i64, value: &str) -> CampaignRequest {
    CampaignRequest { name: name.to_owned().into(), lease, value: value.to_owned().into() }
}

async fn leases(side: &Side<'_>, ids: &[i64]) {
    for id in ids {
        side.client.lease().lease_grant(grant(*id, 3000)).await.expect("a lease");
    }
}

/// Waits until that many keys stand under `prefix`: whoever asked second is second in the queue then.
pub(crate) async fn queued(side: &Side<'_>, prefix: &str, count: i64) {
    let end = format!("{}0", prefix.trim_end_matches('/'));
    eventually("the waiters stand in the queue", e2e::SOON, async || {
        let request = RangeRequest { count_only: true, ..range(prefix, &end) };
        let there = side.client.kv().range(request).await.expect("a read").into_inner().count;
        (there == count).then_some(())
    })
    .await;
}

async fn locks(seen: &mut Transcript, side: &Side<'_>) {
    leases(side, &[21, 22]).await;
    let mut locks = side.client.lock();
    let held = seen.answer("the first holds it", locks.lock(lock("mutex", 21)).await).expect("a lock");
    seen.answer("asking again with the same lease", locks.lock(lock("mutex", 21)).await);
    let mut other = side.client.lock();
    let waiting = tokio::spawn(async move { other.lock(lock("mutex", 22)).await });
    queued(side, "mutex/", 2).await;
    assert!(!waiting.is_finished(), "two hold one lock");
    seen.answer("unlocked", locks.unlock(UnlockRequest { key: held.key.clone() }).await);
    let next =
        seen.answer("the second holds it", soon("a lock", waiting).await.expect("no panic")).expect("a lock");
    seen.answer("unlocked", locks.unlock(UnlockRequest { key: next.key }).await);
    seen.answer("unlocked again", locks.unlock(UnlockRequest { key: held.key }).await);
}

async fn a_lock_without_a_lease(seen: &mut Transcript, side: &Side<'_>) {
    let answer = side.client.lock().lock(lock("lonely", 0)).await;
    if let Ok(response) = &answer {
        let key = String::from_utf8(response.get_ref().key.to_vec()).expect("text");
        seen.name(key.rsplit('/').next().expect("a lease"), "generated lease");
    }
    seen.answer("a lease is made", answer);
}

async fn a_lock_whose_holder_vanishes(seen: &mut Transcript, side: &Side<'_>) {
    leases(side, &[23, 24]).await;
    let mut locks = side.client.lock();
    seen.answer("held", locks.lock(lock("vanish", 23)).await);
    let mut other = side.client.lock();
    let waiting = tokio::spawn(async move { other.lock(lock("vanish", 24)).await });
    queued(side, "vanish/", 2).await;
    seen.answer(
        "the holder's lease ends",
        side.client.lease().lease_revoke(LeaseRevokeRequest { id: 23 }).await,
    );
    seen.answer("the waiter holds it", soon("a lock", waiting).await.expect("no panic"));
    seen.answer("an unknown lease", locks.lock(lock("vanish", 99)).await);
}

async fn elections(seen: &mut Transcript, side: &Side<'_>) {
    leases(side, &[31, 32]).await;
    let mut election = side.client.election();
    let name = || LeaderRequest { name: "seat".into() };
    seen.answer("nobody leads", election.leader(name()).await);
    let won = seen.answer("won", election.campaign(campaign("seat", 31, "one")).await).expect("a leader");
    seen.answer("who leads", election.leader(name()).await);
    let proclaim =
        |value: &str| ProclaimRequest { leader: won.leader.clone(), value: value.to_owned().into() };
    seen.answer("proclaimed", election.proclaim(proclaim("uno")).await);
    seen.answer("who leads", election.leader(name()).await);
    let mut other = side.client.election();
    let waiting = tokio::spawn(async move { other.campaign(campaign("seat", 32, "two")).await });
    queued(side, "seat/", 2).await;
    assert!(!waiting.is_finished(), "two lead");
    seen.answer("resigned", election.resign(ResignRequest { leader: won.leader.clone() }).await);
    seen.answer("the next one wins", soon("a victory", waiting).await.expect("no panic"));
    seen.answer("who leads", election.leader(name()).await);
    seen.answer("proclaimed without leading", election.proclaim(proclaim("late")).await);
    seen.answer("resigned twice", election.resign(ResignRequest { leader: won.leader.clone() }).await);
}

async fn observers(seen: &mut Transcript, side: &Side<'_>) {
    leases(side, &[33]).await;
    let mut election = side.client.election();
    let won = election.campaign(campaign("stage", 33, "first")).await.expect("a leader").into_inner();
    let observed = election.observe(LeaderRequest { name: "stage".into() }).await;
    let mut observed = observed.expect("an observer").into_inner();
    seen.note("first", soon("an observation", observed.message()).await.expect("a leader"));
    for value in ["second", "third"] {
        let proclaim = ProclaimRequest { leader: won.leader.clone(), value: value.to_owned().into() };
        seen.answer("proclaimed", election.proclaim(proclaim).await);
        seen.note("observed", soon("an observation", observed.message()).await.expect("a leader"));
    }
}

async fn refusals(seen: &mut Transcript, side: &Side<'_>) {
    let mut election = side.client.election();
    seen.answer("proclaim without a key", election.proclaim(ProclaimRequest::default()).await);
    seen.answer("resign without a key", election.resign(ResignRequest::default()).await);
    seen.answer("campaign with an unknown lease", election.campaign(campaign("seat", 99, "x")).await);
    let foreign = LeaderKey { name: "seat".into(), key: "seat/none".into(), rev: 1, lease: 99 };
    let proclaim = ProclaimRequest { leader: Some(foreign), value: "x".into() };
    seen.answer("proclaim with somebody's key", election.proclaim(proclaim).await);
}
