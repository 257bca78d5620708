//! Descriptors of a process as the daemon holds them.

use std::os::fd::OwnedFd;

use crate::protocol::{FdRole, ProcessState};

/// The daemon's duplicates of a process's descriptors. Holding them is what keeps the process's stdio alive when the
/// keeper dies; they are given back by [`Request::Adopt`](crate::protocol::Request::Adopt).
#[derive(Debug, Default)]
pub struct Descriptors {
    /// See [`FdRole::Pidfd`].
    pub pidfd: Option<OwnedFd>,
    /// See [`FdRole::Stdin`].
    pub stdin: Option<OwnedFd>,
    /// See [`FdRole::Stdout`].
    pub stdout: Option<OwnedFd>,
    /// See [`FdRole::Stderr`].
    pub stderr: Option<OwnedFd>,
    /// See [`FdRole::Terminal`].
    pub terminal: Option<OwnedFd>,
}

/// A process that the keeper knows, with its descriptors.
#[derive(Debug)]
pub struct Listed {
    /// What it is.
    pub state: ProcessState,
    /// Its descriptors.
    pub fds: Descriptors,
}

impl Descriptors {
    /// Sorts descriptors that came with a reply by the roles the reply names.
    pub fn collect(roles: &[FdRole], fds: &mut impl Iterator<Item = OwnedFd>) -> Descriptors {
        let mut all = Descriptors::default();
        for (role, fd) in roles.iter().zip(fds) {
            *all.slot(*role) = Some(fd);
        }
        all
    }

    /// Where the descriptor of that role is.
    pub fn slot(&mut self, role: FdRole) -> &mut Option<OwnedFd> {
        match role {
            FdRole::Pidfd => &mut self.pidfd,
            FdRole::Stdin => &mut self.stdin,
            FdRole::Stdout => &mut self.stdout,
            FdRole::Stderr => &mut self.stderr,
            FdRole::Terminal => &mut self.terminal,
        }
    }

    /// Duplicates of all of them with their roles, as [`Request::Adopt`](crate::protocol::Request::Adopt) wants them.
    ///
    /// # Errors
    /// The table of descriptors is full.
    pub fn duplicate(&self) -> std::io::Result<(Vec<FdRole>, Vec<OwnedFd>)> {
        let all = [
            (FdRole::Pidfd, &self.pidfd),
            (FdRole::Stdin, &self.stdin),
            (FdRole::Stdout, &self.stdout),
            (FdRole::Stderr, &self.stderr),
            (FdRole::Terminal, &self.terminal),
        ];
        let mut roles = Vec::new();
        let mut fds = Vec::new();
        for (role, fd) in all {
            if let Some(fd) = fd {
                roles.push(role);
                fds.push(fd.try_clone()?);
            }
        }
        Ok((roles, fds))
    }
}
