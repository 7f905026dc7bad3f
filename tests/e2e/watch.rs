//! Watch streams say what etcd's say, in the same order.

use std::time::Duration;

use e2e::{Client, Pair, Shape, Side, Transcript};
use proto_gen::etcdserverpb::watch_create_request::FilterType;
use proto_gen::etcdserverpb::{
    CompactionRequest, PutRequest, TxnRequest, WatchCreateRequest, WatchRequest, WatchResponse,
};
use proto_gen::mvccpb::Event;

use crate::duplex::Duplex;
use crate::requests::{
    create, delete, op_put, put, watch, watch_cancel, watch_key, watch_progress, watch_range,
};

/// One Watch stream.
pub(crate) type Watching = Duplex<WatchRequest, WatchResponse>;

pub(crate) fn open(client: &Client) -> Watching {
    let mut watch = client.watch();
    Duplex::open(|requests| async move { watch.watch(requests).await })
}

/// Opens a stream with a first watch on it, and reads the answer to that.
pub(crate) async fn create_watch(client: &Client, request: WatchCreateRequest) -> (Watching, WatchResponse) {
    let mut watching = open(client);
    watching.send(watch(request)).await;
    let created = watching.next().await;
    (watching, created)
}

/// Reads until `count` events have come: how they are batched is etcd's choice of the moment.
pub(crate) async fn events(watching: &mut Watching, count: usize) -> Vec<Event> {
    let mut events = Vec::new();
    while events.len() < count {
        let response = watching.next().await;
        assert!(!response.canceled, "{response:?}");
        events.extend(response.events);
    }
    events
}

/// One member: what is said during an election is nobody's promise, and a follower may be behind.
#[tokio::test]
async fn watch_answers_are_equal() {
    compare_all(&Pair::start(Shape::single()).await).await;
}

/// Every scenario of this theme, on a pair of clusters that have seen nothing yet.
pub(crate) async fn compare_all(pair: &Pair) {
    pair.compare(live_events).await;
    pair.compare(prefixes_and_from_key).await;
    pair.compare(previous_values_and_filters).await;
    pair.compare(events_of_the_past).await;
    pair.compare(future_revisions).await;
    pair.compare(ids).await;
    pair.compare(refused_creations).await;
    pair.compare(progress_requests).await;
    pair.compare(half_closed_streams).await;
    pair.compare(empty_requests).await;
    pair.compare(compacted_revisions).await;
}

#[tokio::test]
async fn a_large_response_is_fragmented_when_asked() {
    let pair = Pair::start(Shape::single()).await;
    pair.compare(fragments).await;
}

#[tokio::test]
async fn progress_is_notified_without_asking() {
    let (major, minor) = e2e::environment::etcd_version();
    let flag = if (major, minor) >= (3, 6) {
        "--watch-progress-notify-interval=1s"
    } else {
        "--experimental-watch-progress-notify-interval=1s"
    };
    if (major, minor) < (3, 5) {
        return;
    }
    let pair = Pair::start(Shape::single().flag(flag)).await;
    pair.compare(async |seen, side| {
        let request = WatchCreateRequest { progress_notify: true, ..watch_key("p", 0) };
        let (mut watching, created) = create_watch(&side.client, request).await;
        seen.note("created", created);
        seen.answer("put", side.client.kv().put(put("p", "1")).await);
        seen.note("event", until_event(&mut watching).await);
        seen.answer("put elsewhere", side.client.kv().put(put("q", "1")).await);
        seen.note("progress", until_revision(&mut watching, 3).await);
    })
    .await;
}

/// Whoever is slow to write is notified of progress first.
async fn until_event(watching: &mut Watching) -> WatchResponse {
    loop {
        let response = watching.next().await;
        if !response.events.is_empty() {
            return response;
        }
    }
}

async fn until_revision(watching: &mut Watching, revision: i64) -> WatchResponse {
    loop {
        let response = watching.next().await;
        if response.header.is_some_and(|header| header.revision >= revision) {
            return response;
        }
    }
}

async fn live_events(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let (mut watching, created) = create_watch(&side.client, watch_key("w/a", 0)).await;
    seen.note("created", created);
    seen.answer("put", kv.put(put("w/a", "1")).await);
    seen.note("put seen", watching.next().await);
    seen.answer("put elsewhere", kv.put(put("w/b", "1")).await);
    seen.answer("put again", kv.put(put("w/a", "2")).await);
    seen.note("second put seen", watching.next().await);
    seen.answer("delete", kv.delete_range(delete("w/a", "")).await);
    seen.note("delete seen", watching.next().await);
    watching.send(watch_cancel(0)).await;
    seen.note("cancelled", watching.next().await);
    watching.send(watch_cancel(0)).await;
    watching.send(watch_cancel(77)).await;
    watching.send(watch(watch_key("w/c", 0))).await;
    seen.note("cancels of unknown ids go unanswered", watching.next().await);
}

async fn prefixes_and_from_key(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let (mut prefix, created) = create_watch(&side.client, watch_range("x/", "x0", 0)).await;
    seen.note("prefix", created);
    let (mut from_key, created) = create_watch(&side.client, watch_range("x/b", "\0", 0)).await;
    seen.note("from key", created);
    let (mut everything, created) = create_watch(&side.client, watch_range("", "\0", 0)).await;
    seen.note("everything", created);
    let writes = TxnRequest {
        success: vec![op_put("x/a", "1"), op_put("x/b", "1"), op_put("y", "1")],
        ..Default::default()
    };
    seen.answer("one revision of three keys", kv.txn(writes).await);
    seen.note("prefix", prefix.next().await);
    seen.note("from key", from_key.next().await);
    seen.note("everything", everything.next().await);
}

async fn previous_values_and_filters(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let noput =
        WatchCreateRequest { filters: vec![FilterType::Noput.into()], prev_kv: true, ..watch_key("f/a", 0) };
    let nodelete = WatchCreateRequest { filters: vec![FilterType::Nodelete.into()], ..watch_key("f/a", 0) };
    let (mut previous, _) =
        create_watch(&side.client, WatchCreateRequest { prev_kv: true, ..watch_key("f/a", 0) }).await;
    let (mut without_puts, _) = create_watch(&side.client, noput).await;
    let (mut without_deletes, _) = create_watch(&side.client, nodelete).await;
    for value in ["1", "2"] {
        seen.answer("put", kv.put(put("f/a", value)).await);
    }
    seen.answer("delete", kv.delete_range(delete("f/a", "")).await);
    seen.answer("put after delete", kv.put(put("f/a", "3")).await);
    seen.note("previous values", events(&mut previous, 4).await);
    seen.note("only deletes", events(&mut without_puts, 1).await);
    seen.note("only puts", events(&mut without_deletes, 3).await);
}

async fn events_of_the_past(seen: &mut Transcript, side: &Side<'_>) {
    for start in [1, 2, 5] {
        let (mut watching, created) = create_watch(&side.client, watch_range("w/", "w0", start)).await;
        seen.note("created", created);
        let expected = if start == 5 { 1 } else { 4 };
        seen.note("the past", events(&mut watching, expected).await);
        let key = format!("w/live{start}");
        seen.answer("put", side.client.kv().put(put(&key, "1")).await);
        let mut rest = events(&mut watching, 1).await;
        while rest.last().and_then(|event| event.kv.as_ref()).is_some_and(|kv| kv.key != key) {
            rest = events(&mut watching, 1).await;
        }
        seen.note("and then the present", rest.last());
    }
}

async fn future_revisions(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let now =
        kv.put(put("future", "0")).await.expect("a put").into_inner().header.expect("a header").revision;
    let (mut watching, created) = create_watch(&side.client, watch_key("future", now + 3)).await;
    seen.note("created", created);
    for value in ["1", "2", "3", "4"] {
        seen.answer("put", kv.put(put("future", value)).await);
    }
    seen.note("from the third on", events(&mut watching, 2).await);
    // etcd 3.4 took it for a watch from now on.
    if e2e::environment::etcd_version() > (3, 5) {
        let (_, created) = create_watch(&side.client, watch_key("future", -1)).await;
        seen.note("a negative start", created);
    }
}

async fn ids(seen: &mut Transcript, side: &Side<'_>) {
    let mut watching = open(&side.client);
    for (what, id) in [
        ("first", 0),
        ("second", 0),
        ("of my own", 77),
        ("third", 0),
        ("duplicate", 77),
        ("zero", 1),
        ("negative", -1),
    ] {
        watching.send(watch(WatchCreateRequest { watch_id: id, ..watch_key("ids", 0) })).await;
        seen.note(what, watching.next().await);
    }
    watching.send(watch_cancel(77)).await;
    seen.note("cancelled", watching.next().await);
    watching.send(watch(WatchCreateRequest { watch_id: 77, ..watch_key("ids", 0) })).await;
    seen.note("free again", watching.next().await);
    seen.answer("put", side.client.kv().put(put("ids", "1")).await);
    let mut told = Vec::new();
    while told.len() < 5 {
        told.push(watching.next().await.watch_id);
    }
    told.sort_unstable();
    seen.note("who is told", told);
}

async fn refused_creations(seen: &mut Transcript, side: &Side<'_>) {
    let mut watching = open(&side.client);
    watching.send(watch(watch_range("b", "a", 0))).await;
    seen.note("an empty range", watching.next().await);
    watching.send(watch(watch_key("", 0))).await;
    seen.note("an empty key", watching.next().await);
    watching.send(watch(watch_key("still", 0))).await;
    seen.note("the stream lives", watching.next().await);
}

async fn progress_requests(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    let mut watching = open(&side.client);
    watching.send(watch(watch_key("progress/a", 0))).await;
    seen.note("created", watching.next().await);
    seen.answer("elsewhere", kv.put(put("elsewhere", "1")).await);
    let revision =
        kv.put(put("elsewhere", "2")).await.expect("a put").into_inner().header.expect("a header").revision;
    seen.note("progress", ask_progress(&mut watching, revision).await);
    let revision =
        kv.put(put("progress/a", "1")).await.expect("a put").into_inner().header.expect("a header").revision;
    seen.note("the event comes first", watching.next().await);
    seen.note("then the progress", ask_progress(&mut watching, revision).await);
}

/// Asks until the answer has reached `revision`: a follower may still be behind what its client has written.
async fn ask_progress(watching: &mut Watching, revision: i64) -> WatchResponse {
    e2e::eventually("progress reaches what was written", Duration::from_secs(20), async || {
        watching.send(watch_progress()).await;
        let response = watching.next().await;
        response.header.is_some_and(|header| header.revision >= revision).then_some(response)
    })
    .await
}

async fn half_closed_streams(seen: &mut Transcript, side: &Side<'_>) {
    let (mut watching, created) = create_watch(&side.client, watch_key("half", 0)).await;
    seen.note("created", created);
    watching.half_close();
    for value in ["1", "2", "3"] {
        seen.answer("put", side.client.kv().put(put("half", value)).await);
        seen.note("delivered after the half-close", watching.next().await);
    }
}

async fn empty_requests(seen: &mut Transcript, side: &Side<'_>) {
    let mut watching = open(&side.client);
    watching.send(WatchRequest::default()).await;
    watching.send(watch(watch_key("after an empty request", 0))).await;
    seen.note("the stream lives", watching.next().await);
}

async fn compacted_revisions(seen: &mut Transcript, side: &Side<'_>) {
    let mut kv = side.client.kv();
    seen.answer("created", kv.txn(create("compacted", "1")).await);
    seen.answer("compact", kv.compact(CompactionRequest { revision: 8, physical: true }).await);
    let (mut watching, created) = create_watch(&side.client, watch_range("w/", "w0", 3)).await;
    seen.note("created", created);
    seen.note("cancelled", watching.next().await);
    watching.send(watch(watch_key("compacted", 0))).await;
    seen.note("the stream lives", watching.next().await);
}

/// Twelve revisions of 1 MiB each, which a watch of the past may get at once. Who asked for fragments gets no large
/// response; how they are cut, and whether they had to be, is the server's choice.
async fn fragments(seen: &mut Transcript, side: &Side<'_>) {
    for index in 0..12 {
        let request = PutRequest { value: vec![b'x'; 1 << 20].into(), ..put(&format!("big/{index:02}"), "") };
        seen.answer("a large write", side.client.kv().put(request).await);
    }
    for fragment in [true, false] {
        let request = WatchCreateRequest { fragment, ..watch_range("big/", "big0", 1) };
        let (mut watching, created) = create_watch(&side.client, request).await;
        seen.note("created", created);
        let (mut keys, mut in_pieces) = (Vec::new(), false);
        while keys.len() < 12 {
            let response = watching.next().await;
            let size: usize =
                response.events.iter().filter_map(|event| event.kv.as_ref()).map(|kv| kv.value.len()).sum();
            assert!(!fragment || size <= 3 << 20, "a response of {size} bytes");
            in_pieces = response.fragment;
            keys.extend(response.events.into_iter().filter_map(|event| event.kv).map(|kv| kv.key));
        }
        seen.note("keys", keys);
        seen.note("more to come", in_pieces);
    }
}
