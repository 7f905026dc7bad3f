//! Cluster: the real members with `--advertise-client-url=""`, the proxy's own address otherwise.

use e2e::{Pair, Proxy, Shape, Side, Transcript, eventually};
use proto_gen::etcdserverpb::{
    Member, MemberAddRequest, MemberAddResponse, MemberListRequest, MemberPromoteRequest,
    MemberRemoveRequest, MemberUpdateRequest,
};
use tonic::{Response, Status};

#[tokio::test]
async fn cluster_answers_are_equal() {
    // What a member allows depends on what it has heard of the others.
    let pair = Pair::start_in_front_of_member_0(Shape::three()).await;
    pair.compare(member_lists).await;
    pair.compare(learners).await;
    pair.compare(refusals).await;
    pair.compare(updates).await;
    pair.compare(unstarted_voters).await;
}

#[tokio::test]
async fn the_last_member_cannot_be_removed() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(async |seen, side| {
        let id = side.cluster.member(0).id().await;
        seen.answer("remove", side.client.cluster().member_remove(MemberRemoveRequest { id }).await);
    })
    .await;
}

#[tokio::test]
async fn a_member_list_shows_the_advertised_address_of_the_proxy() {
    let cluster = e2e::Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &["--advertise-client-url=proxy.example:23790"]).await;
    let list = proxy.client().cluster().member_list(MemberListRequest { linearizable: true }).await;
    let members = list.expect("a member list").into_inner().members;
    assert_eq!(members.len(), 1, "{members:?}");
    assert_eq!(members[0].client_ur_ls, ["proxy.example:23790"]);
}

/// Names what differs between any two clusters.
pub(crate) async fn name_members(seen: &mut Transcript, side: &Side<'_>) {
    for member in side.cluster.members() {
        let id = member.id().await;
        seen.name(id, &format!("id of {}", member.name()));
        seen.name(format!("{id:x}"), &format!("hex id of {}", member.name()));
        seen.name(member.address(), &format!("address of {}", member.name()));
        seen.name(member.peer_url(), &format!("peer URL of {}", member.name()));
    }
}

/// Members come in the order of their ids, which are no one's choice.
fn sorted(mut members: Vec<Member>) -> Vec<Member> {
    members.sort_by(|left, right| (&left.name, left.id).cmp(&(&right.name, right.id)));
    members
}

async fn member_lists(seen: &mut Transcript, side: &Side<'_>) {
    name_members(seen, side).await;
    for linearizable in [false, true] {
        let list =
            side.client.cluster().member_list(MemberListRequest { linearizable }).await.map(|mut list| {
                list.get_mut().members = sorted(std::mem::take(&mut list.get_mut().members));
                list
            });
        seen.answer("member list", list);
    }
}

/// What a member says while it has not been connected to all the others for five seconds: a matter of time, and of the
/// member that is asked.
pub(crate) const UNHEALTHY: &str = "etcdserver: unhealthy cluster";

/// What it says while it is the second in which a member with the same URL was added: ids are made of both.
const SAME_SECOND: &str = "etcdserver: member ID already exist";

/// Adds one as soon as time allows.
async fn add(seen: &mut Transcript, side: &Side<'_>, what: &str, url: &str, is_learner: bool) -> Option<u64> {
    let answer = eventually("time allows a member to be added", e2e::SOON, async || {
        let answer = try_to_add(side, url, is_learner).await;
        let is_early =
            answer.as_ref().is_err_and(|status| [UNHEALTHY, SAME_SECOND].contains(&status.message()));
        (!is_early).then_some(answer)
    });
    let answer = answer.await;
    let id = answer.as_ref().ok().and_then(|added| added.get_ref().member.as_ref()).map(|member| member.id);
    if let Some(id) = id {
        seen.name(id, "id of the added one");
    }
    seen.answer(what, answer);
    id
}

async fn try_to_add(
    side: &Side<'_>,
    url: &str,
    is_learner: bool,
) -> Result<Response<MemberAddResponse>, Status> {
    let request = MemberAddRequest { peer_ur_ls: vec![url.to_owned()], is_learner };
    side.client.cluster().member_add(request).await.map(|mut added| {
        added.get_mut().members = sorted(std::mem::take(&mut added.get_mut().members));
        added
    })
}

async fn learners(seen: &mut Transcript, side: &Side<'_>) {
    name_members(seen, side).await;
    let mut cluster = side.client.cluster();
    let id = add(seen, side, "a learner", "http://127.0.0.1:1", true).await.expect("a learner");
    // etcd 3.4 may promote one that has never run, if it is asked at once.
    if e2e::environment::etcd_version() > (3, 4) {
        seen.answer("not ready", cluster.member_promote(MemberPromoteRequest { id }).await);
    }
    add(seen, side, "one more learner", "http://127.0.0.1:2", true).await;
    add(seen, side, "the same URL", "http://127.0.0.1:1", true).await;
    let removed = cluster.member_remove(MemberRemoveRequest { id }).await.map(|mut removed| {
        removed.get_mut().members = sorted(std::mem::take(&mut removed.get_mut().members));
        removed
    });
    seen.answer("removed", removed);
    seen.answer("removed again", cluster.member_remove(MemberRemoveRequest { id }).await);
}

async fn refusals(seen: &mut Transcript, side: &Side<'_>) {
    name_members(seen, side).await;
    let mut cluster = side.client.cluster();
    let voter = side.cluster.member(0).id().await;
    seen.answer("promote a voter", cluster.member_promote(MemberPromoteRequest { id: voter }).await);
    seen.answer("promote nobody", cluster.member_promote(MemberPromoteRequest { id: 4711 }).await);
    seen.answer("remove nobody", cluster.member_remove(MemberRemoveRequest { id: 4711 }).await);
    let nobody = MemberUpdateRequest { id: 4711, peer_ur_ls: vec!["http://127.0.0.1:1".to_owned()] };
    seen.answer("update nobody", cluster.member_update(nobody).await);
    let taken = MemberUpdateRequest { id: voter, peer_ur_ls: vec![side.cluster.member(1).peer_url()] };
    seen.answer("take another's URL", cluster.member_update(taken).await);
    add(seen, side, "a URL that is none", "not a url", false).await;
    add(seen, side, "another's URL", &side.cluster.member(1).peer_url(), true).await;
}

async fn updates(seen: &mut Transcript, side: &Side<'_>) {
    name_members(seen, side).await;
    let member = side.cluster.member(2);
    let peer_ur_ls = vec![member.peer_url(), "http://127.0.0.1:3".to_owned()];
    let request = MemberUpdateRequest { id: member.id().await, peer_ur_ls };
    let updated = side.client.cluster().member_update(request).await.map(|mut updated| {
        updated.get_mut().members = sorted(std::mem::take(&mut updated.get_mut().members));
        updated
    });
    seen.answer("a second URL", updated);
}

async fn unstarted_voters(seen: &mut Transcript, side: &Side<'_>) {
    name_members(seen, side).await;
    add(seen, side, "an unstarted voter", "http://127.0.0.1:4", false).await;
    // To etcd 3.4 a member that has never run is one that is not connected.
    if e2e::environment::etcd_version() > (3, 4) {
        add(seen, side, "a second unstarted voter", "http://127.0.0.1:5", false).await;
    } else {
        seen.answer("a second unstarted voter", try_to_add(side, "http://127.0.0.1:5", false).await);
    }
}
