//! A real DNS server (NSD) on a free loopback port, with a zone that the test writes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::patience::{SOON, eventually};
use crate::process::Process;
use crate::temp::TempDir;
use crate::{environment, ports};

/// The zone that the server answers for.
pub const ZONE: &str = "cluster.test";

/// How long one answer of it may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// A running server.
#[derive(Debug)]
pub struct Dns {
    address: String,
    serial: u32,
    process: Process,
    dir: TempDir,
}

impl Dns {
    /// Starts a server whose zone has these records, one a line as in a zone file, and waits until it serves.
    pub async fn start(records: &str) -> Self {
        let dir = TempDir::new("dns");
        let port = ports::free_port();
        let configuration = dir.path().join("nsd.conf");
        std::fs::write(&configuration, configured(dir.path(), port)).expect("write its configuration");
        std::fs::write(dir.path().join("zone"), zone(1, records)).expect("write its zone");
        let mut command = Command::new(environment::nsd());
        command.env_clear().arg("-d").arg("-c").arg(&configuration);
        let process = Process::spawn("nsd", &mut command, &dir.path().join("nsd.log"));
        eventually("the DNS server serves", SOON, async || {
            process.log().contains("nsd started").then_some(())
        })
        .await;
        Self { address: format!("127.0.0.1:{port}"), serial: 1, process, dir }
    }

    /// `address:port` of it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on the zone has these records.
    pub async fn now(&mut self, records: &str) {
        self.serial += 1;
        // At once: it may be reading the zone still, on account of a signal from before.
        let beside = self.dir.path().join("zone.new");
        std::fs::write(&beside, zone(self.serial, records)).expect("write its zone");
        std::fs::rename(&beside, self.dir.path().join("zone")).expect("put it in place");
        self.process.signal("HUP");
        eventually("the DNS server knows the new zone", SOON, async || {
            // A signal that comes while it is busy with another is lost.
            let knows = self.knows(&format!("serial-{}", self.serial)).await;
            (!knows).then(|| self.process.signal("HUP"));
            knows.then_some(())
        })
        .await;
    }

    /// Whether the zone has an address of this host.
    async fn knows(&self, host: &str) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
        socket.send_to(&question(host), &self.address).await.expect("ask the DNS server");
        let mut answer = [0; 512];
        let answered = timeout(PATIENCE, socket.recv(&mut answer)).await;
        // The code of the answer is zero, and there is an answer in it.
        matches!(answered, Ok(Ok(_))) && answer[3] & 0x0f == 0 && answer[7] > 0
    }

    /// Ends it.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

/// For the addresses of a host of the zone.
fn question(host: &str) -> Vec<u8> {
    let mut question = b"\0\x01\x01\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in host.split('.').chain(ZONE.split('.')) {
        question.push(u8::try_from(label.len()).expect("a short name"));
        question.extend_from_slice(label.as_bytes());
    }
    question.extend_from_slice(b"\0\0\x01\0\x01");
    question
}

/// Nothing of the machine's: no user, no control socket, every file in the folder.
fn configured(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "server:\n  ip-address: 127.0.0.1@{port}\n  username: \"\"\n  chroot: \"\"\n  database: \"\"\n  \
         server-count: 1\n  zonesdir: \"{folder}\"\n  xfrdir: \"{folder}\"\n  pidfile: \"{folder}/pid\"\n  \
         xfrdfile: \"{folder}/xfrd\"\n  zonelistfile: \"{folder}/list\"\n\
         remote-control:\n  control-enable: no\n\
         zone:\n  name: \"{ZONE}\"\n  zonefile: \"zone\"\n"
    )
}

/// Nothing may be kept by anybody: every time to live is zero.
fn zone(serial: u32, records: &str) -> String {
    format!(
        "$ORIGIN {ZONE}.\n$TTL 0\n@ SOA ns hostmaster {serial} 3600 3600 3600 0\n@ NS ns\nns A 127.0.0.1\n\
         serial-{serial} A 127.0.0.1\n{records}\n"
    )
}
