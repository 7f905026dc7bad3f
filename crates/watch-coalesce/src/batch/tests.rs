//! What is encoded once must decode to what each watcher would have been sent.

use bytes::Buf;
use proto_gen::mvccpb::KeyValue;

use super::*;

fn event(revision: i64, put: bool, size: usize) -> Event {
    let value = Bytes::from(vec![b'v'; size]);
    let kv = KeyValue { key: "k".into(), mod_revision: revision, value, ..Default::default() };
    Event { r#type: i32::from(!put), kv: Some(kv), prev_kv: None }
}

fn header() -> ResponseHeader {
    ResponseHeader { cluster_id: 1, member_id: 2, revision: 9, raft_term: 4 }
}

fn messages(mut frames: Frames) -> (Vec<WatchResponse>, usize) {
    let mut bytes = Vec::new();
    let mut chunks = 0;
    while let Some(chunk) = frames.pop() {
        bytes.extend_from_slice(&chunk);
        chunks += 1;
    }
    let mut rest = bytes.as_slice();
    let mut messages = Vec::new();
    while rest.has_remaining() {
        rest.advance(1);
        let length = rest.get_u32() as usize;
        messages.push(WatchResponse::decode(&rest[..length]).unwrap());
        rest.advance(length);
    }
    (messages, chunks)
}

#[test]
fn every_watch_id_decodes_to_the_same_events() {
    let events = [event(5, true, 10), event(6, false, 0)];
    let batch = Batch::new(header(), &events);
    for watch_id in [0, 1, -1, i64::MAX] {
        let mut frames = Frames::default();
        assert_eq!(batch.write(watch_id, Wish::default(), &mut frames), 2);
        let (messages, _) = messages(frames);
        let expected =
            WatchResponse { header: Some(header()), watch_id, events: events.to_vec(), ..Default::default() };
        assert_eq!(messages, [expected]);
    }
}

#[test]
fn a_first_watcher_without_wishes_is_sent_the_first_message() {
    let batch = Batch::new(header(), &[event(5, true, 10)]);
    let mut frames = Frames::default();
    batch.write(0, Wish::default(), &mut frames);
    assert_eq!(batch.as_first_message(0, Wish { from: 5, ..Wish::default() }), frames.pop().as_ref());
    for (watch_id, wish) in [
        (1, Wish::default()),
        (0, Wish { from: 6, ..Wish::default() }),
        (0, Wish { no_put: true, ..Wish::default() }),
        (0, Wish { fragment: Some(64), ..Wish::default() }),
    ] {
        assert_eq!(batch.as_first_message(watch_id, wish), None);
    }
}

#[test]
fn large_events_are_shared_and_small_messages_gathered() {
    let large = Batch::new(header(), &[event(5, true, 100_000)]);
    let small = Batch::new(header(), &[event(6, true, 10)]);
    let mut frames = Frames::default();
    for watch_id in 0..3 {
        large.write(watch_id, Wish::default(), &mut frames);
    }
    for watch_id in 0..100 {
        small.write(watch_id, Wish::default(), &mut frames);
    }
    let (messages, chunks) = messages(frames);
    assert_eq!(messages.len(), 103);
    assert_eq!(chunks, 7);
    assert_eq!(messages[1].events[0].kv.as_ref().unwrap().value.len(), 100_000);
}

#[test]
fn a_watcher_that_starts_in_the_middle_gets_the_rest() {
    let batch =
        Batch::new(header(), &[event(5, true, 1), event(6, true, 2), event(6, false, 0), event(8, true, 3)]);
    let mut frames = Frames::default();
    let written = batch.write(3, Wish { from: 6, no_put: true, ..Wish::default() }, &mut frames);
    let (messages, _) = messages(frames);
    assert_eq!((written, &messages[0].events[..]), (1, &[event(6, false, 0)][..]));
    let after = batch.after(6);
    assert_eq!((after.first(), after.last(), after.len()), (6, 8, 3));
    assert_eq!(after.write(0, Wish { no_delete: true, ..Wish::default() }, &mut Frames::default()), 2);
}

#[test]
fn who_filters_everything_is_sent_nothing() {
    let batch = Batch::new(header(), &[event(5, true, 1)]);
    let mut frames = Frames::default();
    assert_eq!(batch.write(0, Wish { no_put: true, ..Wish::default() }, &mut frames), 0);
    assert!(frames.pop().is_none());
}

#[test]
fn fragments_are_below_the_limit_and_flagged_but_for_the_last() {
    let events: Vec<_> = (0..50).map(|_| event(5, true, 100)).collect();
    let batch = Batch::new(header(), &events);
    let mut frames = Frames::default();
    let wish = Wish { fragment: Some(1000), ..Wish::default() };
    assert_eq!(batch.write(4, wish, &mut frames), 50);
    let (messages, _) = messages(frames);
    assert!(messages.len() > 5);
    assert!(messages.iter().all(|message| message.encoded_len() < 1000 && message.watch_id == 4));
    let (last, others) = messages.split_last().unwrap();
    assert!(!last.fragment && others.iter().all(|message| message.fragment));
    assert_eq!(messages.iter().map(|message| message.events.len()).sum::<usize>(), 50);
}

#[test]
fn one_event_over_the_limit_is_not_cut() {
    let batch = Batch::new(header(), &[event(5, true, 5000)]);
    let mut frames = Frames::default();
    batch.write(4, Wish { fragment: Some(1000), ..Wish::default() }, &mut frames);
    let (messages, _) = messages(frames);
    assert_eq!((messages.len(), messages[0].fragment), (1, false));
}
