//! Members that DNS names: found at the start, and looked for again while the process runs. The words of the log are etcd's.

mod certificates;

use std::time::Duration;

use dns_discovery::{Discovery, DiscoveryError, Found};
use tracing::{info, warn};

pub(crate) use certificates::Certificates;

/// Where members are looked for, and whom to believe.
#[derive(Clone, Debug)]
pub(crate) struct DiscoveryConfig {
    /// Where.
    pub(crate) discovery: Discovery,
    /// What members have to show before they are believed; `None` believes DNS.
    pub(crate) certificates: Option<Certificates>,
    /// How often they are looked for again.
    pub(crate) interval: Duration,
}

/// What was found the last time.
#[derive(Debug)]
pub(crate) struct Follower {
    config: DiscoveryConfig,
    known: Vec<Found>,
}

impl DiscoveryConfig {
    /// The members now, of whom there may be none that is believed, and the work that looks for them again.
    ///
    /// # Errors
    /// When DNS names none.
    pub(crate) async fn find(&self) -> Result<(Vec<Found>, Follower), DiscoveryError> {
        let found = self.discovery.find().await?;
        let server = self.discovery.domain.as_str();
        let urls: Vec<String> = found.iter().map(Found::url).collect();
        info!("srv-server" = server, endpoints = ?urls, "discovered cluster from SRV");
        let believed = match &self.certificates {
            None => found,
            Some(certificates) => {
                info!("srv-server" = server, endpoints = ?urls, "validating discovered SRV endpoints");
                self.validated(certificates, found).await
            }
        };
        if believed.is_empty() {
            warn!("srv-server" = server, "no endpoint of SRV is used: those of --endpoints are");
        }
        let follower = Follower { config: self.clone(), known: believed.clone() };
        Ok((believed, follower))
    }

    async fn validated(&self, certificates: &Certificates, found: Vec<Found>) -> Vec<Found> {
        let server = self.discovery.domain.as_str();
        let (believed, doubts) = certificates.check(&self.discovery, found).await;
        let urls: Vec<String> = believed.iter().map(Found::url).collect();
        if doubts.is_empty() {
            info!("srv-server" = server, endpoints = ?urls, "using validated discovered SRV endpoints");
        } else {
            let error = doubts.join(",");
            warn!("srv-server" = server, endpoints = ?urls, error, "failed to validate discovered endpoints");
        }
        believed
    }
}

impl Follower {
    /// Looks again and again, and gives each list that has somebody in it to `apply`. While DNS does not answer, or
    /// names nobody, the last list stands.
    pub(crate) async fn run(mut self, apply: impl Fn(&[Found])) {
        let mut answers = true;
        loop {
            tokio::time::sleep(self.config.interval).await;
            match self.config.discovery.find().await {
                Ok(found) => {
                    if !answers {
                        info!("srv-server" = self.config.discovery.domain, "DNS names members again");
                    }
                    answers = true;
                    self.take(found, &apply).await;
                }
                Err(error) if answers => {
                    answers = false;
                    warn!(%error, "keeping the endpoints that were discovered before");
                }
                Err(_) => {}
            }
        }
    }

    /// Who was believed before is believed for as long as DNS names it: a member that is down for a moment is not gone.
    async fn take(&mut self, found: Vec<Found>, apply: &impl Fn(&[Found])) {
        let is_known = |found: &Found| self.known.iter().any(|known| known.url() == found.url());
        let (mut all, new): (Vec<Found>, Vec<Found>) = found.into_iter().partition(is_known);
        all.extend(match &self.config.certificates {
            Some(certificates) if !new.is_empty() => certificates.check(&self.config.discovery, new).await.0,
            Some(_) | None => new,
        });
        all.sort_by(|one, other| (!one.tls, &one.service).cmp(&(!other.tls, &other.service)));
        if !all.is_empty() && all != self.known {
            apply(&all);
            self.known = all;
        }
    }
}
