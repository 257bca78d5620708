//! The teu executable: picks the role by its name or first argument.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use teu_cli::Build;

/// musl's own gives each larger piece back to the kernel at once. What this one costs and saves: docs/design/executable.md.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    Build { commit: env!("TEU_BUILD_COMMIT"), time: env!("TEU_BUILD_TIME").parse().ok() }.declare();
    let mut args = std::env::args_os();
    let name = args.next().unwrap_or_default();
    let mut args: Vec<OsString> = args.collect();
    match (file_name(&name), args.first().and_then(|arg| arg.to_str())) {
        ("dockerd", _) => teu_daemon::dockerd_main(args),
        ("teu-runtime", _) => teu_runtime::cli::main([name].into_iter().chain(args)),
        // As `docker`, the first word is always a command of the command line.
        ("docker", _) => teu_cli::main([name].into_iter().chain(args)),
        (_, Some("daemon")) => teu_daemon::main(args.split_off(1)),
        (_, Some("keeper")) => teu_keeper::main(args.split_off(1)),
        (_, Some("runtime")) => teu_runtime::cli::main(args),
        _ => teu_cli::main([name].into_iter().chain(args)),
    }
}

/// The last part of the path the executable was called by.
fn file_name(path: &OsString) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
