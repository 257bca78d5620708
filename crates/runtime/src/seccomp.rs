//! System call filters: from the OCI's types to compiled programs, and their cache.

use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};
use teu_oci::runtime as oci;
use teu_sys::seccomp::{Action, Arch, Compare, Condition, Flags, Policy, Program, Rule, compile};

use crate::Error;

/// `EPERM` and `ENOSYS` have the same numbers on every architecture Teu runs on.
const EPERM: u16 = 1;
const ENOSYS: u16 = 38;

/// Programs kept in memory: containers have few different filters.
const CACHE_LIMIT: usize = 64;

type Cache = Mutex<HashMap<[u8; 32], Arc<Program>>>;

/// The compiled filter of a container. Filters that are alike are compiled once.
///
/// # Errors
/// [`Error::InvalidSpec`].
pub fn program(seccomp: &oci::SeccompText) -> Result<Arc<Program>, Error> {
    static CACHE: OnceLock<Cache> = OnceLock::new();
    let key = digest(seccomp);
    let cache = CACHE.get_or_init(Cache::default);
    if let Some(program) = cache.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Ok(Arc::clone(program));
    }
    let program = Arc::new(compile(&policy(&read(seccomp)?)?).map_err(|error| Error::InvalidSpec(error.to_string()))?);
    let mut cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    if cache.len() >= CACHE_LIMIT {
        cache.clear();
    }
    // Another thread may have been faster: all share one.
    Ok(Arc::clone(cache.entry(key).or_insert(program)))
}

/// As [`program`], for processes too short-lived for a cache in memory: compiled filters are kept in `directory`, by
/// digest. A first use costs some 300 µs, a later one 30. The directory is made if it is missing, and must be writable by
/// root alone; whatever goes wrong with it only costs time.
///
/// # Errors
/// [`Error::InvalidSpec`].
pub fn program_cached_in(directory: &Path, seccomp: &oci::SeccompText) -> Result<Arc<Program>, Error> {
    let file = directory.join(hex::encode(digest(seccomp)));
    if let Ok(bytes) = std::fs::read(&file)
        && let Ok(program) = Program::from_bytes(&bytes)
    {
        return Ok(Arc::new(program));
    }
    let program = program(seccomp)?;
    let _ = store(&file, &program.to_bytes());
    Ok(program)
}

/// Writes under another name first, so that nobody reads a part.
fn store(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(directory) = file.parent() {
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(directory)?;
    }
    let unfinished = file.with_extension(std::process::id().to_string());
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(&unfinished, file)
}

/// Different texts of one filter only cost that it is compiled twice.
fn digest(seccomp: &oci::SeccompText) -> [u8; 32] {
    Sha256::digest(seccomp.as_str()).into()
}

/// # Errors
/// [`Error::InvalidSpec`].
pub(crate) fn read(seccomp: &oci::SeccompText) -> Result<oci::Seccomp, Error> {
    seccomp.parse().map_err(|error| Error::InvalidSpec(format!("linux.seccomp: {error}")))
}

/// A filter's meaning, as runc gives it to libseccomp.
///
/// # Errors
/// [`Error::InvalidSpec`] for unknown architectures, flags or numbers out of range.
pub fn policy(seccomp: &oci::Seccomp) -> Result<Policy, Error> {
    let default_action = action(seccomp.default_action, seccomp.default_errno_ret)?;
    // Calls newer than the profile fail as if the kernel did not have them, so that programs fall back.
    let blocks = matches!(default_action, Action::Errno(_) | Action::Trap | Action::KillThread | Action::KillProcess);
    Ok(Policy {
        default_action,
        unknown_action: blocks.then_some(Action::Errno(ENOSYS)),
        bad_arch_action: Action::KillThread,
        arches: arches(&seccomp.architectures)?,
        rules: seccomp.syscalls.iter().map(rules).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect(),
        flags: flags(&seccomp.flags)?,
    })
}

/// The native architecture always comes along. Those of other machines make no calls here.
fn arches(names: &[String]) -> Result<Vec<Arch>, Error> {
    let mut arches: Vec<Arch> = Arch::native().into_iter().collect();
    for name in names {
        let short = name.strip_prefix("SCMP_ARCH_").unwrap_or(name);
        match short {
            "X86_64" => arches.push(Arch::X86_64),
            "X86" => arches.push(Arch::X86),
            "X32" => arches.push(Arch::X32),
            "AARCH64" => arches.push(Arch::Aarch64),
            "ARM" => arches.push(Arch::Arm),
            "MIPS" | "MIPS64" | "MIPS64N32" | "MIPSEL" | "MIPSEL64" | "MIPSEL64N32" | "PPC" | "PPC64" | "PPC64LE"
            | "S390" | "S390X" | "PARISC" | "PARISC64" | "RISCV64" | "LOONGARCH64" | "M68K" | "SH" | "SHEB" => {}
            _ => return Err(Error::InvalidSpec(format!("unknown seccomp architecture {name:?}"))),
        }
    }
    Ok(arches)
}

/// No flag at all means `SPEC_ALLOW`, as with runc: the mitigation costs much and is off for other processes too.
fn flags(names: &[String]) -> Result<Flags, Error> {
    if names.is_empty() {
        return Ok(Flags::SPEC_ALLOW);
    }
    names.iter().try_fold(Flags::empty(), |flags, name| match name.as_str() {
        "SECCOMP_FILTER_FLAG_TSYNC" => Ok(flags | Flags::TSYNC),
        "SECCOMP_FILTER_FLAG_LOG" => Ok(flags | Flags::LOG),
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => Ok(flags | Flags::SPEC_ALLOW),
        "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => Ok(flags | Flags::WAIT_KILLABLE_RECV),
        _ => Err(Error::InvalidSpec(format!("unknown seccomp flag {name:?}"))),
    })
}

fn action(action: oci::SeccompAction, errno: Option<u32>) -> Result<Action, Error> {
    let number = || match errno {
        None => Ok(EPERM),
        Some(number) => {
            u16::try_from(number).map_err(|_| Error::InvalidSpec(format!("seccomp errnoRet {number} is out of range")))
        }
    };
    Ok(match action {
        oci::SeccompAction::Kill | oci::SeccompAction::KillThread => Action::KillThread,
        oci::SeccompAction::KillProcess => Action::KillProcess,
        oci::SeccompAction::Trap => Action::Trap,
        oci::SeccompAction::Errno => Action::Errno(number()?),
        oci::SeccompAction::Trace => Action::Trace(number()?),
        oci::SeccompAction::Allow => Action::Allow,
        oci::SeccompAction::Log => Action::Log,
        oci::SeccompAction::Notify => Action::Notify,
    })
}

/// Conditions on different arguments must all hold. If an argument has more than one, any condition of the rule will do.
fn rules(syscall: &oci::Syscall) -> Result<Vec<Rule>, Error> {
    let action = action(syscall.action, syscall.errno_ret)?;
    let conditions: Vec<Condition> = syscall.args.iter().map(condition).collect::<Result<_, _>>()?;
    let rule = |conditions| Rule { syscalls: syscall.names.clone(), action, conditions };
    let repeated =
        (0..conditions.len()).any(|at| conditions[..at].iter().any(|c| c.argument == conditions[at].argument));
    Ok(if repeated { conditions.into_iter().map(|c| rule(vec![c])).collect() } else { vec![rule(conditions)] })
}

fn condition(arg: &oci::SeccompArg) -> Result<Condition, Error> {
    let argument = u8::try_from(arg.index)
        .map_err(|_| Error::InvalidSpec(format!("invalid argument index {} in a seccomp rule", arg.index)))?;
    let (compare, value) = match arg.op {
        oci::SeccompOperator::NotEqual => (Compare::NotEqual, arg.value),
        oci::SeccompOperator::LessThan => (Compare::Less, arg.value),
        oci::SeccompOperator::LessEqual => (Compare::LessOrEqual, arg.value),
        oci::SeccompOperator::Equal => (Compare::Equal, arg.value),
        oci::SeccompOperator::GreaterEqual => (Compare::GreaterOrEqual, arg.value),
        oci::SeccompOperator::GreaterThan => (Compare::Greater, arg.value),
        oci::SeccompOperator::MaskedEqual => (Compare::MaskedEqual { mask: arg.value }, arg.value_two),
    };
    Ok(Condition { argument, compare, value })
}

#[cfg(test)]
mod tests {
    use teu_oci::defaults::{DEFAULT_CAPABILITIES, KernelVersion, Target, default_profile};

    use super::*;

    fn docker() -> oci::SeccompText {
        let kernel = KernelVersion { major: 6, minor: 12 };
        let target = Target { capabilities: &DEFAULT_CAPABILITIES, architecture: "amd64", kernel };
        oci::SeccompText::of(&default_profile(&target)).unwrap()
    }

    #[test]
    fn dockers_profile_is_small() {
        let program = program(&docker()).unwrap();
        // Three architectures; a list has some 1,800. Of up to 256 the kernel keeps copies in one page and in 2 KiB.
        assert!(program.instructions().len() <= 256, "{}", program.instructions().len());
        assert!(Arc::ptr_eq(&program, &super::program(&docker()).unwrap()));
    }

    #[test]
    fn programs_are_kept_on_disk() {
        let directory = tempfile::tempdir().unwrap();
        let cache = directory.path().join("filters");
        let first = program_cached_in(&cache, &docker()).unwrap();
        assert_eq!(first, program_cached_in(&cache, &docker()).unwrap());
        let file = std::fs::read_dir(&cache).unwrap().next().unwrap().unwrap().path();
        std::fs::write(&file, "damaged").unwrap();
        assert_eq!(first, program_cached_in(&cache, &docker()).unwrap());
        assert_eq!(std::fs::read(file).unwrap(), first.to_bytes());
    }

    #[test]
    fn several_conditions_on_one_argument_are_alternatives() {
        let json = r#"{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[
            {"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":2,"op":"SCMP_CMP_EQ"}]}]}"#;
        let policy = policy(&serde_json::from_str(json).unwrap()).unwrap();
        assert_eq!(policy.rules.len(), 2);
        assert_eq!(policy.default_action, Action::Errno(1));
        assert_eq!(policy.unknown_action, Some(Action::Errno(38)));
    }

    #[test]
    fn masks_and_numbers_change_places() {
        let json = r#"{"index":1,"value":4080,"valueTwo":16,"op":"SCMP_CMP_MASKED_EQ"}"#;
        let expected = Condition { argument: 1, compare: Compare::MaskedEqual { mask: 4080 }, value: 16 };
        assert_eq!(condition(&serde_json::from_str(json).unwrap()).unwrap(), expected);
    }

    #[test]
    fn nonsense_is_refused() {
        let refused = |seccomp: oci::Seccomp| {
            let text = oci::SeccompText::of(&seccomp).unwrap();
            assert!(matches!(program(&text), Err(Error::InvalidSpec(_))));
        };
        refused(oci::Seccomp { architectures: vec!["SCMP_ARCH_PDP11".into()], ..oci::Seccomp::default() });
        refused(oci::Seccomp { flags: vec!["SECCOMP_FILTER_FLAG_NEW_LISTENER".into()], ..oci::Seccomp::default() });
        let action = oci::SeccompAction::Errno;
        refused(oci::Seccomp { default_action: action, default_errno_ret: Some(1 << 20), ..oci::Seccomp::default() });
        let args = vec![oci::SeccompArg { index: 6, ..oci::SeccompArg::default() }];
        let syscalls = vec![oci::Syscall { names: vec!["read".into()], args, ..oci::Syscall::default() }];
        refused(oci::Seccomp { syscalls, ..oci::Seccomp::default() });
    }
}
