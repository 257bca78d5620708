//! The process: what runs, as whom, with which environment and limits.

use std::collections::HashMap;
use std::path::PathBuf;

use teu_api::container::{Config, HostConfig};
use teu_oci::runtime::{Process, Rlimit};

use super::super::user::Account;
use super::{Inputs, capabilities};
use crate::Error;
use crate::machine::Machine;

const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn build(inputs: &Inputs<'_>, capabilities: &[&str], no_new_privileges: bool, apparmor: String) -> Process {
    let definition = inputs.definition;
    let (config, host) = (&definition.config, &definition.host);
    Process {
        terminal: config.tty,
        user: inputs.account.user.clone(),
        args: args(inputs),
        env: environment(config, config.tty, &inputs.linked, &[], &inputs.account.home),
        cwd: working_dir(&config.working_dir),
        capabilities: Some(capabilities::sets(capabilities)),
        rlimits: limits(host),
        no_new_privileges,
        apparmor_profile: apparmor,
        oom_score_adj: i32::try_from(host.oom_score_adj).ok(),
        ..Process::default()
    }
}

/// The container's command, behind its init if it has one.
fn args(inputs: &Inputs<'_>) -> Vec<String> {
    let front: &[&str] = if inputs.init.is_some() { &[super::super::init::INSIDE, "--"] } else { &[] };
    front.iter().map(|word| (*word).to_owned()).chain(inputs.definition.command().cloned()).collect()
}

/// What an exec differs in from its container.
#[derive(Debug)]
pub(crate) struct ExecDifferences<'a> {
    pub(crate) args: Vec<String>,
    pub(crate) env: &'a [String],
    pub(crate) working_dir: &'a str,
    pub(crate) tty: bool,
    pub(crate) privileged: bool,
}

/// The process of an exec: the container's, but for what differs.
pub(crate) fn exec_process(
    config: &Config,
    host: &HostConfig,
    account: &Account,
    machine: &Machine,
    differences: ExecDifferences<'_>,
) -> Result<Process, Error> {
    let names = capabilities::names(host, host.privileged || differences.privileged, machine)?;
    let security = super::security::parse(host, machine)?;
    let cwd = if differences.working_dir.is_empty() { &config.working_dir } else { differences.working_dir };
    Ok(Process {
        terminal: differences.tty,
        user: account.user.clone(),
        args: differences.args,
        env: environment(config, differences.tty, &[], differences.env, &account.home),
        cwd: working_dir(cwd),
        capabilities: Some(capabilities::sets(&names)),
        rlimits: limits(host),
        no_new_privileges: security.no_new_privileges,
        apparmor_profile: security.apparmor,
        oom_score_adj: i32::try_from(host.oom_score_adj).ok(),
        ..Process::default()
    })
}

fn working_dir(wanted: &str) -> PathBuf {
    PathBuf::from(if wanted.is_empty() { "/" } else { wanted })
}

/// The environment: Docker's defaults, what links bring, what the configuration sets, what `more` sets, and `HOME`. Later ones replace
/// earlier ones in place; a name without `=` removes the variable.
pub(crate) fn environment(config: &Config, tty: bool, linked: &[String], more: &[String], home: &str) -> Vec<String> {
    let mut env = Environment::default();
    env.set(PATH);
    env.set(&format!("HOSTNAME={}", config.hostname));
    if tty {
        env.set("TERM=xterm");
    }
    linked.iter().chain(config.env.iter().flatten()).chain(more).for_each(|variable| env.set(variable));
    if !env.places.contains_key("HOME") {
        env.set(&format!("HOME={home}"));
    }
    env.variables.into_iter().flatten().collect()
}

/// Variables in order, and where each is: an image may list any number of them.
#[derive(Default)]
struct Environment {
    /// Those that were removed are `None`.
    variables: Vec<Option<String>>,
    places: HashMap<String, usize>,
}

impl Environment {
    fn set(&mut self, variable: &str) {
        let name = name(variable);
        match (self.places.get(name), variable.contains('=')) {
            (Some(at), true) => self.variables[*at] = Some(variable.to_owned()),
            (None, true) => {
                self.places.insert(name.to_owned(), self.variables.len());
                self.variables.push(Some(variable.to_owned()));
            }
            (Some(at), false) => {
                self.variables[*at] = None;
                self.places.remove(name);
            }
            (None, false) => {}
        }
    }
}

fn name(variable: &str) -> &str {
    variable.split('=').next().unwrap_or(variable)
}

fn limits(host: &HostConfig) -> Vec<Rlimit> {
    // -1 is "unlimited", which the kernel writes as the largest number.
    let number = |n: i64| u64::try_from(n).unwrap_or(u64::MAX);
    let limit = |u: &teu_api::container::Ulimit| Rlimit {
        kind: format!("RLIMIT_{}", u.name.to_ascii_uppercase()),
        hard: number(u.hard),
        soft: number(u.soft),
    };
    host.ulimits.iter().flatten().map(limit).collect()
}

#[cfg(test)]
mod tests {
    use teu_api::container::Config;

    use super::environment;

    #[test]
    fn later_variables_replace_earlier_ones() {
        let list = |l: &[&str]| l.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let config = Config {
            hostname: "h".to_owned(),
            env: Some(list(&["A=1", "PATH=/bin", "B=2", "A=3", "HOSTNAME"])),
            ..Config::default()
        };
        assert_eq!(
            environment(&config, true, &[], &list(&["B=x=y"]), "/root"),
            list(&["PATH=/bin", "TERM=xterm", "A=3", "B=x=y", "HOME=/root"])
        );
        // However many there are.
        let many: Vec<String> = (0..200_000).map(|number| format!("V{number}=x")).collect();
        assert_eq!(environment(&config, false, &[], &many, "/root").len(), many.len() + 4);
        assert!(environment(&config, false, &[], &list(&["HOME=/h"]), "/root").contains(&"HOME=/h".to_owned()));
    }
}
