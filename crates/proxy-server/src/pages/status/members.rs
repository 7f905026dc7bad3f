//! The members of the cluster, as far as this proxy knows them.

use admin_http::{Cell, Fact, Section, Table, Tone};
use upstream_balancer::{Cluster, Health, MemberStatus};

use crate::config::Config;

const COLUMNS: [(&str, &str); 7] = [
    ("endpoint", "Endpoint"),
    ("health", "Health"),
    ("pinned", "Pinned"),
    ("connections", "Connections"),
    ("in_flight", "In flight"),
    ("failures", "Failures"),
    ("last_failure", "Last failure"),
];

pub(super) fn section(config: &Config, cluster: &Cluster) -> Section {
    let mut table = Table::new("list", COLUMNS, "There are no members.");
    table.rows = cluster.members().iter().map(row).collect();
    Section {
        id: "members",
        heading: "Members",
        facts: vec![
            Fact::new("balancer", "Balancer", config.upstream.policy.to_string()),
            Fact::new("retries", "Calls sent once more", Cell::count(cluster.retries())),
        ],
        tables: vec![table],
        is_wide: true,
        ..Section::default()
    }
}

fn row(member: &MemberStatus) -> Vec<Cell> {
    let (word, tone) = match member.health {
        Health::Healthy => ("healthy", Tone::Good),
        Health::Unfit => ("cannot serve", Tone::Warning),
        Health::Unreachable => ("unreachable", Tone::Bad),
    };
    vec![
        Cell::code(&member.endpoint),
        Cell::state(word, tone),
        member.pinned.into(),
        Cell::count(member.connections as u64),
        Cell::count(member.in_flight as u64),
        Cell::count(member.failures),
        member.last_failure.clone().into(),
    ]
}
