//! What clients share on etcd: watchers and keep-alives.

use admin_http::{Cell, Fact, Section, Table, Tone};
use lease_coalesce::LeaseHub;
use watch_coalesce::{WatchHub, WatchedRange};

use super::ranges;

/// Ranges that are listed.
const WIDEST: usize = 10;

pub(super) fn watches(hub: &WatchHub, shows_keys: bool) -> Section {
    let counters = hub.counters();
    let (clients, upstream) = (counters.client_watchers.get(), counters.upstream_watchers.get());
    let count = |id, label, n: u64| Fact::new(id, label, Cell::count(n));
    Section {
        id: "watches",
        heading: "Watches",
        facts: vec![
            count("client_streams", "Clients' streams", counters.sessions.get()),
            count("client_watchers", "Clients' watchers", clients),
            count("upstream_watchers", "Watchers on etcd", upstream),
            Fact::new("ratio", "Clients' for each of etcd's", Cell::ratio(clients, upstream)),
            count("lagging_watchers", "Lagging readers", counters.lagging_watchers.get()),
            Fact::new("history_bytes", "Past events kept", Cell::bytes(counters.history_bytes.get())),
            count("events_received", "Events received", counters.events_received.get()),
            count("events_sent", "Events sent", counters.events_delivered.get()),
            count("resumes", "Streams resumed", counters.resumes.get()),
        ],
        tables: vec![widest(hub, shows_keys)],
        ..Section::default()
    }
}

fn widest(hub: &WatchHub, shows_keys: bool) -> Table {
    let columns =
        [("range", "Range"), ("watchers", "Watchers"), ("history_bytes", "Past events"), ("state", "State")];
    let mut table = Table::new("widest", columns, "Nobody watches through the hub.");
    table.caption = "Widest ranges";
    let row = |range: WatchedRange| {
        let (word, tone) =
            if range.is_catching_up { ("catching up", Tone::Warning) } else { ("live", Tone::Good) };
        vec![
            ranges::cell(&range.key, &range.range_end, shows_keys),
            Cell::count(range.watchers as u64),
            Cell::bytes(range.history_bytes as u64),
            Cell::state(word, tone),
        ]
    };
    table.rows = hub.widest(WIDEST).into_iter().map(row).collect();
    table
}

pub(super) fn leases(hub: &LeaseHub) -> Section {
    let counters = hub.counters();
    let (received, sent) = (counters.pings_received.get(), counters.pings_sent.get());
    let count = |id, label, n: u64| Fact::new(id, label, Cell::count(n));
    Section {
        id: "leases",
        heading: "Leases",
        facts: vec![
            count("client_streams", "Clients' streams", counters.sessions.get()),
            count("upstream_streams", "Streams to etcd", counters.upstream_streams.get()),
            count("remembered_leases", "Leases remembered", counters.remembered_leases.get()),
            count("pings_received", "Pings received", received),
            count("pings_sent", "Pings sent to etcd", sent),
            count("pings_joined", "Pings that joined", counters.pings_joined.get()),
            count("pings_remembered", "Answered from memory", counters.pings_remembered.get()),
            count("reopens", "Streams reopened", counters.reopens.get()),
        ],
        ..Section::default()
    }
}
