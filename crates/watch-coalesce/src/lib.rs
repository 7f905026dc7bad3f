//! (in the making)
mod assemble;
mod batch;
mod config;
mod counters;
mod groups;
mod key;
mod log;
mod refusal;
mod session;

#[cfg(test)]
mod double;
