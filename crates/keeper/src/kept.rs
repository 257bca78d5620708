//! Where descriptors that are kept for long have their numbers.
//!
//! Where many are kept, a new process has the descriptors up to the highest that its start takes, and no others
//! ([`teu_sys::process::spawn_holding`]). Those of a start are made and closed again: with what stays out of the way they have
//! low numbers, and few lie below them. Nothing but time depends on it.

use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};

/// About as many as a start takes. Not higher: the kernel keeps a table up to the highest number for each process that is made
/// while there are few, 8 KiB of it from 512 on.
const FIRST: RawFd = 64;

/// Moves a descriptor up; where there is no room, it stays. To be called before its number is told to anybody, epoll for one.
pub(crate) fn keep(fd: OwnedFd) -> OwnedFd {
    if fd.as_raw_fd() >= FIRST {
        return fd;
    }
    teu_sys::process::duplicate_from(fd.as_fd(), FIRST).unwrap_or(fd)
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use teu_sys::pidfd::{self, ExitStatus};
    use teu_sys::process::{CloneFlags, spawn};

    use super::*;

    #[test]
    fn what_is_kept_is_moved_up_once() {
        let low: OwnedFd = File::open("/dev/null").unwrap().into();
        let kept = keep(low);
        let number = kept.as_raw_fd();
        assert!(number >= FIRST);
        assert_eq!(keep(kept).as_raw_fd(), number);
    }

    #[test]
    fn what_the_limit_leaves_no_room_for_stays() {
        let low: OwnedFd = File::open("/dev/null").unwrap().into();
        let number = low.as_raw_fd();
        for limit in [FIRST.unsigned_abs() - 1, FIRST.unsigned_abs()] {
            // In a process of its own: the limit is for all threads.
            let child = spawn(CloneFlags::empty(), None, || {
                let limit = Rlimit { current: Some(limit.into()), ..getrlimit(Resource::Nofile) };
                let stays = setrlimit(Resource::Nofile, limit).is_ok()
                    && duplicate(&low).is_some_and(|copy| {
                        let before = copy.as_raw_fd();
                        keep(copy).as_raw_fd() == before
                    });
                i32::from(!stays)
            })
            .unwrap();
            assert_eq!(pidfd::wait(child.pidfd.as_fd()).unwrap(), ExitStatus::Exited(0));
        }
        assert_eq!(low.as_raw_fd(), number);
    }

    fn duplicate(fd: &OwnedFd) -> Option<OwnedFd> {
        rustix::io::fcntl_dupfd_cloexec(fd, 3).ok()
    }
}
