//! The thread that writes lines, and the queue in front of it.

use std::{
    io::{self, Write},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use serde_json::json;

/// Lines that may wait. A burst at start-up is a few hundred.
const QUEUE: usize = 4096;
/// How long the end of the process waits for a reader of stderr.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Where lines go in.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    queue: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

/// Holds the log open; what is queued is written when it is dropped.
#[derive(Debug)]
pub(crate) struct Outlet {
    lines: Lines,
}

enum Entry {
    Line(String),
    Flush(SyncSender<()>),
}

/// Starts the thread that writes to `stream`. Errors when there can be no thread.
pub(super) fn open(stream: impl Write + Send + 'static) -> io::Result<(Lines, Outlet)> {
    let (queue, entries) = sync_channel(QUEUE);
    let lines = Lines { queue, dropped: Arc::default() };
    let dropped = lines.dropped.clone();
    thread::Builder::new().name("log".to_owned()).spawn(move || drain(&entries, stream, &dropped))?;
    Ok((lines.clone(), Outlet { lines }))
}

impl Lines {
    /// Never waits: a line that finds no room is dropped and counted.
    pub(super) fn push(&self, line: String) {
        if self.queue.try_send(Entry::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Outlet {
    /// Waits until what is queued now is written, or for as long as last words may take.
    pub(crate) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.lines.queue.try_send(Entry::Flush(done)).is_ok() {
            let _: Result<(), RecvTimeoutError> = written.recv_timeout(LAST_WORDS);
        }
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        self.flush();
    }
}

/// A closed stream is nobody's fault here, and there is no other place to say so.
fn drain(entries: &Receiver<Entry>, mut stream: impl Write, dropped: &AtomicU64) {
    for entry in entries {
        match entry {
            Entry::Line(line) => {
                let _ = stream.write_all(line.as_bytes());
            }
            Entry::Flush(done) => {
                let _ = stream.flush();
                let _ = done.try_send(());
            }
        }
        let lost = dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let _ = stream.write_all(loss(lost).as_bytes());
        }
    }
}

/// Not an event, which could be lost as well.
fn loss(lines: u64) -> String {
    format!("{}\n", json!({ "level": "warn", "msg": "log lines dropped", "count": lines }))
}
