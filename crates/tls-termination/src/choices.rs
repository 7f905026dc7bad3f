//! Which cryptography connections may use: cipher suites, curves and versions, by the names that Go and etcd give them.

use rustls::{
    CipherSuite, NamedGroup, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    version,
};

use crate::Error;

/// Cipher suites by Go's names. TLS 1.3 has all of its suites, whatever is listed, as it is with etcd.
#[rustfmt::skip]
const SUITES: &[(&str, CipherSuite)] = &[
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ("TLS_AES_128_GCM_SHA256", CipherSuite::TLS13_AES_128_GCM_SHA256),
    ("TLS_AES_256_GCM_SHA384", CipherSuite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
];

/// What Go has besides: RSA without forward secrecy, CBC, RC4. Nothing here can speak them.
const ONLY_IN_GO: &[&str] = &[
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_RC4_128_SHA",
];

/// Curves by the name that is documented, then the others: Go's constant and the number that Kubernetes uses.
const CURVES: &[(&[&str], NamedGroup)] = &[
    (&["X25519", "29"], NamedGroup::X25519),
    (&["P-256", "CurveP256", "23"], NamedGroup::secp256r1),
    (&["P-384", "CurveP384", "24"], NamedGroup::secp384r1),
    (&["X25519MLKEM768", "4588"], NamedGroup::X25519MLKEM768),
    (&["SecP256r1MLKEM768", "4587"], NamedGroup::secp256r1MLKEM768),
];

/// The cipher suites that TLS 1.2 may use; all that there are by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CipherSuites(Option<Vec<CipherSuite>>);

/// The curves, key encapsulations included, by which keys may be agreed on, the preferred first; the library's own
/// choice by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Curves(Option<Vec<NamedGroup>>);

/// A version of TLS, the older the less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

impl CipherSuites {
    /// Reads Go's names; none leaves it to the default.
    ///
    /// # Errors
    /// A name that Go does not know, in etcd's words, or one that cannot be served here.
    pub fn named<T: AsRef<str>>(names: &[T]) -> Result<Self, Error> {
        let suites: Result<Vec<_>, _> = names.iter().map(|name| suite(name.as_ref())).collect();
        suites.map(|suites| Self((!suites.is_empty()).then_some(suites)))
    }

    pub(crate) fn restrict(&self, provider: &mut CryptoProvider) {
        let Some(wanted) = &self.0 else { return };
        let is_1_3 = |suite: CipherSuite| {
            use CipherSuite::{
                TLS13_AES_128_GCM_SHA256, TLS13_AES_256_GCM_SHA384, TLS13_CHACHA20_POLY1305_SHA256,
            };
            matches!(
                suite,
                TLS13_AES_128_GCM_SHA256 | TLS13_AES_256_GCM_SHA384 | TLS13_CHACHA20_POLY1305_SHA256
            )
        };
        provider.cipher_suites.retain(|suite| is_1_3(suite.suite()) || wanted.contains(&suite.suite()));
    }
}

fn suite(name: &str) -> Result<CipherSuite, Error> {
    let found = SUITES.iter().find(|(known, _)| *known == name).map(|(_, suite)| *suite);
    found.ok_or_else(|| match ONLY_IN_GO.contains(&name) {
        true => {
            Error::UnservedSuite { name: name.to_owned(), served: list(SUITES.iter().map(|(name, _)| *name)) }
        }
        false => Error::UnexpectedSuite(name.to_owned()),
    })
}

impl Curves {
    /// Reads names: `P-256`, `P-384`, `X25519`, `X25519MLKEM768`, `SecP256r1MLKEM768`, or what Go and Kubernetes call
    /// them; none leaves it to the default.
    ///
    /// # Errors
    /// A name that is not known or cannot be served.
    pub fn named<T: AsRef<str>>(names: &[T]) -> Result<Self, Error> {
        let curves: Result<Vec<_>, _> = names.iter().map(|name| curve(name.as_ref())).collect();
        curves.map(|curves| Self((!curves.is_empty()).then_some(curves)))
    }

    /// The cryptography with these curves alone.
    pub(crate) fn provider(&self) -> CryptoProvider {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(wanted) = &self.0 {
            let group =
                |name: &NamedGroup| aws_lc_rs::ALL_KX_GROUPS.iter().find(|group| group.name() == *name);
            provider.kx_groups = wanted.iter().filter_map(group).copied().collect();
        }
        provider
    }
}

fn curve(name: &str) -> Result<NamedGroup, Error> {
    let found = CURVES.iter().find(|(names, _)| names.contains(&name)).map(|(_, curve)| *curve);
    found.ok_or_else(|| Error::UnexpectedCurve {
        name: name.to_owned(),
        served: list(CURVES.iter().filter_map(|(names, _)| names.first().copied())),
    })
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

impl TlsVersion {
    pub(crate) fn between(min: Self, max: Self) -> Vec<&'static SupportedProtocolVersion> {
        let all = [(Self::V1_3, &version::TLS13), (Self::V1_2, &version::TLS12)];
        all.into_iter()
            .filter(|(version, _)| (min..=max).contains(version))
            .map(|(_, version)| version)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suites(names: &[&str]) -> Vec<CipherSuite> {
        let mut provider = aws_lc_rs::default_provider();
        CipherSuites::named(names).unwrap().restrict(&mut provider);
        provider.cipher_suites.iter().map(|suite| suite.suite()).collect()
    }

    #[test]
    fn every_name_is_one_that_can_be_served() {
        let all: Vec<_> = aws_lc_rs::ALL_CIPHER_SUITES.iter().map(|suite| suite.suite()).collect();
        for (name, suite) in SUITES {
            assert!(all.contains(suite), "{name}");
        }
        for (names, curve) in CURVES {
            assert!(aws_lc_rs::ALL_KX_GROUPS.iter().any(|group| group.name() == *curve), "{names:?}");
        }
    }

    #[test]
    fn what_is_listed_is_what_tls_1_2_may_use() {
        assert_eq!(suites(&[]).len(), 9);
        let one = suites(&["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"]);
        assert_eq!(one.len(), 4);
        assert!(one.contains(&CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256));
        assert_eq!(suites(&["TLS_AES_128_GCM_SHA256"]).len(), 3, "TLS 1.3 is not configurable, as in Go");
    }

    #[test]
    fn what_cannot_be_served_is_told_from_what_nobody_knows() {
        let refusal = |name: &str| CipherSuites::named(&[name]).unwrap_err().to_string();
        assert_eq!(refusal("foo"), "unexpected TLS cipher suite \"foo\"");
        assert_eq!(refusal(""), "unexpected TLS cipher suite \"\"");
        let said = refusal("TLS_RSA_WITH_AES_128_CBC_SHA");
        let begins = "TLS cipher suite \"TLS_RSA_WITH_AES_128_CBC_SHA\" is not served (must be one of: TLS_ECDHE_ECDSA_";
        assert!(said.starts_with(begins) && said.contains("TLS_AES_128_GCM_SHA256"), "{said}");
    }

    #[test]
    fn curves_have_several_names_and_keep_their_order() {
        let names = |curves: &[&str]| {
            let groups = Curves::named(curves).unwrap().provider().kx_groups;
            groups.iter().map(|group| group.name()).collect::<Vec<_>>()
        };
        let expected = [NamedGroup::secp384r1, NamedGroup::X25519];
        for curves in [["P-384", "X25519"], ["CurveP384", "29"], ["24", "X25519"]] {
            assert_eq!(names(&curves), expected);
        }
        assert!(names(&[]).len() > 2);
        let refusal = Curves::named(&["P-521"]).unwrap_err().to_string();
        assert_eq!(
            refusal,
            "unexpected TLS curve \"P-521\" (must be one of: X25519, P-256, P-384, X25519MLKEM768, SecP256r1MLKEM768)"
        );
    }
}
