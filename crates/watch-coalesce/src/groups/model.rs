//! etcd's guarantees under anything that may happen in any order: joins, leaves, writes, compactions, lost streams,
//! stalled clients, a small window, answers that come late.
//!
//! Each watcher's list of events is compared with the store's full history: ordered, unique, reliable (none missing
//! up to what was announced), atomic (a revision never split), resumable (a start is where it was asked for) and
//! bookmarkable (no progress is announced ahead of its events).

use std::collections::HashMap;
use std::time::Duration;

use proptest::prelude::*;
use proto_gen::etcdserverpb::{WatchCreateRequest, WatchResponse};
use proto_gen::mvccpb::event::EventType;
use tonic::Status;

use super::world::World;
use crate::config::Config;
use crate::double::{holds, revision};

const KEYS: [&str; 4] = ["a", "b", "c", "-b"];
const RANGES: [(&str, &str); 5] = [("a", ""), ("b", ""), ("a", "c"), ("b", "\0"), ("", "\0")];

#[derive(Clone, Debug)]
enum Step {
    Join { client: usize, range: usize, back: i64, filter: Option<i32>, fragment: bool },
    Cancel { client: usize, id: i64 },
    Progress { client: usize },
    Leave { client: usize },
    Stall { client: usize },
    Write { keys: Vec<usize> },
    Compact { back: i64 },
    Break,
    Sync { revisions: usize },
    Prefer { control: bool },
    Act,
    Deliver { limit: usize },
    Ring,
    Turn { client: usize },
    Pass { ms: u64 },
    Run,
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..4_usize;
    let join = (client.clone(), 0..RANGES.len(), -3..12_i64, proptest::option::of(0..2_i32), any::<bool>())
        .prop_map(|(client, range, back, filter, fragment)| Step::Join {
            client,
            range,
            back,
            filter,
            fragment,
        });
    prop_oneof![
        6 => join,
        1 => (client.clone(), 0..4_i64).prop_map(|(client, id)| Step::Cancel { client, id }),
        2 => client.clone().prop_map(|client| Step::Progress { client }),
        1 => client.clone().prop_map(|client| Step::Leave { client }),
        2 => client.clone().prop_map(|client| Step::Stall { client }),
        10 => proptest::collection::vec(0..KEYS.len(), 1..6).prop_map(|keys| Step::Write { keys }),
        1 => (0..8_i64).prop_map(|back| Step::Compact { back }),
        1 => Just(Step::Break),
        3 => (1..6_usize).prop_map(|revisions| Step::Sync { revisions }),
        2 => any::<bool>().prop_map(|control| Step::Prefer { control }),
        4 => Just(Step::Act),
        4 => (1..4_usize).prop_map(|limit| Step::Deliver { limit }),
        4 => Just(Step::Ring),
        4 => client.prop_map(|client| Step::Turn { client }),
        2 => (1..500_u64).prop_map(|ms| Step::Pass { ms }),
        3 => Just(Step::Run),
    ]
}

/// What a watcher asked for.
#[derive(Clone, Debug)]
struct Asked {
    range: usize,
    start: i64,
    filter: Option<i32>,
    fragment: bool,
}

struct Model {
    world: World,
    clients: Vec<u32>,
    asked: HashMap<u32, Vec<Asked>>,
    gone: Vec<(Vec<Asked>, Vec<WatchResponse>)>,
    bound: usize,
}

impl Model {
    fn new(config: Config) -> Self {
        // The newest batch stays, however large.
        let bound = config.history_bytes + 2000;
        let mut world = World::new(config);
        let clients = (0..4).map(|_| world.client()).collect();
        Self { world, clients, asked: HashMap::new(), gone: Vec::new(), bound }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Join { client, range, back, filter, fragment } => {
                self.join(*client, *range, *back, *filter, *fragment);
            }
            Step::Cancel { client, id } => self.world.cancel(self.clients[*client], *id),
            Step::Progress { client } => self.world.progress(self.clients[*client]),
            Step::Leave { client } => self.leave(*client),
            Step::Stall { client } => {
                let client = self.world.clients.get_mut(&self.clients[*client]).unwrap();
                client.stalled = !client.stalled;
            }
            Step::Write { keys } => {
                let keys: Vec<_> = keys.iter().map(|key| KEYS[*key]).collect();
                self.world.etcd.write(&keys);
            }
            Step::Compact { back } => self.world.etcd.compact(self.world.etcd.revision - back),
            Step::Break => self.world.break_streams(&Status::unavailable("gone")),
            Step::Sync { revisions } => self.world.etcd.sync(*revisions),
            Step::Prefer { control } => self.world.control_first = *control,
            Step::Act => _ = self.world.act(),
            Step::Deliver { limit } => _ = self.world.deliver(*limit),
            Step::Ring => _ = self.world.ring(),
            Step::Turn { client } => _ = self.world.turn(self.clients[*client]),
            Step::Pass { ms } => self.world.pass(Duration::from_millis(*ms)),
            Step::Run => self.world.run(),
        }
    }

    fn join(&mut self, client: usize, range: usize, back: i64, filter: Option<i32>, fragment: bool) {
        let client = self.clients[client];
        let start = if back >= 10 { 0 } else { (self.world.etcd.revision - back).max(1) };
        self.asked.entry(client).or_default().push(Asked { range, start, filter, fragment });
        let (key, range_end) = (RANGES[range].0.into(), RANGES[range].1.into());
        let filters = filter.into_iter().collect();
        let create = WatchCreateRequest {
            key,
            range_end,
            start_revision: start,
            filters,
            fragment,
            progress_notify: true,
            ..Default::default()
        };
        self.world.create(client, create);
    }

    fn leave(&mut self, index: usize) {
        let client = self.clients[index];
        let asked = self.asked.remove(&client).unwrap_or_default();
        self.gone.push((asked, self.world.got(client).to_vec()));
        self.world.gone(client);
        self.clients[index] = self.world.client();
    }

    fn finish(mut self) {
        for client in self.clients.clone() {
            self.world.clients.get_mut(&client).unwrap().stalled = false;
        }
        for _ in 0..6 {
            self.world.settle();
        }
        for client in &self.clients {
            let asked = self.asked.remove(client).unwrap_or_default();
            self.check(&asked, self.world.got(*client), true);
        }
        for (asked, got) in &self.gone {
            self.check(asked, got, false);
        }
        assert!(self.world.counters.history_bytes.get() <= self.bound as u64);
        for client in self.clients.clone() {
            self.world.gone(client);
        }
        for _ in 0..4 {
            self.world.pass(Duration::from_secs(11));
        }
        assert_eq!(self.world.counters.client_watchers.get(), 0);
        assert_eq!(self.world.counters.upstream_watchers.get(), 0);
        assert_eq!(self.world.counters.lagging_watchers.get(), 0);
        assert_eq!(self.world.counters.history_bytes.get(), 0);
        assert_eq!((self.world.groups.groups.len(), self.world.groups.tickets.len()), (0, 0));
        assert_eq!((self.world.groups.classes.len(), self.world.etcd.streams.len()), (0, 0));
    }

    /// `created` answers come in request order and with ids from 0, so the n-th one is the n-th request's.
    fn check(&self, asked: &[Asked], got: &[WatchResponse], settled: bool) {
        let created = got.iter().filter(|response| response.created).count();
        assert!(created == asked.len() || !settled, "{created} of {} created", asked.len());
        let mut watchers: HashMap<i64, Seen> = HashMap::new();
        for response in got {
            assert!(response.header.is_some_and(|header| header.cluster_id == 11));
            if response.created {
                let asked = asked[response.watch_id as usize].clone();
                watchers.insert(response.watch_id, Seen::new(asked, response));
            } else if response.watch_id == -1 {
                if self.world.etcd.old {
                    continue;
                }
                watchers.values_mut().for_each(|seen| seen.announced(response));
            } else {
                watchers.get_mut(&response.watch_id).expect("created comes first").take(response);
            }
        }
        for seen in watchers.values() {
            seen.compare(&self.world, settled);
        }
    }
}

struct Seen {
    asked: Asked,
    start: i64,
    events: Vec<(i64, bytes::Bytes, i32)>,
    announced: i64,
    cut: bool,
    ended: bool,
}

impl Seen {
    fn new(asked: Asked, created: &WatchResponse) -> Self {
        let start = if asked.start == 0 { created.header.unwrap().revision + 1 } else { asked.start };
        Self { asked, start, events: Vec::new(), announced: 0, cut: false, ended: false }
    }

    fn take(&mut self, response: &WatchResponse) {
        assert!(!self.ended || response.canceled, "nothing but its acknowledgement follows a cancel");
        if response.canceled {
            self.ended = true;
            return;
        }
        if response.events.is_empty() {
            return self.announced(response);
        }
        for (index, event) in response.events.iter().enumerate() {
            let kv = event.kv.clone().unwrap();
            let last = self.events.last().map_or(0, |(revision, ..)| *revision);
            assert!(kv.mod_revision >= last, "ordered");
            assert!(kv.mod_revision > self.announced, "bookmarkable: an event after its progress");
            assert!(index > 0 || self.cut || kv.mod_revision > last, "atomic");
            self.events.push((kv.mod_revision, kv.value, event.r#type));
        }
        assert!(!response.fragment || self.asked.fragment, "fragments only for those who asked");
        self.cut = response.fragment;
    }

    fn announced(&mut self, response: &WatchResponse) {
        if !self.ended {
            self.announced = self.announced.max(response.header.unwrap().revision);
        }
    }

    fn compare(&self, world: &World, settled: bool) {
        let (key, end) = RANGES[self.asked.range];
        let key = if key.is_empty() { "\0" } else { key };
        let wanted = |event: &&proto_gen::mvccpb::Event| {
            let kv = event.kv.as_ref().unwrap();
            let put = event.r#type == EventType::Put as i32;
            let refused = self.asked.filter.is_some_and(|filter| put == (filter == 0));
            !refused && revision(event) >= self.start && holds(key.as_bytes(), end.as_bytes(), &kv.key)
        };
        let all: Vec<_> = world
            .etcd
            .history
            .iter()
            .filter(wanted)
            .map(|event| (revision(event), event.kv.as_ref().unwrap().value.clone(), event.r#type))
            .collect();
        assert_eq!(self.events[..], all[..self.events.len().min(all.len())], "unique and reliable");
        if let Some((next, ..)) = all.get(self.events.len()) {
            assert!(*next > self.announced, "announced {} without {next}", self.announced);
            assert!(self.ended || !settled, "misses {next} of {:?}", self.asked);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_watcher_gets_what_etcd_promises(
        steps in proptest::collection::vec(step(), 1..120),
        wide in any::<bool>(),
        old in any::<bool>(),
    ) {
        let (history_bytes, max_catch_ups) = if wide { (100_000, 100) } else { (1500, 3) };
        let mut model = Model::new(Config { history_bytes, max_catch_ups, catch_up_bytes: history_bytes / 2, ..Config::default() });
        model.world.etcd.old = old;
        for step in &steps {
            model.take(step);
        }
        model.finish();
    }
}
