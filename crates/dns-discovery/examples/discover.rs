//! The members of a cluster by its domain: `cargo run -p dns-discovery --example discover -- example.com [127.0.0.1:53]`

use std::error::Error;

use dns_discovery::{Discovery, Resolver};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let domain = arguments.next().ok_or("want a domain")?;
    let resolver = match arguments.next() {
        Some(server) => Resolver::Server(server.parse()?),
        None => Resolver::System,
    };
    for found in (Discovery { domain, suffix: String::new(), resolver }).find().await? {
        let addresses = resolver.addresses(&found.service.host, found.service.port).await?;
        println!("{} {addresses:?}", found.url());
    }
    Ok(())
}
