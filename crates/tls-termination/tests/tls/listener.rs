//! Clients at a listener: who gets in, how, and what those who do not get in can do to the others.

use std::{sync::Arc, time::Duration};

use rustls::{
    CipherSuite, ClientConfig, NamedGroup, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    version::{TLS12, TLS13},
};
use time::OffsetDateTime;
use tls_termination::{
    CipherSuites, Counters, Curves, Error, HandshakeFailure, Limits, Reason, Reloader, ServerTls,
    TlsListener, TlsVersion,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio_rustls::{TlsConnector, client::TlsStream, server};

use crate::files::{Ca, Folder, Leaf, server};

pub(crate) fn listener(tls: &ServerTls) -> TlsListener {
    TlsListener::new(tls, Limits::default(), Arc::default()).unwrap()
}

pub(crate) fn client(server: &Ca, own: Option<&Leaf>) -> ClientConfig {
    client_speaking(&[&TLS12, &TLS13], server, own)
}

fn client_speaking(
    versions: &[&'static SupportedProtocolVersion],
    server: &Ca,
    own: Option<&Leaf>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.pem.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match own {
        Some(leaf) => {
            let chain = CertificateDer::pem_slice_iter(leaf.pem.as_bytes()).map(Result::unwrap).collect();
            let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}

type Served = Result<server::TlsStream<DuplexStream>, HandshakeFailure>;

/// Both ends of a connection. With TLS 1.3 a client may think that it is in before it is turned away.
async fn meet(
    listener: &TlsListener,
    config: Arc<ClientConfig>,
) -> (Served, Result<TlsStream<DuplexStream>, std::io::Error>) {
    let (near, far) = duplex(1 << 16);
    let name = ServerName::try_from("localhost").unwrap();
    tokio::join!(listener.handshake(far), async { TlsConnector::from(config).connect(name, near).await })
}

pub(crate) async fn outcome(listener: &TlsListener, config: &ClientConfig) -> Result<(), Reason> {
    meet(listener, Arc::new(config.clone())).await.0.map(drop).map_err(|failure| failure.reason)
}

#[tokio::test]
async fn http_2_and_http_1_are_both_offered() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let listener = listener(&server(&folder, &ca.nobody()));
    for (offered, agreed) in [
        (vec!["h2"], Some("h2")),
        (vec!["http/1.1"], Some("http/1.1")),
        (vec!["http/1.1", "h2"], Some("h2")),
        (vec![], None),
    ] {
        let mut config = client(&ca, None);
        config.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let (served, _) = meet(&listener, Arc::new(config)).await;
        let served = served.unwrap();
        assert_eq!(served.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes), "{offered:?}");
    }
    assert_eq!(outcome(&listener, &with_alpn(&ca, "smtp")).await, Err(Reason::Incompatible));
}

fn with_alpn(ca: &Ca, name: &str) -> ClientConfig {
    let mut config = client(ca, None);
    config.alpn_protocols = vec![name.as_bytes().to_vec()];
    config
}

#[tokio::test]
async fn clients_show_a_certificate_of_the_authority_or_stay_out() {
    let (folder, ca, other) = (Folder::new(), Ca::new(), Ca::new());
    let tls = ServerTls { trusted_ca: Some(folder.file("ca.pem", &ca.pem)), ..server(&folder, &ca.nobody()) };
    let counters = Arc::new(Counters::default());
    let listener = TlsListener::new(&tls, Limits::default(), Arc::clone(&counters)).unwrap();
    let past = |days: i64| OffsetDateTime::now_utc() - time::Duration::days(days);
    let expired = ca.numbered(7, |params| (params.not_before, params.not_after) = (past(3), past(1)));
    let not_yet = ca.numbered(8, |params| params.not_before = past(-1));
    for (own, expected) in [
        (Some(ca.nobody()), Ok(())),
        (Some(ca.numbered(9, |params| params.distinguished_name = crate::files::names(&["bob"]))), Ok(())),
        (None, Err(Reason::NoCertificate)),
        (Some(other.nobody()), Err(Reason::UnknownAuthority)),
        (Some(expired), Err(Reason::Expired)),
        (Some(not_yet), Err(Reason::Expired)),
    ] {
        for version in [&TLS12, &TLS13] {
            let config = client_speaking(&[version], &ca, own.as_ref());
            assert_eq!(outcome(&listener, &config).await, expected, "{version:?}");
        }
    }
    assert_eq!((counters.handshakes(), counters.failures(Reason::Expired)), (4, 4));
    assert_eq!(counters.failures(Reason::NoCertificate), 2);
}

/// A session that is resumed shows no certificate: it must not outlive a revocation.
#[tokio::test]
async fn sessions_of_clients_with_certificates_are_not_resumed() {
    for (asked, resumed) in [(false, true), (true, false)] {
        let (folder, ca) = (Folder::new(), Ca::new());
        let trusted_ca = asked.then(|| folder.file("ca.pem", &ca.pem));
        let listener = listener(&ServerTls { trusted_ca, ..server(&folder, &ca.nobody()) });
        let own = ca.nobody();
        for version in [&TLS12, &TLS13] {
            let config = Arc::new(client_speaking(&[version], &ca, Some(&own)));
            let mut kinds = Vec::new();
            for _ in 0..2 {
                let (served, joined) = meet(&listener, Arc::clone(&config)).await;
                let (mut served, mut joined) = (served.unwrap(), joined.unwrap());
                // Tickets come with what comes first.
                served.write_all(b"x").await.unwrap();
                joined.read_exact(&mut [0]).await.unwrap();
                kinds.push(served.get_ref().1.handshake_kind().unwrap());
            }
            let again = kinds[1] == rustls::HandshakeKind::Resumed;
            assert_eq!(again, resumed, "{version:?} {kinds:?}");
        }
    }
}

#[tokio::test]
async fn versions_suites_and_curves_are_those_that_were_chosen() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let base = server(&folder, &ca.nobody());
    let old = listener(&ServerTls { max_version: TlsVersion::V1_2, ..base.clone() });
    let new = listener(&ServerTls { min_version: TlsVersion::V1_3, ..base.clone() });
    let speaks = |version: &'static SupportedProtocolVersion| client_speaking(&[version], &ca, None);
    assert_eq!(outcome(&old, &speaks(&TLS13)).await, Err(Reason::Incompatible));
    assert_eq!(outcome(&new, &speaks(&TLS12)).await, Err(Reason::Incompatible));
    assert_eq!(outcome(&old, &speaks(&TLS12)).await, Ok(()));
    assert_eq!(outcome(&new, &speaks(&TLS13)).await, Ok(()));

    let suites = CipherSuites::named(&["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"]).unwrap();
    let curves = Curves::named(&["P-384"]).unwrap();
    let chosen = listener(&ServerTls { suites, curves, ..base });
    let (served, _) = meet(&chosen, Arc::new(speaks(&TLS12))).await;
    let served = served.unwrap();
    let session = served.get_ref().1;
    assert_eq!(session.protocol_version(), Some(ProtocolVersion::TLSv1_2));
    let suite = session.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256);
    assert_eq!(session.negotiated_key_exchange_group().unwrap().name(), NamedGroup::secp384r1);
}

#[test]
fn choices_that_leave_nothing_are_refused() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let suites = CipherSuites::named(&["TLS_AES_128_GCM_SHA256"]).unwrap();
    let tls = ServerTls { suites, max_version: TlsVersion::V1_2, ..server(&folder, &ca.nobody()) };
    assert!(matches!(tls.check(), Err(Error::Provider(_))));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_let_go_in_time() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let listener = listener(&server(&folder, &ca.nobody()));
    let (_near, far) = duplex(1 << 10);
    let begun = tokio::time::Instant::now();
    assert_eq!(listener.handshake(far).await.unwrap_err().reason, Reason::Timeout);
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    assert_eq!(listener.pending(), 0);
}

#[tokio::test]
async fn who_says_nothing_makes_room_for_who_does() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let limits = Limits { pending: 3, ..Limits::default() };
    let counters = Arc::new(Counters::default());
    let listener = TlsListener::new(&server(&folder, &ca.nobody()), limits, Arc::clone(&counters)).unwrap();
    let mut silent = Vec::new();
    for _ in 0..10 {
        let (near, far) = duplex(1 << 10);
        let listener = listener.clone();
        silent.push((near, tokio::spawn(async move { listener.handshake(far).await.unwrap_err().reason })));
        tokio::task::yield_now().await;
    }
    assert_eq!(listener.pending(), 3);
    assert_eq!(outcome(&listener, &client(&ca, None)).await, Ok(()));
    for (_, ended) in silent.drain(..8) {
        assert_eq!(ended.await.unwrap(), Reason::Crowded);
    }
    assert_eq!((counters.handshakes(), counters.failures(Reason::Crowded)), (1, 8));
}

#[tokio::test]
async fn what_is_not_tls_is_told_from_who_goes_away() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let listener = listener(&server(&folder, &ca.nobody()));
    for (said, reason) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], Reason::NotTls),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Reason::NotTls),
        (b"", Reason::Disconnected),
        (b"\x16\x03", Reason::Disconnected),
    ] {
        let (mut near, far) = duplex(1 << 10);
        near.write_all(said).await.unwrap();
        drop(near);
        assert_eq!(listener.handshake(far).await.unwrap_err().reason, reason, "{said:?}");
    }
    let stranger = client(&Ca::new(), None);
    assert_eq!(outcome(&listener, &stranger).await, Err(Reason::RefusedByClient));
}

#[tokio::test]
async fn renewed_files_are_used_and_bad_ones_are_not() {
    let (folder, first, second) = (Folder::new(), Ca::new(), Ca::new());
    let tls =
        ServerTls { trusted_ca: Some(folder.file("ca.pem", &first.pem)), ..server(&folder, &first.nobody()) };
    let listener = listener(&tls);
    let mut reloader = Reloader::new(listener.sources());
    let (of_first, of_second) = (first.nobody(), second.nobody());
    assert_eq!(outcome(&listener, &client(&first, Some(&of_first))).await, Ok(()));

    let renewed = second.nobody();
    folder.file("server.pem", &renewed.pem);
    assert!(reloader.look().is_empty() && !reloader.look().is_empty(), "a pair that does not fit");
    assert_eq!(outcome(&listener, &client(&first, Some(&of_first))).await, Ok(()));
    folder.file("server.key", renewed.key.serialize_pem());
    assert!(reloader.read_all().iter().all(|reloaded| reloaded.result.is_ok()));
    assert_eq!(outcome(&listener, &client(&second, Some(&of_first))).await, Ok(()));

    folder.file("ca.pem", "");
    assert!(reloader.read_all().iter().any(|reloaded| reloaded.result.is_err()));
    assert_eq!(outcome(&listener, &client(&second, Some(&of_first))).await, Ok(()));
    folder.file("ca.pem", format!("{}{}", first.pem, second.pem));
    assert!(reloader.read_all().iter().all(|reloaded| reloaded.result.is_ok()));
    assert_eq!(outcome(&listener, &client(&second, Some(&of_first))).await, Ok(()));
    assert_eq!(outcome(&listener, &client(&second, Some(&of_second))).await, Ok(()));
    folder.file("ca.pem", &second.pem);
    reloader.read_all();
    let refused = outcome(&listener, &client(&second, Some(&of_first))).await;
    assert_eq!(refused, Err(Reason::UnknownAuthority));
}

/// What changes after it was read and before anybody looks is not lost.
#[test]
fn a_change_right_after_the_start_is_noticed() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let listener = listener(&server(&folder, &ca.nobody()));
    server(&folder, &Ca::new().nobody());
    let mut reloader = Reloader::new(listener.sources());
    assert!(reloader.look().is_empty());
    assert_eq!(reloader.look().len(), 1);
}

#[test]
fn what_is_in_use_tells_when_it_expires() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let soon = OffsetDateTime::now_utc() + time::Duration::days(5);
    let leaf = ca.numbered(0x1234, |params| params.not_after = soon);
    let tls = ServerTls { trusted_ca: Some(folder.file("ca.pem", &ca.pem)), ..server(&folder, &leaf) };
    let expiries: Vec<_> = listener(&tls).sources().iter().flat_map(|source| source.expiries()).collect();
    assert_eq!(expiries.len(), 2);
    assert_eq!((&expiries[0].file, expiries[0].not_after), (&tls.cert, soon.unix_timestamp()));
    assert!(expiries[0].serial.ends_with("1234"), "{expiries:?}");
    let now = OffsetDateTime::now_utc().unix_timestamp();
    assert!((4.9..5.1).contains(&expiries[0].days_from(now)));
    assert!(expiries[0].days_from(soon.unix_timestamp() + 86_400) == -1.0);
}
