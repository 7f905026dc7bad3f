//! Go's integers with base 0: `10`, `0x1f`, `0o17`, `017`, `0b11`, and `1_000`.

use super::quote;

enum Bad {
    Syntax,
    Range,
}

/// `strconv.ParseInt` with 64 bits.
pub(crate) fn parse_int(text: &str) -> Result<i64, String> {
    signed(text).map_err(|bad| worded("ParseInt", text, &bad))
}

/// `strconv.ParseUint` with 64 bits.
pub(crate) fn parse_uint(text: &str) -> Result<u64, String> {
    unsigned(text, u64::MAX).map_err(|bad| worded("ParseUint", text, &bad))
}

/// `strconv.ParseUint` with 32 bits.
pub(crate) fn parse_uint32(text: &str) -> Result<u32, String> {
    let value = unsigned(text, u32::MAX.into()).map_err(|bad| worded("ParseUint", text, &bad))?;
    u32::try_from(value).map_err(|_| worded("ParseUint", text, &Bad::Range))
}

fn worded(function: &str, text: &str, bad: &Bad) -> String {
    let reason = match bad {
        Bad::Syntax => "invalid syntax",
        Bad::Range => "value out of range",
    };
    format!("strconv.{function}: parsing {}: {reason}", quote(text))
}

fn signed(text: &str) -> Result<i64, Bad> {
    let magnitude = text.strip_prefix(['+', '-']).unwrap_or(text);
    let value = i128::from(unsigned(magnitude, u64::MAX)?);
    let value = if text.starts_with('-') { -value } else { value };
    i64::try_from(value).map_err(|_| Bad::Range)
}

/// Left to right, so that the first thing wrong is the one reported; underscores are judged last, as Go does.
fn unsigned(text: &str, max: u64) -> Result<u64, Bad> {
    let (base, digits) = base(text);
    let mut value: u64 = 0;
    let mut any = false;
    for c in digits.chars().filter(|c| *c != '_') {
        let digit = c.to_digit(base).ok_or(Bad::Syntax)?;
        let next = value.checked_mul(base.into()).and_then(|value| value.checked_add(digit.into()));
        value = next.filter(|next| *next <= max).ok_or(Bad::Range)?;
        any = true;
    }
    if any && underscores_separate(text) { Ok(value) } else { Err(Bad::Syntax) }
}

fn base(text: &str) -> (u32, &str) {
    let prefixes = [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)];
    let prefixed = prefixes.iter().find_map(|(prefix, base)| Some((*base, text.strip_prefix(prefix)?)));
    match prefixed {
        Some(found) => found,
        None if text.len() > 1 && text.starts_with('0') => (8, text),
        None => (10, text),
    }
}

/// Each underscore stands between two digits, where a base's prefix counts as a digit.
fn underscores_separate(text: &str) -> bool {
    let plain_edges = !text.starts_with('_') && !text.ends_with('_');
    plain_edges && !text.contains("__")
}
