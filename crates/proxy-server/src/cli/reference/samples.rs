//! Configurations that operators start from, in `contrib/` and in the documents: each is one that would start.

use std::ffi::OsString;

use super::super::{Command, Environment, layers::variable, parse};
use super::{all, path};

fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// Whether the text can be read as a file of this kind, every key of it.
#[track_caller]
fn is_read(text: &str, extension: &str, command: &[&str]) {
    let name = format!("sample-{}-{extension}-{}.{extension}", std::process::id(), text.len());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, text).unwrap();
    let flag = format!("--config-file={}", file.display());
    let line = ["etcd-grpc-proxy"].iter().chain(command).copied().chain([flag.as_str()]);
    let read = parse(line.map(OsString::from), &Environment::default());
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(read, Ok(Command::Start(..) | Command::Print(_))), "{read:?}\n{text}");
}

/// Also what is only there to be uncommented.
#[test]
fn the_debian_configuration_starts_and_its_examples_are_flags() {
    let sample = text("contrib/debian/config.toml");
    is_read(&sample, "toml", &["start"]);
    let example = |line: &str| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).map(str::to_owned);
    let uncommented: Vec<String> =
        sample.lines().map(|line| example(line).unwrap_or_else(|| line.to_owned())).collect();
    assert!(uncommented.iter().filter(|line| line.contains(" = ")).count() > 8);
    is_read(&uncommented.join("\n"), "toml", &["config", "show"]);
}

#[test]
fn the_configuration_for_kubernetes_starts() {
    let manifests = text("contrib/kubernetes/etcd-grpc-proxy.yaml");
    let (_, block) = manifests.split_once("config.yaml: |\n").unwrap();
    let lines: Vec<&str> = block.lines().map_while(|line| line.strip_prefix("    ")).collect();
    assert!(lines.len() > 8, "{lines:?}");
    is_read(&lines.join("\n"), "yaml", &["start"]);
}

#[test]
fn the_examples_of_the_reference_page_can_be_read() {
    let page = text("docs/configuration.md");
    for kind in ["toml", "yaml"] {
        let (_, block) = page.split_once(&format!("```{kind}\n")).unwrap();
        let (example, _) = block.split_once("```").unwrap();
        is_read(example, kind, &["config", "show"]);
    }
}

#[test]
fn variables_that_are_written_down_are_read() {
    let known: Vec<String> = all().map(|flag| variable(flag.name)).collect();
    let others = [
        "ETCD_GRPC_PROXY_",
        "ETCD_GRPC_PROXY_PASSWORD",
        "ETCD_GRPC_PROXY_SERVICE_HOST",
        "ETCD_GRPC_PROXY_PORT",
    ];
    for name in [
        "README.md",
        "docs/configuration.md",
        "docs/migration.md",
        "docs/operation.md",
        "docs/tls.md",
        "contrib/container/Containerfile",
        "contrib/systemd/etcd-grpc-proxy.service",
    ] {
        let text = text(name);
        let is_part = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        let words = text.split(|c: char| !is_part(c)).filter(|word| word.starts_with("ETCD_GRPC_PROXY_"));
        for word in words {
            assert!(known.iter().any(|known| known == word) || others.contains(&word), "{word} in {name}");
        }
    }
}

#[test]
fn alerts_are_about_metrics_that_there_are() {
    let (rule, metrics) = (text("contrib/kubernetes/prometheus-rule.yaml"), text("docs/metrics.md"));
    let names = rule.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours =
        |name: &&str| ["etcd_", "grpc_server_", "process_"].iter().any(|begin| name.starts_with(begin));
    let named: Vec<&str> = names.filter(ours).collect();
    assert!(named.len() >= 7, "{named:?}");
    for name in named {
        assert!(metrics.contains(&format!("| `{name}` |")), "{name}");
    }
}
