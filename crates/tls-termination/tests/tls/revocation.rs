//! Revoked client certificates.

use std::sync::Arc;

use rcgen::CertificateRevocationList;
use tls_termination::{CrlMode, Error, Limits, Reason, Reloader, ServerTls, TlsListener};

use crate::{
    files::{Ca, Folder, server},
    listener::{client, outcome},
};

fn listening(folder: &Folder, ca: &Ca, list: impl AsRef<[u8]>, mode: CrlMode) -> Result<TlsListener, Error> {
    let tls = ServerTls {
        trusted_ca: Some(folder.file("ca.pem", &ca.pem)),
        crl: Some(folder.file("revoked", list)),
        crl_mode: mode,
        ..server(folder, &ca.nobody())
    };
    TlsListener::new(&tls, Limits::default(), Arc::default())
}

async fn comes_in(listener: &TlsListener, ca: &Ca, serial: u64) -> Result<(), Reason> {
    outcome(listener, &client(ca, Some(&ca.numbered(serial, |_| {})))).await
}

#[tokio::test]
async fn revoked_certificates_are_refused_in_both_modes_and_forms() {
    let ca = Ca::new();
    let list = ca.revokes(&[5, 0xff_ff], 24);
    let (der, pem) = (list.der().to_vec(), list.pem().unwrap().into_bytes());
    for mode in [CrlMode::Etcd, CrlMode::Strict] {
        for form in [&der, &pem] {
            let folder = Folder::new();
            let listener = listening(&folder, &ca, form, mode).unwrap();
            assert_eq!(comes_in(&listener, &ca, 4).await, Ok(()));
            assert_eq!(comes_in(&listener, &ca, 5).await, Err(Reason::Revoked));
            assert_eq!(comes_in(&listener, &ca, 0xff_ff).await, Err(Reason::Revoked));
        }
    }
}

/// etcd compares serial numbers and nothing else.
#[tokio::test]
async fn a_list_of_somebody_else_counts_for_etcd_and_not_for_the_strict() {
    let (folder, ca, other) = (Folder::new(), Ca::new(), Ca::new());
    let list = other.revokes(&[5], 24);
    let listener = listening(&folder, &ca, list.der(), CrlMode::Etcd).unwrap();
    assert_eq!(comes_in(&listener, &ca, 5).await, Err(Reason::Revoked));
    assert_eq!(comes_in(&listener, &ca, 6).await, Ok(()));
    let listener = listening(&folder, &ca, list.der(), CrlMode::Strict).unwrap();
    assert_eq!(comes_in(&listener, &ca, 6).await, Err(Reason::RevocationUnknown));
}

#[tokio::test]
async fn an_old_list_counts_for_etcd_and_refuses_everybody_for_the_strict() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let list = ca.revokes(&[5], -24);
    let listener = listening(&folder, &ca, list.der(), CrlMode::Etcd).unwrap();
    assert_eq!(comes_in(&listener, &ca, 5).await, Err(Reason::Revoked));
    assert_eq!(comes_in(&listener, &ca, 6).await, Ok(()));
    let listener = listening(&folder, &ca, list.der(), CrlMode::Strict).unwrap();
    assert_eq!(comes_in(&listener, &ca, 6).await, Err(Reason::RevocationUnknown));
}

#[tokio::test]
async fn several_lists_may_be_in_one_file() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let pem = |list: CertificateRevocationList| list.pem().unwrap();
    let both = format!("{}{}", pem(ca.revokes(&[5], 24)), pem(ca.revokes(&[6], 24)));
    let listener = listening(&folder, &ca, both, CrlMode::Etcd).unwrap();
    for (serial, expected) in [(5, Err(Reason::Revoked)), (6, Err(Reason::Revoked)), (7, Ok(()))] {
        assert_eq!(comes_in(&listener, &ca, serial).await, expected);
    }
}

#[tokio::test]
async fn a_renewed_list_counts_at_once_and_a_broken_one_never() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let listener = listening(&folder, &ca, ca.revokes(&[5], 24).der(), CrlMode::Etcd).unwrap();
    let mut reloader = Reloader::new(listener.sources());
    folder.file("revoked", ca.revokes(&[5, 6], 24).der());
    assert_eq!(comes_in(&listener, &ca, 6).await, Ok(()));
    assert!(reloader.look().is_empty());
    assert_eq!(reloader.look().len(), 1);
    assert_eq!(comes_in(&listener, &ca, 6).await, Err(Reason::Revoked));
    for broken in [&b""[..], b"garbage", &ca.revokes(&[], 24).der()[..40]] {
        folder.file("revoked", broken);
        assert!(reloader.read_all().iter().any(|reloaded| reloaded.result.is_err()));
        assert_eq!(comes_in(&listener, &ca, 6).await, Err(Reason::Revoked));
    }
}

#[test]
fn what_is_no_list_is_named() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let refusal = |list: &[u8], mode| listening(&folder, &ca, list, mode).unwrap_err().to_string();
    let file = folder.0.join("revoked").display().to_string();
    let mut trailing = ca.revokes(&[5], 24).der().to_vec();
    trailing.extend_from_slice(b"more");
    for mode in [CrlMode::Etcd, CrlMode::Strict] {
        for list in [&b""[..], b"garbage", &trailing] {
            let said = refusal(list, mode);
            assert!(said.starts_with(&format!("{file}: malformed certificate revocation list: ")), "{said}");
            assert_eq!(said.lines().count(), 1);
        }
        let said = refusal(ca.pem.as_bytes(), mode);
        assert_eq!(said, format!("{file}: no certificate revocation list in this file"));
    }
}
