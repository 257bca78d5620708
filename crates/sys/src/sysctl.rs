//! Kernel parameters of network namespaces, written by somebody who makes many namespaces.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{CWD, Mode, OFlags};

use crate::mount::{Attributes, Log, new_filesystem};

/// Writes through one procfs before the next. Making and closing one costs about as much as ten writes.
const WRITES: u32 = 64;

/// A way to `/proc/sys` that does not get longer with the number of namespaces.
///
/// `/proc/sys/net` shows every namespace other files under the same names. Names that were looked up stay in the
/// kernel's cache as long as their namespace lives, all with the same hash: with 1,000 namespaces a lookup compares
/// 1,000 entries. So the files are opened through a procfs of our own, which goes after a while and takes what it
/// cached along. Where none can be made, `/proc` does it.
#[derive(Debug, Default)]
pub struct Sysctls {
    view: Mutex<View>,
}

#[derive(Debug, Default)]
struct View {
    procfs: Option<Arc<OwnedFd>>,
    left: u32,
}

impl Sysctls {
    /// Writes a parameter of the calling thread's network namespace: `net/ipv4/ip_forward`, relative to `/proc/sys`.
    pub fn write(&self, name: &str, value: &str) -> io::Result<()> {
        let path = Path::new("sys").join(name);
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        let opened = match self.procfs() {
            Some(procfs) => rustix::fs::openat(procfs.as_fd(), &path, flags, Mode::empty()),
            None => rustix::fs::openat(CWD, Path::new("/proc").join(&path), flags, Mode::empty()),
        };
        let written = opened.map_err(io::Error::from).and_then(|file| File::from(file).write_all(value.as_bytes()));
        written.map_err(|e| io::Error::new(e.kind(), format!("/proc/{}: {e}", path.display())))
    }

    /// The procfs to use for one write.
    fn procfs(&self) -> Option<Arc<OwnedFd>> {
        let mut view = self.view.lock().unwrap_or_else(PoisonError::into_inner);
        if view.left == 0 {
            let attributes = Attributes::NOSUID | Attributes::NODEV | Attributes::NOEXEC;
            let made = new_filesystem(c"proc", Some(c"proc"), &[], attributes, &mut Log::default());
            *view = View { procfs: made.ok().map(Arc::new), left: WRITES };
        }
        view.left -= 1;
        view.procfs.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netns;

    /// Each namespace has its own, however many have gone through the same view.
    #[test]
    fn written_in_the_namespace_of_the_caller() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let sysctls = Sysctls::default();
        let name = "net/ipv4/ip_unprivileged_port_start";
        for port in 0..=WRITES {
            let port = port.to_string();
            let read = netns::on_thread(|| {
                netns::create()?;
                sysctls.write(name, &port)?;
                netns::read_sysctl(name)
            });
            assert_eq!(read.unwrap(), port);
        }
        let error = sysctls.write("net/ipv4/no-such", "1").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(error.to_string().starts_with("/proc/sys/net/ipv4/no-such: "), "{error}");
    }
}
