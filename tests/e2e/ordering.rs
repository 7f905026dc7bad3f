//! `--experimental-serializable-ordering`: serializable reads never go back, whichever member answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use e2e::{Client, Cluster, Proxy, SOON, Shape, eventually};
use proto_gen::authpb::UserAddOptions;
use proto_gen::etcdserverpb::{
    AuthEnableRequest, AuthRoleAddRequest, AuthUserAddRequest, AuthUserGrantRoleRequest, RangeRequest,
};
use tonic::Status;

use crate::cache::{read, serializable};
use crate::requests::{get, put};

const ORDERED: &str = "--experimental-serializable-ordering";
const NOTHING_KEPT: &str = "--cache-max-age=0";

fn revision(response: &proto_gen::etcdserverpb::RangeResponse) -> i64 {
    response.header.as_ref().expect("a header").revision
}

/// Two clusters behind one proxy stand for two members of which one never catches up.
#[tokio::test]
async fn a_member_that_is_behind_is_passed_over() {
    let slot = e2e::cluster::slot().await;
    let (ahead, behind) = tokio::join!(
        Cluster::start_in_callers_slot(Shape::single()),
        Cluster::start_in_callers_slot(Shape::single())
    );
    for index in 0..10 {
        ahead.member(0).client().kv().put(put("k", &index.to_string())).await.expect("a write");
    }
    let endpoints = format!("{},{}", ahead.endpoints(), behind.endpoints());
    let flags = ["--balancer=round-robin", "--worker-threads=2", NOTHING_KEPT];
    let unordered = Proxy::start(&endpoints, &flags).await;
    let ordered = Proxy::start(&endpoints, &[&flags[..], &[ORDERED]].concat()).await;
    let mut revisions = Vec::new();
    eventually("it goes back without the flag", SOON, async || {
        revisions.push(revision(&read(&unordered.client(), get("k")).await.expect("a read")));
        revisions.windows(2).any(|pair| pair[1] < pair[0]).then_some(())
    })
    .await;
    let mut newest = 0;
    let mut look = async || {
        for client in [ordered.client(), ordered.client()] {
            let answer = read(&client, get("k")).await.expect("a read");
            assert!(revision(&answer) >= newest);
            newest = revision(&answer);
        }
        newest
    };
    eventually("the member that is ahead answers", SOON, async || (look().await == 11).then_some(())).await;
    for _ in 0..20 {
        assert_eq!(look().await, 11);
    }
    drop(slot);
}

#[tokio::test]
async fn the_proxy_waits_for_the_cluster_before_it_serves() {
    let slot = e2e::cluster::slot().await;
    let mut cluster = Cluster::prepare(&Shape::single());
    let mut proxy = Proxy::launch(&cluster.endpoints(), &[ORDERED]);
    let says = |proxy: &Proxy, message: &str| proxy.log().iter().any(|line| line["msg"] == message);
    eventually("it says that it waits", SOON, async || {
        (says(&proxy, "waiting for linearized read from cluster to recover ordering")
            && says(&proxy, "ordering recovery failed, retrying in 1s"))
        .then_some(())
    })
    .await;
    assert!(!says(&proxy, "started gRPC proxy"));
    cluster.member_mut(0).restart();
    proxy.started().await;
    proxy.client().kv().put(put("k", "1")).await.expect("a write");
    drop(slot);

    let mut waiting = Proxy::launch("127.0.0.1:1", &[ORDERED]);
    eventually("it waits", SOON, async || {
        says(&waiting, "ordering recovery failed, retrying in 1s").then_some(())
    })
    .await;
    waiting.terminate();
    assert!(waiting.end().await.success());
}

/// Today's proxy waits for ever where authentication is on.
#[tokio::test]
async fn authentication_does_not_keep_it_from_serving() {
    let cluster = Cluster::start(Shape::single().flag("--bcrypt-cost=4")).await;
    let mut auth = cluster.member(0).client().auth();
    let options = Some(UserAddOptions { no_password: false });
    let root = AuthUserAddRequest {
        name: "root".to_owned(),
        password: "root".to_owned(),
        options,
        ..AuthUserAddRequest::default()
    };
    auth.user_add(root).await.expect("a user");
    auth.role_add(AuthRoleAddRequest { name: "root".to_owned() }).await.expect("a role");
    let grant = AuthUserGrantRoleRequest { user: "root".to_owned(), role: "root".to_owned() };
    auth.user_grant_role(grant).await.expect("a role of a user");
    auth.auth_enable(AuthEnableRequest {}).await.expect("authentication");
    let proxy = Proxy::start(&cluster.endpoints(), &[ORDERED]).await;
    assert!(
        proxy.log().iter().any(|line| line["msg"] == "ordering begins with the first answer to a client")
    );
}

/// What all sessions of one proxy have in common.
struct Shared {
    client: Client,
    /// The newest revision that a session of this proxy was told.
    newest: AtomicI64,
}

impl Shared {
    fn told(&self, revision: i64) {
        self.newest.fetch_max(revision, Ordering::SeqCst);
    }
}

/// Writes its own key, and reads it and that of somebody else, until told to stop.
async fn session(shared: Arc<Shared>, name: String, stop: Arc<AtomicBool>) -> usize {
    let (mut written, mut foreign, mut rounds) = (0_u64, 0_u64, 0);
    let mut kv = shared.client.reconnected().kv();
    let number = |answer: &proto_gen::etcdserverpb::RangeResponse| -> u64 {
        answer.kvs.first().map_or(0, |kv| String::from_utf8_lossy(&kv.value).parse().expect("a number"))
    };
    let mut next = 0;
    while !stop.load(Ordering::SeqCst) {
        next += 1;
        let put: Result<_, Status> = kv.put(put(&name, &next.to_string())).await;
        if let Ok(answer) = put {
            written = next;
            shared.told(answer.into_inner().header.expect("a header").revision);
        }
        for (request, least) in [
            (serializable(get(&name)), &mut written),
            (serializable(get("foreign")), &mut foreign),
            (get(&name), &mut 0),
        ] {
            let ordered = request.serializable;
            let before = shared.newest.load(Ordering::SeqCst);
            let Ok(answer) = kv.range(request).await else { continue };
            let answer = answer.into_inner();
            let (shown, revision) = (number(&answer), revision(&answer));
            assert!(shown >= *least, "{name}: {shown} after {least} was written or read");
            assert!(revision >= before, "{name}: revision {revision} after {before}, serializable {ordered}");
            *least = shown;
            shared.told(revision);
            rounds += 1;
        }
    }
    rounds
}

#[tokio::test]
async fn nothing_goes_back_while_members_die() {
    let mut cluster = Cluster::start(Shape::three()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut proxies = Vec::new();
    for flags in [&[ORDERED][..], &[ORDERED, "--balancer=round-robin", "--worker-threads=2"]] {
        proxies.push(Proxy::start(&cluster.endpoints(), flags).await);
    }
    let mut sessions = Vec::new();
    for (index, proxy) in proxies.iter().enumerate() {
        let shared = Arc::new(Shared { client: proxy.client(), newest: AtomicI64::new(0) });
        for session_index in 0..3 {
            let name = format!("session/{index}/{session_index}");
            sessions.push(tokio::spawn(session(Arc::clone(&shared), name, Arc::clone(&stop))));
        }
    }
    let leader = cluster.leader().await;
    let mut foreign = 1..;
    for victim in [(leader + 1) % 3, leader] {
        let survivor = cluster.member((victim + 1) % 3).client();
        write_foreign(&survivor, foreign.by_ref().take(30)).await;
        cluster.member_mut(victim).kill();
        write_foreign(&survivor, foreign.by_ref().take(30)).await;
        cluster.member_mut(victim).restart();
        cluster.member(victim).ready().await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut rounds = 0;
    for session in sessions {
        rounds += session.await.expect("nothing went back");
    }
    println!("{rounds} reads");
    assert!(rounds > 100);
    let all = || RangeRequest { range_end: "\0".into(), ..get("\0") };
    let direct = cluster.member(0).client().kv().range(all()).await.expect("a read").into_inner();
    for proxy in &proxies {
        let proxied = proxy.client().kv().range(all()).await.expect("a read").into_inner();
        assert_eq!(proxied.kvs, direct.kvs);
    }
}

async fn write_foreign(member: &Client, values: impl Iterator<Item = u64>) {
    for value in values {
        let request = put("foreign", &value.to_string());
        eventually("a foreign write", SOON, async || member.kv().put(request.clone()).await.ok()).await;
    }
}
