//! How long a caller waits, as gRPC writes it.

use std::time::Duration;

use http::HeaderMap;

/// The `grpc-timeout` of a call: how long from its start on its caller waits. None where there is none, or one that
/// gRPC does not know.
pub fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    // gRPC has no longer ones, so none of these overflows.
    let value: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(value * 3600),
        "M" => Duration::from_secs(value * 60),
        "S" => Duration::from_secs(value),
        "m" => Duration::from_millis(value),
        "u" => Duration::from_micros(value),
        "n" => Duration::from_nanos(value),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn of(text: &str) -> Option<Duration> {
        timeout(&HeaderMap::from_iter([(HeaderName::from_static("grpc-timeout"), text.parse().unwrap())]))
    }

    #[test]
    fn timeouts_of_every_unit_are_understood_and_others_ignored() {
        assert_eq!(of("1H"), Some(Duration::from_secs(3600)));
        assert_eq!(of("2M"), Some(Duration::from_secs(120)));
        assert_eq!(of("99999999S"), Some(Duration::from_secs(99_999_999)));
        assert_eq!(of("3m"), Some(Duration::from_millis(3)));
        assert_eq!(of("4u"), Some(Duration::from_micros(4)));
        assert_eq!(of("5n"), Some(Duration::from_nanos(5)));
        assert_eq!(of("1500m"), Some(Duration::from_millis(1500)));
        for text in
            ["", "S", "1", "1x", "-1S", "123456789S", "99999999999999999999H", "18446744073709551615H"]
        {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(timeout(&HeaderMap::new()), None);
    }
}
