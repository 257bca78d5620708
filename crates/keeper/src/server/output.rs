//! Moving output from processes to logs and clients.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};

use super::Server;
use super::attach::Standing;
use super::poll::Token;
use super::task::{Life, Task};
use crate::log::{Log, Stream, Taken, spool_path};
use crate::protocol::Event;

/// Reads of one output before the others get their turn: a megabyte.
const BURST: usize = 16;
/// Moved out of a terminal at once; its buffer is smaller.
const TERMINAL: usize = 64 << 10;
/// Logs that keep their files open: four descriptors each.
const OPEN_LOGS: usize = 256;

impl Server {
    /// An output has data, or its end.
    pub(super) fn on_output(&mut self, key: u32, stream: Stream, flags: EventFlags) {
        for _ in 0..BURST {
            if !self.may_flow(key) {
                break;
            }
            match self.pump(key, stream) {
                Ok(Taken::Data(_)) => {}
                // After a hang-up nothing can come.
                Ok(Taken::Empty) if !flags.contains(EventFlags::HUP) => {
                    self.rest(key);
                    break;
                }
                Ok(Taken::Empty | Taken::End) => {
                    self.end_output(key, stream);
                    self.rest(key);
                    break;
                }
                Err(error) => {
                    self.stall(key, &error);
                    break;
                }
            }
        }
        self.settle(key);
    }

    /// A terminal has output.
    pub(super) fn on_console(&mut self, key: u32) {
        for _ in 0..BURST {
            if !self.may_flow(key) {
                break;
            }
            match self.pump_console(key) {
                Ok(true) => {}
                Ok(false) => {
                    self.rest(key);
                    break;
                }
                Err(error) => {
                    self.stall(key, &error);
                    break;
                }
            }
        }
        self.settle(key);
    }

    /// A client's socket took something, or was closed.
    pub(super) fn on_client(&mut self, key: u32, flags: EventFlags) {
        let Some((process, standing)) = self.clients.on_ready(&self.poll, key, flags) else { return };
        let Some(&task) = self.index.get(&process) else { return };
        if standing == Standing::Gone
            && let Some(task) = self.tasks.get_mut(task)
        {
            task.clients.retain(|&k| k != key);
        }
        self.settle(task);
    }

    /// Whether output may be read: there is somebody or something to take it.
    fn may_flow(&self, key: u32) -> bool {
        let Some(task) = self.tasks.get(key) else { return false };
        let writable = !task.stalled || task.log.as_ref().is_some_and(Log::may_lose);
        writable && !task.hold && !self.clients.is_behind(&task.clients)
    }

    /// Watches a process's outputs, or stops it, as things stand.
    pub(super) fn settle(&mut self, key: u32) {
        let flow = self.may_flow(key);
        let Some(task) = self.tasks.get_mut(key) else { return };
        let terminal = task.console.is_some();
        for stream in Stream::BOTH {
            if let Some(output) = &mut task.outputs[stream.index()]
                && !terminal
            {
                watch(&self.poll, &output.fifo, &mut output.armed, flow, Token::Output(key, stream));
            }
        }
        if let Some(console) = &mut task.console {
            watch(&self.poll, &console.master, &mut console.armed, flow, Token::Console(key));
        }
    }

    /// One step of an output.
    fn pump(&mut self, key: u32, stream: Stream) -> io::Result<Taken> {
        let taken = self.take(key, stream)?;
        if let Taken::Data(_) = taken {
            self.resumed(key);
        }
        Ok(taken)
    }

    fn take(&mut self, key: u32, stream: Stream) -> io::Result<Taken> {
        let Some(task) = self.tasks.get_mut(key) else { return Ok(Taken::Empty) };
        let Task { outputs, log, relay, clients, stalled, .. } = task;
        let Some(output) = &outputs[stream.index()] else { return Ok(Taken::Empty) };
        let (poll, all) = (&self.poll, &mut self.clients);
        match log {
            Some(log) => {
                let was_open = log.is_open();
                let fifo = output.fifo.as_fd();
                let deliver = |bytes: &[u8]| all.deliver(poll, clients, stream, bytes);
                let taken = if *stalled && log.may_lose() {
                    log.absorb(stream, fifo, &mut self.scratch, deliver)
                } else {
                    log.pump(stream, fifo, &mut self.scratch, deliver)
                };
                if !was_open && log.is_open() {
                    self.open_logs.push_back(key);
                }
                self.compression.note(log);
                taken
            }
            None if clients.is_empty() => self.scratch.read(output.fifo.as_fd()),
            None => relay.pump(stream, output.fifo.as_fd(), &mut self.scratch, |bytes| {
                all.deliver(poll, clients, stream, bytes);
            }),
        }
    }

    /// Moves a terminal's output into its FIFO and on. False if it has none at the moment.
    fn pump_console(&mut self, key: u32) -> io::Result<bool> {
        // What a keeper before left in the FIFO comes first; it also makes room.
        while let Taken::Data(_) = self.pump(key, Stream::Stdout)? {}
        let Some(task) = self.tasks.get_mut(key) else { return Ok(false) };
        let (Some(console), Some(output)) = (&task.console, &task.outputs[0]) else { return Ok(false) };
        match splice(&console.master, None, &output.fifo, None, TERMINAL, SpliceFlags::NONBLOCK) {
            Ok(moved) if moved > 0 => {
                while let Taken::Data(_) = self.pump(key, Stream::Stdout)? {}
                Ok(true)
            }
            // EIO: nobody has the terminal open.
            Ok(_) | Err(Errno::AGAIN | Errno::INTR | Errno::IO) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes everything there is after an exit, and makes a line without its end the last. Clients who are behind do
    /// not hold it up: what is left is bounded by the pipes' size. False if the log cannot take it.
    pub(super) fn drain(&mut self, key: u32) -> bool {
        let drained = self.drain_outputs(key);
        match drained {
            Ok(()) => true,
            Err(error) => {
                self.stall(key, &error);
                false
            }
        }
    }

    fn drain_outputs(&mut self, key: u32) -> io::Result<()> {
        self.flush(key, false)?;
        while self.pump_console(key)? {}
        for stream in Stream::BOTH {
            loop {
                match self.pump(key, stream)? {
                    Taken::Data(_) => {}
                    Taken::Empty => break,
                    Taken::End => {
                        self.end_output(key, stream);
                        break;
                    }
                }
            }
        }
        self.flush(key, true)
    }

    /// Writes to the log what a keeper before has taken and not written: a program that says nothing more would have its last lines
    /// logged at its end only.
    pub(super) fn log_what_was_taken(&mut self, key: u32) {
        let Some(dir) = self.tasks.get(key).map(|task| task.dir(&self.root)) else { return };
        let has_some = |stream| fs::metadata(spool_path(&dir, stream)).is_ok_and(|spool| spool.len() > 0);
        // Most have nothing, and need no open files for it.
        if !Stream::BOTH.into_iter().any(has_some) {
            return;
        }
        if let Err(error) = self.flush(key, false) {
            self.stall(key, &error);
        }
        self.settle(key);
    }

    fn flush(&mut self, key: u32, last: bool) -> io::Result<()> {
        let Some(task) = self.tasks.get_mut(key) else { return Ok(()) };
        let may_rest = task.may_rest();
        let Some(log) = &mut task.log else { return Ok(()) };
        let was_open = log.is_open();
        let flushed = Stream::BOTH.into_iter().try_for_each(|stream| log.flush(stream, last, &mut self.scratch));
        self.compression.note(log);
        if !was_open && log.is_open() {
            self.open_logs.push_back(key);
        }
        flushed.and_then(|()| if may_rest { log.rest() } else { Ok(()) })
    }

    /// Nobody writes to it any more.
    fn end_output(&mut self, key: u32, stream: Stream) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        if let Some(output) = task.outputs[stream.index()].take()
            && output.armed
        {
            self.poll.remove(&output.fifo);
        }
    }

    /// Gives back what an idle log does not need.
    fn rest(&mut self, key: u32) {
        if let Some(task) = self.tasks.get_mut(key)
            && task.may_rest()
            && let Some(log) = &mut task.log
            && let Err(error) = log.rest()
        {
            self.stall(key, &error);
        }
        while self.open_logs.len() > OPEN_LOGS {
            let oldest = self.open_logs.pop_front();
            if let Some(log) = oldest.and_then(|k| self.tasks.get_mut(k)).and_then(|t| t.log.as_mut()) {
                log.close();
            }
        }
    }

    /// The log or the spool cannot take more. Everything waits where it is.
    fn stall(&mut self, key: u32, error: &io::Error) {
        let Some(task) = self.tasks.get_mut(key) else { return };
        task.stalled = true;
        if task.is_container() && task.stalled_since.is_none() {
            task.stalled_since = Some(Instant::now());
            let container = task.saved.process.container.clone();
            self.announce(&Event::LogStalled { container, reason: error.to_string() });
        }
        self.stalled.insert(key);
        self.settle(key);
    }

    /// Something was written: tells it if the opposite was told.
    fn resumed(&mut self, key: u32) {
        let Some(task) = self.tasks.get_mut(key).filter(|task| !task.stalled) else { return };
        let Some(since) = task.stalled_since.take() else { return };
        let container = task.saved.process.container.clone();
        self.announce(&Event::LogResumed { container, after: since.elapsed() });
    }

    /// Tries the stalled ones again.
    pub(super) fn retry_stalled(&mut self) {
        for key in std::mem::take(&mut self.stalled) {
            let Some(task) = self.tasks.get_mut(key) else { continue };
            if task.returning && task.is_new_here() {
                self.stalled.insert(key);
                continue;
            }
            if std::mem::take(&mut task.returning) {
                task.hold = false;
            }
            if task.acknowledged && task.is_log_gone() {
                self.forget(key);
                continue;
            }
            task.stalled = false;
            // Files may have been replaced meanwhile, or their file system mounted.
            let behind = task.log.as_mut().is_some_and(|log| {
                let behind = log.is_behind();
                log.close();
                behind
            });
            self.retry(key, behind);
        }
    }

    fn retry(&mut self, key: u32, behind: bool) {
        let exited = self.tasks.get(key).is_some_and(|task| matches!(task.life, Life::Exited(_)));
        if exited {
            if self.drain(key) {
                self.resumed(key);
                self.finish(key);
            }
        } else if let Err(error) = self.flush(key, false) {
            self.stall(key, &error);
        } else {
            if behind {
                self.resumed(key);
            }
            self.settle(key);
        }
    }
}

/// Makes epoll watch a descriptor or not.
fn watch(poll: &super::poll::Poll, fd: impl AsFd, armed: &mut bool, wanted: bool, token: Token) {
    if wanted && !*armed {
        // Failing that, output waits until something else happens to the process.
        *armed = poll.add(fd, token, EventFlags::IN).is_ok();
    } else if !wanted && *armed {
        poll.remove(fd);
        *armed = false;
    }
}
