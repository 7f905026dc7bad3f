//! Three etcd members on this machine, and the proxy in front of them.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use super::kept::Kept;
use crate::Outcome;
use crate::provision::Etcd;
use crate::wait::until;

const HEALTHY_LIMIT: Duration = Duration::from_secs(60);
const PROXY_LIMIT: Duration = Duration::from_secs(30);

/// What the proxy logs when it serves, as `etcd grpc-proxy` does.
const PROXY_SERVES: &str = "started gRPC proxy";

/// The addresses of one member.
#[derive(Clone, Copy)]
pub(crate) struct Member {
    number: usize,
    client_port: u16,
    peer_port: u16,
}

impl Member {
    pub(crate) fn client_address(self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    fn name(self) -> String {
        format!("member-{}", self.number)
    }

    fn peer(self) -> String {
        format!("{}=http://127.0.0.1:{}", self.name(), self.peer_port)
    }
}

/// Three members with free ports, none started.
pub(crate) fn members() -> Outcome<[Member; 3]> {
    let [a, b, c, d, e, f] = free_ports()?;
    Ok([(1, a, b), (2, c, d), (3, e, f)].map(|(number, client_port, peer_port)| Member {
        number,
        client_port,
        peer_port,
    }))
}

/// The members' client addresses, as `--endpoints` takes them.
pub(crate) fn endpoints(members: &[Member]) -> String {
    members.iter().map(|member| member.client_address()).collect::<Vec<_>>().join(",")
}

pub(crate) fn start_member(etcd: &Etcd, member: Member, all: &[Member], folder: &Path) -> Outcome<Kept> {
    let name = member.name();
    let client = format!("http://{}", member.client_address());
    let peer = format!("http://127.0.0.1:{}", member.peer_port);
    let cluster = all.iter().map(|member| member.peer()).collect::<Vec<_>>().join(",");
    let arguments = [
        format!("--name={name}"),
        format!("--data-dir={}", folder.join("data").join(&name).display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster={cluster}"),
        "--initial-cluster-state=new".to_owned(),
        "--logger=zap".to_owned(),
        "--log-outputs=stderr".to_owned(),
    ];
    Kept::start(&name, &folder.join(format!("{name}.log")), &etcd.folder.join("etcd"), &arguments)
}

/// Until every member says that it can take a write. `check` tells of a member that has died.
pub(crate) fn wait_until_healthy(
    etcd: &Etcd,
    members: &[Member],
    folder: &Path,
    mut check: impl FnMut() -> Outcome,
) -> Outcome {
    let arguments =
        [format!("--endpoints={}", endpoints(members)), "endpoint".to_owned(), "health".to_owned()];
    let (program, log) = (etcd.folder.join("etcdctl"), folder.join("health.log"));
    until("the cluster to be healthy", HEALTHY_LIMIT, || {
        check()?;
        let healthy =
            Kept::start("etcdctl endpoint health", &log, &program, &arguments)?.finish(HEALTHY_LIMIT)?;
        Ok(healthy.then_some(()))
    })
}

/// `flags` come on top of those that every demo has.
pub(crate) fn start_proxy(
    proxy: &Path,
    address: &str,
    members: &[Member],
    folder: &Path,
    flags: &[String],
) -> Outcome<Kept> {
    let mut arguments = vec![
        "start".to_owned(),
        format!("--endpoints={}", endpoints(members)),
        format!("--listen-addr={address}"),
        format!("--advertise-client-url={address}"),
    ];
    arguments.extend_from_slice(flags);
    Kept::start("proxy", &folder.join("proxy.log"), proxy, &arguments)
}

/// Until the proxy has logged that it serves. `output` is what it has logged so far, or tells that it has died.
pub(crate) fn wait_until_serving(mut output: impl FnMut() -> Outcome<String>) -> Outcome {
    until("the proxy to serve", PROXY_LIMIT, || Ok(output()?.contains(PROXY_SERVES).then_some(())))
}

/// The port that etcd's own proxy listens on by default, when it is free.
pub(crate) fn proxy_address() -> Outcome<String> {
    const USUAL: &str = "127.0.0.1:23790";
    if TcpListener::bind(USUAL).is_ok() {
        return Ok(USUAL.to_owned());
    }
    free_address()
}

/// A port that nobody listens on.
pub(crate) fn free_address() -> Outcome<String> {
    let [port] = free_ports()?;
    Ok(format!("127.0.0.1:{port}"))
}

/// All held at once before any is let go, so that they differ.
fn free_ports<const N: usize>() -> Outcome<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no free port: {error}"))?;
        *port = listener.local_addr().map_err(|error| format!("no free port: {error}"))?.port();
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn free_ports_differ() {
        let ports: [u16; 8] = free_ports().unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 8);
    }
}
