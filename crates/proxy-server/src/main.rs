//! `etcd-grpc-proxy`: a stateless proxy in front of an etcd v3 cluster.
//!
//! Read in this order: `cli` (what the operator says) and `config` (what it means), `check`; `server` (the life of the process),
//! `activation`, `live`, `reload`, `watchdog`,
//! `ordering`, `bind`, `listener`, `worker`, `tls`, `connection`, `client_io`, `entrance` (how a request gets in); `wiring`, `router` and
//! `http_door` (where it goes); then the rooms it may pass: `read_only`, `sort_guard`, `watch_door`, `watch_upstream`, `member_list`,
//! `alarms`, `health`, `drain`. Who looks at the proxy meets `admin_thread`, `admin_pages`, `profiles`, `probes`, `in_process`,
//! `calls`, `clients`, `metrics` and `status`; `status_command` shows the latter in a terminal.
//! `gateway` is the other thing that this program can be: a gateway of TCP connections.

mod activation;
mod admin_pages;
mod admin_thread;
mod alarms;
mod bind;
mod cache_watch;
mod calls;
mod check;
mod cli;
mod client_io;
mod clients;
mod config;
mod connection;
mod descriptors;
mod discovery;
mod drain;
mod entrance;
mod frames;
mod gateway;
mod health;
mod http_door;
mod in_process;
mod init_daemon;
mod limits;
mod listener;
mod live;
mod log;
mod log_level_page;
mod member_list;
mod message_log;
mod metrics;
mod ordering;
mod probes;
#[cfg(feature = "pprof")]
mod profiles;
mod read_only;
mod reload;
mod router;
mod server;
mod signals;
mod sort_guard;
mod spans;
mod status;
mod status_command;
mod tls;
mod watch_door;
mod watch_upstream;
mod watchdog;
mod wiring;
mod worker;

use std::io;
use std::process::ExitCode;

use crate::activation::Inherited;
use crate::cli::{Command, Source};
use crate::config::{Config, Log};
use crate::gateway::GatewayConfig;
use crate::log::LevelSwitch;

/// Calls, streams and watchers are many small things of short life, each freed on the thread that made it. Built
/// without huge pages: there every byte that is touched takes two megabytes of resident memory with it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    descriptors::raise_limit();
    let ended = run(service, level);
    // Every line that is still queued comes before the last word.
    drop(log);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
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
