//! Threads that work at the same time as the one that begins them.

use std::io;
use std::os::unix::thread::JoinHandleExt as _;
use std::sync::{Arc, Mutex};
use std::thread::{Builder, JoinHandle};

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu};

/// Runs `work` on a thread of its own, on another processor if the caller may use one.
///
/// Left to itself, a new thread often waits on its parent's processor until that sleeps: a virtual machine's kernel takes a
/// processor that has been halted for one that its host has given to others, and does not choose it.
///
/// # Errors
/// The kernel's, if there can be no thread.
pub fn spawn_elsewhere<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    // A thread that has ended has the number 0 for the C library, which the kernel takes for the caller's: the caller would be
    // bound to the others. So the thread ends no sooner than this function.
    let alive = Arc::new(Mutex::new(()));
    let _alive = alive.lock();
    let thread = Builder::new().name(name.to_owned()).spawn(held_by(Arc::clone(&alive), work))?;
    if let Some(others) = others() {
        #[allow(clippy::unnecessary_cast, reason = "musl has a pointer where glibc has a number")]
        let handle = thread.as_pthread_t() as libc::pthread_t;
        // SAFETY: the thread has not been joined, so its handle is valid; the set outlives the call.
        let _ = unsafe { libc::pthread_setaffinity_np(handle, size_of::<CpuSet>(), (&raw const others).cast()) };
    }
    Ok(thread)
}

/// `work`, and then waiting until nobody holds `alive`.
fn held_by<T>(alive: Arc<Mutex<()>>, work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    move || {
        let result = work();
        drop(alive.lock());
        result
    }
}

/// The processors that the caller may use, without the one that it is on. None if there are no others.
fn others() -> Option<CpuSet> {
    let mut set = sched_getaffinity(None).ok()?;
    set.unset(sched_getcpu());
    (set.count() > 0).then_some(set)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn its_result_comes_back_and_its_parent_stays_where_it_was() {
        let before = sched_getaffinity(None).unwrap();
        assert_eq!(spawn_elsewhere("elsewhere", || 7).unwrap().join().unwrap(), 7);
        assert_eq!(sched_getaffinity(None).unwrap().count(), before.count());
    }

    #[test]
    fn a_thread_lives_as_long_as_it_is_held() {
        let alive = Arc::new(Mutex::new(()));
        let (done, is_done) = std::sync::mpsc::channel();
        let guard = alive.lock().unwrap();
        let thread = std::thread::spawn(held_by(Arc::clone(&alive), move || done.send(7).unwrap()));
        assert_eq!(is_done.recv(), Ok(7));
        // Its work is done: nothing but the lock keeps it from ending within this time.
        std::thread::sleep(Duration::from_millis(50));
        assert!(!thread.is_finished());
        drop(guard);
        thread.join().unwrap();
    }

    #[test]
    fn a_caller_with_one_processor_keeps_it() {
        let thread = std::thread::spawn(|| {
            let mut one = CpuSet::new();
            one.set(sched_getcpu());
            rustix::thread::sched_setaffinity(None, &one).unwrap();
            assert!(others().is_none());
            spawn_elsewhere("here", || sched_getaffinity(None).unwrap().count()).unwrap().join().unwrap()
        });
        assert_eq!(thread.join().unwrap(), 1);
    }
}
