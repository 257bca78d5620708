use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Where containers are kept, unless `--root` says otherwise.
pub(crate) const DEFAULT_ROOT: &str = "/run/teu-runtime";

#[derive(Debug, Parser)]
#[command(name = "teu-runtime", about = "An OCI runtime", version = version(), disable_version_flag = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
    /// Print the version
    #[arg(short = 'v', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// Engines read the first line for the version and `spec:` for that of the specification.
fn version() -> String {
    format!("{}\nspec: {}", env!("CARGO_PKG_VERSION"), teu_oci::runtime::VERSION)
}

/// Flags before the command.
#[derive(Debug, Args)]
pub(super) struct Global {
    /// Directory for the containers' state
    #[arg(long, default_value = DEFAULT_ROOT)]
    pub(super) root: PathBuf,
    /// File for the log
    #[arg(long)]
    pub(super) log: Option<PathBuf>,
    /// Format of the log
    #[arg(long, value_enum, default_value = "text")]
    pub(super) log_format: LogFormat,
    /// Log more
    #[arg(long)]
    pub(super) debug: bool,
    /// Read the cgroup's path as slice:prefix:name
    #[arg(long)]
    pub(super) systemd_cgroup: bool,
    /// The cgroup manager, as crun calls it
    #[arg(long, hide = true)]
    pub(super) cgroup_manager: Option<String>,
    /// Tolerate what an ordinary user may not do
    #[arg(long, default_value = "auto", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(super) rootless: String,
    /// Ignored; checkpoints are not supported
    #[arg(long, hide = true)]
    criu: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Create a container
    Create(Create),
    /// Create a container and start it
    Run(Run),
    /// Start a container that has been created
    Start(Id),
    /// Print a container's state
    State(Id),
    /// Send a signal to a container's first process
    Kill(Kill),
    /// Delete a container that has ended
    Delete(Delete),
    /// Run another process in a container
    Exec(Exec),
    /// List a container's processes
    Ps(Ps),
    /// List containers
    List(List),
    /// Freeze all processes of a container
    Pause(Id),
    /// Thaw all processes of a container
    Resume(Id),
    /// Change a container's limits
    Update(Update),
    /// Print a container's resource usage and events
    Events(Events),
    /// Print what this runtime can do
    Features,
    /// Write an example configuration
    Spec(Spec),
    /// Not supported yet
    #[command(hide = true)]
    Checkpoint(Anything),
    /// Not supported yet
    #[command(hide = true)]
    Restore(Anything),
}

#[derive(Debug, Args)]
pub(super) struct Id {
    /// The container
    pub(super) id: String,
}

#[derive(Debug, Args)]
pub(super) struct Anything {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// Directory with config.json
    #[arg(short, long, default_value = ".")]
    pub(super) bundle: PathBuf,
    /// Unix socket that gets the terminal's master
    #[arg(long)]
    pub(super) console_socket: Option<PathBuf>,
    /// Unix socket that gets the first process's pidfd
    #[arg(long)]
    pub(super) pidfd_socket: Option<PathBuf>,
    /// File for the first process's id
    #[arg(long)]
    pub(super) pid_file: Option<PathBuf>,
    /// Change the root by chroot: for hosts that run from an initramfs
    #[arg(long)]
    pub(super) no_pivot: bool,
    /// Stay in the caller's session keyring
    #[arg(long)]
    pub(super) no_new_keyring: bool,
    /// Pass on this many descriptors, from 3 on
    #[arg(long, default_value_t = 0)]
    pub(super) preserve_fds: u16,
    /// The container
    pub(super) id: String,
}

impl Create {
    /// Whether somebody is told of the process before its program runs.
    pub(super) fn hands_over(&self) -> bool {
        self.console_socket.is_some() || self.pidfd_socket.is_some() || self.pid_file.is_some()
    }
}

#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) create: Create,
    /// Return once the container runs
    #[arg(short, long)]
    pub(super) detach: bool,
    /// Keep the container when it has ended
    #[arg(long)]
    pub(super) keep: bool,
    /// Do not take care of orphaned processes
    #[arg(long)]
    pub(super) no_subreaper: bool,
}

#[derive(Debug, Args)]
pub(super) struct Kill {
    /// Signal all processes of the container
    #[arg(short, long)]
    pub(super) all: bool,
    /// The container
    pub(super) id: String,
    /// Name or number
    #[arg(default_value = "SIGTERM")]
    pub(super) signal: String,
}

#[derive(Debug, Args)]
pub(super) struct Delete {
    /// Kill the container first, and do not mind if it does not exist
    #[arg(short, long)]
    pub(super) force: bool,
    /// The container
    pub(super) id: String,
}

#[derive(Debug, Args)]
pub(super) struct Exec {
    /// Unix socket that gets the terminal's master
    #[arg(long)]
    pub(super) console_socket: Option<PathBuf>,
    /// Unix socket that gets the process's pidfd
    #[arg(long)]
    pub(super) pidfd_socket: Option<PathBuf>,
    /// Working directory in the container
    #[arg(long)]
    pub(super) cwd: Option<PathBuf>,
    /// NAME=value for the environment
    #[arg(short, long)]
    pub(super) env: Vec<String>,
    /// Attach a terminal
    #[arg(short, long)]
    pub(super) tty: bool,
    /// uid or uid:gid
    #[arg(short, long)]
    pub(super) user: Option<String>,
    /// Supplementary group
    #[arg(short = 'g', long)]
    pub(super) additional_gids: Vec<u32>,
    /// File with the process as in a configuration
    #[arg(short, long)]
    pub(super) process: Option<PathBuf>,
    /// Return once the process runs
    #[arg(short, long)]
    pub(super) detach: bool,
    /// File for the process's id
    #[arg(long)]
    pub(super) pid_file: Option<PathBuf>,
    /// SELinux label
    #[arg(long)]
    pub(super) process_label: Option<String>,
    /// AppArmor profile
    #[arg(long)]
    pub(super) apparmor: Option<String>,
    /// Forgo gaining privileges by execve
    #[arg(long)]
    pub(super) no_new_privs: bool,
    /// Capability to add
    #[arg(short, long)]
    pub(super) cap: Vec<String>,
    /// Pass on this many descriptors, from 3 on
    #[arg(long, default_value_t = 0)]
    pub(super) preserve_fds: u16,
    /// Cgroup below the container's
    #[arg(long)]
    pub(super) cgroup: Vec<String>,
    /// Go ahead in a paused container
    #[arg(long)]
    pub(super) ignore_paused: bool,
    /// Take care of orphaned processes; not needed here
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true)]
    subreaper: Option<Option<String>>,
    /// The container
    pub(super) id: String,
    /// Program and arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Ps {
    /// Output format
    #[arg(short, long, value_enum, default_value = "table")]
    pub(super) format: TableFormat,
    /// The container
    pub(super) id: String,
    /// Options for ps
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(super) options: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Output format
    #[arg(short, long, value_enum, default_value = "table")]
    pub(super) format: TableFormat,
    /// Print ids only
    #[arg(short, long)]
    pub(super) quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TableFormat {
    Table,
    Json,
}

#[derive(Debug, Args)]
#[command(allow_negative_numbers = true)]
pub(super) struct Update {
    /// File with resources as in a configuration; - for standard input
    #[arg(short, long)]
    pub(super) resources: Option<PathBuf>,
    /// Weight of block I/O
    #[arg(long)]
    pub(super) blkio_weight: Option<u16>,
    /// Period of the CPU quota, in microseconds
    #[arg(long)]
    pub(super) cpu_period: Option<u64>,
    /// CPU time per period, in microseconds
    #[arg(long)]
    pub(super) cpu_quota: Option<i64>,
    /// CPU time that may be saved up, in microseconds
    #[arg(long)]
    pub(super) cpu_burst: Option<u64>,
    /// Weight of CPU time
    #[arg(long)]
    pub(super) cpu_share: Option<u64>,
    /// Period of real-time processes, in microseconds
    #[arg(long)]
    pub(super) cpu_rt_period: Option<u64>,
    /// Run time of real-time processes, in microseconds
    #[arg(long)]
    pub(super) cpu_rt_runtime: Option<i64>,
    /// CPUs
    #[arg(long)]
    pub(super) cpuset_cpus: Option<String>,
    /// Memory nodes
    #[arg(long)]
    pub(super) cpuset_mems: Option<String>,
    /// 1: run only when nothing else does
    #[arg(long)]
    pub(super) cpu_idle: Option<i64>,
    /// Ignored: the kernel has no such limit any more
    #[arg(long, hide = true)]
    kernel_memory: Option<String>,
    /// Limit of kernel memory for TCP buffers, in bytes
    #[arg(long)]
    pub(super) kernel_memory_tcp: Option<i64>,
    /// Limit of memory, in bytes
    #[arg(short, long)]
    pub(super) memory: Option<i64>,
    /// Soft limit of memory, in bytes
    #[arg(long)]
    pub(super) memory_reservation: Option<i64>,
    /// Limit of memory and swap, in bytes
    #[arg(long)]
    pub(super) memory_swap: Option<i64>,
    /// Limit of processes
    #[arg(long)]
    pub(super) pids_limit: Option<i64>,
    /// The container
    pub(super) id: String,
}

#[derive(Debug, Args)]
pub(super) struct Events {
    /// Time between two reports, such as 5s
    #[arg(long, default_value = "5s")]
    pub(super) interval: String,
    /// Report once
    #[arg(long)]
    pub(super) stats: bool,
    /// The container
    pub(super) id: String,
}

#[derive(Debug, Args)]
pub(super) struct Spec {
    /// Directory to write config.json to
    #[arg(short, long, default_value = ".")]
    pub(super) bundle: PathBuf,
    /// For an ordinary user
    #[arg(long)]
    pub(super) rootless: bool,
}
