//! The machine, by tables.
