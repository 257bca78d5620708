//! Replacing the keeper's executable while it runs.
//!
//! `execve` keeps the process, and with it its children. Descriptors are put into a socket whose other end becomes the
//! new program's standard input, what belongs to them into a memory file that is the first of them: nothing depends on
//! descriptor numbers, and nothing but that one end is inherited. If the new program fails, its end is like that of any
//! keeper: the next one recovers from disk.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, socketpair};
use serde::{Deserialize, Serialize};

use super::attach::Wants;
use super::connection::Connection;
use super::saved::Saved;
use super::setup::Ground;
use super::task::{Console, Life, Task};
use super::ward::Ward;
use super::{Answer, Options, Server, stdio};
use crate::log::Stream;
use crate::protocol::{Failure, FailureKind, FdRole, Reply};
use crate::wire::{Inbox, Outbox};

/// Descriptors in one frame.
const GROUP: usize = 1000;

/// What the new program needs to know. Descriptors, in this order: lock, listener, that to the guardian if there is one, each
/// connection with those that came with requests not served yet, each task's, each client's.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Handover {
    connections: Vec<HandedConnection>,
    tasks: Vec<HandedTask>,
    clients: Vec<HandedClient>,
    /// The connection and the number of the request that asked for this.
    asked: (usize, u64),
    #[serde(default)]
    guarded: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct HandedConnection {
    bytes: Vec<u8>,
    fds: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct HandedTask {
    saved: Saved,
    life: Life,
    hold: bool,
    stalled: bool,
    acknowledged: bool,
    awaits_terminal: bool,
    /// Requests can name it: it does not just linger for a background process.
    known: bool,
    /// See [`Task::foreign`].
    #[serde(default)]
    foreign: bool,
    /// See [`Task::guardian`].
    #[serde(default)]
    guardian: Option<i32>,
    fds: Vec<FdRole>,
}

#[derive(Debug, Serialize, Deserialize)]
struct HandedClient {
    wants: Wants,
    backlog: Vec<u8>,
    ended: bool,
}

/// A handover on its way, with its descriptors.
pub(super) struct Parcel {
    handover: Handover,
    fds: std::vec::IntoIter<OwnedFd>,
}

impl Server {
    /// Replaces the program. Returns only if that was not possible; then everything is as before.
    pub(super) fn upgrade(&mut self, exe: &Path, connection: u32, request: u64) -> Answer {
        for task in self.tasks.iter_mut() {
            if let Some(log) = &mut task.log {
                log.close();
            }
        }
        self.open_logs.clear();
        self.stop_compressing();
        self.do_chores();
        // The next program does not know of them.
        self.cgroups.unreserve_all(None);
        let replaced = self.pack(connection, request).and_then(|(handover, fds)| {
            let inherited = send(&handover, fds)?;
            rustix::stdio::dup2_stdin(&inherited)?;
            let error = Command::new(exe).args(self.options.resuming()).exec();
            rustix::stdio::dup2_stdin(stdio::null()?)?;
            Err::<std::convert::Infallible, _>(error)
        });
        let Err(error) = replaced;
        Err(Failure::new(FailureKind::Failed, format!("executing {}: {error}", exe.display())))
    }

    /// Describes everything, and duplicates all descriptors.
    fn pack(&mut self, asking: u32, request: u64) -> io::Result<(Handover, Vec<OwnedFd>)> {
        if self.commands.iter().next().is_some() {
            return Err(io::Error::other("another runtime is starting a container"));
        }
        let mut handover = Handover { asked: (0, request), guarded: self.ward.is_some(), ..Handover::default() };
        let mut fds = vec![self.lock.try_clone()?, self.listener.try_clone()?];
        if let Some(ward) = &self.ward {
            fds.push(ward.socket().try_clone_to_owned()?);
        }
        for key in self.connections.keys() {
            let Some(connection) = self.connections.get(key) else { continue };
            if !connection.is_flushed() {
                return Err(io::Error::other("a daemon has not read its answers yet"));
            }
            if key == asking {
                handover.asked.0 = handover.connections.len();
            }
            let (bytes, pending) = connection.inbox.duplicate()?;
            handover.connections.push(HandedConnection { bytes, fds: pending.len() });
            fds.push(connection.socket.try_clone()?);
            fds.extend(pending);
        }
        for key in self.tasks.keys() {
            let Some(task) = self.tasks.get(key) else { continue };
            let (roles, duplicates) = task.duplicates()?;
            fds.extend(duplicates);
            handover.tasks.push(HandedTask {
                saved: task.saved.clone(),
                life: task.life,
                hold: task.hold,
                stalled: task.stalled,
                acknowledged: task.acknowledged,
                awaits_terminal: task.awaits_terminal,
                known: self.index.get(&task.saved.process) == Some(&key),
                foreign: task.foreign,
                guardian: task.guardian,
                fds: roles,
            });
        }
        for (socket, wants, backlog, ended) in self.clients.describe() {
            fds.push(socket.as_fd().try_clone_to_owned()?);
            handover.clients.push(HandedClient { wants: wants.clone(), backlog: backlog.to_owned(), ended });
        }
        Ok((handover, fds))
    }

    /// Goes on where the program before stopped.
    pub(super) fn unpack(&mut self, parcel: Parcel) -> io::Result<()> {
        let Parcel { handover, mut fds } = parcel;
        if handover.guarded {
            self.ward = Some(Ward::over(next(&mut fds)?));
        }
        let mut asking = None;
        for (n, handed) in handover.connections.into_iter().enumerate() {
            let socket = next(&mut fds)?;
            let inbox = Inbox::of(handed.bytes, fds.by_ref().take(handed.fds).collect());
            let key = self.add_connection(Connection::new(socket, inbox));
            asking = if n == handover.asked.0 { key } else { asking };
        }
        for handed in handover.tasks {
            self.unpack_task(handed, &mut fds)?;
        }
        for handed in handover.clients {
            let socket = next(&mut fds)?;
            let process = handed.wants.process.clone();
            let key = self.clients.restore(&self.poll, socket, handed.wants, handed.backlog, handed.ended)?;
            match self.index.get(&process).and_then(|&task| self.tasks.get_mut(task)) {
                Some(task) if !handed.ended => task.clients.push(key),
                None if !handed.ended => self.clients.wait_for_start(key),
                _ => {}
            }
        }
        for key in self.tasks.keys() {
            self.settle(key);
        }
        if let Some(key) = asking {
            self.answer(key, handover.asked.1, Ok((Reply::Done, Vec::new())));
        }
        // Requests that had come already.
        for key in self.connections.keys() {
            self.serve_inbox(key, true);
        }
        Ok(())
    }

    fn unpack_task(&mut self, handed: HandedTask, fds: &mut impl Iterator<Item = OwnedFd>) -> io::Result<()> {
        let process = handed.saved.process.clone();
        let mut task = Task::recovered(&self.root, handed.saved);
        for role in handed.fds {
            let fd = next(fds)?;
            match role {
                FdRole::Pidfd => task.set_pidfd(Some(fd)),
                FdRole::Stdin => task.set_stdin(Some(fd)),
                FdRole::Stdout => task.set_output(Stream::Stdout, fd),
                FdRole::Stderr => task.set_output(Stream::Stderr, fd),
                FdRole::Terminal => task.console = Some(Console::new(fd)?),
            }
        }
        // Its clients come along.
        task.taken_over = None;
        task.life = handed.life;
        // Held until all are back: nothing may be read before its clients are known.
        task.hold = true;
        task.stalled = handed.stalled;
        task.acknowledged = handed.acknowledged;
        task.awaits_terminal = handed.awaits_terminal;
        task.foreign = handed.foreign;
        task.guardian = handed.guardian;
        let key = if handed.known { self.insert(process, task)? } else { self.tasks.insert(task) };
        if let Some(task) = self.tasks.get_mut(key) {
            task.hold = handed.hold;
        }
        if handed.stalled {
            self.stalled.insert(key);
        }
        Ok(())
    }
}

fn next(fds: &mut impl Iterator<Item = OwnedFd>) -> io::Result<OwnedFd> {
    fds.next().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the handover lacks a descriptor"))
}

/// Puts everything into a socket. Returns its other end.
fn send(handover: &Handover, fds: Vec<OwnedFd>) -> io::Result<OwnedFd> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let mut memory = File::from(memfd_create(c"handover", MemfdFlags::CLOEXEC)?);
    memory.write_all(&serde_json::to_vec(handover)?)?;
    memory.rewind()?;
    let mut all = std::iter::once(OwnedFd::from(memory)).chain(fds).peekable();
    let mut out = Outbox::default();
    while all.peek().is_some() {
        out.push(b"", all.by_ref().take(GROUP).collect())?;
    }
    out.flush(&ours, SendFlags::DONTWAIT)?;
    if !out.is_empty() {
        return Err(io::Error::other("there are too many descriptors to hand over"));
    }
    Ok(theirs)
}

/// Takes everything out of the socket that standard input is.
pub(super) fn receive() -> io::Result<(Ground, Parcel)> {
    let stdin = io::stdin();
    let mut inbox = Inbox::default();
    let mut fds = Vec::new();
    while inbox.fill(&stdin, RecvFlags::empty())? {
        while let Some(frame) = inbox.next()? {
            fds.extend(frame.fds);
        }
    }
    rustix::stdio::dup2_stdin(stdio::null()?)?;
    let mut fds = fds.into_iter();
    let mut json = Vec::new();
    File::from(next(&mut fds)?).read_to_end(&mut json)?;
    let handover = serde_json::from_slice(&json)?;
    let ground = Ground { lock: next(&mut fds)?, listener: next(&mut fds)? };
    Ok((ground, Parcel { handover, fds }))
}

impl Options {
    /// The arguments of a program that takes over from this one.
    fn resuming(&self) -> Vec<std::ffi::OsString> {
        let mut args = vec!["keeper".into(), "--exec-root".into(), self.exec_root.clone().into(), "--resume".into()];
        if let Some(data_root) = &self.data_root {
            args.extend(["--data-root".into(), data_root.clone().into()]);
        }
        args
    }
}
