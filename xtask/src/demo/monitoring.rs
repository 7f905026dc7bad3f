//! `--monitoring`: Prometheus with our alerts, and Grafana with our dashboard, in front of the demo's proxy.
//!
//! Prometheus is Debian's package `prometheus`; Grafana is not in Debian and is used where it is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cluster::free_address;
use super::kept::Kept;
use crate::Outcome;
use crate::command::answer;
use crate::console::say;
use crate::workspace::{at, emptied, root};

/// Where Grafana's packages put what it serves.
const GRAFANA_HOME: &str = "/usr/share/grafana";
const RULES: &str = "contrib/prometheus/etcd-grpc-proxy.rules.yml";
const DASHBOARDS: &str = "contrib/grafana";

/// The programs that there are.
pub(super) struct Monitoring {
    prometheus: PathBuf,
    /// None where there is none.
    grafana: Option<PathBuf>,
}

impl Monitoring {
    pub(super) fn find() -> Outcome<Self> {
        let there = |name: &str, question: &str| {
            answer(Command::new(name).arg(question)).is_some().then(|| PathBuf::from(name))
        };
        let prometheus = there("prometheus", "--version").ok_or(
            "there is no prometheus on this machine: install Debian's package prometheus, or go without --monitoring",
        )?;
        let grafana = there("grafana-server", "-v").filter(|_| Path::new(GRAFANA_HOME).is_dir());
        if grafana.is_none() {
            say(
                "there is no grafana-server on this machine: Prometheus is shown alone; the dashboard is contrib/grafana",
            );
        }
        Ok(Self { prometheus, grafana })
    }

    /// Starts them for the proxy at `address`.
    pub(super) fn start(
        &self,
        address: &str,
        folder: &Path,
        mut keep: impl FnMut(Outcome<Kept>) -> Outcome,
    ) -> Outcome {
        let folder = folder.join("data/monitoring");
        emptied(&folder)?;
        let listen = free_address()?;
        let config = folder.join("prometheus.yml");
        fs::write(&config, scraped(address)).map_err(at(&config))?;
        let arguments = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.join("series").display()),
            format!("--web.listen-address={listen}"),
        ];
        keep(Kept::start("prometheus", &folder.join("prometheus.log"), &self.prometheus, &arguments))?;
        say(&format!("Prometheus: http://{listen}/graph, alerts: http://{listen}/alerts"));
        match &self.grafana {
            Some(grafana) => keep(start_grafana(grafana, &listen, &folder)),
            None => Ok(()),
        }
    }
}

fn scraped(proxy: &str) -> String {
    let rules = root().join(RULES);
    format!(
        "global: {{scrape_interval: 2s, evaluation_interval: 2s}}\n\
         rule_files: [\"{}\"]\n\
         scrape_configs:\n\
         - job_name: etcd-grpc-proxy\n  \
           metrics_path: /proxy/metrics\n  \
           static_configs: [{{targets: [\"{proxy}\"]}}]\n",
        rules.display()
    )
}

fn start_grafana(grafana: &Path, prometheus: &str, folder: &Path) -> Outcome<Kept> {
    let provisioning = folder.join("provisioning");
    for (name, text) in [
        (
            "datasources/prometheus.yaml",
            format!(
                "apiVersion: 1\ndatasources:\n- {{name: Prometheus, type: prometheus, access: proxy, isDefault: true, \
                 url: \"http://{prometheus}\"}}\n"
            ),
        ),
        (
            "dashboards/etcd-grpc-proxy.yaml",
            format!(
                "apiVersion: 1\nproviders:\n- {{name: etcd-grpc-proxy, type: file, options: {{path: \"{}\"}}}}\n",
                root().join(DASHBOARDS).display()
            ),
        ),
    ] {
        let file = provisioning.join(name);
        fs::create_dir_all(file.parent().unwrap_or(&provisioning)).map_err(at(&file))?;
        fs::write(&file, text).map_err(at(&file))?;
    }
    let listen = free_address()?;
    let (host, port) = listen.split_once(':').unwrap_or((&listen, "3000"));
    let setting = |name: &str, value: &str| format!("cfg:default.{name}={value}");
    let arguments = [
        format!("--homepath={GRAFANA_HOME}"),
        setting("paths.data", &folder.join("grafana").display().to_string()),
        setting("paths.logs", &folder.join("grafana").display().to_string()),
        setting("paths.provisioning", &provisioning.display().to_string()),
        setting("server.http_addr", host),
        setting("server.http_port", port),
        setting("auth.anonymous.enabled", "true"),
        setting("analytics.reporting_enabled", "false"),
        setting("analytics.check_for_updates", "false"),
    ];
    say(&format!("Grafana: http://{listen}/d/etcd-grpc-proxy"));
    Kept::start("grafana", &folder.join("grafana.log"), grafana, &arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prometheus_is_told_of_the_proxy_and_of_the_alerts() {
        let config = scraped("127.0.0.1:23790");
        assert!(config.contains("targets: [\"127.0.0.1:23790\"]"), "{config}");
        assert!(
            config.contains("\n- job_name: etcd-grpc-proxy\n  metrics_path: /proxy/metrics\n  static"),
            "{config}"
        );
        assert!(
            root().join(RULES).is_file() && root().join(DASHBOARDS).join("etcd-grpc-proxy.json").is_file()
        );
    }
}
