//! What `/proxy/status` says: a list of sections, each filled from what the crates count.

mod clients;
mod configuration;
mod members;
mod ranges;
mod reading;
mod sharing;
mod trends;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use admin_http::{Cell, Fact, Pages, Report, Sampler, Section, StatusPage, Table, Tone, Trails};
use tokio_util::sync::CancellationToken;
use upstream_balancer::Health;

use crate::wiring::House;
use crate::worker::WorkerHandle;

const PATH: &str = "/proxy/status";
/// A certificate that ends so soon deserves a look.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// What the status page looks at.
#[derive(Clone)]
pub(crate) struct Status {
    house: House,
    workers: Vec<WorkerHandle>,
    leaving: CancellationToken,
    trails: Trails,
    started: Instant,
}

impl Status {
    /// The page's sources, and what has to run so that it shows the last minutes.
    pub(crate) fn new(
        house: &House,
        workers: &[WorkerHandle],
        leaving: &CancellationToken,
    ) -> (Self, Sampler) {
        let sampler = trends::sampler(house, workers);
        let status = Self {
            house: house.clone(),
            workers: workers.to_vec(),
            leaving: leaving.clone(),
            trails: sampler.trails(),
            started: Instant::now(),
        };
        (status, sampler)
    }

    /// The page in its three forms. Where there is a second address, it is there only, and shows keys; on the clients'
    /// port it is for everybody, and does not.
    pub(crate) fn hang(self, pages: Pages) -> Pages {
        let is_private = self.house.config.metrics_addr.is_some();
        let html = StatusPage::html(move || self.report(is_private));
        let (json, text) = (html.as_json(), html.as_text());
        let hang = |pages: Pages, suffix: &str, page: StatusPage| {
            let path = format!("{PATH}{suffix}");
            if is_private { pages.with_private(path, page) } else { pages.with(path, page) }
        };
        hang(hang(hang(pages, "", html), ".json", json), ".txt", text)
    }

    fn report(&self, shows_keys: bool) -> Report {
        let House { config, cluster, .. } = &self.house;
        Report {
            title: "etcd-grpc-proxy".to_owned(),
            subtitle: config.listen_addr.clone(),
            verdict: self.verdict(),
            facts: self.facts(),
            trends: self.trails.trends(),
            sections: vec![
                members::section(config, cluster),
                sharing::watches(&self.house.watch_hub, shows_keys),
                reading::reads(config, &self.house.read_counters),
                reading::cache(config, &self.house.cache),
                sharing::leases(&self.house.lease_hub),
                self.certificates(),
                clients::section(&self.house),
                configuration::section(&self.house.live),
            ],
        }
    }

    fn verdict(&self) -> (String, Tone) {
        let members = self.house.cluster.members();
        let healthy = members.iter().filter(|member| member.health == Health::Healthy).count();
        let unhealthy = members.len() - healthy;
        match (self.leaving.is_cancelled(), healthy, unhealthy) {
            (true, ..) => ("shutting down".to_owned(), Tone::Warning),
            (_, 0, _) => ("no member serves".to_owned(), Tone::Bad),
            (_, _, 0) => ("serving".to_owned(), Tone::Good),
            (..) => (format!("serving, {unhealthy} of {} members failed", members.len()), Tone::Warning),
        }
    }

    fn facts(&self) -> Vec<Fact> {
        vec![
            Fact::new("version", "Version", Cell::code(env!("CARGO_PKG_VERSION"))),
            Fact::new("commit", "Commit", Cell::code(env!("PROXY_GIT_SHA"))),
            Fact::new("uptime_seconds", "Up", self.started.elapsed()),
            Fact::new("workers", "Worker threads", Cell::count(self.workers.len() as u64)),
        ]
    }

    fn certificates(&self) -> Section {
        let columns =
            [("name", "Flag"), ("file", "File"), ("expires_in_seconds", "Expires in"), ("state", "State")];
        let mut table = Table::new("list", columns, "No certificates are in use.");
        for certificate in &self.house.config.certificates {
            let in_use = self.house.tls.expiries().filter(|expiry| expiry.file == certificate.file);
            let (left, state) = match in_use.map(|expiry| expiry.not_after).min() {
                Some(not_after) => time_left(not_after),
                None => (Cell::Nothing, Cell::state("not in use", Tone::Warning)),
            };
            let file = Cell::code(certificate.file.display());
            table.rows.push(vec![Cell::code(certificate.flag), file, left, state]);
        }
        Section { id: "certificates", heading: "Certificates", tables: vec![table], ..Section::default() }
    }
}

/// From now until so many seconds since 1970.
fn time_left(not_after: i64) -> (Cell, Cell) {
    let end = UNIX_EPOCH + Duration::from_secs(u64::try_from(not_after).unwrap_or_default());
    match end.duration_since(SystemTime::now()) {
        Ok(left) if left > SOON => (left.into(), Cell::state("valid", Tone::Good)),
        Ok(left) => (left.into(), Cell::state("expires soon", Tone::Warning)),
        Err(_) => (Cell::Nothing, Cell::state("expired", Tone::Bad)),
    }
}
