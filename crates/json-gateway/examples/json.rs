//! Gives a real etcd's gRPC API a JSON door of its own:
//! `cargo run --example json -- http://127.0.0.1:2379 127.0.0.1:23790`, then
//! `curl 127.0.0.1:23790/v3/kv/range -d '{"key":"Zm9v"}'`.

use std::convert::Infallible;
use std::error::Error;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use json_gateway::{Api, Config, Gateway, Origins};
use tokio::net::TcpListener;
use tonic::transport::Endpoint;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let etcd = arguments.next().unwrap_or_else(|| "http://127.0.0.1:2379".to_owned());
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:23790".to_owned());

    let channel = Endpoint::from_shared(etcd)?.connect_lazy();
    let config = Config { max_value_bytes: 4 << 20, origins: Origins::default() };
    let gateway = Gateway::new(channel, Api::new()?, config);

    let listener = TcpListener::bind(&listen).await?;
    println!("etcd's JSON API at http://{listen}/v3/");
    loop {
        let (stream, _) = listener.accept().await?;
        let gateway = gateway.clone();
        let service = service_fn(move |request| {
            let gateway = gateway.clone();
            async move {
                let answer = gateway.answer(request).await;
                if let Some(talk) = answer.talk {
                    tokio::spawn(talk.run(std::future::pending()));
                }
                Ok::<_, Infallible>(answer.response)
            }
        });
        tokio::spawn(async move {
            let server = Builder::new(TokioExecutor::new());
            // A client that goes away is nobody's error.
            let _ = server.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
        });
    }
}
