//! What etcd 3.7.3 answered for each text, asked through its flags.

use super::*;

#[test]
fn booleans_are_the_thirteen_words_of_go() {
    for text in ["1", "t", "T", "true", "TRUE", "True"] {
        assert_eq!(parse_bool(text), Ok(true));
    }
    for text in ["0", "f", "F", "false", "FALSE", "False"] {
        assert_eq!(parse_bool(text), Ok(false));
    }
    for text in ["", "maybe", "tRUE", "yes"] {
        assert_eq!(parse_bool(text), Err(format!("strconv.ParseBool: parsing \"{text}\": invalid syntax")));
    }
}

#[test]
fn integers_have_gos_bases_and_underscores() {
    let good =
        [("5", 5), ("+5", 5), ("-5", -5), ("010", 8), ("0x10", 16), ("0x_1f", 31), ("0b11", 3), ("0o17", 15)];
    for (text, value) in good {
        assert_eq!(parse_int(text), Ok(value), "{text}");
    }
    for (text, value) in [("1_0", 10), ("0_1", 1), ("0", 0), ("-9223372036854775808", i64::MIN)] {
        assert_eq!(parse_int(text), Ok(value), "{text}");
    }
    for text in ["", "x", "--bad", "--", "0x", "08", "1__0", "_1", "1_", " 5", "-", "+-1"] {
        assert_eq!(parse_int(text), Err(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax")));
    }
    for text in ["99999999999999999999", "9223372036854775808", "99999999999999999999x"] {
        assert_eq!(parse_int(text), Err(format!("strconv.ParseInt: parsing \"{text}\": value out of range")));
    }
}

#[test]
fn unsigned_integers_have_no_sign() {
    assert_eq!(parse_uint32("4294967295"), Ok(u32::MAX));
    assert_eq!(parse_uint32("1_0"), Ok(10));
    assert_eq!(parse_uint("18446744073709551615"), Ok(u64::MAX));
    for text in ["-1", "+5", "x", ""] {
        assert_eq!(parse_uint32(text), Err(format!("strconv.ParseUint: parsing \"{text}\": invalid syntax")));
    }
    let too_large = |text: &str| format!("strconv.ParseUint: parsing \"{text}\": value out of range");
    assert_eq!(parse_uint32("4294967296"), Err(too_large("4294967296")));
    assert_eq!(parse_uint("18446744073709551616"), Err(too_large("18446744073709551616")));
}

#[test]
fn durations_are_numbers_with_units() {
    let good = [
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("500ms", 500_000_000),
        ("1h2m3.5s", 3_723_500_000_000),
        (".5s", 500_000_000),
        ("1.s", 1_000_000_000),
        ("-5s", -5_000_000_000),
        ("+1us", 1_000),
        ("1µs", 1_000),
        ("2562047h47m16.854775807s", i64::MAX),
        ("-2562047h47m16.854775808s", i64::MIN),
    ];
    for (text, nanoseconds) in good {
        assert_eq!(parse_duration(text).map(GoDuration::nanoseconds), Ok(nanoseconds), "{text}");
    }
}

#[test]
fn bad_durations_are_refused_in_gos_words() {
    let bad = [
        ("5", r#"time: missing unit in duration "5""#),
        ("1s5", r#"time: missing unit in duration "1s5""#),
        ("x", r#"time: invalid duration "x""#),
        ("", r#"time: invalid duration """#),
        ("-", r#"time: invalid duration "-""#),
        (".s", r#"time: invalid duration ".s""#),
        ("99999999999h", r#"time: invalid duration "99999999999h""#),
        ("2562047h47m16.854775808s", r#"time: invalid duration "2562047h47m16.854775808s""#),
        ("5x", r#"time: unknown unit "x" in duration "5x""#),
        ("1 s", r#"time: unknown unit " s" in duration "1 s""#),
        ("1é", r#"time: unknown unit "\xc3\xa9" in duration "1\xc3\xa9""#),
    ];
    for (text, message) in bad {
        assert_eq!(parse_duration(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn only_more_than_nothing_is_positive() {
    assert_eq!(parse_duration("0").unwrap().positive(), None);
    assert_eq!(parse_duration("-1s").unwrap().positive(), None);
    assert_eq!(parse_duration("1ns").unwrap().positive(), Some(std::time::Duration::from_nanos(1)));
    assert_eq!(parse_duration("-1.5s").unwrap().to_string(), "-1.5s");
}

#[test]
fn lists_are_comma_separated_with_quotes() {
    let good: [(&str, &[&str]); 10] = [
        ("", &[]),
        ("a", &["a"]),
        ("a,b", &["a", "b"]),
        ("a,,b", &["a", "", "b"]),
        (",", &["", ""]),
        (r#""a,b",c"#, &["a,b", "c"]),
        (r#""a""b""#, &["a\"b"]),
        ("a\nb", &["a"]),
        ("\nb", &["b"]),
        ("a b", &["a b"]),
    ];
    for (text, values) in good {
        assert_eq!(parse_csv(text).unwrap(), values, "{text:?}");
    }
}

#[test]
fn stray_quotes_in_lists_are_refused_in_gos_words() {
    let bad = [
        (r#""a"#, r#"parse error on line 1, column 3: extraneous or missing " in quoted-field"#),
        (r#""a"b"#, r#"parse error on line 1, column 3: extraneous or missing " in quoted-field"#),
        (r#"a"b"#, r#"parse error on line 1, column 2: bare " in non-quoted-field"#),
        (r#" "a""#, r#"parse error on line 1, column 2: bare " in non-quoted-field"#),
    ];
    for (text, message) in bad {
        assert_eq!(parse_csv(text), Err(message.to_owned()), "{text}");
    }
}

#[test]
fn quotes_are_gos() {
    assert_eq!(quote("a\"b\\c\n\x01é"), "\"a\\\"b\\\\c\\n\\x01é\"");
}
