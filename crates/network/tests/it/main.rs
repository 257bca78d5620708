//! Networks against the kernel, each test in a host of its own.
//!
//! A "host" is a thread in a new network namespace, the "outside" another namespace joined to it by a veth pair, and a
//! container a thread in the namespace that it was given: nothing of the machine's own network is touched, and all of it
//! is gone when the last descriptor is closed.

#![allow(clippy::print_stdout, reason = "timings are printed")]

mod adopt;
mod attach;
mod join;
mod manage;
mod names;
mod publish;
mod reach;
mod world;
