//! Whom a certificate names.

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::CertificateDer;
use tls_termination::subject;

use crate::files::names;

fn certificate(common_names: &[&str]) -> CertificateDer<'static> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = names(common_names);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
}

#[test]
fn a_renewed_certificate_names_the_same() {
    let alice = certificate(&["alice"]);
    assert_eq!(subject(&alice), subject(&certificate(&["alice"])));
    assert!(subject(&alice).is_some() && subject(&alice) != subject(&certificate(&["bob"])));
}

#[test]
fn no_certificate_names_nobody() {
    assert_eq!(subject(&CertificateDer::from(vec![1, 2, 3])), None);
}
