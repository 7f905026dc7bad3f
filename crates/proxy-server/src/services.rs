//! What answers a call, and what stands around those that answer.

pub(crate) mod alarms;
pub(crate) mod cache_watch;
pub(crate) mod calls;
pub(crate) mod drain;
pub(crate) mod health;
pub(crate) mod in_process;
pub(crate) mod member_list;
pub(crate) mod message_log;
pub(crate) mod ordering;
pub(crate) mod read_only;
pub(crate) mod router;
pub(crate) mod sort_guard;
pub(crate) mod spans;
pub(crate) mod watch_door;
pub(crate) mod watch_upstream;
