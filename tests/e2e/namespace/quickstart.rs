//! The quickstart of the documentation, run as it is written.

use e2e::{Cluster, Etcdctl, Proxy, Shape};

const DOCUMENT: &str = include_str!("../../../docs/namespace.md");
const ETCD: &str = "--endpoints=127.0.0.1:2379";
const PROXY: &str = "--endpoints=127.0.0.1:23790";

/// The commands of the first console in the document, each with what it prints.
fn console() -> Vec<(String, String)> {
    let console = DOCUMENT.split("```console\n").nth(1).and_then(|rest| rest.split("```").next());
    let steps = console.expect("a console").split("$ etcdctl ").skip(1);
    let steps = steps.map(|step| step.split_once('\n').expect("a line"));
    steps.map(|(command, output)| (command.to_owned(), output.to_owned())).collect()
}

#[tokio::test]
async fn the_quickstart_does_what_it_says() {
    let cluster = Cluster::start(Shape::single()).await;
    assert!(DOCUMENT.contains("--namespace=ns/\n"), "the command that starts the proxy");
    let proxy = Proxy::start(&cluster.endpoints(), &["--namespace=ns/"]).await;
    let steps = console();
    assert!(steps.len() >= 4, "{steps:?}");
    for (command, output) in steps {
        let address = if command.contains(PROXY) { proxy.address() } else { cluster.member(0).address() };
        let words: Vec<&str> = command.split(' ').filter(|word| ![ETCD, PROXY].contains(word)).collect();
        let words: Vec<&str> = words.into_iter().map(|word| if word == "\"\"" { "" } else { word }).collect();
        let ended = Etcdctl::of(address).run(&words).await;
        assert_eq!((ended.code, &ended.stdout), (0, &output), "{command}: {}", ended.stderr);
    }
}
