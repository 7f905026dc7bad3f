//! A gateway in front of the endpoints given: `cargo run --example tcp -- 127.0.0.1:23790 127.0.0.1:2379 ...`

use std::error::Error;

use tcp_gateway::{Config, Endpoint, Gateway};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| "127.0.0.1:23790".to_owned());
    let endpoints: Vec<Endpoint> = arguments.map(|text| endpoint(&text)).collect::<Result<_, _>>()?;
    let listener = TcpListener::bind(listen).await?;

    let config = Config { listen: Some(listener.local_addr()?), ..Config::new(endpoints) };
    let (gateway, monitor) = Gateway::new(config);
    tokio::spawn(monitor.run());
    let station = gateway.station();
    loop {
        let (client, _) = listener.accept().await?;
        let station = station.clone();
        tokio::spawn(async move { station.serve(client).await });
    }
}

fn endpoint(text: &str) -> Result<Endpoint, Box<dyn Error>> {
    let (host, port) = text.rsplit_once(':').ok_or("want host:port")?;
    Ok(Endpoint::new(host, port.parse()?))
}
