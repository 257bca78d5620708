//! The environment, the home directory and the candidates for the program.

use std::collections::HashSet;
use std::ffi::CString;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::path::Path;

use rustix::fs::OFlags;
use teu_oci::runtime::Process;
use teu_sys::process::CStringArray;

use super::Executable;
use super::text::c_string;
use crate::Error;

/// Where programs are looked for if the environment has no `PATH` (`confstr(_CS_PATH)` and what shells add).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// More of a container's `/etc/passwd` is not read.
const PASSWD_LIMIT: u64 = 4 << 20;

/// The program, its arguments and environment. `root` is the container's root, where `/etc/passwd` is read.
/// `program` overrides where the program is; the first argument is its name for itself then.
pub(crate) fn executable(process: &Process, root: BorrowedFd<'_>, program: Option<&Path>) -> Result<Executable, Error> {
    let name = match program {
        Some(path) => path.to_string_lossy().into_owned(),
        None => {
            process.args.first().cloned().ok_or_else(|| Error::InvalidSpec("process.args names no program".into()))?
        }
    };
    if name.is_empty() {
        return Err(Error::ExecNotFound { program: name, reason: "executable file not found in $PATH".into() });
    }
    let mut args: Vec<CString> = process.args.iter().map(|a| c_string(a, "an argument")).collect::<Result<_, _>>()?;
    if args.is_empty() {
        args.push(c_string(&name, "the program's name")?);
    }
    let mut env = variables(&process.env)?;
    if variable(process, "HOME").is_none_or(str::is_empty) {
        env.push(c_string(format!("HOME={}", home(root, process.user.uid)), "the home directory")?);
    }
    Ok(Executable {
        candidates: candidates(&name, variable(process, "PATH"))?,
        args: CStringArray::new(args),
        env: CStringArray::new(env),
        name,
    })
}

/// The environment: of each variable the last value; an empty home directory counts as none.
fn variables(list: &[String]) -> Result<Vec<CString>, Error> {
    let mut env: Vec<CString> = Vec::with_capacity(list.len() + 1);
    // An image may list any number of them, so none is sought among the others.
    let mut later = HashSet::new();
    for variable in list.iter().rev() {
        let Some((name, _)) = variable.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(Error::InvalidSpec(format!("environment variable {variable:?} is not NAME=value")));
        };
        if later.insert(name) && variable != "HOME=" {
            env.push(c_string(variable, "an environment variable")?);
        }
    }
    env.reverse();
    Ok(env)
}

/// The last value of a variable.
fn variable<'p>(process: &'p Process, name: &str) -> Option<&'p str> {
    process.env.iter().rev().find_map(|v| v.strip_prefix(name)?.strip_prefix('='))
}

fn candidates(name: &str, path: Option<&str>) -> Result<Vec<CString>, Error> {
    if name.contains('/') {
        return Ok(vec![c_string(name, "the program's name")?]);
    }
    path.unwrap_or(DEFAULT_PATH)
        .split(':')
        .map(|dir| if dir.is_empty() { "." } else { dir })
        .map(|dir| c_string(format!("{dir}/{name}"), "the program's path"))
        .collect()
}

/// A user's home directory by the container's `/etc/passwd`; `/` if that does not say.
fn home(root: BorrowedFd<'_>, uid: u32) -> String {
    // The image decides what is there: only a regular file is read, and so much of it.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
    let text = teu_sys::scoped::open(root, c"etc/passwd", flags).ok().and_then(|fd| {
        let file = std::fs::File::from(fd);
        let mut text = Vec::new();
        let regular = file.metadata().ok()?.is_file();
        (regular && file.take(PASSWD_LIMIT).read_to_end(&mut text).is_ok()).then_some(text)
    });
    text.and_then(|t| home_in(&t, uid)).unwrap_or_else(|| "/".into())
}

pub(crate) fn home_in(passwd: &[u8], uid: u32) -> Option<String> {
    passwd.split(|b| *b == b'\n').find_map(|line| {
        let fields: Vec<&[u8]> = line.split(|b| *b == b':').collect();
        let matches = std::str::from_utf8(fields.get(2)?).ok()?.parse() == Ok(uid);
        let home = String::from_utf8(fields.get(5)?.to_vec()).ok()?;
        (matches && !home.is_empty() && !home.contains('\0')).then_some(home)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn process(args: &[&str], env: &[&str]) -> Process {
        let own = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Process { args: own(args), env: own(env), cwd: "/".into(), ..Process::default() }
    }

    #[test]
    fn a_bare_name_is_looked_for_in_the_containers_path() {
        let found = candidates("sh", Some("/a::/b")).unwrap();
        assert_eq!(found, [c"/a/sh".to_owned(), c"./sh".to_owned(), c"/b/sh".to_owned()]);
        assert_eq!(candidates("./sh", Some("/a")).unwrap(), [c"./sh".to_owned()]);
        assert_eq!(candidates("sh", None).unwrap().len(), 6);
    }

    #[test]
    fn the_home_directory_comes_from_the_containers_passwd() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\n# comment\nbad\nu:x:1000:1000::/home/u:/bin/sh";
        assert_eq!(home_in(passwd, 0).as_deref(), Some("/root"));
        assert_eq!(home_in(passwd, 1000).as_deref(), Some("/home/u"));
        assert_eq!(home_in(passwd, 5), None);
    }

    #[test]
    fn home_is_added_only_if_missing() {
        let dir = tempfile::tempdir().unwrap();
        let root = std::fs::File::open(dir.path()).unwrap();
        let made = executable(&process(&["sh"], &["A=b"]), root.as_fd(), None).unwrap();
        assert_eq!(made.env.strings(), [c"A=b".to_owned(), c"HOME=/".to_owned()]);
        let made = executable(&process(&["sh"], &["HOME=/x"]), root.as_fd(), None).unwrap();
        assert_eq!(made.env.strings(), [c"HOME=/x".to_owned()]);
    }

    #[test]
    fn the_last_value_of_a_variable_counts_however_many_there_are() {
        let list = |list: &[&str]| variables(&list.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        assert_eq!(list(&["A=1", "B=2", "A=3", "HOME="]), [c"B=2".to_owned(), c"A=3".to_owned()]);
        let many: Vec<String> = (0..200_000).map(|number| format!("V{number}=x")).collect();
        assert_eq!(variables(&many).unwrap().len(), many.len());
    }

    #[test]
    fn a_fifo_in_place_of_passwd_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        let fifo = dir.path().join("etc/passwd");
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        let root = std::fs::File::open(dir.path()).unwrap();
        assert_eq!(home(root.as_fd(), 0), "/");
    }

    #[test]
    fn programs_and_variables_must_be_proper() {
        let root = std::fs::File::open("/").unwrap();
        assert!(executable(&process(&[], &[]), root.as_fd(), None).is_err());
        assert!(executable(&process(&[""], &[]), root.as_fd(), None).is_err());
        assert!(executable(&process(&["a"], &["novalue"]), root.as_fd(), None).is_err());
        assert!(executable(&process(&["a\0b"], &[]), root.as_fd(), None).is_err());
    }
}
