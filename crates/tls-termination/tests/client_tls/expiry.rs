//! When the certificates of a file end.

use std::time::{Duration, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tls_termination::{Error, expiry};

use crate::files::Folder;

fn ending_in(year: i32) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.not_after = date_time_ymd(year, 1, 1);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

#[test]
fn the_first_certificate_to_end_counts() {
    let folder = Folder::new();
    let file = folder.file("chain.pem", ending_in(2040) + &ending_in(2030) + &ending_in(2050));
    // 2030-01-01.
    assert_eq!(expiry(&file).unwrap(), UNIX_EPOCH + Duration::from_secs(1_893_456_000));
    folder.file("chain.pem", ending_in(1960));
    assert_eq!(expiry(&file).unwrap(), UNIX_EPOCH);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = Folder::new();
    let missing = folder.0.join("none.pem");
    assert!(matches!(expiry(&missing), Err(Error::Unreadable { file, .. }) if file == missing));
}
