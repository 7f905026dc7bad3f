//! The machine, one behaviour a test.

mod blockages;
mod losses;
mod sharing;
