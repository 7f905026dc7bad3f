//! What must hold whatever happens in whatever order: pings, losses, refusals, blockages, revocations and grants here
//! and elsewhere, answers that come late, clients that go.
//!
//! Each answer says by its header's revision when etcd gave it, so that it can be held against what was true, and known
//! here, when its ping was asked.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tonic::Status;

use super::world::{World, named};
use crate::config::Config;

const LEASES: std::ops::Range<i64> = 0..3;
const TTL: i64 = 5;

#[derive(Clone, Debug)]
enum Step {
    Enter { token: usize },
    Ask { client: usize, leases: Vec<i64> },
    Exit { client: usize },
    Process { stream: usize },
    Deliver { stream: usize },
    Lose { stream: usize, status: usize },
    Grant { lease: i64, here: bool },
    Revoke { lease: i64, here: bool },
    Block { lease: i64, blocked: bool },
    Pass { ms: u64 },
    Run,
}

fn step() -> impl Strategy<Value = Step> {
    let leases = || proptest::collection::vec(LEASES, 1..6);
    prop_oneof![
        2 => (0..2_usize).prop_map(|token| Step::Enter { token }),
        14 => (0..5_usize, leases()).prop_map(|(client, leases)| Step::Ask { client, leases }),
        1 => (0..5_usize).prop_map(|client| Step::Exit { client }),
        6 => (0..3_usize).prop_map(|stream| Step::Process { stream }),
        6 => (0..3_usize).prop_map(|stream| Step::Deliver { stream }),
        1 => (0..3_usize, 0..3_usize).prop_map(|(stream, status)| Step::Lose { stream, status }),
        4 => (LEASES, any::<bool>()).prop_map(|(lease, here)| Step::Grant { lease, here }),
        4 => (LEASES, any::<bool>()).prop_map(|(lease, here)| Step::Revoke { lease, here }),
        1 => (LEASES, any::<bool>()).prop_map(|(lease, blocked)| Step::Block { lease, blocked }),
        6 => (1..400_u64).prop_map(|ms| Step::Pass { ms }),
        1 => Just(Step::Run),
    ]
}

fn status(index: usize) -> Status {
    match index {
        0 => Status::unavailable("connection lost"),
        1 => Status::permission_denied("etcdserver: permission denied"),
        _ => Status::unavailable("etcdserver: request timed out"),
    }
}

/// A ping and what was the case when it was asked.
struct Asked {
    lease: i64,
    at: Instant,
    /// What etcd had processed by then.
    moment: i64,
    /// What etcd had processed when the lease was last changed here.
    changed: i64,
}

#[derive(Default)]
struct Model {
    asked: Vec<Option<VecDeque<Asked>>>,
    changed: HashMap<i64, i64>,
    /// When etcd processed what.
    times: Vec<Instant>,
}

impl Model {
    fn step(&mut self, world: &mut World, step: Step) {
        match step {
            Step::Enter { token } => {
                if self.asked.len() < 5 {
                    world.enter(named(["a", "b"][token]));
                    self.asked.push(Some(VecDeque::new()));
                }
            }
            Step::Ask { client, leases } => self.ask(world, client, &leases),
            Step::Exit { client } => {
                if self.asked.get_mut(client).and_then(Option::take).is_some() {
                    world.exit(client);
                }
            }
            Step::Process { stream } => {
                if let Some(stream) = world.streams().get(stream) {
                    world.process(*stream);
                }
            }
            Step::Deliver { stream } => {
                if let Some(stream) = world.streams().get(stream) {
                    world.deliver(*stream);
                }
            }
            Step::Lose { stream, status: index } => {
                if let Some(stream) = world.streams().get(stream) {
                    world.lose(*stream, &status(index));
                }
            }
            Step::Grant { lease, here } => {
                let end = world.now + Duration::from_secs(TTL as u64);
                world.etcd.leases.insert(lease, (TTL, end));
                self.change(world, lease, here);
                if here {
                    world.renewals.granted(lease, TTL, world.now);
                }
            }
            Step::Revoke { lease, here } => {
                world.etcd.leases.remove(&lease);
                self.change(world, lease, here);
            }
            Step::Block { lease, blocked: true } => _ = world.etcd.blocked.insert(lease),
            Step::Block { lease, blocked: false } => _ = world.etcd.blocked.remove(&lease),
            Step::Pass { ms } => world.pass(Duration::from_millis(ms)),
            Step::Run => world.run(),
        }
        // Everything processed in this step was processed now.
        self.times.resize(world.etcd.moment as usize + 1, world.now);
        self.wanted(world);
        (0..self.asked.len()).for_each(|client| self.take(world, client));
    }

    fn change(&mut self, world: &mut World, lease: i64, here: bool) {
        if here {
            world.renewals.outdate(lease);
            self.changed.insert(lease, world.etcd.moment);
        }
    }

    fn ask(&mut self, world: &mut World, client: usize, leases: &[i64]) {
        let Some(asked) = self.asked.get_mut(client).and_then(Option::as_mut) else { return };
        for lease in leases {
            let changed = self.changed.get(lease).copied().unwrap_or_default();
            asked.push_back(Asked { lease: *lease, at: world.now, moment: world.etcd.moment, changed });
        }
        world.ask(client, leases);
    }

    /// Nothing is sent that nobody waits for.
    fn wanted(&self, world: &mut World) {
        for lease in world.asked() {
            let waits = |asked: &Asked| asked.lease == lease;
            assert!(self.asked.iter().flatten().flatten().any(waits), "{lease} was pinged for nobody");
        }
    }

    fn take(&mut self, world: &mut World, client: usize) {
        let Some(asked) = self.asked.get_mut(client).and_then(Option::as_mut) else { return };
        let found = &mut world.clients[client];
        found.end = world.renewals.take(found.id, &mut found.answers);
        let answers: Vec<_> = found.answers.drain(..).collect();
        for answer in answers {
            let ping = asked.pop_front().expect("an answer for each ping and no more");
            assert_eq!(answer.id, ping.lease, "in the order of the stream");
            let moment = answer.header.expect("etcd's header").revision;
            assert!(moment > ping.changed, "an answer from before a change that was known here");
            let age = world.now - self.times[moment as usize];
            if answer.ttl == 0 {
                assert!(moment > ping.moment, "that it was gone is no answer for who asks later");
            } else if answer.ttl < TTL {
                let left = Duration::from_secs(TTL as u64).saturating_sub(age);
                assert!(Duration::from_secs(answer.ttl as u64) <= left, "{answer:?} after {age:?}");
                let at = self.times[moment as usize];
                assert!(
                    ping.at.saturating_duration_since(at) < Config::default().window,
                    "from memory, and fresh"
                );
            } else {
                let at = world.delivered[&moment];
                assert!(answer.ttl == TTL && at == world.now, "as etcd said it, when it said it");
            }
        }
        if world.clients[client].end.is_some() {
            self.asked[client] = None;
            world.exit(client);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, max_shrink_iters: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn clients_are_answered_as_by_etcd(steps in proptest::collection::vec(step(), 1..120)) {
        let mut world = World::with([]);
        let mut model = Model { times: vec![world.now], ..Model::default() };
        for step in steps {
            model.step(&mut world, step);
        }
        // When nothing stands in the way any more, everybody who is left is answered.
        world.etcd.blocked.clear();
        for _ in 0..40 {
            model.step(&mut world, Step::Run);
            model.step(&mut world, Step::Pass { ms: 300 });
        }
        for asked in model.asked.iter().flatten() {
            prop_assert!(asked.is_empty(), "{} pings were never answered", asked.len());
        }
        let open: usize = model.asked.iter().flatten().count();
        prop_assert_eq!(world.counters.sessions.get() as usize, open);
        prop_assert_eq!(world.counters.upstream_streams.get() as usize, world.etcd.streams.len());
        prop_assert!(world.etcd.streams.len() <= 2 * Config::default().max_streams);
    }
}
