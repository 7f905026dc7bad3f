//! placeholder
#![allow(dead_code)]
mod allowance;
mod answer;
mod caller;
mod config;
mod counters;
mod executed;
mod guarded;
mod guards;
mod local;
mod moment;
mod names;
mod newest;
#[cfg(test)]
mod ops;
mod session;
mod writes;
