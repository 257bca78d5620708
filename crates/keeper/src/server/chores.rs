//! What is left to do when a process has ended and everybody knows: done when nobody waits for the keeper.
//!
//! A container's end wakes the daemon and its client, on processors that the keeper would use as well.

use std::time::Duration;

use super::{Server, guardian, saved};

/// After this time without anything else to do.
pub(super) const QUIET: Duration = Duration::from_millis(2);

/// However busy the keeper is, there are never more.
const MOST: usize = 64;

/// Something to do later.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Chore {
    /// Nobody needs the exit of a process or what is in its pipes any more: this keeper's guardian lets them go.
    LetGo { pid: i32 },
    /// The same, of an earlier keeper's child: that one's guardian does, if it is not known the process's parent.
    Release { guardian: Option<i32>, pid: i32 },
    /// Let the launcher get ready for the next container.
    Rest,
    /// Remove a cgroup.
    RemoveCgroup(String),
    /// Remove the files of a container, by its id, whose cgroup is removed before: a keeper that takes over in between finds it by them.
    RemoveEnded(String),
}

impl Server {
    /// Remembers something to do.
    pub(super) fn later(&mut self, chore: Chore) {
        self.chores.push(chore);
        if self.chores.len() > MOST {
            self.do_chores();
        }
    }

    /// Does everything now.
    pub(super) fn do_chores(&mut self) {
        for chore in std::mem::take(&mut self.chores) {
            match chore {
                Chore::Release { guardian, pid } => guardian::release(&self.root, guardian, pid),
                Chore::LetGo { pid } => {
                    if let Some(ward) = &mut self.ward {
                        ward.let_go(pid);
                    }
                }
                Chore::Rest => self.launcher.rest(),
                Chore::RemoveCgroup(path) => self.cgroups.remove(&path),
                Chore::RemoveEnded(id) => saved::remove_ended(&self.root, &id),
            }
        }
    }

    /// Does everything now if this is among it: something of the same name is about to be made.
    pub(super) fn do_before(&mut self, matters: impl Fn(&Chore) -> bool) {
        if self.chores.iter().any(matters) {
            self.do_chores();
        }
    }
}
