//! The cache as its callers see it, over a small etcd.

mod flights;
mod writes;

use std::time::Duration;

use proto_gen::etcdserverpb::kv_server::Kv;
use proto_gen::etcdserverpb::{PutRequest, RangeRequest, RangeResponse};
use tonic::{Code, Request, Status};

use crate::double::Etcd;
use crate::{CachedKv, Config, KvCache};

/// A cache over an etcd.
struct House {
    etcd: Etcd,
    cache: KvCache,
    kv: CachedKv<Etcd>,
}

impl House {
    fn prompt(config: Config) -> Self {
        Self::over(Etcd::prompt(), config)
    }

    fn over(etcd: Etcd, config: Config) -> Self {
        let (cache, _) = KvCache::new(config);
        Self { kv: CachedKv::new(etcd.clone(), cache.clone()), etcd, cache }
    }

    async fn read(&self, request: RangeRequest) -> RangeResponse {
        self.kv.range(Request::new(request)).await.unwrap().into_inner()
    }

    async fn read_as(&self, token: &str, request: RangeRequest) -> Result<RangeResponse, Status> {
        let mut request = Request::new(request);
        request.metadata_mut().insert("token", token.parse().unwrap());
        Ok(self.kv.range(request).await?.into_inner())
    }

    async fn put(&self, key: &str, value: &str) -> i64 {
        let response = self.kv.put(Request::new(put(key, value))).await.unwrap();
        response.into_inner().header.unwrap().revision
    }

    async fn put_again(&self, key: &str) {
        self.put(key, "again").await;
    }

    /// Range calls that etcd has received.
    fn asked(&self) -> usize {
        self.etcd.store().ranges
    }
}

fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: key.to_owned().into(), value: value.to_owned().into(), ..PutRequest::default() }
}

fn get(key: &str) -> RangeRequest {
    range(key, "")
}

fn range(key: &str, range_end: &str) -> RangeRequest {
    RangeRequest {
        key: key.to_owned().into(),
        range_end: range_end.to_owned().into(),
        serializable: true,
        ..RangeRequest::default()
    }
}

fn linearizable(request: RangeRequest) -> RangeRequest {
    RangeRequest { serializable: false, ..request }
}

fn value(response: &RangeResponse) -> &[u8] {
    response.kvs.first().map_or(b"", |kv| &kv.value)
}

fn revision(response: &RangeResponse) -> i64 {
    response.header.as_ref().unwrap().revision
}

#[tokio::test(start_paused = true)]
async fn what_was_read_is_answered_from_memory_until_it_is_too_old() {
    let house = House::prompt(Config::default());
    house.etcd.store().foreign(&put("k", "1"));
    let first = house.read(get("k")).await;
    assert_eq!(house.read(get("k")).await, first);
    house.etcd.store().foreign(&put("k", "2"));
    assert_eq!(house.read(get("k")).await, first);
    assert_eq!(house.asked(), 1);
    tokio::time::advance(Duration::from_millis(1001)).await;
    assert_eq!(value(&house.read(get("k")).await), b"2");
    let counters = house.cache.counters();
    assert_eq!((counters.hits.get(), counters.misses.get(), counters.expirations.get()), (2, 2, 1));
    assert_eq!(counters.entries.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_given_what_another_may_read() {
    let house = House::prompt(Config::default());
    house.etcd.store().foreign(&put("k", "secret"));
    house.etcd.store().refused.insert("guest".to_owned());
    house.read_as("root", get("k")).await.unwrap();
    for _ in 0..2 {
        let refused = house.read_as("guest", get("k")).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    assert_eq!(house.asked(), 1);
    assert_eq!(house.cache.counters().entries.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn linearizable_reads_and_those_that_need_a_leader_are_asked() {
    let house = House::prompt(Config::default());
    for _ in 0..2 {
        house.read(linearizable(get("k"))).await;
        let mut request = Request::new(get("k"));
        request.metadata_mut().insert("hasleader", "true".parse().unwrap());
        house.kv.range(request).await.unwrap();
    }
    assert_eq!((house.asked(), house.cache.counters().entries.get()), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_answer_keeps_pace_with_what_others_are_told() {
    let house = House::prompt(Config::default());
    house.put("k", "1").await;
    for request in [get("k"), range("k", "l"), range("a", "\0")] {
        house.read(request).await;
    }
    let elsewhere = house.put("z", "1").await;
    assert!(revision(&house.read(get("k")).await) < elsewhere);
    house.read(linearizable(get("k"))).await;
    assert_eq!(revision(&house.read(get("k")).await), elsewhere, "the same key at a later revision");
    house.read(linearizable(range("k", "m"))).await;
    assert_eq!(revision(&house.read(range("k", "l")).await), elsewhere, "a part of what was shown");
    assert_eq!(house.asked(), 5);
    // Its own part of what was shown is not all of it, and a key of it was put.
    assert_eq!(revision(&house.read(range("a", "\0")).await), elsewhere);
    assert_eq!(house.asked(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_newer_answer_about_one_key_ends_those_that_show_it_older() {
    let house = House::prompt(Config::default());
    house.put("k", "1").await;
    house.put("other", "1").await;
    house.read(range("k", "z")).await;
    house.read(linearizable(get("other"))).await;
    house.read(range("k", "z")).await;
    assert_eq!(house.asked(), 2, "nothing speaks against it");
    house.etcd.store().foreign(&put("k", "2"));
    house.read(linearizable(get("k"))).await;
    assert_eq!(value(&house.read(range("k", "z")).await), b"2");
}

#[tokio::test(start_paused = true)]
async fn what_a_lagging_member_says_is_relayed_and_not_kept() {
    let house = House::prompt(Config::default());
    let written = house.put("k", "1").await;
    house.etcd.store().lag = 1;
    for _ in 0..2 {
        assert!(revision(&house.read(get("k")).await) < written);
    }
    assert_eq!((house.asked(), house.cache.counters().entries.get()), (2, 0));
    house.etcd.store().lag = 0;
    for _ in 0..2 {
        assert_eq!(value(&house.read(get("k")).await), b"1");
    }
    assert_eq!(house.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_ordered_cache_never_goes_back_whatever_is_read() {
    let house = House::prompt(Config { ordered: true, ..Config::default() });
    house.read(get("k")).await;
    house.read(get("k")).await;
    assert_eq!(house.asked(), 1);
    let elsewhere = house.put("z", "1").await;
    assert_eq!(revision(&house.read(get("k")).await), elsewhere);
}

#[tokio::test(start_paused = true)]
async fn entries_and_bytes_are_bounded_and_nothing_else_is_remembered() {
    let house = House::prompt(Config { max_entries: 10, ..Config::default() });
    for index in 0..500 {
        house.read(get(&format!("k{index}"))).await;
        house.read(range(&format!("k{index}"), "\0")).await;
    }
    let counters = house.cache.counters();
    assert_eq!((counters.entries.get(), counters.evictions.get()), (10, 990));
    assert_eq!(house.cache.marks(), 10);

    let house = House::prompt(Config { max_bytes: 100_000, ..Config::default() });
    house.put("small", "1").await;
    house.put("large", &"x".repeat(20_000)).await;
    for index in 0..500 {
        house.read(range("small", &format!("t{index}"))).await;
        house.read(get("large")).await;
    }
    assert_eq!(house.asked(), 1000, "one eighth of the memory is the most for one answer");
    assert!((50_000..=100_000).contains(&counters_bytes(&house)));
}

fn counters_bytes(house: &House) -> u64 {
    house.cache.counters().bytes.get()
}

#[tokio::test(start_paused = true)]
async fn a_cache_of_no_size_passes_everything_on() {
    let off = [
        Config { max_entries: 0, ..Config::default() },
        Config { max_bytes: 0, ..Config::default() },
        Config { max_age: Duration::ZERO, ..Config::default() },
    ];
    for config in off {
        let house = House::prompt(config);
        house.read(get("k")).await;
        house.put("k", "1").await;
        assert_eq!(value(&house.read(get("k")).await), b"1");
        assert_eq!((house.asked(), house.cache.counters().misses.get()), (2, 0));
    }
}
