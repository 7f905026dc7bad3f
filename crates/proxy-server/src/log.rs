//! The log: one JSON line for each event on stderr, in the shape that etcd's logger (zap) gives it.
//!
//! ```text
//! {"level":"info","ts":"2026-01-02T15:04:05.000000Z","caller":"proxy-server/listener.rs:31","msg":"…","address":"…"}
//! ```
//!
//! A line is built by the thread that logs and written by a thread of its own, so that a reader of stderr who stalls
//! never stalls a call. Lines that find the queue full are dropped, and counted in the log as soon as there is room.

mod line;
mod outlet;

use std::io;

use time::OffsetDateTime;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

use outlet::Lines;
pub(crate) use outlet::Outlet;

/// Libraries that are chatty below a warning, frame by frame.
const CHATTY: &[&str] = &["h2", "hyper", "hyper_util", "mio", "rustls", "tokio", "tonic", "tower"];

/// Logs events in zap's shape.
#[derive(Debug)]
pub(crate) struct ZapLayer {
    lines: Lines,
    debug: bool,
    clock: fn() -> OffsetDateTime,
}

/// Starts logging to stderr for the whole process. What is still queued is written when the outlet goes away.
pub(crate) fn start(debug: bool) -> io::Result<Outlet> {
    let (lines, outlet) = outlet::open(io::stderr())?;
    let layer = ZapLayer { lines, debug, clock: OffsetDateTime::now_utc };
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).map_err(io::Error::other)?;
    Ok(outlet)
}

impl ZapLayer {
    fn most(&self, target: &str) -> Level {
        let library = target.split("::").next().unwrap_or_default();
        if CHATTY.contains(&library) {
            Level::WARN
        } else if self.debug {
            Level::DEBUG
        } else {
            Level::INFO
        }
    }
}

impl<S: Subscriber> Layer<S> for ZapLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.most(metadata.target())
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(if self.debug { LevelFilter::DEBUG } else { LevelFilter::INFO })
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.lines.push(line::of(event, (self.clock)()));
    }
}

#[cfg(test)]
mod tests;
