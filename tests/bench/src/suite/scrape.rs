//! What a scrape costs the calls: the same load alone, and while Prometheus comes by every second or ten times as often.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::unary::{METRICS, Unary};
use super::{Against, Claim, Figures, Metric, Suite, Workload, claim};
use crate::Result;
use crate::arguments::Pace;
use crate::target::{System, Target};

/// The load, as the suite `unary` has it.
const LOAD: &str = "mixed-many@8";
const ALONE: &str = "alone@8";
const KINDS: [(&str, Option<Duration>); 3] = [
    (ALONE, None),
    ("each-second@8", Some(Duration::from_secs(1))),
    ("each-100ms@8", Some(Duration::from_millis(100))),
];
/// How often the scraper looks whether it is still wanted.
const LOOK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(10);

const CLAIMS: &[Claim] = &[
    claim("p99 while it is scraped every second", "each-second@8", "p99", Against::Own(ALONE), 1.10),
    claim("p99 while it is scraped every 100 ms", "each-100ms@8", "p99", Against::Own(ALONE), 1.10),
];

/// The mixed calls of [`Unary`], with and without somebody who scrapes.
pub(crate) struct Scrape {
    unary: Unary,
}

impl Scrape {
    pub(crate) fn new(connections: usize) -> Self {
        Self { unary: Unary::new(connections) }
    }
}

impl Suite for Scrape {
    fn name(&self) -> &'static str {
        "scrape"
    }

    fn description(&self) -> String {
        "Reads and writes of many keys, 8 in flight, while nobody looks, and while all metrics (/proxy/metrics of the \
         proxies, /metrics of etcd) are fetched every second and every 100 ms, from a thread of their own and over a \
         connection for each, as Prometheus may do it."
            .to_owned()
    }

    fn counts(&self) -> &'static str {
        "in flight"
    }

    fn workloads(&self) -> Vec<Workload> {
        KINDS.iter().map(|(name, _)| Workload { name: (*name).to_owned() }).collect()
    }

    fn metrics(&self) -> &'static [Metric] {
        METRICS
    }

    fn claims(&self) -> &'static [Claim] {
        CLAIMS
    }

    async fn prepare(&self, etcd: &Target) -> Result<()> {
        self.unary.prepare(etcd).await
    }

    async fn before_round(&self, etcd: &Target) -> Result<()> {
        self.unary.before_round(etcd).await
    }

    async fn measure(&self, workload: &Workload, target: &Target, pace: Pace) -> Result<Figures> {
        let pause = KINDS.iter().find(|(name, _)| *name == workload.name).and_then(|(_, pause)| *pause);
        let scraper = pause.map(|pause| Scraper::start(target, pause));
        let load = Workload { name: LOAD.to_owned() };
        let figures = self.unary.measure(&load, target, pace).await?;
        scraper.map_or(Ok(()), Scraper::stop)?;
        Ok(figures)
    }
}

/// On a thread of its own: what it reads must not delay the load that is measured.
struct Scraper {
    is_wanted: Arc<AtomicBool>,
    thread: JoinHandle<Result<usize>>,
}

impl Scraper {
    fn start(target: &Target, pause: Duration) -> Self {
        let is_wanted = Arc::new(AtomicBool::new(true));
        let wanted = Arc::clone(&is_wanted);
        let path = if target.system == System::Direct { "/metrics" } else { "/proxy/metrics" };
        let address = target.address;
        let thread = std::thread::spawn(move || {
            let mut scrapes = 0;
            while wanted.load(Ordering::Relaxed) {
                let next = Instant::now() + pause;
                scrape(address, path)?;
                scrapes += 1;
                while wanted.load(Ordering::Relaxed) && Instant::now() < next {
                    std::thread::sleep(LOOK);
                }
            }
            Ok(scrapes)
        });
        Self { is_wanted, thread }
    }

    fn stop(self) -> Result<()> {
        self.is_wanted.store(false, Ordering::Relaxed);
        let scrapes = self.thread.join().map_err(|_| "the scraper has panicked")??;
        if scrapes == 0 { Err("nothing was scraped".into()) } else { Ok(()) }
    }
}

fn scrape(address: SocketAddr, path: &str) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut page = Vec::new();
    stream.read_to_end(&mut page)?;
    if page.starts_with(b"HTTP/1.1 200") || page.starts_with(b"HTTP/1.0 200") {
        return Ok(());
    }
    Err(format!("{path} of {address} is no page of metrics").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_one_of_the_unary_suite() {
        assert!(Scrape::new(8).unary.workloads().iter().any(|workload| workload.name == LOAD));
    }
}
