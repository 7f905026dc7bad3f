//! Who is connected, those first who ask for most.

use admin_http::{Cell, Fact, Section, Table};

use crate::door::clients::Usage;
use crate::wiring::House;

/// Clients that are listed.
const LISTED: usize = 50;

const COLUMNS: [(&str, &str); 6] = [
    ("address", "Address"),
    ("connections", "Connections"),
    ("streams", "In progress"),
    ("calls", "Calls"),
    ("received_bytes", "Received"),
    ("sent_bytes", "Sent"),
];

pub(super) fn section(house: &House) -> Section {
    let House { clients, limits, watch_hub, .. } = house;
    let count = |id, label, n: u64| Fact::new(id, label, Cell::count(n));
    let mut all: Vec<_> = clients.usage().into_iter().collect();
    all.sort_by_key(|(address, usage)| (std::cmp::Reverse((usage.calls, usage.connections)), *address));
    let mut table = Table::new("list", COLUMNS, "Nobody is connected.");
    table.left_out = all.len().saturating_sub(LISTED);
    let row = |(address, usage): (Option<std::net::IpAddr>, Usage)| {
        vec![
            address.map_or("others".into(), Cell::code),
            Cell::count(usage.connections),
            Cell::count(usage.streams),
            Cell::count(usage.calls),
            Cell::bytes(usage.received),
            Cell::bytes(usage.sent),
        ]
    };
    table.rows = all.into_iter().take(LISTED).map(row).collect();
    Section {
        id: "clients",
        heading: "Clients",
        facts: vec![
            count("refused_calls", "Calls refused", limits.refused_calls()),
            count("refused_watchers", "Watchers refused", watch_hub.counters().refused_watchers.get()),
            count("refused_connections", "Connections refused", limits.refused_connections()),
        ],
        note: "Since the first of a client's open connections; most calls first.".to_owned(),
        tables: vec![table],
        is_wide: true,
    }
}
