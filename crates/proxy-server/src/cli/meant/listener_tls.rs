//! What the flags mean for TLS on the listeners.

use std::{net::IpAddr, path::PathBuf};

use tls_termination::{CipherSuites, CrlMode, Curves, SelfSigned, ServerTls, TlsVersion};

use super::{file, observation::without_certificate};
use crate::cli::{Refusal, flags::Flags, go_values::quote};
use crate::config::{CertificateFile, ListenerTls, Notice, TlsFiles};

/// What every certificate that the proxy makes for itself is good for.
const ALWAYS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// TLS for the clients' listener and, where it is asked for, for that of the metrics. As with etcd, any file of the
/// listener's switches TLS on, and a self-signed certificate is for those who name none.
pub(super) fn config(flags: &Flags, metrics_are_tls: bool) -> Result<(ListenerTls, Vec<Notice>), Refusal> {
    let named =
        [&flags.cert_file, &flags.key_file, &flags.trusted_ca_file].iter().any(|name| !name.is_empty());
    let self_signed = (flags.auto_tls && !named).then(|| self_signed(flags)).transpose()?;
    // Valid or not, whether or not there is TLS to use them.
    crl_mode(&flags.client_crl_mode)?;
    let metrics_ask = super::on_or_off("metrics-client-cert-auth", &flags.metrics_client_cert_auth)?;
    let clients = match (&self_signed, named) {
        (Some(made), _) => {
            let tls = choices(flags, made.cert(), made.key())?;
            in_order(&tls).check_all_but_pair().map_err(refusal)?;
            Some(tls)
        }
        (None, true) => {
            let (cert, key) = pair(flags)?;
            let tls = choices(flags, cert, key)?;
            in_order(&tls).check().map_err(refusal)?;
            Some(tls)
        }
        (None, false) => None,
    };
    let metrics = metrics_are_tls.then(|| metrics(flags, clients.as_ref(), metrics_ask)).transpose()?;
    own_of_metrics_are_used(flags, metrics_are_tls)?;
    let notices = notices(flags, named, clients.as_ref());
    Ok((ListenerTls { clients, metrics, self_signed }, notices))
}

/// The files with certificates, and the flags that name them.
pub(super) fn certificates(flags: &Flags, tls: &ListenerTls) -> Vec<CertificateFile> {
    let made = tls.self_signed.as_ref().map(|made| ("--auto-tls", made.cert()));
    let named = [
        ("--cert", &flags.cert),
        ("--cacert", &flags.cacert),
        ("--cert-file", &flags.cert_file),
        ("--trusted-ca-file", &flags.trusted_ca_file),
        ("--client-crl-file", &flags.client_crl_file),
        ("--metrics-cert-file", &flags.metrics_cert_file),
    ];
    let named = named.into_iter().filter_map(|(flag, name)| Some((flag, file(name)?)));
    named.chain(made).map(|(flag, file)| CertificateFile { flag, file }).collect()
}

/// The words are etcd's.
fn pair(flags: &Flags) -> Result<(PathBuf, PathBuf), Refusal> {
    match (file(&flags.cert_file), file(&flags.key_file)) {
        (Some(cert), Some(key)) => Ok((cert, key)),
        (None, None) => {
            let address = &flags.listen_addr;
            Err(Refusal::new(format!(
                "cannot listen on TLS for {address}: KeyFile and CertFile are not presented"
            )))
        }
        (cert, key) => Err(refusal(tls_termination::Error::HalfPair { cert, key })),
    }
}

fn choices(flags: &Flags, cert: PathBuf, key: PathBuf) -> Result<ServerTls, Refusal> {
    Ok(ServerTls {
        cert,
        key,
        trusted_ca: file(&flags.trusted_ca_file),
        crl: file(&flags.client_crl_file),
        crl_mode: crl_mode(&flags.client_crl_mode)?,
        suites: CipherSuites::named(&flags.listen_cipher_suites).map_err(refusal)?,
        curves: curves(flags)?,
        min_version: version(&flags.tls_min_version, TlsVersion::V1_2),
        max_version: version(&flags.tls_max_version, TlsVersion::V1_3),
    })
}

/// With versions between which there are some: that there are none was said by `listener::check`.
fn in_order(tls: &ServerTls) -> ServerTls {
    let (min_version, max_version) = if tls.min_version <= tls.max_version {
        (tls.min_version, tls.max_version)
    } else {
        (TlsVersion::V1_2, TlsVersion::V1_3)
    };
    ServerTls { min_version, max_version, ..tls.clone() }
}

/// The curves of every connection, those to etcd included.
pub(super) fn curves(flags: &Flags) -> Result<Curves, Refusal> {
    Curves::named(&flags.tls_curve_preferences).map_err(refusal)
}

fn crl_mode(given: &str) -> Result<CrlMode, Refusal> {
    match given {
        "etcd" => Ok(CrlMode::Etcd),
        "strict" => Ok(CrlMode::Strict),
        _ => Err(Refusal::new(format!(
            "invalid client-crl-mode {} (must be one of: etcd, strict)",
            quote(given)
        ))),
    }
}

/// What `listener::check` has let through.
fn version(given: &str, unsaid: TlsVersion) -> TlsVersion {
    match given {
        "TLS1.2" => TlsVersion::V1_2,
        "TLS1.3" => TlsVersion::V1_3,
        _ => unsaid,
    }
}

/// The same as the clients', with a certificate of its own where one is named.
fn metrics(flags: &Flags, clients: Option<&ServerTls>, asks: bool) -> Result<ServerTls, Refusal> {
    let own = match (file(&flags.metrics_cert_file), file(&flags.metrics_key_file)) {
        (None, None) => None,
        (Some(cert), Some(key)) => Some((cert, key)),
        (cert, key) => return Err(refusal(tls_termination::Error::HalfPair { cert, key })),
    };
    let mut tls = match (own, clients) {
        (Some((cert, key)), _) => choices(flags, cert, key)?,
        (None, Some(clients)) => clients.clone(),
        (None, None) => return Err(without_certificate(&flags.metrics_addr)),
    };
    if !asks {
        tls.trusted_ca = None;
    }
    if !flags.metrics_cert_file.is_empty() {
        in_order(&tls).check().map_err(refusal)?;
    }
    Ok(tls)
}

fn own_of_metrics_are_used(flags: &Flags, metrics_are_tls: bool) -> Result<(), Refusal> {
    let given =
        [("metrics-cert-file", &flags.metrics_cert_file), ("metrics-key-file", &flags.metrics_key_file)];
    match given.iter().find(|(_, value)| !value.is_empty() && !metrics_are_tls) {
        Some((name, value)) => {
            Err(Refusal::new(format!("invalid {name} {} (--metrics-addr is not https)", quote(value))))
        }
        None => Ok(()),
    }
}

/// Its files are where etcd has them, so either finds what the other has made.
fn self_signed(flags: &Flags) -> Result<SelfSigned, Refusal> {
    let folder = PathBuf::from(&flags.data_dir).join("fixtures").join("proxy");
    let validity = flags.self_signed_cert_validity;
    let years = u32::try_from(validity);
    let years = years.map_err(|_| Refusal::new(format!("invalid self-signed-cert-validity {validity}")))?;
    let made = SelfSigned { folder, names: names(flags), years };
    made.check().map_err(refusal)?;
    Ok(made)
}

/// The names by which clients may know this proxy.
fn names(flags: &Flags) -> Vec<String> {
    let said = [&flags.listen_addr, &flags.advertise_client_url].map(|address| host(address));
    let machine = gethostname::gethostname().into_string().unwrap_or_default();
    let all = ALWAYS.map(str::to_owned).into_iter().chain(said).chain([machine]);
    let mut names: Vec<String> = Vec::new();
    for name in all.filter(|name| !name.is_empty() && !is_any(name)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The host of `host:port`, `[host]:port` or a URL.
fn host(address: &str) -> String {
    let address = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = address.split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

/// Whether it stands for every address of the machine, which is no name.
fn is_any(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}

fn notices(flags: &Flags, named: bool, clients: Option<&ServerTls>) -> Vec<Notice> {
    let without_effect = |flag: &'static str, reason: &'static str| Notice::NoEffect { flag, reason };
    let mut notices = Vec::new();
    if let Some(tls) = clients {
        let shown =
            |file: &Option<PathBuf>| file.as_ref().map(|file| file.display().to_string()).unwrap_or_default();
        notices.push(Notice::ServerTls(TlsFiles {
            cert: tls.cert.display().to_string(),
            key: tls.key.display().to_string(),
            trusted_ca: shown(&tls.trusted_ca),
            crl: shown(&tls.crl),
        }));
    }
    if flags.auto_tls && named {
        notices.push(without_effect("auto-tls", "there is a certificate"));
    }
    if !flags.client_crl_file.is_empty() && clients.is_none_or(|tls| tls.trusted_ca.is_none()) {
        notices.push(without_effect("client-crl-file", "clients are not asked for a certificate"));
    }
    let of_tls: [(&'static str, bool); 3] = [
        ("listen-cipher-suites", !flags.listen_cipher_suites.is_empty()),
        ("tls-min-version", flags.tls_min_version == "TLS1.3"),
        ("tls-max-version", !flags.tls_max_version.is_empty()),
    ];
    let plain = of_tls.into_iter().filter(|(_, given)| *given && clients.is_none());
    notices.extend(plain.map(|(flag, _)| without_effect(flag, "the listener is plain")));
    notices
}

fn refusal(error: tls_termination::Error) -> Refusal {
    Refusal::new(error.to_string())
}
