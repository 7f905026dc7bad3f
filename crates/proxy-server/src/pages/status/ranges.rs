//! A range of keys in words, with its keys or without.

use admin_http::Cell;

/// Bytes of a key that are shown.
const SHOWN: usize = 80;

/// The range as people write it, or what kind of range it is where keys are not for everybody.
pub(super) fn cell(key: &[u8], range_end: &[u8], shows_keys: bool) -> Cell {
    if !shows_keys {
        return kind(key, range_end).into();
    }
    let shown = match range_end {
        [] => escaped(key),
        [0] if key == b"\0" => return "all keys".into(),
        [0] => format!("{}…", escaped(key)),
        end if prefix_end(key).as_deref() == Some(end) => format!("{}*", escaped(key)),
        end => format!("{} … {}", escaped(key), escaped(end)),
    };
    Cell::Code(shown)
}

fn kind(key: &[u8], range_end: &[u8]) -> String {
    let length = key.len();
    match range_end {
        [] => format!("a key of {length} bytes"),
        [0] if key == b"\0" => "all keys".to_owned(),
        [0] => format!("all keys from one of {length} bytes on"),
        end if prefix_end(key).as_deref() == Some(end) => format!("a prefix of {length} bytes"),
        _ => format!("a range from a key of {length} bytes on"),
    }
}

/// The end of the range of all keys that begin with `prefix`, as etcd's clients make it.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    let byte = end.last_mut()?;
    *byte += 1;
    Some(end)
}

/// Text as it is, other bytes as Rust writes them.
fn escaped(key: &[u8]) -> String {
    let shown = key.get(..SHOWN).unwrap_or(key);
    let text = match std::str::from_utf8(shown) {
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => shown.escape_ascii().to_string(),
    };
    if shown.len() < key.len() { format!("{text}[+{} bytes]", key.len() - shown.len()) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_written_as_people_write_it() {
        let long = "k".repeat(100);
        let cases: [(&[u8], &[u8], &str, &str); 7] = [
            (b"a", b"", "a", "a key of 1 bytes"),
            (b"\xff\n", b"", "\\xff\\n", "a key of 2 bytes"),
            (b"dir/", b"dir0", "dir/*", "a prefix of 4 bytes"),
            (b"a\xff", b"b", "a\\xff*", "a prefix of 2 bytes"),
            (b"a", b"\0", "a…", "all keys from one of 1 bytes on"),
            (b"a", b"c", "a … c", "a range from a key of 1 bytes on"),
            (long.as_bytes(), b"", &format!("{}[+20 bytes]", "k".repeat(80)), "a key of 100 bytes"),
        ];
        for (key, end, shown, hidden) in cases {
            assert_eq!(cell(key, end, true), Cell::Code(shown.to_owned()));
            assert_eq!(cell(key, end, false), Cell::Text(hidden.to_owned()));
        }
        assert_eq!(cell(b"\0", b"\0", true), Cell::Text("all keys".to_owned()));
    }
}
