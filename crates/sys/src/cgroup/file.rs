//! Reading and writing the files of one group's directory.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::{Error, Result};

/// One group's directory in one hierarchy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dir<'a> {
    /// Where it is.
    pub(super) path: &'a Path,
    /// Whether its files are those of v2.
    pub(super) v2: bool,
}

impl Dir<'_> {
    /// Path of a file in it.
    pub(super) fn file(self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whole content of a file.
    pub(super) fn read(self, name: &str) -> Result<String> {
        let file = self.file(name);
        read(&file).map_err(|errno| Error::Read { file, errno })
    }

    /// Whole content of a file; `None` if this kernel or group does not have it.
    pub(super) fn read_optional(self, name: &str) -> Result<Option<String>> {
        let file = self.file(name);
        match read(&file) {
            Ok(text) => Ok(Some(text)),
            // EOPNOTSUPP: pressure files when accounting is off. ENODEV: the group is being removed.
            Err(Errno::NOENT | Errno::OPNOTSUPP | Errno::NODEV) => Ok(None),
            Err(errno) => Err(Error::Read { file, errno }),
        }
    }

    /// A file that holds one number, where `max` and v1's huge values mean none.
    pub(super) fn read_limit(self, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.read_optional(name)? else { return Ok(None) };
        parse_limit(text.trim()).ok_or_else(|| Error::Parse { file: self.file(name), text })
    }

    /// A file that holds one number; `None` if there is no such file.
    pub(super) fn read_number(self, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.read_optional(name)? else { return Ok(None) };
        let number = text.trim().parse().map_err(|_| Error::Parse { file: self.file(name), text })?;
        Ok(Some(number))
    }

    /// Writes a value.
    pub(super) fn write(self, name: &str, value: &str) -> Result<()> {
        let file = self.file(name);
        write(&file, value).map_err(|errno| Error::Write { file, value: value.to_owned(), errno })
    }

    /// Writes values one after the other, to a file that is opened once: to open one takes ten times as long as to write it.
    pub(super) fn write_each(self, name: &str, values: impl Iterator<Item = String>) -> Result<()> {
        let mut opened = None;
        for value in values {
            let file = match &opened {
                Some(file) => file,
                None => match open_for_writing(&self.file(name)) {
                    Ok(file) => opened.insert(file),
                    Err(errno) => return Err(Error::Write { file: self.file(name), value, errno }),
                },
            };
            if let Err(errno) = write_to(file.as_fd(), &value) {
                return Err(Error::Write { file: self.file(name), value, errno });
            }
        }
        Ok(())
    }

    /// Writes a value; an error says what it was for if this kernel does not have the file.
    pub(super) fn write_feature(self, what: &'static str, name: &str, value: &str) -> Result<()> {
        match self.write(name, value) {
            Err(Error::Write { file, errno: Errno::NOENT, .. }) => Err(Error::NoKernelSupport { what, file }),
            other => other,
        }
    }

    /// Writes a value and says whether the file exists.
    pub(super) fn write_optional(self, name: &str, value: &str) -> Result<bool> {
        match self.write(name, value) {
            Ok(()) => Ok(true),
            Err(Error::Write { errno: Errno::NOENT, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Reads a kernel file as a whole.
pub(super) fn read(file: &Path) -> Result<String, Errno> {
    let fd = rustix::fs::open(file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut bytes = vec![0; 4096];
    let mut length = 0;
    loop {
        match rustix::io::read(&fd, &mut bytes[length..]) {
            Ok(0) => break,
            Ok(n) => length += n,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno),
        }
        if length == bytes.len() {
            bytes.resize(2 * length, 0);
        }
    }
    bytes.truncate(length);
    String::from_utf8(bytes).map_err(|_| Errno::ILSEQ)
}

/// Writes a value to a kernel file, in one system call as these files require.
pub(super) fn write(file: &Path, value: &str) -> Result<(), Errno> {
    write_to(open_for_writing(file)?.as_fd(), value)
}

fn open_for_writing(file: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(file, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
}

fn write_to(file: BorrowedFd<'_>, value: &str) -> Result<(), Errno> {
    loop {
        match rustix::io::write(file, value.as_bytes()) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno),
        }
    }
}

/// v1 writes "unlimited" as the largest multiple of a page that fits a signed counter.
const V1_UNLIMITED: u64 = 0x7FFF_FFFF_FFFF_0000;

/// `max` or a number. The inner `None` is unlimited; the outer is no number at all.
fn parse_limit(text: &str) -> Option<Option<u64>> {
    match text {
        "max" | "-1" => Some(None),
        number => number.parse().ok().map(|n| (n < V1_UNLIMITED).then_some(n)),
    }
}

/// Lines of `key value`.
pub(super) fn flat_keyed(text: &str) -> impl Iterator<Item = (&str, u64)> {
    text.lines().filter_map(|line| {
        let (key, value) = line.split_once(' ')?;
        Some((key, value.trim().parse().ok()?))
    })
}

/// The value of one key in lines of `key value`.
pub(super) fn value_of(text: &str, key: &str) -> Option<u64> {
    flat_keyed(text).find_map(|(k, v)| (k == key).then_some(v))
}

/// -1 as the kernel's word for unlimited.
pub(super) fn limit_word(value: i64, unlimited: &str) -> String {
    if value < 0 { unlimited.to_owned() } else { value.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits() {
        assert_eq!(parse_limit("max"), Some(None));
        assert_eq!(parse_limit("9223372036854771712"), Some(None));
        assert_eq!(parse_limit("4096"), Some(Some(4096)));
        assert_eq!(parse_limit("x"), None);
    }

    #[test]
    fn values_are_written_one_by_one_and_the_refused_one_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let dir = Dir { path: folder.path(), v2: false };
        let values = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>().into_iter();
        // Nothing to write needs no file.
        dir.write_each("rules", values(&[])).unwrap();
        let refused = dir.write_each("rules", values(&["a", "b"])).unwrap_err();
        assert!(matches!(refused, Error::Write { value, errno: Errno::NOENT, .. } if value == "a"));
        std::fs::write(folder.path().join("rules"), "").unwrap();
        dir.write_each("rules", values(&["a", "b"])).unwrap();
        assert_eq!(std::fs::read(folder.path().join("rules")).unwrap(), b"ab");
    }

    #[test]
    fn keyed_lines() {
        let text = "low 0\noom 2\noom_kill 1\ngarbage\n";
        assert_eq!(value_of(text, "oom_kill"), Some(1));
        assert_eq!(value_of(text, "garbage"), None);
        assert_eq!(flat_keyed(text).count(), 3);
    }
}
