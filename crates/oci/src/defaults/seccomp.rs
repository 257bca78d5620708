//! System call profiles in Docker's JSON form, and what they come to for one container.

use std::sync::OnceLock;

use serde::Deserialize;

use crate::runtime::{Seccomp, SeccompAction, SeccompArg, Syscall};

/// A profile as Docker takes it: rules may depend on capabilities, architecture and kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    default_action: Option<SeccompAction>,
    default_errno_ret: Option<u32>,
    #[serde(deserialize_with = "nullable")]
    architectures: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    arch_map: Vec<ArchMap>,
    #[serde(deserialize_with = "nullable")]
    flags: Vec<String>,
    listener_path: String,
    listener_metadata: String,
    #[serde(deserialize_with = "nullable")]
    syscalls: Vec<ProfileRule>,
}

/// Architectures that go together: the key is that of the kernel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ArchMap {
    architecture: String,
    #[serde(deserialize_with = "nullable")]
    sub_architectures: Vec<String>,
}

/// One rule. `name` is the older form of `names`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProfileRule {
    name: String,
    #[serde(deserialize_with = "nullable")]
    names: Vec<String>,
    action: Option<SeccompAction>,
    errno_ret: Option<u32>,
    #[serde(deserialize_with = "nullable")]
    args: Vec<SeccompArg>,
    #[serde(deserialize_with = "nullable")]
    includes: Filter,
    #[serde(deserialize_with = "nullable")]
    excludes: Filter,
}

/// What a rule depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Filter {
    #[serde(deserialize_with = "nullable")]
    caps: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    arches: Vec<String>,
    min_kernel: Option<KernelVersion>,
}

/// Go writes empty lists and structures as `null`.
fn nullable<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// First two numbers of a kernel's release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct KernelVersion {
    /// 6 of `6.12.1-amd64`.
    pub major: u32,
    /// 12 of `6.12.1-amd64`.
    pub minor: u32,
}

impl KernelVersion {
    /// Reads the beginning of a release as `uname` has it.
    #[must_use]
    pub fn parse(release: &str) -> Option<KernelVersion> {
        let (major, rest) = release.split_once('.')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        Some(KernelVersion { major: major.parse().ok()?, minor: rest[..digits].parse().ok()? })
    }
}

impl TryFrom<String> for KernelVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        KernelVersion::parse(&text)
            .ok_or_else(|| format!("invalid kernel version {text:?}, expected \"<kernel>.<major>\""))
    }
}

/// What a profile is applied to.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a, S> {
    /// The container's bounding set.
    pub capabilities: &'a [S],
    /// Go's name of the architecture: `amd64`, `arm64`.
    pub architecture: &'a str,
    /// The kernel that runs.
    pub kernel: KernelVersion,
}

/// A profile that cannot be used. The messages are Docker's.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It is not JSON of the right form.
    #[error("Decoding seccomp profile failed: {0}")]
    Json(#[from] serde_json::Error),
    /// There is no default action.
    #[error("seccomp profile has no defaultAction")]
    NoDefaultAction,
    /// Old and new form at once.
    #[error(
        "'architectures' and 'archMap' were specified in the seccomp profile, use either 'architectures' or 'archMap'"
    )]
    TwoArchitectureLists,
    /// Old and new form at once.
    #[error("'name' and 'names' were specified in the seccomp profile, use either 'name' or 'names'")]
    NameAndNames,
    /// A rule without an action.
    #[error("seccomp profile has a rule without an action for {0:?}")]
    NoAction(String),
}

/// Reads a profile in Docker's form. Profiles in the OCI's form are also of that form.
///
/// # Errors
/// If it is malformed or contradicts itself.
pub fn parse_profile(json: &[u8]) -> Result<Profile, ProfileError> {
    let profile: Profile = serde_json::from_slice(json)?;
    if profile.default_action.is_none() {
        return Err(ProfileError::NoDefaultAction);
    }
    if !profile.architectures.is_empty() && !profile.arch_map.is_empty() {
        return Err(ProfileError::TwoArchitectureLists);
    }
    for rule in &profile.syscalls {
        if !rule.name.is_empty() && !rule.names.is_empty() {
            return Err(ProfileError::NameAndNames);
        }
        if rule.action.is_none() {
            return Err(ProfileError::NoAction(rule.calls().concat()));
        }
    }
    Ok(profile)
}

/// Docker's default profile for a container.
#[must_use]
pub fn default_profile<S: AsRef<str>>(target: &Target<'_, S>) -> Seccomp {
    static PROFILE: OnceLock<Profile> = OnceLock::new();
    let parse = || parse_profile(include_bytes!("seccomp.json")).unwrap_or_default();
    PROFILE.get_or_init(parse).resolve(target)
}

impl Profile {
    /// What the profile comes to for a container.
    #[must_use]
    pub fn resolve<S: AsRef<str>>(&self, target: &Target<'_, S>) -> Seccomp {
        let rules = self.syscalls.iter().filter(|rule| rule.applies(target));
        Seccomp {
            default_action: self.default_action.unwrap_or_default(),
            default_errno_ret: self.default_errno_ret,
            architectures: self.architectures_for(target.architecture),
            flags: self.flags.clone(),
            listener_path: self.listener_path.clone(),
            listener_metadata: self.listener_metadata.clone(),
            syscalls: rules.map(ProfileRule::to_oci).collect(),
        }
    }

    fn architectures_for(&self, architecture: &str) -> Vec<String> {
        let native = libseccomp_name(architecture);
        match self.arch_map.iter().find(|entry| entry.architecture == native) {
            Some(entry) => [std::slice::from_ref(&entry.architecture), &entry.sub_architectures].concat(),
            None => self.architectures.clone(),
        }
    }
}

impl ProfileRule {
    fn calls(&self) -> Vec<String> {
        if self.name.is_empty() { self.names.clone() } else { vec![self.name.clone()] }
    }

    /// All capabilities and one architecture that it includes, and nothing that it excludes.
    fn applies<S: AsRef<str>>(&self, target: &Target<'_, S>) -> bool {
        let has = |cap: &String| target.capabilities.iter().any(|granted| granted.as_ref() == cap);
        let here = |arch: &String| arch == target.architecture || (arch == "x86" && target.architecture == "386");
        let (includes, excludes) = (&self.includes, &self.excludes);
        (includes.arches.is_empty() || includes.arches.iter().any(here))
            && includes.caps.iter().all(has)
            && includes.min_kernel.is_none_or(|least| target.kernel >= least)
            && !excludes.arches.iter().any(here)
            && !excludes.caps.iter().any(has)
            && excludes.min_kernel.is_none_or(|least| target.kernel < least)
    }

    fn to_oci(&self) -> Syscall {
        Syscall {
            names: self.calls(),
            action: self.action.unwrap_or_default(),
            errno_ret: self.errno_ret,
            args: self.args.clone(),
        }
    }
}

/// libseccomp's name for an architecture that Go calls so.
fn libseccomp_name(architecture: &str) -> &str {
    match architecture {
        "amd64" => "SCMP_ARCH_X86_64",
        "386" => "SCMP_ARCH_X86",
        "arm64" => "SCMP_ARCH_AARCH64",
        "arm" => "SCMP_ARCH_ARM",
        "riscv64" => "SCMP_ARCH_RISCV64",
        "s390x" => "SCMP_ARCH_S390X",
        "loong64" => "SCMP_ARCH_LOONGARCH64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defaults::DEFAULT_CAPABILITIES;

    fn target<'a>(capabilities: &'a [&'a str], kernel: &str) -> Target<'a, &'a str> {
        Target { capabilities, architecture: "amd64", kernel: KernelVersion::parse(kernel).unwrap() }
    }

    fn actions(seccomp: &Seccomp, name: &str) -> Vec<(SeccompAction, usize)> {
        let named = seccomp.syscalls.iter().filter(|rule| rule.names.iter().any(|n| n == name));
        named.map(|rule| (rule.action, rule.args.len())).collect()
    }

    #[test]
    fn default_profile_depends_on_capabilities() {
        let plain = default_profile(&target(&DEFAULT_CAPABILITIES, "6.1.0-amd64"));
        assert_eq!(plain.default_action, SeccompAction::Errno);
        assert_eq!(plain.architectures, ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
        assert_eq!(actions(&plain, "clone"), [(SeccompAction::Allow, 1)]);
        assert_eq!(actions(&plain, "clone3"), [(SeccompAction::Errno, 0)]);
        assert_eq!(actions(&plain, "mount"), []);
        assert_eq!(actions(&plain, "chroot"), [(SeccompAction::Allow, 0)]);
        let admin = default_profile(&target(&["CAP_SYS_ADMIN"], "6.1.0"));
        assert_eq!(actions(&admin, "clone"), [(SeccompAction::Allow, 0)]);
        assert_eq!(actions(&admin, "mount"), [(SeccompAction::Allow, 0)]);
        assert_eq!(actions(&admin, "chroot"), []);
    }

    #[test]
    fn default_profile_depends_on_kernel_and_architecture() {
        assert_eq!(actions(&default_profile(&target(&[], "4.7")), "ptrace"), []);
        assert_eq!(actions(&default_profile(&target(&[], "4.8")), "ptrace"), [(SeccompAction::Allow, 0)]);
        let kernel = KernelVersion { major: 6, minor: 1 };
        let arm = default_profile(&Target { capabilities: &[""; 0], architecture: "arm64", kernel });
        assert_eq!(arm.architectures, ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]);
        assert_eq!(actions(&arm, "arch_prctl"), []);
        assert_eq!(actions(&arm, "sync_file_range2").len(), 1);
    }

    #[test]
    fn users_write_profiles_in_several_forms() {
        let old = br#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64"],
            "syscalls":[{"name":"chmod","action":"SCMP_ACT_ERRNO","args":null,"includes":{},"excludes":null}]}"#;
        let seccomp = parse_profile(old).unwrap().resolve(&target(&[], "6.1"));
        assert_eq!(actions(&seccomp, "chmod"), [(SeccompAction::Errno, 0)]);
        assert_eq!(seccomp.architectures, ["SCMP_ARCH_X86_64"]);
    }

    #[test]
    fn contradictions_are_refused() {
        let refused = |json: &str| parse_profile(json.as_bytes()).unwrap_err().to_string();
        assert!(refused("").starts_with("Decoding seccomp profile failed: "));
        assert!(refused("{}").contains("defaultAction"));
        let two = r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["a"],"archMap":[{"architecture":"b"}]}"#;
        assert!(refused(two).contains("use either 'architectures' or 'archMap'"));
        let names =
            r#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_LOG"}]}"#;
        assert!(refused(names).contains("use either 'name' or 'names'"));
        assert!(parse_profile(br#"{"defaultAction":"SCMP_ACT_NONE"}"#).is_err());
    }

    #[test]
    fn kernel_versions() {
        assert_eq!(KernelVersion::parse("6.12.1+bpo"), Some(KernelVersion { major: 6, minor: 12 }));
        assert_eq!(KernelVersion::parse("5.10"), Some(KernelVersion { major: 5, minor: 10 }));
        assert_eq!(KernelVersion::parse("linux"), None);
    }
}
