//! `gateway start`: TCP connections to whichever member answers, beside etcd's own gateway.

mod drain;
mod ends;
mod faults;
mod many;
mod pages;
mod words;
