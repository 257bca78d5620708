//! `--security-opt`, `--privileged`, masked and read-only paths.

use std::path::PathBuf;

use teu_api::container::HostConfig;
use teu_oci::defaults::READONLY_PATHS;

use super::{capabilities, seccomp};
use crate::Error;
use crate::apparmor::{AppArmor, UNCONFINED};
use crate::machine::Machine;

/// Which system calls are let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SeccompChoice {
    /// The engine's profile.
    Default,
    /// All.
    Unconfined,
    /// A profile of the user's, in Docker's JSON.
    Custom(String),
}

/// What the options come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Security {
    pub(super) seccomp: SeccompChoice,
    pub(super) no_new_privileges: bool,
    /// Name of the AppArmor profile; empty for none.
    pub(super) apparmor: String,
    pub(super) masked_paths: Vec<PathBuf>,
    pub(super) readonly_paths: Vec<PathBuf>,
}

/// Checks the options and capabilities of a request.
pub(crate) fn check(host: &HostConfig, machine: &Machine) -> Result<(), Error> {
    let names = capabilities::names(host, host.privileged, machine)?;
    let security = parse(host, machine)?;
    seccomp::profile(&security.seccomp, &names, machine).map(drop)
}

/// The AppArmor profile that a container runs under; empty where AppArmor is not enabled.
pub(crate) fn apparmor_profile(host: &HostConfig, machine: &Machine) -> String {
    // Checked when the container was made; what the machine has lost since then, the start reports.
    parse(host, machine).map(|security| security.apparmor).unwrap_or_default()
}

pub(super) fn parse(host: &HostConfig, machine: &Machine) -> Result<Security, Error> {
    let mut security = Security {
        seccomp: if host.privileged { SeccompChoice::Unconfined } else { SeccompChoice::Default },
        no_new_privileges: false,
        apparmor: machine.apparmor.profile_of(host.privileged).to_owned(),
        masked_paths: Vec::new(),
        readonly_paths: Vec::new(),
    };
    for option in host.security_opt.iter().flatten() {
        apply(option, &mut security, machine)?;
    }
    if !host.privileged {
        // An empty list (what `systempaths=unconfined` is sent as) means none; a missing one the default.
        security.masked_paths = match &host.masked_paths {
            Some(paths) => paths.iter().map(PathBuf::from).collect(),
            None => machine.masked_paths.clone(),
        };
        security.readonly_paths = match &host.readonly_paths {
            Some(paths) => paths.iter().map(PathBuf::from).collect(),
            None => READONLY_PATHS.iter().map(PathBuf::from).collect(),
        };
    }
    Ok(security)
}

fn apply(option: &str, security: &mut Security, machine: &Machine) -> Result<(), Error> {
    // Docker numbers what can be wrong: no value, and a bad one.
    let invalid = || Error::Invalid(format!("invalid --security-opt 1: \"{option}\""));
    let bad_value = || Error::Invalid(format!("invalid --security-opt 2: \"{option}\""));
    if option == "no-new-privileges" {
        security.no_new_privileges = true;
        return Ok(());
    }
    // The first of the two separates; old clients use a colon.
    let at = option.find(['=', ':']).ok_or_else(invalid)?;
    let (name, value) = (&option[..at], &option[at + 1..]);
    match name {
        "no-new-privileges" => security.no_new_privileges = value.parse().map_err(|_| bad_value())?,
        "seccomp" => {
            security.seccomp = match value {
                "unconfined" => SeccompChoice::Unconfined,
                "builtin" => SeccompChoice::Default,
                json => SeccompChoice::Custom(json.to_owned()),
            };
        }
        "apparmor" => match value {
            // As Docker: no name is no wish.
            "" => {}
            profile if machine.apparmor != AppArmor::Off => security.apparmor = profile.to_owned(),
            // Without AppArmor every container is unconfined by it.
            UNCONFINED => {}
            profile => {
                return Err(Error::Invalid(format!(
                    "AppArmor profile {profile:?} is asked for, but AppArmor is not enabled on this host: leave \
                     --security-opt apparmor out"
                )));
            }
        },
        "label" => {
            // `disable` is what there is without SELinux; other labels would be ignored silently.
            if value != "disable" && machine.selinux {
                return Err(Error::Unsupported(format!("--security-opt {option}")));
            }
        }
        "systempaths" => return Err(Error::Invalid(format!("invalid --security-opt 2: \"{option}\""))),
        _ => return Err(Error::Invalid(format!("invalid --security-opt 2: \"{option}\""))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use teu_api::container::HostConfig;

    use super::{SeccompChoice, apparmor_profile, parse};
    use crate::apparmor::AppArmor;
    use crate::machine::Machine;

    fn options(list: &[&str]) -> HostConfig {
        HostConfig { security_opt: Some(list.iter().map(|s| (*s).to_owned()).collect()), ..HostConfig::default() }
    }

    #[test]
    fn each_option() {
        let machine = Machine::bare();
        let parsed = |list: &[&str]| parse(&options(list), &machine);
        assert_eq!(parsed(&[]).expect("none").seccomp, SeccompChoice::Default);
        assert_eq!(parsed(&["seccomp=unconfined"]).expect("valid").seccomp, SeccompChoice::Unconfined);
        assert!(
            matches!(parsed(&["seccomp={\"a\":1}"]).expect("valid").seccomp, SeccompChoice::Custom(j) if j == "{\"a\":1}")
        );
        assert!(parsed(&["no-new-privileges"]).expect("valid").no_new_privileges);
        assert!(parsed(&["no-new-privileges:true"]).expect("valid").no_new_privileges);
        assert!(!parsed(&["no-new-privileges=false"]).expect("valid").no_new_privileges);
        assert!(parsed(&["apparmor=unconfined", "label=disable"]).is_ok());
        for bad in ["nonsense", "a=b", "apparmor=profile", "no-new-privileges=x"] {
            assert!(parsed(&[bad]).is_err(), "{bad}");
        }
    }

    #[test]
    fn apparmor_profiles() {
        let machine = Machine { apparmor: AppArmor::On, ..Machine::bare() };
        let profile =
            |privileged, list: &[&str]| apparmor_profile(&HostConfig { privileged, ..options(list) }, &machine);
        assert_eq!(profile(false, &[]), "docker-default");
        assert_eq!(profile(true, &[]), "unconfined");
        assert_eq!(profile(false, &["apparmor=unconfined"]), "unconfined");
        assert_eq!(profile(false, &["apparmor:mine"]), "mine");
        assert_eq!(profile(true, &["apparmor=docker-default"]), "docker-default");
        assert_eq!(profile(false, &["apparmor="]), "docker-default");
        assert_eq!(apparmor_profile(&options(&[]), &Machine::bare()), "");
    }

    #[test]
    fn paths() {
        let machine = Machine::bare();
        let default = parse(&HostConfig::default(), &machine).expect("valid");
        assert!(default.masked_paths.len() > 10 && default.readonly_paths.len() == 5);
        let open =
            HostConfig { masked_paths: Some(Vec::new()), readonly_paths: Some(Vec::new()), ..HostConfig::default() };
        assert!(parse(&open, &machine).expect("valid").masked_paths.is_empty());
        let privileged = HostConfig { privileged: true, ..HostConfig::default() };
        let privileged = parse(&privileged, &machine).expect("valid");
        assert!(privileged.masked_paths.is_empty() && privileged.seccomp == SeccompChoice::Unconfined);
    }
}
