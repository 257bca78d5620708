//! End to end: the real executable, in namespaces of its own.

mod api;
mod apparmor;
mod container_commit;
mod container_cp;
mod container_exec;
mod container_flags;
mod container_health;
mod container_log_drivers;
mod container_logs;
mod container_ls;
mod container_run;
mod container_share;
mod container_stats;
mod container_stop;
mod container_update;
mod container_why;
mod crash;
mod image;
mod kernel;
mod network;
mod prune;
mod security;
mod support;
mod system_df;
mod volume;
