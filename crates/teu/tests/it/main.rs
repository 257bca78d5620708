//! End to end: the real executable, in namespaces of its own.

mod container_exec;
mod container_logs;
mod container_run;
mod container_stop;
mod crash;
mod image;
mod network;
mod security;
mod support;
