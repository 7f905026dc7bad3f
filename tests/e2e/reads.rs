//! Reads that share transactions: nobody but etcd can tell.

mod equality;
mod linearizability;
mod sharing;
