//! Numbers that anybody may read at any time.

use counts::Count;

/// What a hub counts about itself.
#[derive(Debug, Default)]
pub struct Counters {
    /// Gauge: client streams.
    pub sessions: Count,
    /// Gauge: watchers of clients.
    pub client_watchers: Count,
    /// Gauge: watchers held on etcd for them.
    pub upstream_watchers: Count,
    /// Gauge: watchers of clients that read from a catch-up group.
    pub lagging_watchers: Count,
    /// Gauge: bytes of history kept.
    pub history_bytes: Count,
    /// Counter: upstream streams that were lost and reopened.
    pub resumes: Count,
    /// Counter: events received from etcd.
    pub events_received: Count,
    /// Counter: events sent to clients.
    pub events_delivered: Count,
    /// Counter: watch responses with events sent to clients.
    pub responses_delivered: Count,
    /// Counter: watch responses that etcd did not have to send, because a watcher of the same range got them already.
    pub responses_saved: Count,
    /// Counter: watchers that joined an upstream watcher which was there already.
    pub joins_shared: Count,
    /// Counter: watchers that fell out of the history window.
    pub falls: Count,
    /// Counter: watchers refused because their client had its quota of them.
    pub refused_watchers: Count,
    /// Counter: progress requests sent to etcd.
    pub progress_requests: Count,
}
