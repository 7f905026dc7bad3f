//! How reads are shared.

use super::super::{Refusal, flags::Flags};
use super::on_or_off;
use crate::config::Reads;

/// What the flags say about reads.
pub(super) fn config(flags: &Flags) -> Result<Reads, Refusal> {
    Ok(Reads { coalesced: on_or_off("read-coalescing", &flags.read_coalescing)? })
}
