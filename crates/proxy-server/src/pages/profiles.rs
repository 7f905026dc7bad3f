//! `/debug/pprof/`: where the processor's time and the memory go, in the format of pprof. What Go has and Rust has not is
//! said in words.

mod apart;
mod cpu;
#[cfg(feature = "heap-profile")]
mod heap;

use admin_http::{Answer, Page, Pages, Question};
use futures_util::future::BoxFuture;
use http::StatusCode;
use tokio::runtime::{Handle, RuntimeMetrics};

use self::cpu::{CpuProfile, HERTZ};
use crate::worker::WorkerHandle;

const ROOT: &str = "/debug/pprof/";

/// What Go's runtime can tell, and why there is nothing to tell here.
const ABSENT: &[(&str, &str)] = &[
    #[cfg(not(feature = "heap-profile"))]
    (
        "heap",
        "no heap profile: this build's allocator keeps no account. One with `--features heap-profile` does. \
         process_resident_memory_bytes is in /proxy/metrics",
    ),
    ("allocs", "no allocation profile: what has been freed is forgotten"),
    ("goroutine", "no goroutines: tasks are state machines without stacks. /debug/pprof/tasks counts them"),
    (
        "threadcreate",
        "no profile of threads: there is one for each worker, one for pages and one for the log",
    ),
    ("block", "no block profile: tasks do not block"),
    ("mutex", "no mutex profile: locks are held for microseconds and not watched"),
    ("trace", "no execution trace: there is no scheduler of Go's"),
];

/// A line of the index.
#[cfg(feature = "heap-profile")]
const HEAP: &str = "/debug/pprof/heap               who holds memory, for go tool pprof and its like\n";
#[cfg(not(feature = "heap-profile"))]
const HEAP: &str = "";

/// Puts the pages under their paths.
pub(crate) fn with_profiles(pages: Pages, workers: &[WorkerHandle]) -> Pages {
    let main = Handle::current().metrics();
    let pages = pages
        .with(ROOT, Text(index()))
        .with(path("tasks"), Tasks { main, workers: workers.to_vec() })
        .with(path("profile"), CpuProfile::default())
        .with(path("symbol"), Text("num_symbols: 1\n".to_owned()))
        .with(path("cmdline"), Text(std::env::args().next().unwrap_or_default()));
    #[cfg(feature = "heap-profile")]
    let pages = {
        heap::begin();
        pages.with(path("heap"), heap::HeapProfile::default())
    };
    ABSENT.iter().fold(pages, |pages, (name, why)| pages.with(path(name), Absent(why)))
}

fn path(name: &str) -> String {
    format!("{ROOT}{name}")
}

fn index() -> String {
    let there = format!(
        "{ROOT}profile?seconds=n  processor time, {HERTZ} looks a second, for go tool pprof and its like;\n\
         \x20                             what passes in the C library and the kernel is left out\n\
         {HEAP}{ROOT}tasks              tasks of each runtime: how many there are, and how many are ready to run\n\
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

#[cfg(test)]
mod tests {
    use http::{Method, Uri};

    use super::*;

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
