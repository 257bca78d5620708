//! Removal of links, off the path and many at a time.

use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use teu_sys::netlink::{Batch, Family, Socket, delete_links, push_delete_neighbour};

use crate::leases::{Lease, Leases};
use crate::pool::lock;

/// Time in which further links are waited for: removing one costs the kernel an RCU grace period, as does removing
/// a hundred together.
const GATHER: Duration = Duration::from_millis(25);
/// Group that links are put into in order to be removed together ("teu" in ASCII): chosen so that nobody else uses it.
const GROUP: u32 = 0x0074_6575;

/// A link to be removed, with what becomes free then.
#[derive(Debug)]
pub(crate) struct Corpse {
    /// Index of the host's end.
    pub(crate) link: Option<u32>,
    /// Index of the bridge that knows the addresses as neighbours.
    pub(crate) bridge: u32,
    /// Addresses to give back, and to whom.
    pub(crate) lease: Lease,
    pub(crate) leases: Arc<Leases>,
}

#[derive(Debug, Default)]
struct State {
    queue: Vec<Corpse>,
    busy: bool,
    /// Somebody waits for addresses: do not gather.
    urgent: bool,
    closed: bool,
}

/// The thread that removes links.
#[derive(Debug, Default)]
pub(crate) struct Reaper {
    state: Mutex<State>,
    changed: Condvar,
}

impl Reaper {
    /// Starts the thread. It ends after [`close`](Reaper::close), when all is done.
    pub(crate) fn start() -> std::io::Result<Arc<Reaper>> {
        let reaper = Arc::new(Reaper::default());
        let own = Arc::clone(&reaper);
        std::thread::Builder::new().name("net-reap".to_owned()).spawn(move || own.run())?;
        Ok(reaper)
    }

    pub(crate) fn bury(&self, corpse: Corpse) {
        lock(&self.state).queue.push(corpse);
        self.changed.notify_all();
    }

    /// Waits until everything that was there at the call is removed.
    pub(crate) fn flush(&self) {
        let mut state = lock(&self.state);
        state.urgent = true;
        self.changed.notify_all();
        let state = self.changed.wait_while(state, |s| (s.busy || !s.queue.is_empty()) && !s.closed);
        state.unwrap_or_else(PoisonError::into_inner).urgent = false;
    }

    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    fn run(&self) {
        while let Some(corpses) = self.next() {
            remove(&corpses);
            for corpse in corpses {
                corpse.leases.release(&corpse.lease);
            }
            lock(&self.state).busy = false;
            self.changed.notify_all();
        }
    }

    /// Waits for work; `None` when closed and done.
    fn next(&self) -> Option<Vec<Corpse>> {
        let state = self.changed.wait_while(lock(&self.state), |s| s.queue.is_empty() && !s.closed);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let gather = self.changed.wait_timeout_while(state, GATHER, |s| !s.urgent && !s.closed);
        let mut state = gather.unwrap_or_else(PoisonError::into_inner).0;
        state.busy = !state.queue.is_empty();
        state.busy.then(|| std::mem::take(&mut state.queue))
    }
}

fn remove(corpses: &[Corpse]) {
    let links: Vec<u32> = corpses.iter().filter_map(|c| c.link).collect();
    let result = Socket::open(Family::Route).and_then(|mut socket| {
        if !links.is_empty() {
            delete_links(&mut socket, &links, GROUP)?;
        }
        let mut batch = Batch::new();
        for (bridge, address) in corpses.iter().flat_map(neighbours) {
            push_delete_neighbour(&mut batch, bridge, address);
        }
        match socket.execute(batch) {
            Err(error) if error.errno() == Some(rustix::io::Errno::NOENT) => Ok(()),
            other => other,
        }
    });
    if let Err(error) = result {
        tracing::warn!(%error, count = links.len(), "cannot remove links of ended containers");
    }
}

fn neighbours(corpse: &Corpse) -> impl Iterator<Item = (u32, IpAddr)> {
    [corpse.lease.ipv4, corpse.lease.ipv6].into_iter().flatten().map(|a| (corpse.bridge, a.address()))
}
