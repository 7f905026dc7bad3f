//! The real etcdctl prints the same and ends the same through the proxy.

use e2e::etcdctl::{Ended, Etcdctl};
use e2e::temp::TempDir;
use e2e::{Pair, Shape, Side, Transcript, eventually};

use crate::cluster::{UNHEALTHY, name_members};
use crate::requests::{get, put};

/// What differs between two clusters in `-w fields`.
const IDENTITIES: [&str; 3] = ["\"ClusterID\"", "\"MemberID\"", "\"RaftTerm\""];

#[tokio::test]
async fn etcdctl_prints_the_same() {
    let pair = Pair::start(Shape::three()).await;
    pair.compare(writes).await;
    pair.compare(reads).await;
    pair.compare(transactions).await;
    pair.compare(watches).await;
    pair.compare(leases).await;
    pair.compare(locks).await;
    pair.compare(elections).await;
    pair.compare(members).await;
    pair.compare(upkeep).await;
    pair.compare(deletions).await;
}

#[tokio::test]
async fn etcdctl_manages_users_the_same() {
    let pair = Pair::start(Shape::single().flag("--bcrypt-cost=4")).await;
    pair.compare(users_and_roles).await;
}

#[tokio::test]
async fn etcdctl_saves_the_same_snapshot() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(snapshots).await;
}

#[tokio::test]
async fn etcdctl_mirrors_from_and_to_a_cluster_behind_the_proxy() {
    let pair = Pair::start(Shape::single()).await;
    let (near, far) = (pair.direct_side(), pair.proxied_side());
    mirror(&near, &far, "to-far/").await;
    mirror(&far, &near, "to-near/").await;
}

/// What is there, what is written while it runs, and what is deleted arrive.
async fn mirror(from: &Side<'_>, to: &Side<'_>, prefix: &str) {
    let key = |name: &str| format!("{prefix}{name}");
    from.client.kv().put(put(&key("before"), "1")).await.expect("a write");
    let _mirror = from.etcdctl().start(&["make-mirror", &format!("--prefix={prefix}"), &to.address]);
    arrives(to, &key("before"), 1).await;
    from.client.kv().put(put(&key("while"), "1")).await.expect("a write");
    arrives(to, &key("while"), 1).await;
    from.client.kv().delete_range(crate::requests::delete(&key("before"), "")).await.expect("a delete");
    arrives(to, &key("before"), 0).await;
}

async fn arrives(side: &Side<'_>, key: &str, count: i64) {
    eventually(&format!("{key} is mirrored"), e2e::SOON, async || {
        let there = side.client.kv().range(get(key)).await.expect("a read").into_inner().count;
        (there == count).then_some(())
    })
    .await;
}

fn record(seen: &mut Transcript, command: &str, ended: &Ended) {
    let lines = ended.stdout.lines().map(comparable).collect::<Vec<_>>().join("\n");
    let errors: Vec<&str> = ended.stderr.lines().filter(|line| line.starts_with("Error")).collect();
    seen.text(command, &format!("exit {}\n{lines}\n{}", ended.code, errors.join("\n")));
}

fn comparable(line: &str) -> String {
    match line.split_once(" : ") {
        Some((field, _)) if IDENTITIES.contains(&field) => format!("{field} : <set>"),
        _ => without_time(line).to_owned(),
    }
}

fn without_time(line: &str) -> &str {
    let line = line.split(": took = ").next().unwrap_or_default();
    line.split(". took ").next().unwrap_or_default()
}

/// Runs each command, a line of words each, and records how it ended.
async fn run(seen: &mut Transcript, etcdctl: &Etcdctl, commands: &[&str]) {
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let ended = etcdctl.run(&words).await;
        record(seen, command, &ended);
    }
}

async fn writes(seen: &mut Transcript, side: &Side<'_>) {
    let commands = [
        "put a 1",
        "put a 2 --prev-kv",
        "put a --ignore-value",
        "put b 1 --lease=123",
        "put",
        "put p/1 one",
        "put p/2 two",
        "put p/3 three",
        "put q four -w fields",
    ];
    run(seen, &side.etcdctl(), &commands).await;
    record(
        seen,
        "put from standard input",
        &side.etcdctl().run_with_input(&["put", "stdin"], "from stdin").await,
    );
}

async fn reads(seen: &mut Transcript, side: &Side<'_>) {
    let commands = [
        "get a",
        "get none",
        "get a -w fields",
        "get p/ --prefix",
        "get p/ --prefix -w fields",
        "get p/ --prefix --limit=2",
        "get p/ --prefix --keys-only",
        "get p/ --prefix --count-only -w fields",
        "get p/ --prefix --print-value-only",
        "get p/ --prefix --order=DESCEND --sort-by=VALUE",
        "get p/ --prefix --order=ASCEND --sort-by=MODIFY",
        "get p/ --prefix --order=DESCEND --sort-by=CREATE",
        "get p/ --prefix --order=DESCEND --sort-by=VERSION",
        "get p/1 p/3",
        "get p/2 --from-key",
        "get a --rev=2",
        "get a --rev=999",
        "get a --consistency=s",
        "get a --consistency=l --hex",
        "get --prefix=true",
    ];
    run(seen, &side.etcdctl(), &commands).await;
}

async fn transactions(seen: &mut Transcript, side: &Side<'_>) {
    let etcdctl = side.etcdctl();
    let inputs = [
        "value(\"a\") = \"2\"\n\nput t 1\nget t\n\nput t 2\n\n",
        "value(\"a\") = \"0\"\n\nput t 1\n\nget t\ndel t\n\n",
        "mod(\"a\") > \"0\"\nversion(\"a\") < \"9\"\n\nget a\n\n\n",
        "create(\"none\") = \"0\"\n\n\nput t 3\n\n",
    ];
    for input in inputs {
        record(seen, &format!("txn {input}"), &etcdctl.run_with_input(&["txn"], input).await);
    }
    record(seen, "txn -i", &etcdctl.run_with_input(&["txn", "-i"], inputs[0]).await);
}

async fn watches(seen: &mut Transcript, side: &Side<'_>) {
    let etcdctl = side.etcdctl();
    let mut watch = etcdctl.start(&["watch", "w/", "--prefix", "--prev-kv", "--rev=2"]);
    run(seen, &etcdctl, &["put w/1 one", "put w/1 two", "del w/1"]).await;
    let mut lines = Vec::new();
    while lines.len() < 3 + 5 + 5 {
        lines.push(watch.line().await.expect("one more line"));
    }
    seen.note("watch", lines);
}

/// The last word but some of `lease … granted with TTL(…)` is what the other commands need.
async fn leases(seen: &mut Transcript, side: &Side<'_>) {
    let etcdctl = side.etcdctl();
    let granted = etcdctl.run(&["lease", "grant", "3000"]).await;
    let id = granted.stdout.split_whitespace().nth(1).expect("an id").to_owned();
    seen.name(&id, "lease");
    record(seen, "lease grant", &granted);
    record(seen, "put", &etcdctl.run(&["put", "leased", "1", &format!("--lease={id}")]).await);
    record(seen, "list", &etcdctl.run(&["lease", "list"]).await);
    record(seen, "keep-alive", &etcdctl.run(&["lease", "keep-alive", "--once", &id]).await);
    let left = etcdctl.run(&["lease", "timetolive", &id, "--keys"]).await;
    let left = left
        .stdout
        .split_once("remaining(")
        .expect("what remains")
        .1
        .split_once(')')
        .expect("an end")
        .1
        .to_owned();
    seen.text("timetolive", &left);
    record(seen, "revoke", &etcdctl.run(&["lease", "revoke", &id]).await);
    record(seen, "revoke again", &etcdctl.run(&["lease", "revoke", &id]).await);
    record(seen, "timetolive after", &etcdctl.run(&["lease", "timetolive", &id]).await);
    record(seen, "the key is gone", &etcdctl.run(&["get", "leased"]).await);
}

async fn locks(seen: &mut Transcript, side: &Side<'_>) {
    let etcdctl = side.etcdctl();
    let mut holder = etcdctl.start(&["lock", "mutex"]);
    let key = holder.line().await.expect("the key of the lock");
    seen.text("held", key.split('/').next().expect("a name"));
    let waiter = etcdctl.start(&["lock", "mutex", "/bin/echo", "held"]);
    crate::lock_election::queued(side, "mutex/", 2).await;
    holder.signal("INT").await;
    let ended = holder.end().await;
    seen.note("the holder ends", ended.stdout);
    let ended = waiter.end().await;
    seen.note("the waiter runs its command", (ended.code, ended.stdout));
}

async fn elections(seen: &mut Transcript, side: &Side<'_>) {
    let etcdctl = side.etcdctl();
    let mut leader = etcdctl.start(&["elect", "seat", "me"]);
    let key = leader.line().await.expect("the leader's key");
    seen.name(&key, "key of the leader");
    seen.note("won", leader.line().await);
    let mut listener = etcdctl.start(&["elect", "-l", "seat"]);
    seen.note("listened", (listener.line().await, listener.line().await));
    leader.signal("INT").await;
    leader.end().await;
    crate::lock_election::queued(side, "seat/", 0).await;
}

async fn members(seen: &mut Transcript, side: &Side<'_>) {
    name_members(seen, side).await;
    let etcdctl = side.etcdctl();
    let list = etcdctl.run(&["member", "list"]).await;
    let mut lines: Vec<&str> = list.stdout.lines().collect();
    lines.sort_by_key(|line| line.split(", ").nth(2));
    seen.note("member list", (list.code, lines));
    run(
        seen,
        &etcdctl,
        &["member remove 1", "member promote 1", "member update 1 --peer-urls=http://127.0.0.1:1"],
    )
    .await;
    let url = format!("--peer-urls={}", side.cluster.member(0).peer_url());
    let added = eventually("time allows a member to be added", e2e::SOON, async || {
        let added = etcdctl.run(&["member", "add", "m0", "--learner", &url]).await;
        (!added.stderr.contains(UNHEALTHY)).then_some(added)
    });
    record(seen, "member add", &added.await);
}

async fn upkeep(seen: &mut Transcript, side: &Side<'_>) {
    seen.name(&side.address, "endpoint");
    let etcdctl = side.etcdctl();
    run(
        seen,
        &etcdctl,
        &["endpoint health", "alarm list", "alarm disarm", "defrag", "compaction 5", "compaction 5"],
    )
    .await;
    let status = etcdctl.run(&["endpoint", "status"]).await;
    let fields: Vec<&str> = status.stdout.split(", ").collect();
    seen.note("endpoint status", (status.code, fields[0], fields[2]));
    let hash = etcdctl.run(&["endpoint", "hashkv"]).await;
    seen.note("endpoint hashkv", (hash.code, hash.stdout.split(", ").next()));
    record(seen, "get what was compacted", &etcdctl.run(&["get", "a", "--rev=3"]).await);
    record(seen, "watch what was compacted", &etcdctl.start(&["watch", "a", "--rev=3"]).end().await);
}

async fn deletions(seen: &mut Transcript, side: &Side<'_>) {
    let commands = ["del a", "del a", "del p/ --prefix --prev-kv", "del q --from-key", "get --prefix="];
    run(seen, &side.etcdctl(), &commands).await;
}

async fn snapshots(seen: &mut Transcript, side: &Side<'_>) {
    let etcdctl = side.etcdctl();
    run(seen, &etcdctl, &["put a 1", "put b 2"]).await;
    let dir = TempDir::new("snapshot");
    let file = dir.path().join("saved.db");
    let path = file.to_str().expect("a path of plain text");
    let saved = etcdctl.run(&["snapshot", "save", path]).await;
    seen.name(path, "file");
    record(seen, "snapshot save", &saved);
    let size = std::fs::metadata(&file).expect("a saved snapshot").len();
    assert_eq!(size % 512, 32, "whole pages and a hash");
    if e2e::environment::etcd_version() < (3, 6) {
        let status = etcdctl.run(&["snapshot", "status", path, "-w", "fields"]).await;
        // How many pages the file has, and so its hash, depends on when etcd committed what.
        let is_kept = |line: &&str| !line.starts_with("\"Hash\"") && !line.starts_with("\"Size\"");
        let lines: Vec<&str> = status.stdout.lines().filter(is_kept).collect();
        seen.note("snapshot status", (status.code, lines));
    }
}

async fn users_and_roles(seen: &mut Transcript, side: &Side<'_>) {
    let anyone = side.etcdctl();
    let commands = [
        "user add root:root",
        "user add alice:alice",
        "user add alice:alice",
        "user list",
        "role add writer",
        "role grant-permission writer readwrite a/ --prefix",
        "role get writer",
        "user grant-role alice writer",
        "user get alice",
        "user grant-role root root",
        "auth enable",
        "get a/1",
    ];
    run(seen, &anyone, &commands).await;
    let alice = anyone.flag("--user=alice:alice");
    run(seen, &alice, &["put a/1 1", "get a/ --prefix", "get b", "put b 1", "user list", "user get alice"])
        .await;
    record(seen, "a wrong password", &anyone.flag("--user=alice:bob").run(&["get", "a/1"]).await);
    let watched = alice.start(&["watch", "b"]);
    record(seen, "watch elsewhere", &watched.end().await);
    let commands = [
        "role revoke-permission writer a/ --prefix",
        "user revoke-role alice writer",
        "role delete writer",
        "role list",
        "user delete alice",
        "auth disable",
    ];
    run(seen, &anyone.flag("--user=root:root"), &commands).await;
    run(seen, &anyone, &["get a/1", "user list"]).await;
}
