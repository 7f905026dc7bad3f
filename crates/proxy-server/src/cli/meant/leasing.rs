//! What is owned so that it can be read from memory.

use super::super::{Refusal, flags::Flags};

/// What the flags say about leased keys. Without a prefix there are none.
pub(super) fn config(flags: &Flags) -> Result<leasing_kv::Config, Refusal> {
    let ttl = flags.leasing_session_ttl;
    if ttl < 1 {
        return Err(Refusal::new(format!("invalid leasing-session-ttl {ttl} (must be at least 1)")));
    }
    let prefix = flags.experimental_leasing_prefix.clone();
    Ok(leasing_kv::Config { ttl, ..leasing_kv::Config::new(prefix) })
}
