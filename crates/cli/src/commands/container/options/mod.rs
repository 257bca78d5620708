//! The flags that `run` and `create` share, and the request made of them.
//!
//! One file per heading of the help text. Each type is the flags under that heading, and `apply` puts them where the
//! Engine API wants them.

mod devices;
mod filesystem;
mod general;
mod health;
mod metadata;
mod networking;
mod process;
mod resources;
mod security;

use clap::Args;
use teu_api::container::{CreateRequest, HostConfig};

pub(crate) use general::{Pull, restart_policy};

use crate::error::Error;

/// The flags of `run` and `create` that describe the container.
#[derive(Debug, Args)]
pub(crate) struct ContainerFlags {
    #[command(flatten)]
    pub(crate) general: general::General,
    #[command(flatten)]
    pub(crate) process: process::Process,
    #[command(flatten)]
    filesystem: filesystem::Filesystem,
    #[command(flatten)]
    networking: networking::Networking,
    #[command(flatten)]
    resources: resources::Resources,
    #[command(flatten)]
    devices: devices::Devices,
    #[command(flatten)]
    security: security::Security,
    #[command(flatten)]
    health: health::Health,
    #[command(flatten)]
    metadata: metadata::Metadata,
}

impl ContainerFlags {
    /// The request that these flags ask for, with `args` the image and the command.
    ///
    /// # Errors
    /// A value is malformed, options conflict, or a file cannot be read: exit code 125.
    pub(crate) fn request(self, args: &[String]) -> Result<CreateRequest, Error> {
        self.build(args).map_err(|error| Error::Start { message: format!("{error:#}"), code: 125 })
    }

    /// Whether the engine's socket is shared.
    pub(crate) fn use_api_socket(&self) -> bool {
        self.filesystem.use_api_socket
    }

    /// Flags of Docker's that have a meaning on Windows alone.
    pub(crate) fn refuse_windows(&self) -> Result<(), Error> {
        self.resources.refuse_windows()
    }

    fn build(self, args: &[String]) -> anyhow::Result<CreateRequest> {
        let mut request = CreateRequest { host_config: Some(HostConfig::default()), ..CreateRequest::default() };
        let Some((image, command)) = args.split_first() else { return Ok(request) };
        request.config.image.clone_from(image);
        if !command.is_empty() {
            request.config.cmd = Some(command.to_vec());
        }
        self.general.apply(&mut request)?;
        self.process.apply(&mut request)?;
        self.filesystem.apply(&mut request)?;
        self.networking.apply(&mut request)?;
        self.resources.apply(&mut request)?;
        self.devices.apply(&mut request)?;
        self.security.apply(&mut request)?;
        self.health.apply(&mut request)?;
        self.metadata.apply(&mut request)?;
        Ok(request)
    }
}

/// The host-dependent half of a request under construction.
fn host(request: &mut CreateRequest) -> &mut HostConfig {
    request.host_config.get_or_insert_default()
}

/// `None` for an empty list.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    if list.is_empty() { None } else { Some(list) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flags;
    use clap::FromArgMatches;

    /// The request for a command line as JSON, or the error.
    pub(super) fn request(line: &str) -> Result<serde_json::Value, String> {
        let args: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut parser = ContainerFlags::augment_args(clap::Command::new("x"));
        parser = parser.arg(clap::Arg::new("args").trailing_var_arg(true).num_args(0..));
        let mut parser = flags::adapt(parser);
        let matches = flags::parse(&mut parser, &args).map_err(|error| error.to_string())?;
        let given: Vec<String> = matches.get_many::<String>("args").into_iter().flatten().cloned().collect();
        let flags = ContainerFlags::from_arg_matches(&matches).map_err(|error| error.to_string())?;
        let request = flags.request(&given).map_err(|error| error.to_string())?;
        Ok(serde_json::to_value(request).unwrap())
    }

    #[test]
    fn values_arrive() {
        let cases = [
            ("x ls -l", "/Cmd", r#"["ls","-l"]"#),
            ("x", "/Image", r#""x""#),
            ("-it x", "/OpenStdin", "true"),
            ("-i x", "/StdinOnce", "true"),
            ("-a stdout x", "/AttachStderr", "false"),
            ("--entrypoint sh x", "/Entrypoint", r#"["sh"]"#),
            ("--entrypoint= x", "/Entrypoint", r#"[""]"#),
            ("-e A=1 -e B=2 x", "/Env", r#"["A=1","B=2"]"#),
            ("-v /a:/b -v /c x", "/HostConfig/Binds", r#"["/a:/b"]"#),
            ("-v /a:/b -v /c x", "/Volumes", r#"{"/c":{}}"#),
            ("--tmpfs /t:size=1m x", "/HostConfig/Tmpfs", r#"{"/t":"size=1m"}"#),
            ("-p 8080:80 x", "/HostConfig/PortBindings/80~1tcp/0/HostPort", r#""8080""#),
            ("-p 8080:80 --expose 9 x", "/ExposedPorts", r#"{"80/tcp":{},"9/tcp":{}}"#),
            ("-m 512m x", "/HostConfig/Memory", "536870912"),
            ("--cpus 1.5 x", "/HostConfig/NanoCpus", "1500000000"),
            ("--memory-swap -1 x", "/HostConfig/MemorySwap", "-1"),
            ("--restart on-failure:3 x", "/HostConfig/RestartPolicy/MaximumRetryCount", "3"),
            ("--network net --network-alias a x", "/NetworkingConfig/EndpointsConfig/net/Aliases", r#"["a"]"#),
            ("--net=host x", "/HostConfig/NetworkMode", r#""host""#),
            ("x", "/HostConfig/NetworkMode", r#""default""#),
            ("--security-opt systempaths=unconfined x", "/HostConfig/MaskedPaths", "[]"),
            ("--health-cmd true --health-interval 5s x", "/Healthcheck/Interval", "5000000000"),
            ("--no-healthcheck x", "/Healthcheck/Test", r#"["NONE"]"#),
            ("--health-http http://localhost/up x", "/Healthcheck/Test", r#"["HTTP","http://localhost/up"]"#),
            ("--health-tcp 5432 x", "/Healthcheck/Test", r#"["TCP","5432"]"#),
            ("--health-grpc 50051 x", "/Healthcheck/Test", r#"["GRPC","50051"]"#),
            ("--health-grpc 50051/a.B x", "/Healthcheck/Test", r#"["GRPC","50051","a.B"]"#),
            ("--health-on-failure kill x", "/Healthcheck/OnFailure", r#""kill""#),
            ("-l a=b -l c x", "/Labels", r#"{"a":"b","c":""}"#),
            ("--log-opt max-size=1m x", "/HostConfig/LogConfig/Config", r#"{"max-size":"1m"}"#),
            ("--gpus all x", "/HostConfig/DeviceRequests/0/Count", "-1"),
            ("--device-write-iops /dev/a:5 x", "/HostConfig/BlkioDeviceWriteIOps", r#"[{"Path":"/dev/a","Rate":5}]"#),
            ("--init=false x", "/HostConfig/Init", "false"),
        ];
        for (line, pointer, want) in cases {
            let body = request(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(body.pointer(pointer).map(ToString::to_string).as_deref(), Some(want), "{line}");
        }
    }

    #[test]
    fn conflicts() {
        let cases = [
            ("--rm --restart always x", "conflicting options: cannot specify both --restart and --rm"),
            ("--no-healthcheck --health-cmd x x", "--no-healthcheck conflicts with --health-* options"),
            ("--health-retries -1 x", "--health-retries cannot be negative"),
            (
                "--health-cmd x --health-tcp 1 x",
                "--health-cmd, --health-http, --health-tcp and --health-grpc exclude each other",
            ),
            ("--pid foo x", "--pid: invalid PID mode"),
            ("--uts foo x", "--uts: invalid UTS mode"),
            ("--userns foo x", "--userns: invalid USER mode"),
            ("--cgroupns foo x", "--cgroupns: invalid CGROUP mode"),
            ("--mac-address x x", "x is not a valid mac address"),
            ("--storage-opt x x", "invalid storage option"),
            ("--memory-swappiness 101 x", "invalid value: 101. Valid memory swappiness range is 0-100"),
        ];
        for (line, want) in cases {
            assert_eq!(request(line).unwrap_err(), want, "{line}");
        }
    }
}
