//! The supervised part of the demo: servers up, the tour, then waiting for the word to stop.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::cluster::{
    endpoints, members, proxy_address, start_member, start_proxy, wait_until_healthy, wait_until_serving,
};
use super::kept::Kept;
use super::monitoring::Monitoring;
use super::tour::{self, Tour};
use crate::Outcome;
use crate::console::{print, say};
use crate::provision::Etcd;
use crate::workspace::{at, emptied, target};

/// How often the servers are looked after while nothing happens.
const LOOK: Duration = Duration::from_millis(500);

/// What the main thread can hear.
enum Heard {
    /// The pipe from the supervisor has closed.
    Stop,
    /// The tour is over, well or badly.
    Toured(Outcome),
}

/// Started in this order, stopped in the opposite one.
#[derive(Clone, Default)]
struct Servers(Arc<Mutex<Vec<Kept>>>);

impl Servers {
    /// Started under the lock: what is being started cannot be missed by who stops everything.
    fn start(&self, start: impl FnOnce() -> Outcome<Kept>) -> Outcome {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.push(start()?);
        Ok(())
    }

    fn check(&self) -> Outcome {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.iter_mut().try_for_each(Kept::check)
    }

    /// What the server started last has printed, unless one of all has ended.
    fn output_of_last(&self) -> Outcome<String> {
        self.check()?;
        let servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(servers.last().map(Kept::output).unwrap_or_default())
    }

    fn stop(&self) -> Outcome {
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(mut server) = servers.pop() {
            say(&format!("stopping {}", server.name()));
            server.stop()?;
        }
        Ok(())
    }
}

pub(super) fn run(etcd: &Etcd, proxy: &Path, monitoring: Option<Monitoring>) -> Outcome {
    let folder = target().join("demo");
    let _lock = lock(&folder)?;
    emptied(&folder.join("data"))?;

    let (sender, heard) = channel();
    let servers = Servers::default();
    listen_for_the_end(sender.clone());
    let start = Start { etcd: etcd.clone(), proxy: proxy.to_path_buf(), folder: folder.clone(), monitoring };
    give_tour(sender, servers.clone(), start);

    let ending = attend(&heard, &servers);
    let stopped = servers.stop();
    let cleared = emptied(&folder.join("data"));
    say("stopped all that was started");
    ending.and(stopped).and(cleared)
}

/// Keeps one demo per checkout, for as long as it is held.
fn lock(folder: &Path) -> Outcome<File> {
    let path = folder.join("lock");
    let file = File::create(&path).map_err(at(&path))?;
    file.try_lock()
        .map_err(|_| "a demo of this checkout is already running; end that one first".to_owned())?;
    Ok(file)
}

/// Standard input is the supervisor's pipe; nothing is ever written to it.
fn listen_for_the_end(sender: Sender<Heard>) {
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = sender.send(Heard::Stop);
    });
}

/// What is to be started, and where.
struct Start {
    etcd: Etcd,
    proxy: PathBuf,
    folder: PathBuf,
    monitoring: Option<Monitoring>,
}

fn give_tour(sender: Sender<Heard>, servers: Servers, start: Start) {
    thread::spawn(move || {
        let outcome = start_and_tour(&servers, &start);
        let _ = sender.send(Heard::Toured(outcome));
    });
}

/// Until the word to stop, the tour's failure, or the end of a server.
fn attend(heard: &Receiver<Heard>, servers: &Servers) -> Outcome {
    let mut serving = false;
    loop {
        match heard.recv_timeout(LOOK) {
            Ok(Heard::Stop) | Err(RecvTimeoutError::Disconnected) => {
                print("\n");
                return Ok(());
            }
            Ok(Heard::Toured(outcome)) => {
                outcome?;
                serving = true;
            }
            // Before that the tour itself tells of a server that has died.
            Err(RecvTimeoutError::Timeout) if serving => servers.check()?,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn start_and_tour(servers: &Servers, start: &Start) -> Outcome {
    let Start { etcd, proxy, folder, monitoring } = start;
    let members = members()?;
    say(&format!("starting three members of etcd {} on {}", etcd.version, endpoints(&members)));
    for member in members {
        servers.start(|| start_member(etcd, member, &members, folder))?;
    }
    wait_until_healthy(etcd, &members, folder, || servers.check())?;

    say("starting the proxy in front of them");
    let address = proxy_address()?;
    servers.start(|| start_proxy(proxy, &address, &members, folder, &[]))?;
    wait_until_serving(|| servers.output_of_last())?;
    say(&format!("the proxy serves on {address}; logs are in {}", folder.display()));

    if let Some(monitoring) = monitoring {
        monitoring.start(&address, folder, |kept| servers.start(|| kept))?;
    }
    Tour { etcdctl: etcd.folder.join("etcdctl"), address: address.clone(), folder: folder.clone() }.give()?;
    print(&tour::what_next(&etcd.folder, &address, &members));
    Ok(())
}
