//! Mutated inputs for whatever reads what others wrote. A fuzz target is an ordinary test that calls [`fuzz`].
//!
//! ```text
//! seeds ─► corpus ─► mutation ─► target ─► outcome, new? ─► corpus
//!                                  │
//!                                  └─► panic, or too slow: the input is kept in a file, the test fails
//! ```
//!
//! - `cargo test` gives every target a fixed number of inputs, always the same ones.
//! - `cargo xtask fuzz` gives it time instead, and another seed each time, which it prints. The same seed makes the same
//!   inputs. A new target needs a row in `xtask/src/fuzz.rs`.
//! - The target says in a few words what came of an input, such as the kind of the error. An input with an outcome that
//!   nobody has seen becomes one to mutate further: that is all the guidance there is on stable Rust.
//!
//! Read `run` (the loop), then `mutation`.

mod mutation;
mod run;

pub use run::fuzz;
