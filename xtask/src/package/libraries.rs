//! Which versions of the system's libraries a binary needs, by the names that are in it.

/// The packages that it depends on.
pub(super) fn depends(binary: &[u8]) -> String {
    let libc = newest(binary, b"GLIBC_").map(|(major, minor)| format!("libc6 (>= {major}.{minor})"));
    let gcc = newest(binary, b"GCC_").map(|_| "libgcc-s1 (>= 4.2)".to_owned());
    libc.into_iter().chain(gcc).collect::<Vec<_>>().join(", ")
}

/// The newest of the versions that follow the prefix anywhere.
fn newest(binary: &[u8], prefix: &[u8]) -> Option<(u32, u32)> {
    let starts = binary.windows(prefix.len()).enumerate().filter(|(_, window)| *window == prefix);
    starts.filter_map(|(at, _)| version(binary.get(at + prefix.len()..)?)).max()
}

fn version(text: &[u8]) -> Option<(u32, u32)> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.')?;
    let mut numbers = std::str::from_utf8(text.get(..end)?).ok()?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts_and_what_is_none_does_not() {
        let binary = b"\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_PRIVATE\0GLIBC_2.17.1\0GCC_3.0\0";
        assert_eq!(depends(binary), "libc6 (>= 2.34), libgcc-s1 (>= 4.2)");
        assert_eq!(depends(b"nothing"), "");
        assert_eq!(depends(b"GLIBC_2"), "");
    }
}
