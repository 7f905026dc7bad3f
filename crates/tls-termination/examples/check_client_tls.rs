//! Tells whether certificate files would be taken for connections to etcd.
//!
//! `cargo run -p tls-termination --example check_client_tls -- cert.pem key.pem ca.pem` ("" leaves one out)

use std::{env, path::PathBuf, process::ExitCode};

use tls_termination::ClientTls;

fn main() -> ExitCode {
    let mut files =
        env::args().skip(1).map(|file| Some(PathBuf::from(file)).filter(|f| !f.as_os_str().is_empty()));
    let mut next = || files.next().flatten();
    let tls = ClientTls { cert: next(), key: next(), cacert: next(), ..ClientTls::default() };
    match tls.load() {
        Ok(_) => {
            println!("good");
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
