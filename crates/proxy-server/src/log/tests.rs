//! Lines as they arrive at the other end of the stream.

use std::{
    fmt,
    io::{self, Write},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use time::macros::datetime;
use tracing::subscriber::with_default;

use super::*;

/// A stream that keeps each write apart.
#[derive(Clone, Default)]
struct Writes(Arc<Mutex<Vec<String>>>);

impl Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn clock() -> OffsetDateTime {
    datetime!(2026-01-02 15:04:05.000042999 UTC)
}

fn logged(debug: bool, log: impl FnOnce()) -> Vec<String> {
    let level = if debug { LogLevel::Debug } else { LogLevel::Info };
    logged_as(LogFormat::Json, &LevelSwitch::new(level), log)
}

/// To be held by whoever listens to events or changes a level: what the library remembers of who listens is
/// one for all threads, and a thread that changes a level while another listens makes it forget the other.
pub(crate) static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn logged_as(format: LogFormat, level: &LevelSwitch, log: impl FnOnce()) -> Vec<String> {
    let _alone = ALONE.blocking_lock();
    let writes = Writes::default();
    let (lines, outlet) = outlet::open(writes.clone()).unwrap();
    let layer = ZapLayer { lines, level: level.clone(), format, sampling: Sampling::default(), clock };
    with_default(tracing_subscriber::registry().with(layer), log);
    drop(outlet);
    // The thread that writes ends with the last of those who log. That may take longer than last words may.
    let limit = Instant::now() + Duration::from_secs(60);
    while Arc::strong_count(&writes.0) > 1 {
        assert!(Instant::now() < limit, "the thread that writes goes on");
        std::thread::yield_now();
    }
    let kept = writes.0.lock().unwrap();
    kept.clone()
}

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cannot listen")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// etcd 3.7.3 writes: {"level":"info","ts":"2026-11-21T02:00:15.697219Z","caller":"etcdmain/grpc_proxy.go:282",
/// "msg":"started gRPC proxy","address":"127.0.0.1:39993"}.
#[test]
fn a_line_has_zaps_shape() {
    let line = line!() + 1;
    let lines = logged(false, || tracing::info!(address = "127.0.0.1:23790", "started gRPC proxy"));
    let expected = format!(
        "{{\"level\":\"info\",\"ts\":\"2026-01-02T15:04:05.000042Z\",\"caller\":\"log/tests.rs:{line}\",\
         \"msg\":\"started gRPC proxy\",\"address\":\"127.0.0.1:23790\"}}\n"
    );
    assert_eq!(lines, [expected]);
}

/// The members after the caller, whose line number is nobody's business here.
fn tail(lines: &[String]) -> &str {
    let [line] = lines else { panic!("{lines:?}") };
    line.split_once("\"msg\":").unwrap().1.trim_end()
}

#[test]
fn fields_keep_their_order_and_their_types() {
    let lines = logged(false, || {
        tracing::warn!(
            zebra = 1_u64,
            "tls-info" = "cert = ",
            minus = -5,
            ok = true,
            half = 0.5,
            nan = f64::NAN,
            "m"
        );
    });
    let expected = r#""m","zebra":1,"tls-info":"cert = ","minus":-5,"ok":true,"half":0.5,"nan":"NaN"}"#;
    assert_eq!(tail(&lines), expected);
    assert!(lines.concat().starts_with(r#"{"level":"warn","#));
}

#[test]
fn errors_come_with_their_causes_and_durations_as_text() {
    let error = Outer(io::Error::other("port in use"));
    let error: &(dyn std::error::Error + 'static) = &error;
    let lines = logged(false, || {
        tracing::error!(error, after = ?Duration::from_millis(1500), member = %"a:1", "m");
    });
    assert_eq!(tail(&lines), r#""m","error":"cannot listen: port in use","after":"1.5s","member":"a:1"}"#);
}

#[test]
fn whatever_is_in_a_value_stays_on_one_line() {
    let lines = logged(false, || tracing::info!(key = "a\"b\n\u{1}\\é", "line\nfeed {}", 1));
    assert_eq!(tail(&lines), r#""line\nfeed 1","key":"a\"b\n\u0001\\é"}"#);
}

#[test]
fn debug_is_for_us_and_not_for_libraries() {
    let log = || {
        tracing::debug!("ours");
        tracing::info!(target: "h2::codec", "frame");
        tracing::warn!(target: "h2::codec", "odd frame");
        tracing::trace!("too much");
    };
    assert_eq!(tail(&logged(false, log)), r#""odd frame"}"#);
    assert_eq!(logged(true, log).len(), 2);
}

/// A reader that stalls for ever.
struct Stalled(mpsc::Receiver<()>);

impl Write for Stalled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stalled_reader_stalls_nobody() {
    let (release, stalled) = mpsc::channel();
    let (lines, outlet) = outlet::open(Stalled(stalled)).unwrap();
    (0..10_000).for_each(|_| lines.push("line\n".to_owned()));
    drop(release);
    drop(outlet);
}

#[test]
fn dropped_lines_are_counted_in_the_log() {
    let writes = Writes::default();
    let (gate, blocked) = mpsc::channel::<()>();
    let (lines, outlet) = outlet::open(Gated(blocked, writes.clone())).unwrap();
    (0..10_000).for_each(|_| lines.push("line\n".to_owned()));
    drop(gate);
    while !writes.0.lock().unwrap().iter().any(|line| line.contains("log lines dropped")) {
        std::thread::yield_now();
    }
    drop(outlet);
}

/// Stalled until the gate opens.
struct Gated(mpsc::Receiver<()>, Writes);

impl Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that nobody reads any more.
struct Closed;

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_closed_stream_is_no_failure() {
    let (lines, outlet) = outlet::open(Closed).unwrap();
    lines.push("line\n".to_owned());
    outlet.flush();
}

/// etcd 3.7.3 with `--log-format=console` writes its time, level, caller and message with tabs in between, then
/// `{"data-dir": "x2", "dir-type": "empty"}`.
#[test]
fn a_console_line_has_zaps_shape() {
    let level = LevelSwitch::new(LogLevel::Info);
    let lines = logged_as(LogFormat::Console, &level, || {
        tracing::warn!(address = "a:1", count = 3, "odd\u{1b}[2J line");
        tracing::info!("no more");
    });
    let columns: Vec<Vec<&str>> = lines.iter().map(|line| line.trim_end().split('\t').collect()).collect();
    assert_eq!(columns[0][..2], ["2026-01-02T15:04:05.000042Z", "warn"]);
    assert!(columns[0][2].starts_with("log/tests.rs:"), "{columns:?}");
    assert_eq!(columns[0][3..], ["odd\\u{1b}[2J line", "{\"address\": \"a:1\", \"count\": 3}"]);
    assert_eq!(columns[1][3..], ["no more"]);
}

#[test]
fn the_level_changes_while_it_runs_and_the_log_tells() {
    let level = LevelSwitch::new(LogLevel::Warn);
    let say = |text: &'static str| tracing::debug!(text);
    let lines = logged_as(LogFormat::Json, &level, || {
        say("one");
        level.toggle();
        say("two");
        level.toggle();
        say("three");
        level.set(LogLevel::Error);
        tracing::warn!("four");
        tracing::error!("five");
    });
    let tails: Vec<&str> =
        lines.iter().map(|line| line.split_once("\"msg\":").unwrap().1.trim_end()).collect();
    assert_eq!(
        tails,
        [
            r#""log level changed","from":"warn","to":"debug"}"#,
            r#""","text":"two"}"#,
            r#""log level changed","from":"debug","to":"warn"}"#,
            r#""log level changed","from":"warn","to":"error"}"#,
            r#""five"}"#,
        ]
    );
}

#[test]
fn a_storm_of_one_line_hides_no_other() {
    let lines = logged(false, || {
        for _ in 0..1000 {
            tracing::info!("again");
        }
        // Two, because lines share a count where the addresses of their places happen to.
        tracing::info!("at last");
        tracing::info!("at the very last");
    });
    assert_eq!(lines.iter().filter(|line| line.contains("again")).count(), 100 + 9);
    assert!(lines.last().unwrap().contains("last"), "{:?}", lines.last());
}
