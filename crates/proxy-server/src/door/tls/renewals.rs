//! Certificates that are renewed while the proxy runs, noticed by themselves or upon SIGHUP. The one that the proxy has made
//! for itself it renews itself.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tls_termination::{Expiry, Reloaded, Reloader, SelfSigned, Source, TlsListener};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tracing::{info, warn};

use super::{Tls, make, now};

/// A change is acted upon when two looks have seen it.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A renewal that was tried, whatever came of it, is not tried again for so long: a folder that cannot be written stays so.
const RENEW_AGAIN: Duration = Duration::from_secs(3600);

/// How often files were read again since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    good: AtomicU64,
    bad: AtomicU64,
}

/// Looks at the files for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Renewals {
    reloader: Reloader,
    own: Option<Own>,
    tally: Arc<Tally>,
    hangup: Signal,
}

/// The certificate that the process has made for itself.
#[derive(Debug)]
struct Own {
    made: SelfSigned,
    sources: Vec<Source>,
    /// Not before then.
    next: Instant,
}

impl Own {
    /// Makes a new one when it is time. The files are noticed as any others are.
    fn look(&mut self) {
        let in_use: Vec<Expiry> = self.sources.iter().flat_map(Source::expiries).collect();
        if Instant::now() < self.next || !self.made.is_due(&in_use, now()) {
            return;
        }
        self.next = Instant::now() + RENEW_AGAIN;
        if let Err(error) = make(&self.made) {
            warn!(%error, "the self-signed certificate cannot be renewed");
        }
    }
}

impl Tally {
    /// Files that belong together and were put to use.
    pub(crate) fn good(&self) -> u64 {
        self.good.load(Ordering::Relaxed)
    }

    /// Files that were no good, so that the ones before stayed in use.
    pub(crate) fn bad(&self) -> u64 {
        self.bad.load(Ordering::Relaxed)
    }

    fn note(&self, reloaded: &Reloaded) {
        let files: Vec<String> = reloaded.files.iter().map(|file| file.display().to_string()).collect();
        let files = files.join(",");
        match &reloaded.result {
            Ok(()) => {
                self.good.fetch_add(1, Ordering::Relaxed);
                info!(files, "certificate files were read again and are in use");
            }
            Err(error) => {
                self.bad.fetch_add(1, Ordering::Relaxed);
                warn!(files, %error, "certificate files are no good; what was in use before stays in use");
            }
        }
    }
}

impl Renewals {
    /// SIGHUP is caught from here on.
    ///
    /// # Errors
    /// When the system does not let signals be caught.
    pub(crate) fn new(tls: &Tls) -> io::Result<Self> {
        let of_clients = || tls.clients.iter().flat_map(TlsListener::sources).collect();
        let own = tls.self_signed.clone();
        Ok(Self {
            reloader: Reloader::new(tls.sources.clone()),
            own: own.map(|made| Own { made, sources: of_clients(), next: Instant::now() }),
            tally: Arc::clone(&tls.renewed),
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub(crate) async fn run(mut self) {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let all = tokio::select! {
                _ = looks.tick() => false,
                _ = self.hangup.recv() => true,
            };
            if all {
                info!("received SIGHUP; reading certificate files again");
            }
            // Files may be large and disks slow: nobody waits for them here.
            let Self { mut reloader, mut own, tally, hangup } = self;
            let read = spawn_blocking(move || {
                let reloaded = if all { reloader.read_all() } else { reloader.look() };
                own.iter_mut().for_each(Own::look);
                (reloader, own, reloaded)
            });
            let Ok((reloader, own, reloaded)) = read.await else { return };
            reloaded.iter().for_each(|reloaded| tally.note(reloaded));
            self = Self { reloader, own, tally, hangup };
        }
    }
}
