//! What systemd says and hears: sockets that it has opened, readiness, reloads, the watchdog, the end. The tests stand in
//! for systemd, with a notification socket of their own.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use e2e::process::Process;
use e2e::temp::TempDir;
use e2e::{Client, Cluster, Proxy, SOON, Shape, environment, eventually, http1};

use crate::requests::put;

/// Where a proxy tells how it is.
struct Notified {
    folder: TempDir,
    socket: UnixDatagram,
    /// Everything that was heard and not asked for yet.
    heard: Vec<String>,
}

impl Notified {
    fn new() -> Self {
        let folder = TempDir::new("notify");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        socket.set_nonblocking(true).expect("a socket that does not block");
        Self { folder, socket, heard: Vec::new() }
    }

    fn variable(&self) -> (&'static str, String) {
        ("NOTIFY_SOCKET", self.folder.path().join("notify").display().to_string())
    }

    /// Waits for a message that begins with `word`, and forgets what came before it.
    async fn hears(&mut self, word: &str) -> String {
        eventually(word, SOON, async || {
            let mut buffer = [0; 4096];
            while let Ok(length) = self.socket.recv(&mut buffer) {
                self.heard.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
            let at = self.heard.iter().position(|message| message.starts_with(word))?;
            self.heard.drain(..=at).next_back()
        })
        .await
    }
}

async fn start(cluster: &Cluster, variables: &[(&str, String)]) -> Proxy {
    Proxy::start_configured(|command| {
        command.arg(format!("--endpoints={}", cluster.endpoints()));
        command.envs(variables.iter().map(|(name, value)| (name, value)));
    })
    .await
}

#[tokio::test]
async fn systemd_hears_of_the_start_of_a_reload_and_of_the_end() {
    let cluster = Cluster::start(Shape::single()).await;
    let mut notified = Notified::new();
    let mut proxy = start(&cluster, &[notified.variable()]).await;
    notified.hears("READY=1").await;
    proxy.reload();
    let reloading = notified.hears("RELOADING=1").await;
    let time = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("the time");
    assert!(time.parse::<u64>().is_ok_and(|time| time > 0), "{reloading}");
    notified.hears("READY=1").await;
    proxy.terminate();
    notified.hears("STOPPING=1").await;
    proxy.end().await;
}

#[tokio::test]
async fn the_watchdog_hears_again_and_again_that_all_is_well() {
    let cluster = Cluster::start(Shape::single()).await;
    let mut notified = Notified::new();
    let watchdog = ("WATCHDOG_USEC", "300000".to_owned());
    let _proxy = start(&cluster, &[notified.variable(), watchdog]).await;
    for _ in 0..3 {
        notified.hears("WATCHDOG=1").await;
    }
}

#[tokio::test]
async fn nobody_is_told_anything_who_has_not_asked() {
    let cluster = Cluster::start(Shape::single()).await;
    let proxy = start(&cluster, &[]).await;
    proxy.client().kv().put(put("a", "1")).await.expect("a write");
    let told = |line: &serde_json::Value| {
        line.to_string().contains("init daemon") || line.to_string().contains("watchdog")
    };
    assert!(!proxy.log().iter().any(told));
}

/// Starts the proxy with sockets as systemd hands them over: from descriptor 3 on, for this very process. A shell puts
/// them there, because only the process itself knows its id.
fn activated(
    folder: &TempDir,
    endpoints: &str,
    sockets: [Option<TcpListener>; 2],
    names: &str,
    flags: &[&str],
) -> Process {
    let mut command = Command::new("sh");
    let count = sockets.iter().flatten().count();
    let script = "exec 3<&0; if [ \"$COUNT\" = 2 ]; then exec 4<&1; fi; exec 0</dev/null 1>&2; \
        LISTEN_PID=$$ LISTEN_FDS=$COUNT exec \"$0\" \"$@\"";
    let [first, second] = sockets;
    command
        .args(["-c", script])
        .arg(environment::proxy())
        .arg("start")
        .arg(format!("--endpoints={endpoints}"));
    command.args(flags).env("COUNT", count.to_string());
    if !names.is_empty() {
        command.env("LISTEN_FDNAMES", names);
    }
    let of = |socket: Option<TcpListener>| {
        socket.map_or_else(Stdio::null, |socket| Stdio::from(OwnedFd::from(socket)))
    };
    Process::spawn_with("the proxy", &mut command, &folder.path().join("log"), of(first), of(second))
}

fn listener() -> (TcpListener, String) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("its address").to_string();
    (socket, address)
}

#[tokio::test]
async fn clients_wait_in_a_socket_of_systemds_until_the_proxy_is_there() {
    let cluster = Cluster::start(Shape::single()).await;
    let folder = TempDir::new("activation");
    let (socket, address) = listener();
    let mut early = tokio::spawn({
        let client = Client::of(&address);
        async move { client.kv().put(put("a", "early")).await.map(drop) }
    });
    let (pages, page_address) = listener();
    // An address that could not even be bound.
    let flags = ["--listen-addr=192.0.2.1:1", "--advertise-client-url="];
    let process = activated(&folder, &cluster.endpoints(), [Some(socket), Some(pages)], "", &flags);
    e2e::soon("the early client", &mut early).await.expect("no panic").expect("a write");
    Client::of(&address).kv().put(put("a", "late")).await.expect("a write");
    eventually("it is well", SOON, async || http1::get(&page_address, "/proxy/health").await).await;
    eventually("its log names the address", SOON, async || {
        process.log().contains(&format!("\"address\":\"{address}\"")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_socket_is_known_by_its_name() {
    let cluster = Cluster::start(Shape::single()).await;
    let folder = TempDir::new("activation");
    let ((pages, page_address), (clients, address)) = (listener(), listener());
    let names = "etcd-grpc-proxy-metrics.socket:etcd-grpc-proxy.socket";
    let _process = activated(&folder, &cluster.endpoints(), [Some(pages), Some(clients)], names, &[]);
    Client::of(&address).kv().put(put("a", "1")).await.expect("a write");
    eventually("it lives", SOON, async || http1::get(&page_address, "/livez").await).await;
}

#[tokio::test]
async fn what_is_no_socket_for_anything_is_refused() {
    let folder = TempDir::new("activation");
    let ((first, _), (second, _)) = (listener(), listener());
    let mut process = activated(&folder, "127.0.0.1:1", [Some(first), Some(second)], "a:b", &[]);
    assert_eq!(process.end().await.code(), Some(1));
    assert_eq!(process.log().trim(), "LISTEN_FDS: more than one socket for clients");
}
