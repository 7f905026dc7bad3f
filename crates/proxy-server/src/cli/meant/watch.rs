//! How watchers are shared.

use super::super::{Refusal, flags::Flags, go_values::quote};
use crate::config::Watches;

/// What the flags say about watches.
pub(super) fn config(flags: &Flags) -> Result<Watches, Refusal> {
    let coalesced = match flags.watch_coalescing.as_str() {
        "on" => true,
        "off" => false,
        other => {
            let given = quote(other);
            return Err(Refusal::new(format!("invalid watch-coalescing {given} (must be one of: on, off)")));
        }
    };
    let history_bytes = usize::try_from(flags.watch_history_bytes)
        .map_err(|_| Refusal::new(format!("invalid watch-history-bytes {}", flags.watch_history_bytes)))?;
    Ok(Watches { coalesced, history_bytes })
}
