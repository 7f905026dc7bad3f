//! A TLS server that says who came in, and follows its files.
//!
//! `cargo run -p tls-termination --example serve -- 127.0.0.1:8443 server.pem server.key [ca.pem [revoked.pem]]`

use std::{env, error::Error, path::PathBuf, sync::Arc, time::Duration};

use tls_termination::{CipherSuites, CrlMode, Curves, Limits, Reloader, ServerTls, TlsListener, TlsVersion};
use tokio::{io::AsyncWriteExt as _, net::TcpListener};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let address =
        arguments.next().ok_or("host:port, certificate, key, and perhaps a CA file and revoked ones")?;
    let mut file = || arguments.next().map(PathBuf::from);
    let tls = ServerTls {
        cert: file().ok_or("a certificate")?,
        key: file().ok_or("a key")?,
        trusted_ca: file(),
        crl: file(),
        crl_mode: CrlMode::Etcd,
        suites: CipherSuites::default(),
        curves: Curves::default(),
        min_version: TlsVersion::V1_2,
        max_version: TlsVersion::V1_3,
    };
    let listener = TlsListener::new(&tls, Limits::default(), Arc::default())?;
    let mut reloader = Reloader::new(listener.sources());
    let socket = TcpListener::bind(&address).await?;
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            accepted = socket.accept() => {
                let ((stream, peer), listener) = (accepted?, listener.clone());
                tokio::spawn(async move {
                    match listener.handshake(stream).await {
                        Ok(mut stream) => {
                            println!("{peer} is in");
                            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
                            let _ = stream.shutdown().await;
                        }
                        Err(failure) => println!("{peer}: {failure}"),
                    }
                });
            }
            _ = looks.tick() => reloader.look().iter().for_each(|reloaded| println!("{reloaded:?}")),
        }
    }
}
