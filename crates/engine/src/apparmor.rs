//! AppArmor: whether profiles are enforced here, and the profile of containers that name none.
//!
//! Docker keeps its default profile in the kernel only, under a name that users write into scripts: so does the engine. What
//! compiles profiles, `apparmor_parser`, belongs to the system, since what it makes depends on the kernel; without it
//! containers have no profile unless they name one, as with Docker.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// What to write for no profile.
pub(crate) const UNCONFINED: &str = "unconfined";
/// Name of the default profile: Docker's.
pub(crate) const DEFAULT: &str = "docker-default";

/// Whether the module is on: `Y` or `N`.
const ENABLED: &str = "/sys/module/apparmor/parameters/enabled";
/// A line for each loaded profile: `NAME (MODE)`.
const LOADED: &str = "/sys/kernel/security/apparmor/profiles";
/// Where distributions put what profiles include.
const INCLUDES: &str = "/etc/apparmor.d";
const PARSER: &str = "apparmor_parser";

/// Held while the default profile is loaded, so that starts wait for it instead of loading it again.
static LOADING: Mutex<()> = Mutex::new(());

/// What AppArmor does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AppArmor {
    /// Nothing: not built, turned off, or managed from outside of the container that the engine runs in.
    Off,
    /// It enforces profiles that containers name. The default one is not there and cannot be loaded, for this reason.
    NamedOnly(&'static str),
    /// It confines every container.
    On,
}

impl AppArmor {
    /// Looks.
    pub(crate) fn detect() -> AppArmor {
        let enabled = std::fs::read_to_string(ENABLED).is_ok_and(|text| text.starts_with('Y'));
        // Set by whoever runs an engine in a container; profiles are the host's then.
        if !enabled || std::env::var_os("container").is_some_and(|name| !name.is_empty()) {
            return AppArmor::Off;
        }
        let found = match default_is_loaded() {
            Ok(true) => AppArmor::On,
            Ok(false) if parser().is_some() => AppArmor::On,
            Ok(false) => AppArmor::NamedOnly("apparmor_parser is not installed"),
            Err(_) => AppArmor::NamedOnly("/sys/kernel/security/apparmor is not there"),
        };
        if let Some(warning) = found.warning() {
            tracing::warn!("{warning}");
        }
        found
    }

    /// Loads the default profile unless it is there, away from whoever waits for the engine. One that another engine over the
    /// same `exec_root` loaded, an older version perhaps, is replaced if it differs; one that Docker loaded is not.
    pub(crate) fn begin(self, exec_root: &Path) {
        if self != AppArmor::On || parser().is_none() {
            return;
        }
        let note = exec_root.join("apparmor-profile");
        std::thread::spawn(move || {
            let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
            let text = default_profile();
            let same = std::fs::read_to_string(&note).map_or(true, |loaded| loaded == text);
            if same && default_is_loaded().unwrap_or(false) {
                return;
            }
            // Not the end: every start tries again, and is refused as long as it fails.
            if let Err(error) = load_default() {
                tracing::error!(%error, "containers that name no AppArmor profile cannot start");
            } else if let Err(error) = std::fs::write(&note, text) {
                tracing::warn!(path = %note.display(), %error, "a later version will not replace its AppArmor profile");
            }
        });
    }

    /// The profile of a container that names none; empty where none is set.
    pub(crate) fn profile_of(self, privileged: bool) -> &'static str {
        match self {
            // Not even none: an engine that is confined itself may not be allowed to leave its profile.
            AppArmor::Off | AppArmor::NamedOnly(_) => "",
            AppArmor::On if privileged => UNCONFINED,
            AppArmor::On => DEFAULT,
        }
    }

    /// What the user should know.
    pub(crate) fn warning(self) -> Option<String> {
        let AppArmor::NamedOnly(reason) = self else { return None };
        Some(format!("containers that name no AppArmor profile run without one: {reason}"))
    }
}

/// Makes sure that a profile can be used: the default one is loaded again if something, such as an upgrade of the system's
/// profiles, has removed it. Any other is its user's business.
pub(crate) fn ensure(profile: &str) -> Result<(), Error> {
    if profile != DEFAULT || is_there()? {
        return Ok(());
    }
    let _one_at_a_time = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    // Whoever held the lock may have loaded it.
    if is_there()? { Ok(()) } else { load_default() }
}

fn is_there() -> Result<bool, Error> {
    default_is_loaded().map_err(|error| failed(format!("{LOADED}: {error}")))
}

fn load_default() -> Result<(), Error> {
    let error = |reason: String| {
        failed(format!(
            "profile {DEFAULT} cannot be loaded: {reason}; --security-opt apparmor=unconfined does without a profile"
        ))
    };
    let parser = parser().ok_or_else(|| error(format!("{PARSER} is not installed")))?;
    load(&parser, &default_profile()).map_err(error)
}

/// The default profile's text for this system.
fn default_profile() -> String {
    let own = std::fs::read_to_string("/proc/self/attr/current").unwrap_or_default();
    profile(name_of(&own), |include| Path::new(INCLUDES).join(include).exists())
}

fn failed(message: String) -> Error {
    Error::Part { part: "AppArmor", message }
}

/// The parser in the search path, or where systems that have AppArmor have it.
fn parser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    folders
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(PARSER))
        .find(|file| file.is_file())
}

fn default_is_loaded() -> std::io::Result<bool> {
    Ok(std::fs::read_to_string(LOADED)?.lines().any(|line| name_of(line) == DEFAULT))
}

/// The name in `NAME (MODE)`; names may contain blanks and parentheses. A process without a profile has no mode.
fn name_of(context: &str) -> &str {
    let context = context.trim_end_matches(['\n', '\0']);
    match context.strip_suffix(')').and_then(|context| context.rsplit_once(" (")) {
        Some((name, _)) => name,
        None if context.is_empty() => UNCONFINED,
        None => context,
    }
}

/// Compiles a profile and gives it to the kernel, in place of one of its name; no cache, since `/etc` may be read-only.
fn load(parser: &Path, text: &str) -> Result<(), String> {
    let mut command = Command::new(parser);
    command.args(["--skip-cache", "--replace"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{}: {error}", parser.display()))?;
    // One that does not read to the end says why itself. The pipe closes at the end of the statement.
    let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(text.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return written.map_err(|error| error.to_string());
    }
    Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()))
}

/// The default profile's text, to the effect of Docker's: everything that the kernel's own checks allow, except mounting,
/// and writing to what is the machine's in `/proc` and `/sys`.
///
/// `engine` is the profile that the engine runs under, `has` tells whether the system has something to include.
fn profile(engine: &str, has: impl Fn(&str) -> bool) -> String {
    let name = DEFAULT;
    // Later ABIs take `network` to leave out sockets of the family unix.
    let abi = if has("abi/3.0") { "abi <abi/3.0>,\n" } else { "" };
    let tunables = if has("tunables/global") { "#include <tunables/global>" } else { "@{PROC}=/proc/" };
    let base = if has("abstractions/base") { "  #include <abstractions/base>\n" } else { "" };
    format!(
        r#"# The Teu engine's, for containers that name no profile.
{abi}{tunables}

profile "{name}" flags=(attach_disconnected,mediate_deleted) {{
{base}  file,
  capability,
  network,
  umount,
  deny mount,
  # The kernel's cryptography has no namespaces.
  deny network alg,

  # Signals come from the engine, from runtimes that have profiles of their own, and from within.
  signal (receive) peer=unconfined,
  signal (receive) peer="{engine}",
  signal (receive) peer=runc,
  signal (receive) peer=crun,
  signal (send,receive) peer="{name}",
  ptrace (trace,read,tracedby,readby) peer="{name}",
  # Who may look in from outside is decided there.
  ptrace (readby,tracedby),

  # In /proc, folders of processes may be written to ...
  deny @{{PROC}}/* w,
  deny @{{PROC}}/[^1-9s]*/** w,
  deny @{{PROC}}/s[^y]*/** w,
  deny @{{PROC}}/sy[^s]*/** w,
  deny @{{PROC}}/sys[^/]*/** w,
  # ... and of the settings those of System V IPC.
  deny @{{PROC}}/sys/[^k]** w,
  deny @{{PROC}}/sys/kernel/[^s]** w,
  deny @{{PROC}}/sys/kernel/s[^eh]** w,
  deny @{{PROC}}/sys/kernel/se[^m]** w,
  deny @{{PROC}}/sys/kernel/sh[^m]** w,
  deny @{{PROC}}/sysrq-trigger rwklx,
  deny @{{PROC}}/kcore rwklx,

  # In /sys, control groups.
  deny /sys/[^f]** wklx,
  deny /sys/f[^s]** wklx,
  deny /sys/fs/[^c]** wklx,
  deny /sys/fs/c[^g]** wklx,
  deny /sys/fs/cg[^r]** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::{AppArmor, DEFAULT, name_of, profile};

    #[test]
    fn names() {
        assert_eq!(name_of("docker-default (enforce)"), DEFAULT);
        assert_eq!(name_of("my (odd) one (complain)\n"), "my (odd) one");
        assert_eq!(name_of("unconfined\n"), "unconfined");
        assert_eq!(name_of(""), "unconfined");
    }

    #[test]
    fn what_the_system_has_is_included() {
        let plain = profile("unconfined", |_| false);
        assert!(plain.contains("\n@{PROC}=/proc/\n\nprofile \"docker-default\"") && !plain.contains("include"));
        let full = profile("teu engine", |_| true);
        assert!(full.contains("\nabi <abi/3.0>,\n#include <tunables/global>\n"), "{full}");
        assert!(full.contains("{\n  #include <abstractions/base>\n"), "{full}");
        assert!(full.contains("signal (receive) peer=\"teu engine\","), "{full}");
    }

    #[test]
    fn containers_that_name_none() {
        assert_eq!(AppArmor::On.profile_of(false), DEFAULT);
        assert_eq!(AppArmor::On.profile_of(true), "unconfined");
        assert_eq!(AppArmor::NamedOnly("reason").profile_of(true), "");
        assert_eq!(AppArmor::Off.profile_of(false), "");
        assert!(AppArmor::NamedOnly("reason").warning().is_some_and(|text| text.ends_with(": reason")));
        assert_eq!(AppArmor::On.warning(), None);
    }
}
