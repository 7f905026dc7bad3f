//! What is kept of serializable reads.

use super::super::{Refusal, flags::Flags, go_values::GoDuration};

/// What the flags say about the cache.
pub(super) fn config(flags: &Flags) -> Result<kv_cache::Config, Refusal> {
    let count = |name: &str, given: u64| {
        usize::try_from(given).map_err(|_| Refusal::new(format!("invalid {name} {given}")))
    };
    let max_age = flags.cache_max_age;
    if max_age < GoDuration::ZERO {
        return Err(Refusal::new(format!("invalid cache-max-age {max_age} (must not be negative)")));
    }
    Ok(kv_cache::Config {
        max_entries: count("cache-max-entries", flags.cache_max_entries)?,
        max_bytes: count("cache-max-bytes", flags.cache_max_bytes)?,
        max_age: max_age.positive().unwrap_or_default(),
        ordered: flags.experimental_serializable_ordering,
        ..kv_cache::Config::default()
    })
}
