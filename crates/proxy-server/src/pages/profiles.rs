//! `/debug/pprof/`: where the processor's time goes, in the format of pprof. What Go has and Rust has not is said in
//! words.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use admin_http::{Answer, Page, Pages, Question};
use futures_util::future::BoxFuture;
use http::{HeaderValue, StatusCode};
use pprof::protos::Message as _;
use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::sync::oneshot;

use crate::worker::WorkerHandle;

const ROOT: &str = "/debug/pprof/";
/// As long as Go's.
const DEFAULT_SECONDS: u64 = 30;
const MAX_SECONDS: u64 = 300;
/// As often as Go looks.
const HERTZ: i32 = 100;
/// Unwinding through these from a signal can wait for a lock that the interrupted code holds.
const NEVER_UNWOUND: [&str; 4] = ["libc", "libgcc", "pthread", "vdso"];
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What Go's runtime can tell, and why there is nothing to tell here.
const ABSENT: [(&str, &str); 7] = [
    ("heap", "no heap profile: the allocator keeps none. process_resident_memory_bytes is in /proxy/metrics"),
    ("allocs", "no allocation profile: the allocator keeps none"),
    ("goroutine", "no goroutines: tasks are state machines without stacks. /debug/pprof/tasks counts them"),
    (
        "threadcreate",
        "no profile of threads: there is one for each worker, one for pages and one for the log",
    ),
    ("block", "no block profile: tasks do not block"),
    ("mutex", "no mutex profile: locks are held for microseconds and not watched"),
    ("trace", "no execution trace: there is no scheduler of Go's"),
];

/// Puts the pages under their paths.
pub(crate) fn with_profiles(pages: Pages, workers: &[WorkerHandle]) -> Pages {
    let main = Handle::current().metrics();
    let pages = pages
        .with(ROOT, Text(index()))
        .with(path("tasks"), Tasks { main, workers: workers.to_vec() })
        .with(path("profile"), CpuProfile::default())
        .with(path("symbol"), Text("num_symbols: 1\n".to_owned()))
        .with(path("cmdline"), Text(std::env::args().next().unwrap_or_default()));
    ABSENT.iter().fold(pages, |pages, (name, why)| pages.with(path(name), Absent(why)))
}

fn path(name: &str) -> String {
    format!("{ROOT}{name}")
}

fn index() -> String {
    let there = format!(
        "{ROOT}profile?seconds=n  processor time, {HERTZ} looks a second, for go tool pprof and its like;\n\
         \x20                             what passes in the C library and the kernel is left out\n\
         {ROOT}tasks              tasks of each runtime: how many there are, and how many are ready to run\n\
         {ROOT}cmdline            the binary\n"
    );
    ABSENT.iter().fold(there, |text, (name, why)| format!("{text}{ROOT}{name}: {why}\n"))
}

/// A text that does not change. Of the command line it shows the binary alone, because a password may follow.
struct Text(String);

impl Page for Text {
    fn answer(&self, _: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async { Answer::text(self.0.clone()) })
    }
}

/// What Go shows as goroutines, as far as there is anything like it.
struct Tasks {
    main: RuntimeMetrics,
    workers: Vec<WorkerHandle>,
}

impl Page for Tasks {
    fn answer(&self, _: Question) -> BoxFuture<'_, Answer> {
        let line = |name: &str, runtime: &RuntimeMetrics| {
            format!("{name}: {} tasks, {} ready\n", runtime.num_alive_tasks(), runtime.global_queue_depth())
        };
        // It is the admin runtime that answers.
        let mut text = line("main", &self.main) + &line("admin", &Handle::current().metrics());
        for (index, worker) in self.workers.iter().enumerate() {
            let runtime = worker.runtime();
            text.extend(runtime.map(|runtime| line(&format!("worker-{index}"), &runtime)));
        }
        Box::pin(std::future::ready(Answer::text(text)))
    }
}

struct Absent(&'static str);

impl Page for Absent {
    fn answer(&self, _: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async { Answer::error(StatusCode::NOT_FOUND, self.0) })
    }
}

/// One profile at a time: all threads share one timer.
#[derive(Default)]
struct CpuProfile {
    is_taken: Arc<AtomicBool>,
}

/// Given back when the profile is there, whether or not somebody still waits for it.
struct Turn(Arc<AtomicBool>);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl CpuProfile {
    fn take_turn(&self) -> Option<Turn> {
        let is_free = !self.is_taken.swap(true, Ordering::Acquire);
        is_free.then(|| Turn(Arc::clone(&self.is_taken)))
    }
}

impl Page for CpuProfile {
    fn answer(&self, question: Question) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let Some(duration) = seconds(&question) else {
                let limits = format!("seconds must be a number from 1 to {MAX_SECONDS}");
                return Answer::error(StatusCode::BAD_REQUEST, &limits);
            };
            let Some(turn) = self.take_turn() else {
                return Answer::error(StatusCode::CONFLICT, "a profile is being taken already");
            };
            match on_a_thread(duration, turn).await {
                Ok(profile) => Answer::of_type(OCTETS, profile),
                Err(error) => Answer::error(StatusCode::INTERNAL_SERVER_ERROR, &error),
            }
        })
    }
}

fn seconds(question: &Question) -> Option<Duration> {
    let seconds = match question.query("seconds").next() {
        None => DEFAULT_SECONDS,
        Some(given) => given.parse().ok().filter(|seconds| (1..=MAX_SECONDS).contains(seconds))?,
    };
    Some(Duration::from_secs(seconds))
}

/// Names are looked up for seconds in a large binary: not on a thread that answers others.
async fn on_a_thread(duration: Duration, turn: Turn) -> Result<Vec<u8>, String> {
    let (tell, told) = oneshot::channel();
    let take = move || {
        let profile = take(duration).map_err(|error| error.to_string());
        drop(turn);
        // Who asked may have gone.
        let _ = tell.send(profile);
    };
    std::thread::Builder::new().name("profile".to_owned()).spawn(take).map_err(|error| error.to_string())?;
    told.await.unwrap_or_else(|_| Err(format!("the profile of process {} was given up", process::id())))
}

fn take(duration: Duration) -> pprof::Result<Vec<u8>> {
    let guard = pprof::ProfilerGuardBuilder::default().frequency(HERTZ).blocklist(&NEVER_UNWOUND).build()?;
    std::thread::sleep(duration);
    Ok(guard.report().build()?.pprof()?.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use http::{Method, Uri};

    use super::*;

    async fn get(page: &dyn Page, uri: &'static str) -> Answer {
        page.answer(Question { method: Method::GET, uri: Uri::from_static(uri) }).await
    }

    #[tokio::test]
    async fn a_profile_is_asked_for_in_whole_seconds_and_alone() {
        let page = CpuProfile::default();
        for wrong in ["/?seconds=0", "/?seconds=301", "/?seconds=1.5", "/?seconds="] {
            assert_eq!(get(&page, wrong).await.status, StatusCode::BAD_REQUEST, "{wrong}");
        }
        let turn = page.take_turn().unwrap();
        assert_eq!(get(&page, "/?seconds=1").await.status, StatusCode::CONFLICT);
        drop(turn);
        assert!(page.take_turn().is_some());
    }

    #[tokio::test]
    async fn what_there_is_not_is_said_in_words() {
        let pages = with_profiles(Pages::default(), &[]);
        let (admin, worker) = admin_http::Admin::new(pages);
        tokio::spawn(worker.run());
        for (name, _) in ABSENT {
            let uri: Uri = path(name).parse().unwrap();
            assert_eq!(admin.answer(Method::GET, uri).await.status(), StatusCode::NOT_FOUND, "{name}");
        }
        assert_eq!(admin.answer(Method::GET, Uri::from_static(ROOT)).await.status(), StatusCode::OK);
    }
}
