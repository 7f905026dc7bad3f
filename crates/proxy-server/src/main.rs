//! `etcd-grpc-proxy`: a stateless proxy in front of an etcd v3 cluster.
//!
//! Read in this order: `cli` (what the operator says) and `config` (what it means); `server` (the life of the process) and
//! `worker` (where clients live); `door` (how a client gets in); `wiring` (what is put around what) and `services` (what
//! answers). `pages` is for those who look at the proxy, `process` for what reaches it while it runs, `log` for what it says.
//!
//! Other commands: `check` tries what start-up would, `status_command` shows the status page in a terminal, and `gateway` is
//! the other thing that this program can be: a gateway of TCP connections.

mod check;
mod cli;
mod config;
mod door;
mod gateway;
mod log;
mod pages;
mod process;
mod server;
mod services;
mod status_command;
mod wiring;
mod worker;

use std::io;
use std::process::ExitCode;

use crate::cli::{Command, Source};
use crate::config::{Config, Log};
use crate::door::activation::Inherited;
use crate::gateway::GatewayConfig;
use crate::log::LevelSwitch;

/// Calls, streams and watchers are many small things of short life, each freed on the thread that made it. Built
/// without huge pages: there every byte that is touched takes two megabytes of resident memory with it.
#[cfg(not(feature = "heap-profile"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// It can say who holds memory (`pages/profiles/heap.rs`).
#[cfg(feature = "heap-profile")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// The two things that this program can be.
enum Service {
    Proxy(Box<Proxy>),
    Gateway(Box<GatewayConfig>),
}

/// All that a proxy is made from.
struct Proxy {
    config: Config,
    source: Source,
    inherited: Inherited,
}

impl Proxy {
    /// Takes the sockets that there are for it. Called before there are threads.
    fn new(config: Box<Config>, source: Box<Source>) -> Result<Self, String> {
        let inherited = Inherited::take()?;
        let mut config = *config;
        inherited.rename(&mut config);
        Ok(Self { config, source: *source, inherited })
    }
}

impl Service {
    fn log(&self) -> Log {
        match self {
            Self::Proxy(proxy) => proxy.config.log,
            Self::Gateway(config) => config.log,
        }
    }
}

fn main() -> ExitCode {
    let service = match cli::command_or_exit(std::env::args_os()) {
        Ok(Command::Start(config, source)) => match Proxy::new(config, source) {
            Ok(proxy) => Service::Proxy(Box::new(proxy)),
            Err(reason) => {
                cli::complain(&reason);
                return ExitCode::FAILURE;
            }
        },
        Ok(Command::Gateway(config)) => Service::Gateway(config),
        Ok(Command::Check(config)) => return check::run(&config),
        Ok(Command::Status(query)) => return query.run(),
        Ok(Command::Print(text)) => {
            cli::answer(&text);
            return ExitCode::SUCCESS;
        }
        Err(code) => return code,
    };
    let level = LevelSwitch::new(service.log().level);
    let Ok(log) = log::start(level.clone(), service.log().format) else { return ExitCode::FAILURE };
    door::descriptors::raise_limit();
    let ended = run(service, level);
    // Every line that is still queued comes before the last word.
    drop(log);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(&cli::one_line(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// The clients' calls run on the workers' runtimes; this one accepts, watches over the cluster and waits for signals.
fn run(service: Service, level: LevelSwitch) -> Result<(), server::ServerError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error: io::Error| server::ServerError::Runtime(error))?;
    runtime.block_on(async {
        match service {
            Service::Proxy(proxy) => {
                proxy.config.announce();
                server::serve(*proxy, level).await
            }
            Service::Gateway(config) => gateway::serve(*config, level).await,
        }
    })
}
