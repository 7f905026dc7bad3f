//! How reads are answered: together, or from memory.

use admin_http::{Cell, Fact, Section, Table, Unit};
use kv_cache::KvCache;
use read_coalesce::{BATCH_SIZES, Counters};

use crate::config::Config;

pub(super) fn reads(config: &Config, counters: &Counters) -> Section {
    let batches: u64 = counters.batch_sizes.iter().map(|size| size.get()).sum();
    let count = |id, label, n: u64| Fact::new(id, label, Cell::count(n));
    let batched = counters.batched_reads.get();
    let mean =
        if batches == 0 { Cell::Nothing } else { Cell::Number(batched as f64 / batches as f64, Unit::Ratio) };
    Section {
        id: "reads",
        heading: "Linearizable reads",
        facts: vec![
            Fact::new("coalesced", "Shared", config.reads.coalesced),
            count("batched", "Answered together", batched),
            count("alone", "Alone", counters.plain_reads.get()),
            count("excluded", "May not share", counters.excluded_reads.get()),
            count("saved_calls", "Calls saved on etcd", counters.saved_calls.get()),
            Fact::new("mean_batch", "Reads for each call", mean),
        ],
        tables: vec![sizes(counters)],
        ..Section::default()
    }
}

fn sizes(counters: &Counters) -> Table {
    let mut table = Table::new(
        "batch_sizes",
        [("reads", "Distinct reads"), ("calls", "Calls")],
        "No reads have met yet.",
    );
    table.caption = "Calls by how many reads they carry";
    let from = [0].into_iter().chain(BATCH_SIZES);
    let words = from.zip(BATCH_SIZES).map(|(below, most)| {
        if below + 1 == most { most.to_string() } else { format!("{}–{most}", below + 1) }
    });
    let above = BATCH_SIZES.last().map(|most| format!("more than {most}"));
    let named = words.chain(above).zip(&counters.batch_sizes);
    let seen = named.filter(|(_, calls)| calls.get() > 0);
    table.rows = seen.map(|(reads, calls)| vec![reads.into(), Cell::count(calls.get())]).collect();
    table
}

pub(super) fn cache(config: &Config, cache: &KvCache) -> Section {
    let counters = cache.counters();
    let (hits, misses, joins) = (counters.hits.get(), counters.misses.get(), counters.joins.get());
    let count = |id, label, n: u64| Fact::new(id, label, Cell::count(n));
    Section {
        id: "cache",
        heading: "Serializable reads",
        facts: vec![
            Fact::new("hit_ratio", "Answered from memory", Cell::share(hits, hits + misses + joins)),
            count("entries", "Answers kept", counters.entries.get()),
            Fact::new("bytes", "Memory for them", Cell::bytes(counters.bytes.get())),
            count("hits", "Hits", hits),
            count("misses", "Misses", misses),
            count("joins", "Joined another", joins),
            count("watched", "Ranges watched", counters.watched.get()),
            count("invalidations", "Overtaken", counters.invalidations.get()),
            count("expirations", "Too old", counters.expirations.get()),
            count("evictions", "Evicted", counters.evictions.get()),
            Fact::new("max_age_seconds", "Largest age", config.cache.max_age),
        ],
        ..Section::default()
    }
}
