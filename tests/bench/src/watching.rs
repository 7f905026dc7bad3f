//! What watch suites are made of: a writer that stamps its values, watchers that check every event they get, a tally
//! of what they got, and the member's own count of its watchers.
//!
//! ```text
//!   writer ── put (time, number) ──► system ──► watchers: chunks ► messages ► events ► checked, counted in the tally
//! ```

mod checker;
mod member;
mod messages;
mod response;
mod stamp;
mod tally;
mod watchers;
mod wire;
mod writer;

pub(crate) use member::{
    Peak, keep_alive_streams, keep_alives, read_calls, watch_requests, watchers_on, write_calls,
};
pub(crate) use messages::Messages;
pub(crate) use stamp::Clock;
pub(crate) use tally::Tally;
pub(crate) use watchers::{Plan, Watchers, gate};
pub(crate) use writer::Writer;

/// The one key that everybody watches.
pub(crate) const KEY: &[u8] = b"bench/watched";
