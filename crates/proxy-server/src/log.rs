//! The log: one JSON line for each event on stderr, in the shape that etcd's logger (zap) gives it.
//!
//! ```text
//! {"level":"info","ts":"2026-01-02T15:04:05.000000Z","caller":"proxy-server/listener.rs:31","msg":"…","address":"…"}
//! ```
//!
//! `--log-format console` is the same for people, with tabs. A line is built by the thread that logs and written by a thread of its own, so that a reader of stderr who stalls
//! never stalls a call. Lines that find the queue full are dropped, and counted in the log as soon as there is room.

mod level;
mod line;
mod outlet;
mod sampling;

use std::io;

use time::OffsetDateTime;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
};

pub(crate) use level::{LevelSwitch, LogLevel};
pub(crate) use line::LogFormat;
use outlet::Lines;
pub(crate) use outlet::Outlet;
use sampling::Sampling;

/// Libraries that are chatty below a warning, frame by frame.
const CHATTY: &[&str] = &["h2", "hyper", "hyper_util", "mio", "rustls", "tokio", "tonic", "tower"];

/// Logs events in zap's shape.
#[derive(Debug)]
pub(crate) struct ZapLayer {
    lines: Lines,
    level: LevelSwitch,
    format: LogFormat,
    sampling: Sampling,
    clock: fn() -> OffsetDateTime,
}

/// Starts logging to stderr for the whole process. What is still queued is written when the outlet goes away.
pub(crate) fn start(level: LevelSwitch, format: LogFormat) -> io::Result<Outlet> {
    let (lines, outlet) = outlet::open(io::stderr())?;
    let sampling = Sampling::default();
    let layer = ZapLayer { lines, level, format, sampling, clock: OffsetDateTime::now_utc };
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::set_global_default(subscriber).map_err(io::Error::other)?;
    Ok(outlet)
}

impl ZapLayer {
    fn admits(&self, metadata: &Metadata<'_>) -> bool {
        let library = metadata.target().split("::").next().unwrap_or_default();
        let is_chatter = CHATTY.contains(&library) && *metadata.level() > Level::WARN;
        !is_chatter && self.level.get().admits(*metadata.level())
    }
}

impl<S: Subscriber> Layer<S> for ZapLayer {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.admits(metadata)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.get().hint())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let now = (self.clock)();
        if self.sampling.takes(event.metadata(), now.unix_timestamp()) {
            self.lines.push(line::of(event, now, self.format));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
