//! What `--version` prints: etcd's four lines.

use std::env::consts::{ARCH, OS};

/// The version, the commit, the compiler and the platform.
pub(super) fn text() -> String {
    format!(
        "etcd-grpc-proxy Version: {}\nGit SHA: {}\nRust Version: {}\nRust OS/Arch: {}/{}",
        env!("CARGO_PKG_VERSION"),
        env!("PROXY_GIT_SHA"),
        env!("PROXY_RUSTC_VERSION"),
        go_os(OS),
        go_arch(ARCH),
    )
}

/// Scripts compare these two with what they know from Go programs.
fn go_os(os: &str) -> &str {
    if os == "macos" { "darwin" } else { os }
}

fn go_arch(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        "powerpc64" => "ppc64",
        "loongarch64" => "loong64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_has_etcds_four_lines() {
        let text = text();
        let names: Vec<_> =
            text.lines().filter_map(|line| line.split_once(": ")).map(|(name, _)| name).collect();
        assert_eq!(names, ["etcd-grpc-proxy Version", "Git SHA", "Rust Version", "Rust OS/Arch"]);
    }

    #[test]
    fn platforms_have_gos_names() {
        assert_eq!((go_os("linux"), go_arch("x86_64")), ("linux", "amd64"));
        assert_eq!((go_os("macos"), go_arch("aarch64")), ("darwin", "arm64"));
    }
}
