//! The container that is made beside the one that is looked at.

use teu_api::container::{Config, CreateRequest, Healthcheck, HostConfig, Inspect};

use super::tools;

/// Says of a container that it is one of these, and for which.
const LABEL: &str = "io.teu.debug";

/// The pause of health checks, as the command that an image may bring would not be found.
const NO_CHECK: &str = "NONE";

/// Runs a command, a tool or a program of the target's, with `$0` and what follows.
const EXEC: &str = r#"exec "$0" "$@""#;

/// Makes the target's root the own one. The tools stay reachable through a descriptor of their folder: a path would
/// need a file in the target.
const ENTER: &str = r#"exec 9</.teu-tools; root=$0; exec chroot "$root" /proc/self/fd/9/busybox "$@""#;

/// What is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// The root of a container that runs, at `/`.
    Root,
    /// An image at `/`, and the root of a container that runs at `/proc/1/root`.
    Image,
    /// A copy of the files of a container that does not run, at `/`.
    Copy,
}

/// What is asked for.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) target: &'a Inspect,
    /// The command; a shell if empty.
    pub(super) command: &'a [String],
    pub(super) env: Vec<String>,
    pub(super) privileged: bool,
    /// Empty for root.
    pub(super) user: String,
    pub(super) tty: bool,
}

impl Plan<'_> {
    fn name(&self) -> &str {
        self.target.name.trim_start_matches('/')
    }

    /// A line for who is at a terminal.
    pub(super) fn greeting(&self, view: View) -> String {
        let name = self.name();
        match view {
            View::Root => {
                format!("The root of {name}, with tools; what you change here changes there. Leave with exit.")
            }
            View::Image => format!("Processes and network of {name}; its root is at {}. Leave with exit.", self.root()),
            View::Copy => format!(
                "{name} does not run: this is a copy of its files, gone when you leave; its volumes are read-only."
            ),
        }
    }

    /// Where the root of a running target is to be found, seen from its processes.
    fn root(&self) -> String {
        // Among all processes of the machine it is not the first.
        let pid = if self.target.host_config.pid_mode == "host" { self.target.state.pid } else { 1 };
        format!("/proc/{pid}/root")
    }

    /// The shell, or the command by way of it: tools have no files that a path could lead to.
    fn script(&self) -> Vec<String> {
        let shell = ["sh".to_owned()];
        if self.command.is_empty() {
            return shell.to_vec();
        }
        [&shell[..], &["-c".to_owned(), EXEC.to_owned()], self.command].concat()
    }

    /// What all of them have in common.
    fn request(&self, image: String) -> CreateRequest {
        let inherited = self.target.config.env.clone().unwrap_or_default();
        let config = Config {
            image,
            user: if self.user.is_empty() { "0:0".to_owned() } else { self.user.clone() },
            attach_stdin: true,
            attach_stdout: true,
            attach_stderr: true,
            open_stdin: true,
            stdin_once: true,
            tty: self.tty,
            env: Some([inherited, self.env.clone()].concat()),
            healthcheck: Some(Healthcheck { test: Some(vec![NO_CHECK.to_owned()]), ..Healthcheck::default() }),
            labels: Some([(LABEL.to_owned(), self.name().to_owned())].into()),
            ..Config::default()
        };
        let host = HostConfig {
            auto_remove: true,
            privileged: self.privileged,
            // Without it, the root of a process of another user, or with more capabilities, cannot be reached.
            cap_add: Some(vec!["SYS_PTRACE".to_owned()]),
            ..HostConfig::default()
        };
        CreateRequest { config, host_config: Some(host), networking_config: None }
    }

    /// In the namespaces of a target that runs.
    fn beside(&self, image: String) -> CreateRequest {
        let mut request = self.request(image);
        let (id, modes) = (&self.target.id, &self.target.host_config);
        let shared = format!("container:{id}");
        let is_open =
            matches!(modes.ipc_mode.as_str(), "shareable" | "host") || modes.ipc_mode.starts_with("container:");
        if let Some(host) = &mut request.host_config {
            host.pid_mode = if modes.pid_mode == "host" { modes.pid_mode.clone() } else { shared.clone() };
            host.network_mode = shared.clone();
            host.uts_mode = if modes.uts_mode == "host" { modes.uts_mode.clone() } else { String::new() };
            if is_open {
                host.ipc_mode = shared;
            }
        }
        request
    }

    /// With the tools of an image, beside a target that runs.
    pub(super) fn with_image(&self, image: String) -> CreateRequest {
        let mut request = self.beside(image);
        // The image knows where its programs are; what the target knows of that would lead astray.
        request.config.env = Some(self.env.clone());
        request.config.user.clone_from(&self.user);
        request.config.cmd = (!self.command.is_empty()).then(|| self.command.to_vec());
        request
    }

    /// With our tools, in the root of a target that runs.
    pub(super) fn in_root(&self, image: String) -> CreateRequest {
        let mut request = self.beside(image);
        let enter = [tools::ENTER_PATH, "sh", "-c", ENTER].map(str::to_owned).to_vec();
        request.config.entrypoint = Some(enter);
        request.config.cmd = Some([&[self.root()], &self.script()[..]].concat());
        request
    }

    /// With our tools, which are put there later, on a copy of the target's files.
    pub(super) fn on_copy(&self, image: String) -> CreateRequest {
        let mut request = self.request(image);
        request.config.entrypoint = Some(vec![tools::PATH.to_owned()]);
        request.config.cmd = Some(self.script());
        request.config.working_dir = "/".to_owned();
        let mode = &self.target.host_config.network_mode;
        if let Some(host) = &mut request.host_config {
            host.volumes_from = Some(vec![format!("{}:ro", self.target.id)]);
            // Another container may not be there any more.
            host.network_mode = if mode.starts_with("container:") { "none".to_owned() } else { mode.clone() };
        }
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: HostConfig) -> Inspect {
        let config = Config { env: Some(vec!["A=1".to_owned()]), ..Config::default() };
        let mut target =
            Inspect { id: "abc".to_owned(), name: "/web".to_owned(), config, host_config: host, ..Inspect::default() };
        target.state.pid = 77;
        target
    }

    fn plan<'a>(target: &'a Inspect, command: &'a [String]) -> Plan<'a> {
        Plan { target, command, env: vec!["B=2".to_owned()], privileged: false, user: String::new(), tty: true }
    }

    #[test]
    fn the_root_of_one_that_runs() {
        let target = target(HostConfig::default());
        let request = plan(&target, &[]).in_root("tools".to_owned());
        let host = request.host_config.unwrap();
        assert_eq!((host.pid_mode.as_str(), host.network_mode.as_str()), ("container:abc", "container:abc"));
        assert_eq!((host.ipc_mode.as_str(), host.auto_remove, host.volumes_from), ("", true, None));
        assert_eq!(request.config.cmd.unwrap(), ["/proc/1/root", "sh"]);
        assert_eq!(request.config.env.unwrap(), ["A=1", "B=2"]);
        let command = ["ls".to_owned(), "-l".to_owned()];
        let request = plan(&target, &command).in_root("tools".to_owned());
        assert_eq!(request.config.cmd.unwrap(), ["/proc/1/root", "sh", "-c", EXEC, "ls", "-l"]);
    }

    #[test]
    fn what_the_target_shares() {
        let modes = |mode: &str| (mode.to_owned(), mode.to_owned(), mode.to_owned());
        let (pid_mode, ipc_mode, uts_mode) = modes("host");
        let target = target(HostConfig { pid_mode, ipc_mode, uts_mode, ..HostConfig::default() });
        let request = plan(&target, &[]).in_root("tools".to_owned());
        let host = request.host_config.unwrap();
        assert_eq!(
            (host.pid_mode.as_str(), host.ipc_mode.as_str(), host.uts_mode.as_str()),
            ("host", "container:abc", "host")
        );
        assert_eq!(request.config.cmd.unwrap(), ["/proc/77/root", "sh"]);
    }

    #[test]
    fn a_copy_is_kept_apart() {
        let target = target(HostConfig { network_mode: "container:x".to_owned(), ..HostConfig::default() });
        let host = plan(&target, &[]).on_copy("image".to_owned()).host_config.unwrap();
        assert_eq!(host.volumes_from.unwrap(), ["abc:ro"]);
        assert_eq!((host.pid_mode.as_str(), host.network_mode.as_str()), ("", "none"));
    }
}
