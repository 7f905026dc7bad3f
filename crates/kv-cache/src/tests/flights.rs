//! Reads that ask the same at the same time.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;

type Reading<'a> = Pin<Box<dyn Future<Output = Result<RangeResponse, Status>> + 'a>>;

/// A read that has gone as far as it can.
fn begun<'a>(house: &'a House, token: &'a str, request: RangeRequest) -> Reading<'a> {
    let mut reading: Reading<'a> = Box::pin(house.read_as(token, request));
    assert!(poll(&mut reading).is_none());
    reading
}

fn poll(reading: &mut Reading<'_>) -> Option<Result<RangeResponse, Status>> {
    match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

fn calls(house: &House) -> usize {
    house.etcd.store().calls.len()
}

fn answer(house: &House) {
    let mut store = house.etcd.store();
    store.carry_out(0);
    store.answer(0, false);
}

fn house() -> House {
    House::over(Etcd::default(), Config::default())
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_the_same_cost_one_call() {
    let house = house();
    let mut readings: Vec<_> = (0..50).map(|_| begun(&house, "t", get("k"))).collect();
    let _other = begun(&house, "u", get("k"));
    assert_eq!(calls(&house), 2);
    answer(&house);
    assert!(readings.iter_mut().all(|reading| poll(reading).unwrap().is_ok()));
    let counters = house.cache.counters();
    assert_eq!((counters.misses.get(), counters.joins.get()), (2, 49));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_for_all_and_a_lost_answer_for_the_one_who_asked() {
    let house = house();
    house.etcd.store().refused.insert("t".to_owned());
    let mut readings: Vec<_> = (0..3).map(|_| begun(&house, "t", get("k"))).collect();
    answer(&house);
    let refused = |reading: &mut Reading<'_>| poll(reading).unwrap().unwrap_err().code();
    assert!(readings.iter_mut().all(|reading| refused(reading) == Code::PermissionDenied));

    let mut readings: Vec<_> = (0..3).map(|_| begun(&house, "u", get("k"))).collect();
    house.etcd.store().answer(0, true);
    assert_eq!(poll(&mut readings[0]).unwrap().unwrap_err().code(), Code::Unavailable);
    assert!(readings.iter_mut().skip(1).all(|reading| poll(reading).is_none()));
    house.etcd.store().carry_out(0);
    assert_eq!(calls(&house), 1);
    answer(&house);
    assert!(readings.iter_mut().skip(1).all(|reading| poll(reading).unwrap().is_ok()));
}

#[tokio::test(start_paused = true)]
async fn one_who_gives_up_does_not_take_the_others_along() {
    let house = house();
    let first = begun(&house, "t", get("k"));
    let mut second = begun(&house, "t", get("k"));
    drop(first);
    assert!(poll(&mut second).is_none());
    house.etcd.store().prompt = true;
    answer(&house);
    answer(&house);
    assert!(poll(&mut second).unwrap().is_ok());
    assert_eq!(house.cache.flights(), 0);
}

#[tokio::test(start_paused = true)]
async fn nobody_joins_a_question_that_is_older_than_a_write() {
    let house = house();
    let mut early = begun(&house, "t", get("k"));
    house.etcd.store().carry_out(0);
    house.etcd.store().prompt = true;
    house.put("k", "new").await;
    house.etcd.store().prompt = false;
    let mut late = begun(&house, "t", get("k"));
    house.etcd.store().answer(0, false);
    assert_eq!(value(&poll(&mut early).unwrap().unwrap()), b"", "asked before the write was answered");
    for _ in 0..3 {
        if let Some(answer) = poll(&mut late) {
            assert_eq!(value(&answer.unwrap()), b"new");
            assert_eq!(value(&house.read_as("t", get("k")).await.unwrap()), b"new");
            return;
        }
        answer(&house);
    }
    panic!("never answered");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_own_deadline() {
    let house = house();
    let _first = begun(&house, "t", get("k"));
    let mut request = Request::new(get("k"));
    request.metadata_mut().insert("token", "t".parse().unwrap());
    request.metadata_mut().insert("grpc-timeout", "50m".parse().unwrap());
    let late = house.kv.range(request).await.unwrap_err();
    assert_eq!((late.code(), late.message()), (Code::DeadlineExceeded, "context deadline exceeded"));
}
