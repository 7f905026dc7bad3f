//! The side-by-side benchmark: etcd directly, `etcd grpc-proxy` and this proxy, in front of the same etcd member; for
//! gateways, `etcd gateway`, HAProxy and this gateway.
//!
//! One run measures the three in turn, round after round, so that whatever else the machine does meets all of them
//! alike. What counts are ratios of the same round and CPU per call, not absolute rates: those say how fast the
//! machine is. A missed claim is printed and is not a failure; a wrong answer from any of the three is.
//!
//! ```text
//!   arguments ──► suite (which calls, which figures, which claims)
//!                    │
//!   target  ──► rounds ──► load ──► client ══ gRPC ══► etcd | etcd grpc-proxy | this proxy
//!                 │          └──► process (CPU and memory from /proc)
//!                 └──► report: table, JSON, SVG, Markdown, verdicts
//! ```

mod arguments;
mod child;
mod client;
mod http1;
mod load;
mod process;
mod report;
mod rounds;
mod statistics;
mod suite;
mod target;
mod usage;
mod verdict;
mod watching;

use std::process::ExitCode;

use arguments::{Arguments, Run};
use suite::{Gateway, Json, Lease, Leasing, Namespace, Reads, Scrape, Suite, Unary, Watch};
use target::{Rival, Setting};
use tokio::signal::unix::{SignalKind, signal};

/// A tool's error: a sentence for the person who runs it.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Result<T> = std::result::Result<T, Error>;

fn main() -> ExitCode {
    match Arguments::parse(std::env::args().skip(1)) {
        Ok(Arguments::Help) => {
            println!("{}", arguments::USAGE);
            ExitCode::SUCCESS
        }
        Ok(Arguments::Run(run)) => exit_code(start(&run)),
        Err(error) => exit_code(Err(error)),
    }
}

fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One thread for everything: the generator shares the cores with what it measures, so it must stay small.
fn start(run: &Run) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        tokio::select! {
            result = dispatch(run) => result,
            signal = asked_to_stop() => Err(signal?.into()),
        }
    })
}

/// Ending by an error and not by the signal itself lets every value drop, and with them the processes and their folder.
async fn asked_to_stop() -> Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt.map(|()| "interrupted").map_err(Error::from),
        _ = terminate.recv() => Ok("terminated"),
    }
}

async fn dispatch(run: &Run) -> Result<()> {
    Rival::settle(&run.suite, run.haproxy.is_some());
    match run.suite.as_str() {
        "unary" => bench(Unary::new(run.connections), run).await,
        "namespace" => bench(Namespace::new(run.connections), run).await,
        "reads" => bench(Reads::new(run.connections), run).await,
        "gateway" => bench(Gateway::new(run.connections), run).await,
        "json" => bench(Json::new(), run).await,
        "leasing" => bench(Leasing::new(run.connections), run).await,
        "lease" => bench(Lease::new(run.keep), run).await,
        "scrape" => bench(Scrape::new(run.connections), run).await,
        "watch" => bench(Watch::new(run.stop), run).await,
        other => {
            let there_are = "unary, reads, gateway, json, lease, leasing, namespace, scrape, watch";
            Err(format!("no suite {other:?}; there are: {there_are}").into())
        }
    }
}

async fn bench<S: Suite>(suite: S, run: &Run) -> Result<()> {
    let workloads = arguments::select(suite.workloads(), &run.only)?;
    eprintln!("{}", rounds::announcement(&suite, &workloads, run));
    let rows = rounds::run(&suite, &workloads, run).await?;
    let report = report::Report::new(&suite, rows, Setting::of(run));
    report.publish(&run.out)
}
