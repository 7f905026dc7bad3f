//! Members die under keep-alives.

use std::time::{Duration, Instant};

use e2e::{Client, Cluster, Pair, Proxy, SOON, Shape, Side, eventually, soon};
use tonic::Code;

use super::{KeepingAlive, keep_alive, ping};
use crate::requests::grant;

/// For how long the proxy lets a ping wait for a cluster that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A lease on a stream that is pinged one after the other.
async fn pinged(alive: &mut KeepingAlive, times: usize) {
    for _ in 0..times {
        alive.send(ping(7)).await;
        assert!(alive.next().await.ttl >= 2999);
        // Past the window, so that each ping goes to etcd.
        tokio::time::sleep(Duration::from_millis(110)).await;
    }
}

/// A ping while another leader may have to be elected: only who has waited as long as he may is told, and comes
/// again.
async fn pinged_at_last(alive: &mut KeepingAlive, client: &Client) {
    let asked = Instant::now();
    eventually("a ping is answered", SOON, async || {
        alive.send(ping(7)).await;
        match alive.try_next().await {
            Ok(answer) => {
                assert!(answer.expect("an answer").ttl >= 2999);
                Some(())
            }
            Err(status) => {
                assert!(status.code() == Code::Unavailable && asked.elapsed() >= PATIENCE, "{status:?}");
                *alive = keep_alive(client);
                None
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_member_that_is_asked_may_die_without_a_client_noticing() {
    let mut cluster = Cluster::start(Shape::three()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let client = proxy.client();
    client.lease().lease_grant(grant(7, 3000)).await.expect("a lease");
    let mut streams = [keep_alive(&client), keep_alive(&client)];
    let leader = cluster.leader().await;
    // The leader last: who is asked while there is none waits for the next.
    for index in (0..3).filter(|index| *index != leader).chain([leader]) {
        for alive in &mut streams {
            pinged(alive, 3).await;
        }
        cluster.member_mut(index).kill();
        for alive in &mut streams {
            pinged_at_last(alive, &client).await;
            pinged(alive, 3).await;
        }
        cluster.member_mut(index).restart();
        cluster.member(index).ready().await;
    }
}

#[tokio::test]
async fn without_any_member_a_ping_ends_with_unavailable_and_later_ones_are_answered() {
    let mut cluster = Cluster::start(Shape::single()).await;
    let proxy = Proxy::start(&cluster.endpoints(), &[]).await;
    let client = proxy.client();
    client.lease().lease_grant(grant(7, 3000)).await.expect("a lease");
    let mut alive = keep_alive(&client);
    pinged(&mut alive, 1).await;
    cluster.member_mut(0).kill();
    alive.send(ping(7)).await;
    let end = alive.try_next().await.expect_err("nobody is there to answer");
    assert_eq!(end.code(), Code::Unavailable, "{end:?}");
    cluster.member_mut(0).restart();
    cluster.ready().await;
    eventually("keep-alives work again", SOON, async || {
        let mut alive = keep_alive(&client);
        alive.send(ping(7)).await;
        alive.try_next().await.ok().flatten().map(|answer| assert!(answer.ttl > 0))
    })
    .await;
}

#[tokio::test]
async fn open_keep_alives_that_ask_for_a_leader_are_told_when_it_is_lost() {
    let mut pair = Pair::start_in_front_of_member_0(Shape::three()).await;
    let mut streams = Vec::new();
    for side in [pair.direct_side(), pair.proxied_side()] {
        side.client.lease().lease_grant(grant(7, 3000)).await.expect("a lease");
        let asking = side.client.with("hasleader", "true");
        let mut answered = keep_alive(&asking);
        pinged(&mut answered, 1).await;
        streams.extend([answered, keep_alive(&asking)]);
        let mut indifferent = keep_alive(&side.client);
        pinged(&mut indifferent, 1).await;
        silent(&mut indifferent).await;
    }
    for cluster in [&mut pair.direct, &mut pair.proxied] {
        cluster.member_mut(1).kill();
        cluster.member_mut(2).kill();
    }
    for alive in &mut streams {
        let status = soon("the end", alive.wait_for_next()).await.expect_err("an open keep-alive is told");
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "etcdserver: no leader"));
    }
    pair.compare(async |seen, side: &Side<'_>| {
        let mut late = keep_alive(&side.client.with("hasleader", "true"));
        late.send(ping(7)).await;
        seen.error("who comes later", &late.try_next().await.expect_err("no leader"));
    })
    .await;
}

/// Nothing is said on a stream on which nothing was asked.
async fn silent(alive: &mut KeepingAlive) {
    let heard = tokio::time::timeout(Duration::from_millis(200), alive.wait_for_next()).await;
    assert!(heard.is_err(), "{heard:?}");
}
