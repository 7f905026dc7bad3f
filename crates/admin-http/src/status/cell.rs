//! A value, and its words for people.

use std::time::Duration;

/// A value of a status page.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// Nothing to say.
    Nothing,
    /// Words.
    Text(String),
    /// Something that is written as a program would write it: an address, a key.
    Code(String),
    /// A word that says whether something is good.
    State(String, Tone),
    /// Yes or no.
    Flag(bool),
    /// A number of something.
    Number(f64, Unit),
}

/// Whether something is good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    #[default]
    Good,
    /// Somebody should have a look.
    Warning,
    /// Something does not work.
    Bad,
    /// Neither good nor bad.
    Neutral,
}

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// A share of one.
    Share,
    /// So many for each one of something else.
    Ratio,
    /// Seconds.
    Seconds,
    /// Things in a second.
    PerSecond,
    /// Bytes in a second.
    BytesPerSecond,
    /// Seconds of a processor in a second.
    Cores,
}

impl Cell {
    /// So many things.
    pub fn count(n: u64) -> Self {
        Self::Number(n as f64, Unit::Count)
    }

    /// So many bytes.
    pub fn bytes(n: u64) -> Self {
        Self::Number(n as f64, Unit::Bytes)
    }

    /// A share of all, or nothing where there is no whole.
    pub fn share(part: u64, whole: u64) -> Self {
        if whole == 0 { Self::Nothing } else { Self::Number(part as f64 / whole as f64, Unit::Share) }
    }

    /// So many for each, or nothing where there is none.
    pub fn ratio(of: u64, each: u64) -> Self {
        if each == 0 { Self::Nothing } else { Self::Number(of as f64 / each as f64, Unit::Ratio) }
    }

    /// Something as a program would write it.
    pub fn code(text: impl ToString) -> Self {
        Self::Code(text.to_string())
    }

    /// A good or bad word.
    pub fn state(word: impl Into<String>, tone: Tone) -> Self {
        Self::State(word.into(), tone)
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Number(..))
    }

    /// The value for people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Nothing => "–".to_owned(),
            Self::Text(text) | Self::Code(text) | Self::State(text, _) => text.clone(),
            Self::Flag(true) => "yes".to_owned(),
            Self::Flag(false) => "no".to_owned(),
            Self::Number(number, unit) => unit.shown(*number),
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Cell {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Duration> for Cell {
    fn from(duration: Duration) -> Self {
        Self::Number(duration.as_secs_f64(), Unit::Seconds)
    }
}

impl<T: Into<Self>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

impl Unit {
    /// The number with its unit.
    pub(super) fn shown(self, number: f64) -> String {
        match self {
            Self::Count => whole(number),
            Self::Bytes => bytes(number),
            Self::BytesPerSecond => format!("{}/s", bytes(number)),
            Self::Share => format!("{:.1} %", number * 100.0),
            Self::Ratio => format!("{number:.1} : 1"),
            Self::Seconds => seconds(number),
            Self::PerSecond if number < 10.0 => format!("{}/s", tenths(number)),
            Self::PerSecond => format!("{}/s", whole(number)),
            Self::Cores => format!("{number:.2}"),
        }
    }
}

/// With a thin space between each three digits.
fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |digits| ("-", digits));
    let mut shown = sign.to_owned();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push('\u{202f}');
        }
        shown.push(digit);
    }
    shown
}

fn tenths(number: f64) -> String {
    let shown = format!("{number:.1}");
    shown.strip_suffix(".0").map_or(shown.clone(), str::to_owned)
}

fn bytes(number: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power =
        (0..UNITS.len() - 1).take_while(|power| number.abs() >= 1024_f64.powi(*power as i32 + 1)).count();
    let unit = UNITS.get(power).copied().unwrap_or_default();
    let scaled = number / 1024_f64.powi(power as i32);
    if power == 0 || scaled >= 100.0 { format!("{scaled:.0} {unit}") } else { format!("{scaled:.1} {unit}") }
}

/// The two largest units.
fn seconds(number: f64) -> String {
    if number < 0.0 {
        return format!("-{}", seconds(-number));
    }
    let all = number as u64;
    let (days, hours, minutes) = (all / 86_400, all / 3600 % 24, all / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if number < 1.0 && number > 0.0 => format!("{:.0} ms", number * 1000.0),
        (0, 0, 0) => format!("{all} s"),
        (0, 0, _) => format!("{minutes} min {} s", all % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_people_read_them() {
        let cases = [
            (Unit::Count, 0.0, "0"),
            (Unit::Count, 1_234_567.0, "1\u{202f}234\u{202f}567"),
            (Unit::Count, -1234.0, "-1\u{202f}234"),
            (Unit::Bytes, 1023.0, "1023 B"),
            (Unit::Bytes, 1024.0, "1.0 KiB"),
            (Unit::Bytes, 150.0 * 1024.0, "150 KiB"),
            (Unit::BytesPerSecond, 3.5 * 1024.0 * 1024.0, "3.5 MiB/s"),
            (Unit::Share, 0.9876, "98.8 %"),
            (Unit::Ratio, 12.34, "12.3 : 1"),
            (Unit::PerSecond, 3.0, "3/s"),
            (Unit::PerSecond, 0.25, "0.2/s"),
            (Unit::PerSecond, 12_345.6, "12\u{202f}346/s"),
            (Unit::Seconds, 0.25, "250 ms"),
            (Unit::Seconds, 59.9, "59 s"),
            (Unit::Seconds, 61.0, "1 min 1 s"),
            (Unit::Seconds, 7260.0, "2 h 1 min"),
            (Unit::Seconds, 90_000.0, "1 d 1 h"),
            (Unit::Seconds, -90_000.0, "-1 d 1 h"),
            (Unit::Cores, 0.128, "0.13"),
        ];
        for (unit, number, shown) in cases {
            assert_eq!(unit.shown(number), shown, "{unit:?} {number}");
        }
    }

    #[test]
    fn a_share_of_nothing_is_nothing() {
        assert_eq!(Cell::share(1, 0).shown(), "–");
        assert_eq!(Cell::share(1, 4).shown(), "25.0 %");
        assert_eq!(Cell::ratio(9, 0), Cell::Nothing);
    }
}
