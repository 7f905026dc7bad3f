//! Go's durations: `1h2m3.5s`, `500ms`, `-5s`, `0`.

use std::{fmt, time::Duration};

use super::quote::time_quote;

/// A span of time as Go has it: nanoseconds with a sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GoDuration {
    nanoseconds: i64,
}

impl GoDuration {
    pub(crate) const ZERO: Self = Self { nanoseconds: 0 };

    /// The span when it is longer than nothing, which is how Go programs ask "was it set".
    pub(crate) fn positive(self) -> Option<Duration> {
        u64::try_from(self.nanoseconds).ok().filter(|n| *n > 0).map(Duration::from_nanos)
    }

    #[cfg(test)]
    pub(super) fn nanoseconds(self) -> i64 {
        self.nanoseconds
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.nanoseconds < 0 { "-" } else { "" };
        write!(f, "{sign}{:?}", Duration::from_nanos(self.nanoseconds.unsigned_abs()))
    }
}

/// `time.ParseDuration`.
pub(crate) fn parse_duration(text: &str) -> Result<GoDuration, String> {
    nanoseconds(text).map(|nanoseconds| GoDuration { nanoseconds }).map_err(|bad| bad.worded(text))
}

enum Bad {
    Duration,
    MissingUnit,
    UnknownUnit(String),
}

impl Bad {
    fn worded(&self, text: &str) -> String {
        let whole = time_quote(text);
        match self {
            Self::Duration => format!("time: invalid duration {whole}"),
            Self::MissingUnit => format!("time: missing unit in duration {whole}"),
            Self::UnknownUnit(unit) => format!("time: unknown unit {} in duration {whole}", time_quote(unit)),
        }
    }
}

fn nanoseconds(text: &str) -> Result<i64, Bad> {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(Bad::Duration);
    }
    let mut sum: u128 = 0;
    while !rest.is_empty() {
        let (part, after) = part(rest)?;
        sum += part;
        if sum > i64::MIN.unsigned_abs().into() {
            return Err(Bad::Duration);
        }
        rest = after;
    }
    let sum = i128::try_from(sum).map_err(|_| Bad::Duration)?;
    let sum = if text.starts_with('-') { -sum } else { sum };
    i64::try_from(sum).map_err(|_| Bad::Duration)
}

/// One number with its unit, in nanoseconds, and what follows it.
fn part(text: &str) -> Result<(u128, &str), Bad> {
    let (whole, rest) = cut(text, |c| c.is_ascii_digit());
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => cut(rest, |c| c.is_ascii_digit()),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(Bad::Duration);
    }
    let (unit, rest) = cut(rest, |c| c != '.' && !c.is_ascii_digit());
    if unit.is_empty() {
        return Err(Bad::MissingUnit);
    }
    let unit = scale(unit).ok_or_else(|| Bad::UnknownUnit(unit.to_owned()))?;
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| Bad::Duration)? };
    Ok((u128::from(whole) * u128::from(unit) + fraction_of(fraction, unit), rest))
}

/// More than eighteen places cannot matter: the longest unit has fewer than 2^42 nanoseconds.
fn fraction_of(digits: &str, unit: u64) -> u128 {
    let digits = digits.get(..18).unwrap_or(digits);
    let numerator: u128 = digits.bytes().fold(0, |sum, digit| sum * 10 + u128::from(digit - b'0'));
    let denominator = digits.bytes().fold(1_u128, |scale, _| scale * 10);
    numerator * u128::from(unit) / denominator
}

fn cut(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at(end)
}

fn scale(unit: &str) -> Option<u64> {
    match unit {
        "ns" => Some(1),
        "us" | "µs" | "μs" => Some(1_000),
        "ms" => Some(1_000_000),
        "s" => Some(1_000_000_000),
        "m" => Some(60_000_000_000),
        "h" => Some(3_600_000_000_000),
        _ => None,
    }
}
