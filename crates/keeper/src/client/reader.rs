//! The thread that reads replies and events.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Weak;
use std::thread;

use rustix::net::RecvFlags;

use super::Shared;
use crate::Error;
use crate::message::{self, FromKeeper};
use crate::protocol::Event;
use crate::wire::{Frame, Inbox};

/// It parses messages and calls back, no more.
const STACK: usize = 256 << 10;

/// Starts the thread; it ends with the connection or with the last clone of the client.
pub(super) fn spawn(
    socket: UnixStream,
    shared: Weak<Shared>,
    events: impl Fn(Event) + Send + 'static,
) -> io::Result<()> {
    thread::Builder::new().name("keeper-client".into()).stack_size(STACK).spawn(move || {
        let mut inbox = Inbox::default();
        while let Ok(true) = inbox.fill(&socket, RecvFlags::empty()) {
            if !dispatch_all(&mut inbox, &shared, &events) {
                break;
            }
        }
        finish(&shared, &events);
    })?;
    Ok(())
}

/// Delivers complete frames. False if the connection cannot go on.
fn dispatch_all(inbox: &mut Inbox, shared: &Weak<Shared>, events: &impl Fn(Event)) -> bool {
    loop {
        match inbox.next() {
            Ok(Some(frame)) => {
                if !dispatch(frame, shared, events) {
                    return false;
                }
            }
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

fn dispatch(frame: Frame, shared: &Weak<Shared>, events: &impl Fn(Event)) -> bool {
    match message::decode_from_keeper(&frame.payload) {
        Ok(FromKeeper::Event(event)) => events(event),
        Ok(FromKeeper::Reply { id, result }) => {
            let Some(shared) = shared.upgrade() else { return false };
            let done = shared.state().waiting.remove(&id);
            if let Some(done) = done {
                done(result.map(|reply| (reply, frame.fds)).map_err(Error::Refused));
            }
        }
        Err(_) => return false,
    }
    true
}

/// Fails whatever still waits, and tells the daemon unless it let go itself.
fn finish(shared: &Weak<Shared>, events: &impl Fn(Event)) {
    let Some(shared) = shared.upgrade() else { return };
    let (waiting, met) = {
        let mut state = shared.state();
        state.gone = true;
        (std::mem::take(&mut state.waiting), state.met)
    };
    // A malformed message ends the connection too; the keeper must see that.
    let _ = shared.socket.shutdown(std::net::Shutdown::Both);
    for done in waiting.into_values() {
        done(Err(Error::Gone));
    }
    if met {
        events(Event::KeeperGone);
    }
}
