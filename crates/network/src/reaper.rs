//! Removal of links and of what the kernel remembers about them, off the path and many at a time.

use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use teu_sys::netlink::{Batch, Family, Flow, Socket, delete_links, forget_connections, push_delete_neighbour};

use crate::Protocol;
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

/// Datagrams have no connections that end: as long as somebody sends, the kernel goes on translating (or not
/// translating) as it did for the first one, wherever that leads.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    /// UDP ports of this host that were published or withdrawn.
    pub(crate) ports: Vec<u16>,
    /// Addresses that are nobody's any more.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Stale {
    fn is_empty(&self) -> bool {
        self.ports.is_empty() && self.addresses.is_empty()
    }

    /// Whether the connection with these directions should be forgotten.
    fn covers(&self, original: &Flow, reply: &Flow) -> bool {
        original.protocol == Protocol::Udp.number()
            && (self.ports.contains(&original.destination.1) || self.addresses.contains(&reply.source.0))
    }
}

#[derive(Debug, Default)]
struct State {
    queue: Vec<Corpse>,
    stale: Stale,
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
        self.add(|state| state.queue.push(corpse));
    }

    pub(crate) fn forget(&self, stale: Stale) {
        if !stale.is_empty() {
            self.add(|state| {
                state.stale.ports.extend(stale.ports);
                state.stale.addresses.extend(stale.addresses);
            });
        }
    }

    /// Adds work; the thread is woken by the first piece only, and gathers the rest.
    fn add(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        let idle = !state.has_work();
        change(&mut state);
        drop(state);
        if idle {
            self.changed.notify_all();
        }
    }

    /// Waits until everything that was there at the call is removed.
    pub(crate) fn flush(&self) {
        let mut state = lock(&self.state);
        state.urgent = true;
        self.changed.notify_all();
        let state = self.changed.wait_while(state, |s| (s.busy || s.has_work()) && !s.closed);
        state.unwrap_or_else(PoisonError::into_inner).urgent = false;
    }

    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    fn run(&self) {
        // Kept open: closing one makes the packet filter wait for an RCU grace period, with its lock held.
        let mut netfilter = None;
        while let Some((corpses, stale)) = self.next() {
            forget(&mut netfilter, &stale);
            remove(&corpses);
            for corpse in corpses {
                corpse.leases.release(&corpse.lease);
            }
            lock(&self.state).busy = false;
            self.changed.notify_all();
        }
    }

    /// Waits for work; `None` when closed and done.
    fn next(&self) -> Option<(Vec<Corpse>, Stale)> {
        let state = self.changed.wait_while(lock(&self.state), |s| !s.has_work() && !s.closed);
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let gather = self.changed.wait_timeout_while(state, GATHER, |s| !s.urgent && !s.closed);
        let mut state = gather.unwrap_or_else(PoisonError::into_inner).0;
        state.busy = state.has_work();
        state.busy.then(|| (std::mem::take(&mut state.queue), std::mem::take(&mut state.stale)))
    }
}

impl State {
    fn has_work(&self) -> bool {
        !self.queue.is_empty() || !self.stale.is_empty()
    }
}

fn forget(socket: &mut Option<Socket>, stale: &Stale) {
    if stale.is_empty() {
        return;
    }
    let matches = |original: &Flow, reply: &Flow| stale.covers(original, reply);
    let forgotten = match socket {
        Some(socket) => forget_connections(socket, matches),
        None => Socket::open(Family::Netfilter).and_then(|new| forget_connections(socket.insert(new), matches)),
    };
    match forgotten {
        Ok(count) => tracing::debug!(count, "forgot tracked datagrams"),
        Err(error) => tracing::warn!(%error, "cannot forget tracked datagrams of published ports"),
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
            // They went with their link, or with the whole bridge.
            Err(error) if matches!(error.errno(), Some(Errno::NOENT | Errno::NODEV)) => Ok(()),
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
