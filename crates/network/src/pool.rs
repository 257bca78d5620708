//! Things made ahead of time: a queue that a background thread keeps filled.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::PoolLimits;
use crate::error::Error;

/// Takers that find the pool empty and make one themselves at the same time. The kernel's RTNL lock makes more of them
/// wait for each other anyway; the others wait for what these and the background thread make.
const MAKERS: usize = 2;
/// After this time without a taker a pool that grew in a burst shrinks by half.
const IDLE: Duration = Duration::from_secs(10);
/// As long as there is plenty, filling waits for such a pause: whoever took one has a container to start, on the same
/// processors, and often one that ends at once. The kernel makes and removes namespaces with locks and grace periods that
/// those wait for, too: with 5 ms `run --rm` takes a tenth longer.
const QUIET: Duration = Duration::from_millis(50);
/// Wait after a failure before the next try.
const RETRY: Duration = Duration::from_secs(1);

/// Wakes the background thread.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    state: Mutex<SignalState>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct SignalState {
    raised: bool,
    closed: bool,
}

impl Signal {
    pub(crate) fn raise(&self) {
        lock(&self.state).raised = true;
        self.wake.notify_all();
    }

    pub(crate) fn close(&self) {
        lock(&self.state).closed = true;
        self.wake.notify_all();
    }

    /// Waits until raised, closed, or the time is over.
    fn wait(&self, limit: Option<Duration>) -> Woken {
        let idle = |s: &mut SignalState| !s.raised && !s.closed;
        let guard = lock(&self.state);
        let mut state = match limit {
            Some(limit) => self.wake.wait_timeout_while(guard, limit, idle).unwrap_or_else(PoisonError::into_inner).0,
            None => self.wake.wait_while(guard, idle).unwrap_or_else(PoisonError::into_inner),
        };
        match (state.closed, std::mem::take(&mut state.raised)) {
            (true, _) => Woken::Closed,
            (_, true) => Woken::Raised,
            _ => Woken::Late,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Woken {
    Raised,
    Late,
    Closed,
}

/// A queue of things made ahead of time. Grows when takers find it empty, shrinks when nobody comes.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    limits: PoolLimits,
    signal: Arc<Signal>,
}

#[derive(Debug)]
struct State<T> {
    ready: VecDeque<T>,
    /// Number to keep ready; 0 until opened.
    target: usize,
    /// Takers that make one themselves.
    making: usize,
    /// What the background thread makes at the moment.
    filling: usize,
    /// How many it has made.
    filled: u64,
}

impl<T> Pool<T> {
    /// An empty pool that nothing is made for until [`open`](Pool::open).
    pub(crate) fn new(limits: PoolLimits, signal: Arc<Signal>) -> Pool<T> {
        let state = State { ready: VecDeque::new(), target: 0, making: 0, filling: 0, filled: 0 };
        Pool { state: Mutex::new(state), changed: Condvar::new(), limits, signal }
    }

    /// Lets the background thread fill it.
    pub(crate) fn open(&self) {
        let mut state = lock(&self.state);
        state.target = state.target.max(self.limits.low);
        drop(state);
        self.signal.raise();
    }

    /// Empties it for good.
    pub(crate) fn close(&self) -> Vec<T> {
        let mut state = lock(&self.state);
        state.target = 0;
        state.ready.drain(..).collect()
    }

    /// The one that waits longest, or else one that `make` makes.
    pub(crate) fn take_or_make(&self, make: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let mut state = lock(&self.state);
        loop {
            if let Some(item) = self.pop(&mut state, |_| true) {
                return Ok(item);
            }
            if state.making < MAKERS {
                state.making += 1;
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        let made = make();
        lock(&self.state).making -= 1;
        self.changed.notify_one();
        made
    }

    /// The first one that `fits`.
    pub(crate) fn take_if(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        self.pop(&mut lock(&self.state), fits)
    }

    fn pop(&self, state: &mut State<T>, fits: impl Fn(&T) -> bool) -> Option<T> {
        let item = state.ready.iter().position(fits).and_then(|at| state.ready.remove(at));
        // The background thread did not keep up: keep more ready.
        if state.ready.is_empty() && state.target > 0 {
            state.target = (state.target * 2).clamp(self.limits.low, self.limits.high);
        }
        self.signal.raise();
        item
    }

    /// Whether another one should be made.
    pub(crate) fn wants(&self) -> bool {
        let state = lock(&self.state);
        state.ready.len() < state.target
    }

    /// Whether less than half of what should be ready is, or could be: `room` is how many more there can be.
    pub(crate) fn is_low(&self, room: usize) -> bool {
        let state = lock(&self.state);
        let ready = state.ready.len();
        ready * 2 < state.target.min(ready.saturating_add(room))
    }

    /// Adds one that `make` makes; it comes back if the pool was closed meanwhile. For a closed one none is made.
    pub(crate) fn fill(&self, make: impl FnOnce() -> Result<T, Error>) -> Result<Option<T>, Error> {
        {
            let mut state = lock(&self.state);
            if state.target == 0 {
                return Ok(None);
            }
            state.filling += 1;
        }
        let made = make();
        let mut state = lock(&self.state);
        state.filling -= 1;
        state.filled += 1;
        let late = match made {
            Ok(item) if state.target > 0 => {
                state.ready.push_back(item);
                Ok(None)
            }
            other => other.map(Some),
        };
        drop(state);
        self.changed.notify_all();
        late
    }

    /// The one that waits longest, or the next that the background thread is making just now.
    pub(crate) fn take_filled(&self) -> Option<T> {
        let empty = |s: &mut State<T>| s.ready.is_empty() && s.filling > 0;
        let guard = self.changed.wait_while(lock(&self.state), empty);
        self.pop(&mut guard.unwrap_or_else(PoisonError::into_inner), |_| true)
    }

    /// Waits for the one that the background thread is making just now; false if it makes none.
    pub(crate) fn wait_for_fill(&self) -> bool {
        let state = lock(&self.state);
        let (filling, filled) = (state.filling > 0, state.filled);
        drop(self.changed.wait_while(state, |s| s.filling > 0 && s.filled == filled));
        filling
    }

    /// Whether it is larger than it has to be.
    pub(crate) fn is_swollen(&self) -> bool {
        lock(&self.state).target > self.limits.low
    }

    /// Halves the number kept ready and returns the surplus.
    pub(crate) fn shrink(&self) -> Vec<T> {
        let mut state = lock(&self.state);
        if state.target > self.limits.low {
            state.target = (state.target / 2).max(self.limits.low);
        }
        let keep = state.ready.len().min(state.target);
        state.ready.split_off(keep).into()
    }

    #[cfg(test)]
    fn put(&self, item: T) -> Option<T> {
        self.fill(|| Ok(item)).unwrap()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        lock(&self.state).ready.len()
    }
}

/// What the background thread fills.
pub(crate) trait Replenish: fmt::Debug + Send + Sync {
    /// Whether another one should be made.
    fn wants(&self) -> bool;
    /// Whether less than half of what should be ready is.
    fn is_low(&self) -> bool;
    /// Makes one. Runs on a thread of its own, in the host's namespace, and has to return to it.
    fn make(&self) -> Result<(), Error>;
    /// Whether it is larger than it has to be.
    fn is_swollen(&self) -> bool;
    /// Lets the surplus go.
    fn shrink(&self);
}

/// The pools that one thread keeps filled.
#[derive(Debug, Default)]
pub(crate) struct Filler {
    members: Mutex<Vec<Arc<dyn Replenish>>>,
    pub(crate) signal: Arc<Signal>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Filler {
    /// Starts the thread.
    pub(crate) fn start() -> std::io::Result<Arc<Filler>> {
        let filler = Arc::new(Filler::default());
        let own = Arc::clone(&filler);
        let thread = std::thread::Builder::new().name("net-fill".to_owned()).spawn(move || own.run())?;
        *lock(&filler.thread) = Some(thread);
        Ok(filler)
    }

    /// Ends the thread and waits for that: what it was just making would come to a bridge with an address that others have since.
    pub(crate) fn close(&self) {
        self.signal.close();
        if let Some(thread) = lock(&self.thread).take() {
            // If it panicked, that was said.
            drop(thread.join());
        }
    }

    pub(crate) fn add(&self, member: Arc<dyn Replenish>) {
        lock(&self.members).push(member);
        self.signal.raise();
    }

    pub(crate) fn remove(&self, member: &Arc<dyn Replenish>) {
        lock(&self.members).retain(|m| !Arc::ptr_eq(m, member));
    }

    fn run(&self) {
        loop {
            let members = lock(&self.members).clone();
            let wanting: Vec<_> = members.iter().filter(|m| m.wants()).collect();
            let failures = wanting.iter().filter_map(|m| m.make().err()).inspect(warn).count();
            let limit = match (wanting.len(), failures) {
                (0, _) => members.iter().any(|m| m.is_swollen()).then_some(IDLE),
                (_, 0) => Some(Duration::ZERO),
                _ => Some(RETRY),
            };
            match self.signal.wait(limit) {
                Woken::Closed => return,
                Woken::Late if wanting.is_empty() => members.iter().for_each(|m| m.shrink()),
                Woken::Raised if !self.wait_for_quiet() => return,
                _ => {}
            }
        }
    }

    /// Waits until nobody took anything for a while or a pool runs low; false when closed.
    fn wait_for_quiet(&self) -> bool {
        loop {
            if lock(&self.members).iter().any(|m| m.wants() && m.is_low()) {
                return true;
            }
            match self.signal.wait(Some(QUIET)) {
                Woken::Closed => return false,
                Woken::Late => return true,
                Woken::Raised => {}
            }
        }
    }
}

fn warn(error: &Error) {
    tracing::warn!(%error, "cannot make a network namespace ahead of time");
}

/// The lock's content; a thread that panicked while holding it left nothing half done that matters here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(low: usize, high: usize) -> Pool<u32> {
        Pool::new(PoolLimits { low, high }, Arc::default())
    }

    #[test]
    fn grows_when_found_empty_and_shrinks_again() {
        let pool = pool(2, 6);
        assert!(!pool.wants());
        pool.open();
        assert!(pool.wants());
        assert_eq!(pool.put(1), None);
        assert_eq!(pool.put(2), None);
        assert!(!pool.wants());
        assert_eq!(pool.take_or_make(|| unreachable!()).unwrap(), 1);
        assert_eq!(pool.take_or_make(|| unreachable!()).unwrap(), 2);
        assert!(pool.is_swollen());
        assert_eq!(pool.take_or_make(|| Ok(9)).unwrap(), 9);
        (0..6).for_each(|n| assert_eq!(pool.put(n), None));
        assert!(!pool.wants());
        assert_eq!(pool.shrink(), [3, 4, 5]);
        assert_eq!(pool.shrink(), [2]);
        assert!(!pool.is_swollen());
    }

    /// Without room to get there, what is ready is not too little: nothing would ever be quiet.
    #[test]
    fn low_is_less_than_half_of_what_can_be() {
        let pool = pool(8, 8);
        pool.open();
        (0..3).for_each(|n| assert_eq!(pool.put(n), None));
        assert!(pool.is_low(usize::MAX));
        assert!(pool.is_low(4));
        assert!(!pool.is_low(3));
        assert!(!pool.is_low(0));
    }

    #[test]
    fn closed_pools_take_nothing() {
        let pool = pool(2, 6);
        pool.open();
        assert_eq!(pool.put(1), None);
        assert_eq!(pool.close(), [1]);
        assert!(matches!(pool.fill(|| unreachable!()), Ok(None)));
        assert!(!pool.wants());
    }

    #[test]
    fn takes_what_fits() {
        let pool = pool(2, 6);
        pool.open();
        (0..3).for_each(|n| assert_eq!(pool.put(n), None));
        assert_eq!(pool.take_if(|n| *n == 1), Some(1));
        assert_eq!(pool.take_if(|n| *n == 1), None);
    }

    /// More takers than makers: all are served, by makers and by what is put.
    #[test]
    fn waiting_takers_are_served() {
        let pool = pool(1, 8);
        pool.open();
        std::thread::scope(|scope| {
            for n in 0..16 {
                let pool = &pool;
                scope.spawn(move || pool.take_or_make(|| Ok(n)).unwrap());
            }
        });
    }

    #[derive(Debug)]
    struct Numbers(Pool<u32>);

    impl Replenish for Numbers {
        fn wants(&self) -> bool {
            self.0.wants()
        }

        fn is_low(&self) -> bool {
            self.0.is_low(usize::MAX)
        }

        fn make(&self) -> Result<(), Error> {
            self.0.put(7);
            Ok(())
        }

        fn is_swollen(&self) -> bool {
            false
        }

        fn shrink(&self) {}
    }

    #[test]
    fn the_thread_fills() {
        let filler = Filler::start().unwrap();
        let numbers = Arc::new(Numbers(Pool::new(PoolLimits { low: 4, high: 8 }, Arc::clone(&filler.signal))));
        filler.add(Arc::clone(&numbers) as Arc<dyn Replenish>);
        numbers.0.open();
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while numbers.0.len() < 4 && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert_eq!(numbers.0.len(), 4);
        filler.signal.close();
    }
}
