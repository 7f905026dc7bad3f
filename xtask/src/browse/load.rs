//! Clients that give a proxy something to show.

use std::path::Path;

use crate::Outcome;
use crate::demo::kept::Kept;

/// Ranges, and how many watch each.
const WATCHED: [(&str, usize); 4] = [
    ("--prefix /registry/pods/", 8),
    ("--prefix /registry/leases/kube-system/", 3),
    ("/config/feature-flags", 2),
    ("--prefix /jobs/", 1),
];

/// `$1` is etcdctl. Writes and reads of one connection each, as fast as they are answered.
const WRITER: &str = r#"i=0; while :; do i=$((i+1))
    echo "put /registry/pods/default/web-$((i % 40)) $i"; echo "get /registry/pods/default/web-1"
    echo "get --consistency=s /config/feature-flags"; [ $((i % 20)) = 0 ] && sleep 0.1
done | "$1" watch -i >/dev/null"#;
const LEASE: &str = r#"lease=$("$1" lease grant 20 | cut -d' ' -f2); exec "$1" lease keep-alive "$lease""#;
const READER: &str = r#"while :; do "$1" get --consistency=s /config/feature-flags; "$1" get --prefix --limit=5 /registry/pods/;
    "$1" put /registry/pods/default/web-7 x; "$1" put /registry/leases/kube-system/scheduler x; done"#;
const MANY: &str = r#"exec "$1" check perf --load=s"#;

/// Goes on until it is dropped.
pub(super) struct Load {
    _clients: Vec<Kept>,
}

impl Load {
    pub(super) fn start(etcdctl: &Path, address: &str, folder: &Path) -> Outcome<Self> {
        let mut clients = Vec::new();
        let mut start = |script: &str| -> Outcome {
            let name = format!("client-{}", clients.len());
            let script = format!("export ETCDCTL_ENDPOINTS={address} ETCDCTL_API=3; {script}");
            let arguments = ["-c".to_owned(), script, "client".to_owned(), etcdctl.display().to_string()];
            let log = folder.join(format!("{name}.log"));
            clients.push(Kept::start(&name, &log, Path::new("sh"), &arguments)?);
            Ok(())
        };
        for (range, watchers) in WATCHED {
            for _ in 0..watchers {
                start(&format!(r#"exec "$1" watch {range}"#))?;
            }
        }
        for script in [WRITER, READER, READER, MANY, LEASE, LEASE, LEASE] {
            start(script)?;
        }
        Ok(Self { _clients: clients })
    }
}
