//! A server with pages: `cargo run -p admin-http --example pages -- 127.0.0.1:8080`, then `curl` the paths that it shows.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use admin_http::{Admin, Check, Health, MetricsPage, Pages, Readiness, Registry, register_process};
use hyper_util::rt::TokioIo;
use metrics::{counter, describe_counter};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listen = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let registry = Arc::new(Registry::default());
    metrics::set_global_recorder(Arc::clone(&registry))?;
    register_process(&registry);
    describe_counter!("connections_total", "Connections since the start.");

    let began = Instant::now();
    let warm = Check::new("warm_up", Duration::from_secs(1), move || {
        let is_warm = began.elapsed() > Duration::from_secs(5);
        std::future::ready(if is_warm { Ok(()) } else { Err("five seconds are not over".to_owned()) })
    });
    let pages = Pages::default()
        .with("/health", Health::new(warm.clone(), counter!("healthy_total"), counter!("unhealthy_total")))
        .with("/readyz", Readiness::new([warm]))
        .with("/metrics", MetricsPage::new(registry));
    println!("http://{listen} has {pages:?}");

    let (admin, worker) = Admin::new(pages);
    tokio::spawn(worker.run());
    let listener = tokio::net::TcpListener::bind(listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        counter!("connections_total").increment(1);
        let admin = admin.clone();
        tokio::spawn(async move { admin.serve_connection(TokioIo::new(stream)).await });
    }
}
