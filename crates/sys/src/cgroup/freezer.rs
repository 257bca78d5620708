//! Freezing and thawing.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::file::{Dir, value_of};
use super::{Cgroup, Controller, Error, Result};

/// How long freezing may take. A task in uninterruptible sleep cannot be frozen on v1.
const FREEZE_LIMIT: Duration = Duration::from_secs(2);

/// v1 announces nothing: how long to wait between two looks.
const V1_STEP: Duration = Duration::from_micros(200);

/// v1: a group whose tasks fork while it freezes can stay FREEZING until it is told again.
const V1_LOOKS_PER_ATTEMPT: u32 = 50;

impl Cgroup {
    /// Stops every task of the group and of its children, and waits until they are.
    ///
    /// # Errors
    /// [`Error::FreezeTimeout`] after two seconds; the group is thawed then.
    pub fn freeze(&self) -> Result<()> {
        let dir = self.freezer()?;
        let outcome = if dir.v2 { freeze_v2(dir) } else { freeze_v1(dir) };
        outcome.and_then(|state| match state {
            None => Ok(()),
            Some(state) => {
                let millis = u64::try_from(FREEZE_LIMIT.as_millis()).unwrap_or(u64::MAX);
                self.thaw()?;
                Err(Error::FreezeTimeout { path: self.path.clone(), state, millis })
            }
        })
    }

    /// Lets a frozen group run again. No error if it was not frozen.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn thaw(&self) -> Result<()> {
        let Ok(dir) = self.freezer() else { return Ok(()) };
        let (name, value) = if dir.v2 { ("cgroup.freeze", "0") } else { ("freezer.state", "THAWED") };
        dir.write_optional(name, value).map(|_| ())
    }

    /// Whether the group is frozen or about to be, as the kernel says.
    ///
    /// # Errors
    /// If the state cannot be read.
    pub fn is_frozen(&self) -> Result<bool> {
        let dir = self.freezer()?;
        let name = if dir.v2 { "cgroup.freeze" } else { "freezer.state" };
        let text = dir.read_optional(name)?.unwrap_or_default();
        Ok(!matches!(text.trim(), "THAWED" | "0" | ""))
    }

    fn freezer(&self) -> Result<Dir<'_>> {
        let controller = Controller::Freezer;
        self.dir(controller)
            .or_else(|| self.hierarchy.unified().map(|index| self.dir_at(index)))
            .ok_or_else(|| Error::NoController { what: "freezing", controller, path: self.path.clone() })
    }
}

/// `None` once frozen, the last state after the limit.
fn freeze_v1(dir: Dir<'_>) -> Result<Option<String>> {
    let deadline = Instant::now() + FREEZE_LIMIT;
    loop {
        dir.write("freezer.state", "FROZEN")?;
        for _ in 0..V1_LOOKS_PER_ATTEMPT {
            let state = dir.read("freezer.state")?;
            if state.trim() == "FROZEN" {
                return Ok(None);
            }
            if Instant::now() >= deadline {
                return Ok(Some(state.trim().to_owned()));
            }
            std::thread::sleep(V1_STEP);
        }
        dir.write("freezer.state", "THAWED")?;
    }
}

fn freeze_v2(dir: Dir<'_>) -> Result<Option<String>> {
    dir.write("cgroup.freeze", "1")?;
    let frozen = wait_for_event(dir.path, FREEZE_LIMIT, |events| value_of(events, "frozen") == Some(1))?;
    Ok((!frozen).then(|| "thawed".to_owned()))
}

/// v2: waits until `cgroup.events` satisfies a condition, or the group is gone. False after the limit.
pub(super) fn wait_for_event(dir: &Path, limit: Duration, condition: impl Fn(&str) -> bool) -> Result<bool> {
    let path = dir.join("cgroup.events");
    let fd = match rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(true),
        Err(errno) => return Err(Error::Path { action: "open", path, errno }),
    };
    let deadline = Instant::now() + limit;
    let mut buffer = [0; 256];
    loop {
        // Reading also arms the next POLLPRI.
        let length = match rustix::io::pread(&fd, &mut buffer, 0) {
            Ok(length) => length,
            Err(Errno::NODEV) => return Ok(true),
            Err(errno) => return Err(Error::Read { file: path, errno }),
        };
        if condition(std::str::from_utf8(&buffer[..length]).unwrap_or_default()) {
            return Ok(true);
        }
        let Some(left) = deadline.checked_duration_since(Instant::now()) else { return Ok(false) };
        let timeout = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(&fd, PollFlags::PRI)], timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::Path { action: "wait for", path, errno }),
        }
    }
}
