//! Without `--insecure-discovery`, DNS alone is not believed.

use std::sync::Arc;

use e2e::{Dns, Gateway, dns::ZONE, eventually, patience::SOON, soon, temp::TempDir};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{flags, service};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

fn server(authority: &Authority, name: &str) -> TlsAcceptor {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth();
    let config = config.with_single_cert(vec![certificate.der().clone()], private).expect("a configuration");
    TlsAcceptor::from(Arc::new(config))
}

/// A TLS server that tells its letter to whoever says hello in TLS, and to nobody else; what the gateway carries is plain.
async fn lettered(acceptor: TlsAcceptor, letter: u8) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut first = [0; 1];
                if stream.peek(&mut first).await.is_ok() && first == [b'?'] {
                    let _ = stream.write_all(&[letter]).await;
                } else if let Ok(mut tls) = acceptor.accept(stream).await {
                    let _ = tls.read(&mut first).await;
                }
            });
        }
    });
    address
}

async fn asked(gateway: &Gateway) -> Option<u8> {
    let mut stream = TcpStream::connect(gateway.address()).await.expect("a connection");
    stream.write_all(b"?").await.ok()?;
    soon("a letter or an end", stream.read_u8()).await.ok()
}

#[tokio::test]
async fn only_members_that_can_show_who_they_are_are_used() {
    let dir = TempDir::new("discovery");
    let (ours, others) = (authority(), authority());
    let file = dir.path().join("ca.pem");
    std::fs::write(&file, ours.pem()).expect("write the authority");
    let by_domain = lettered(server(&ours, ZONE), b'd').await;
    let by_host = lettered(server(&ours, "host.cluster.test"), b'h').await;
    let by_another = lettered(server(&others, ZONE), b'x').await;
    let misnamed = lettered(server(&ours, "elsewhere.test"), b'm').await;
    let plain = lettered(server(&ours, ZONE), b'p').await;
    let records = |late: &str| {
        [
            service("etcd-client-ssl", 0, 0, "domain", &by_domain),
            service("etcd-client-ssl", 0, 0, "another", &by_another),
            service("etcd-client-ssl", 0, 0, "misnamed", &misnamed),
            service("etcd-client", 0, 0, "plain", &plain),
            late.to_owned(),
        ]
        .concat()
    };
    let mut dns = Dns::start(&records("")).await;
    let authorities = format!("--trusted-ca-file={}", file.display());
    let [srv, server, interval] = flags(&dns);
    let gateway = Gateway::start("127.0.0.1:1", &[&srv, &server, &interval, &authorities]).await;
    for _ in 0..12 {
        assert_eq!(asked(&gateway).await, Some(b'd'));
    }
    let line = |message: &str| gateway.log().into_iter().find(|line| line["msg"] == message);
    line("validating discovered SRV endpoints").expect("etcd's line");
    let doubts = line("failed to validate discovered endpoints").expect("etcd's line")["error"].to_string();
    for doubt in ["another.cluster.test", "misnamed.cluster.test", "plain.cluster.test"] {
        assert!(doubts.contains(doubt), "{doubt} in {doubts}");
    }
    assert!(doubts.contains("is insecure") && doubts.contains("failed to dial"), "{doubts}");
    // Who comes later has to show it too.
    dns.now(&records(&service("etcd-client-ssl", 0, 0, "host", &by_host))).await;
    eventually("the one that came is used", SOON, async || {
        (asked(&gateway).await == Some(b'h')).then_some(())
    })
    .await;
    for _ in 0..12 {
        assert!(matches!(asked(&gateway).await, Some(b'd' | b'h')));
    }
}

#[tokio::test]
async fn authorities_that_cannot_be_read_are_refused() {
    let refused = e2e::Maker::Ours.refusal(&["start", "--discovery-srv=x", "--trusted-ca-file=/nonexistent"]);
    assert_eq!(refused, (Some(1), "open /nonexistent: no such file or directory".to_owned()));
}
