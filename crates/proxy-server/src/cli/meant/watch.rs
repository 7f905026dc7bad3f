//! How watchers are shared.

use super::super::{Refusal, flags::Flags};
use super::on_or_off;
use crate::config::Watches;

/// What the flags say about watches.
pub(super) fn config(flags: &Flags) -> Result<Watches, Refusal> {
    let coalesced = on_or_off("watch-coalescing", &flags.watch_coalescing)?;
    let history_bytes = usize::try_from(flags.watch_history_bytes)
        .map_err(|_| Refusal::new(format!("invalid watch-history-bytes {}", flags.watch_history_bytes)))?;
    Ok(Watches { coalesced, history_bytes })
}
