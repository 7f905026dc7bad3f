//! Values as Go's standard library reads them from a command line, and its words when it cannot.
//!
//! Facts asked of etcd 3.7.3 (Go 1.26); `go_values/tests.rs` lists them.

mod csv;
mod duration;
mod integer;
mod quote;

pub(crate) use csv::parse_csv;
pub(crate) use duration::{GoDuration, parse_duration};
pub(crate) use integer::{parse_int, parse_uint, parse_uint32};
pub(crate) use quote::quote;

/// `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {}: invalid syntax", quote(text))),
    }
}

#[cfg(test)]
mod tests;
