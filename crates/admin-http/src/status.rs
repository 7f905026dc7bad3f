//! A status page: what a server says of itself, as HTML for a browser, JSON for programs and text for a terminal.
//!
//! The server fills a [`Report`]; how it looks is decided here alone.

mod cell;
mod html;
mod json;
mod page;
mod report;
mod text;
mod trail;

pub use cell::{Cell, Tone, Unit};
pub use page::StatusPage;
pub use report::{Column, Fact, Report, Section, Table, Trend};
pub use trail::{Sampler, Trails};

#[cfg(test)]
mod tests;
