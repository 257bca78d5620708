//! Flags that stand before the command.

use clap::{Args, Command};

use crate::flags;

/// Flags of the program itself.
#[derive(Debug, Default, Args)]
pub(crate) struct Globals {
    /// Location of client config files (default "~/.docker")
    #[arg(long, value_name = "string")]
    pub(crate) config: Option<String>,
    /// Name of the context to use to connect to the engine (overrides TEU_HOST and DOCKER_HOST env vars and the
    /// default context)
    #[arg(short = 'c', long, value_name = "string")]
    pub(crate) context: Option<String>,
    /// Enable debug mode
    #[arg(short = 'D', long)]
    pub(crate) debug: bool,
    /// Engine socket to connect to
    #[arg(short = 'H', long, value_name = "list")]
    pub(crate) host: Vec<String>,
    /// Set the logging level ("debug", "info", "warn", "error", "fatal") (default "info")
    #[arg(short = 'l', long, value_name = "string")]
    pub(crate) log_level: Option<String>,
    /// Use TLS; implied by --tlsverify
    #[arg(long)]
    pub(crate) tls: bool,
    /// Trust certs signed only by this CA (default "~/.docker/ca.pem")
    #[arg(long, value_name = "string")]
    pub(crate) tlscacert: Option<String>,
    /// Path to TLS certificate file (default "~/.docker/cert.pem")
    #[arg(long, value_name = "string")]
    pub(crate) tlscert: Option<String>,
    /// Path to TLS key file (default "~/.docker/key.pem")
    #[arg(long, value_name = "string")]
    pub(crate) tlskey: Option<String>,
    /// Use TLS and verify the remote
    #[arg(long)]
    pub(crate) tlsverify: bool,
    /// Print version information and quit
    #[arg(short = 'v', long)]
    pub(crate) version: bool,
    /// The command and its arguments.
    #[arg(trailing_var_arg = true)]
    pub(crate) command: Vec<String>,
}

impl Globals {
    /// The parser of these flags, which leaves everything from the command on alone.
    pub(crate) fn parser() -> Command {
        flags::adapt(Globals::augment_args(Command::new("teu")))
    }

    /// The flags as words, for another call of this program.
    pub(crate) fn to_args(&self) -> Vec<String> {
        let valued = [
            ("config", &self.config),
            ("context", &self.context),
            ("log-level", &self.log_level),
            ("tlscacert", &self.tlscacert),
            ("tlscert", &self.tlscert),
            ("tlskey", &self.tlskey),
        ];
        let hosts = self.host.iter().map(|host| ("host", host));
        let valued = valued.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?))).chain(hosts);
        let switches = [("debug", self.debug), ("tls", self.tls), ("tlsverify", self.tlsverify)];
        let switches = switches.iter().filter(|(_, is)| *is).map(|(name, _)| format!("--{name}"));
        valued.map(|(name, value)| format!("--{name}={value}")).chain(switches).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;

    #[test]
    fn flags_again() {
        let words = ["--config=/c", "--host=unix:///a", "--host=unix:///b", "--debug", "--tlsverify"];
        let mut parser = Globals::parser();
        let matches = flags::parse(&mut parser, &words.map(str::to_owned)).unwrap();
        assert_eq!(Globals::from_arg_matches(&matches).unwrap().to_args(), words);
    }
}
