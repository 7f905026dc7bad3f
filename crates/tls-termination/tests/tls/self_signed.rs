//! The certificate that a proxy makes for itself.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use time::OffsetDateTime;
use tls_termination::{Error, Limits, Presence, SelfSigned, ServerTls, TlsListener};
use tokio::io::duplex;
use tokio_rustls::TlsConnector;

use crate::files::{Ca, Folder, alone, server};

fn in_folder(folder: &Folder) -> SelfSigned {
    let names = ["localhost", "127.0.0.1", "::1", "not a name", ""].map(str::to_owned).to_vec();
    SelfSigned { folder: folder.0.join("data").join("fixtures"), names, years: 2 }
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What the umask leaves of a file that is for everybody.
fn usual(folder: &Folder) -> u32 {
    mode(folder.file("usual", ""))
}

#[tokio::test]
async fn clients_that_trust_it_know_it_by_every_name() {
    let folder = Folder::new();
    let made = in_folder(&folder);
    made.check().unwrap();
    assert!(!made.folder.exists(), "a check writes nothing");
    assert_eq!(made.ensure().unwrap(), Presence::Created);
    assert_eq!(made.ensure().unwrap(), Presence::Kept);
    let modes = (mode(made.key()), mode(made.cert()), mode(made.folder.clone()));
    assert_eq!(modes, (0o600, 0o644 & usual(&folder), 0o700));

    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(made.cert()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let config = Arc::new(config);
    let base = server(&folder, &Ca::new().nobody());
    let tls = ServerTls { cert: made.cert(), key: made.key(), ..base };
    let listener = TlsListener::new(&tls, Limits::default(), Arc::default()).unwrap();
    let days = listener.sources()[0].expiries()[0].days_from(OffsetDateTime::now_utc().unix_timestamp());
    assert!((729.9..730.1).contains(&days), "{days}");
    for (name, known) in [("localhost", true), ("127.0.0.1", true), ("::1", true), ("example.com", false)] {
        let (near, far) = duplex(1 << 16);
        let named = ServerName::try_from(name).unwrap();
        let connector = TlsConnector::from(Arc::clone(&config));
        let (served, joined) =
            tokio::join!(listener.handshake(far), async { connector.connect(named, near).await });
        assert_eq!((served.is_ok(), joined.is_ok()), (known, known), "{name}");
    }
}

#[test]
fn half_of_it_is_made_anew_and_so_is_what_has_expired() {
    let folder = Folder::new();
    let made = in_folder(&folder);
    made.ensure().unwrap();
    let key = fs::read(made.key()).unwrap();
    fs::remove_file(made.cert()).unwrap();
    assert_eq!(made.ensure().unwrap(), Presence::Created);
    assert_ne!(fs::read(made.key()).unwrap(), key);

    let past = |days: i64| OffsetDateTime::now_utc() - time::Duration::days(days);
    let expired = Ca::new().numbered(1, |params| (params.not_before, params.not_after) = (past(3), past(1)));
    fs::write(made.cert(), &expired.pem).unwrap();
    fs::write(made.key(), expired.key.serialize_pem()).unwrap();
    assert_eq!(made.ensure().unwrap(), Presence::Renewed);
    assert_eq!(made.ensure().unwrap(), Presence::Kept);
}

/// A certificate that is good for so many days more, and its key, in the place of the one that was made.
fn left(made: &SelfSigned, days: i64, issuer: Option<&Ca>) {
    let until = OffsetDateTime::now_utc() + time::Duration::days(days);
    let leaf = match issuer {
        Some(ca) => ca.numbered(1, |params| params.not_after = until),
        None => alone(|params| params.not_after = until),
    };
    fs::write(made.cert(), &leaf.pem).unwrap();
    fs::write(made.key(), leaf.key.serialize_pem()).unwrap();
}

#[test]
fn it_is_renewed_a_month_before_its_end() {
    let folder = Folder::new();
    let made = in_folder(&folder);
    made.ensure().unwrap();
    left(&made, 31, None);
    assert_eq!(made.ensure().unwrap(), Presence::Kept);
    left(&made, 29, None);
    let listener = {
        let base = server(&folder, &Ca::new().nobody());
        let tls = ServerTls { cert: made.cert(), key: made.key(), ..base };
        TlsListener::new(&tls, Limits::default(), Arc::default()).unwrap()
    };
    let in_use: Vec<_> = listener.sources().iter().flat_map(|source| source.expiries()).collect();
    let now = OffsetDateTime::now_utc().unix_timestamp();
    assert!(made.is_due(&in_use, now) && !made.is_due(&in_use, now - 3 * 86_400) && !made.is_due(&[], now));
    assert_eq!(made.ensure().unwrap(), Presence::Renewed);
    assert_eq!(made.ensure().unwrap(), Presence::Kept);
    assert_eq!((mode(made.key()), mode(made.cert())), (0o600, 0o644 & usual(&folder)));
}

/// Whoever has put a certificate of an authority there renews it himself, be it good for a day.
#[test]
fn what_somebody_else_has_issued_is_left_until_it_has_expired() {
    let (folder, ca) = (Folder::new(), Ca::new());
    let made = in_folder(&folder);
    made.ensure().unwrap();
    left(&made, 1, Some(&ca));
    assert_eq!(made.ensure().unwrap(), Presence::Kept);
    left(&made, -1, Some(&ca));
    assert_eq!(made.ensure().unwrap(), Presence::Renewed);
}

/// Several proxies of one machine begin at once: all of them are left with a pair that fits, and one has made it.
#[test]
fn who_comes_at_the_same_time_makes_one() {
    let folder = Folder::new();
    let made = in_folder(&folder);
    let each = || {
        (0..8).map(|_| {
            std::thread::spawn({
                let made = made.clone();
                move || made.ensure().unwrap()
            })
        })
    };
    let ended: Vec<_> = each().collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(ended.iter().filter(|presence| **presence == Presence::Created).count(), 1, "{ended:?}");
    made.check().unwrap();
}

/// Somebody else's files are not thrown away.
#[test]
fn what_cannot_be_used_is_refused_and_kept() {
    let folder = Folder::new();
    let made = in_folder(&folder);
    made.ensure().unwrap();
    fs::write(made.cert(), "mine").unwrap();
    let said = made.check().unwrap_err().to_string();
    assert_eq!(said, format!("{}: no PEM certificate in this file", made.cert().display()));
    assert!(made.ensure().is_err());
    assert_eq!(fs::read_to_string(made.cert()).unwrap(), "mine");
}

#[test]
fn a_folder_that_cannot_be_had_and_years_beyond_the_calendar_are_named() {
    let folder = Folder::new();
    let file = folder.file("file", "");
    let made = SelfSigned { folder: file.join("below"), ..in_folder(&folder) };
    let said = made.ensure().unwrap_err().to_string();
    assert!(said.starts_with(&format!("cannot make a self-signed certificate in {}", made.folder.display())));
    let forever = SelfSigned { years: u32::MAX, ..in_folder(&folder) };
    assert!(matches!(forever.check(), Err(Error::SelfSigned { .. })));
}
