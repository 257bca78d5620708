//! Scheduling, I/O priority, execution domain and memory policy of the calling thread.

use rustix::io::Errno;

use crate::process::check;

/// `struct sched_attr` of `linux/sched/types.h`, first version (48 bytes).
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scheduling {
    size: u32,
    /// `SCHED_*` of `linux/sched.h`.
    pub policy: u32,
    /// `SCHED_FLAG_*`.
    pub flags: u64,
    /// Nice value, for the policies that have one.
    pub nice: i32,
    /// Static priority, for the real-time policies.
    pub priority: u32,
    /// Nanoseconds of run time per period, for `SCHED_DEADLINE`.
    pub runtime: u64,
    /// Nanoseconds to the deadline.
    pub deadline: u64,
    /// Nanoseconds per period.
    pub period: u64,
}

/// Sets the calling thread's scheduling (`sched_setattr(2)`).
///
/// # Errors
/// `EPERM` without the privilege, `EINVAL` for values that do not fit the policy.
pub fn set(scheduling: &Scheduling) -> Result<(), Errno> {
    let attr = Scheduling { size: 48, ..*scheduling };
    // SAFETY: `attr` has the size that it says and outlives the call.
    check(unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attr, 0) })
}

/// Class of I/O priority (`linux/ioprio.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoClass {
    /// Real-time.
    RealTime = 1,
    /// Best effort.
    BestEffort = 2,
    /// Only when nothing else wants the disk.
    Idle = 3,
}

/// Sets the calling thread's I/O priority: 0 is the highest within a class, 7 the lowest.
///
/// # Errors
/// `EPERM` for the real-time class without the privilege.
pub fn set_io_priority(class: IoClass, priority: u8) -> Result<(), Errno> {
    /// `IOPRIO_WHO_PROCESS`.
    const WHO_PROCESS: libc::c_int = 1;
    /// `IOPRIO_CLASS_SHIFT`.
    const CLASS_SHIFT: u32 = 13;
    let value = (class as u32) << CLASS_SHIFT | u32::from(priority);
    // SAFETY: no memory is passed.
    check(unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, value) })
}

/// Sets the execution domain (`PER_LINUX` 0, `PER_LINUX32` 8).
///
/// # Errors
/// The kernel's.
pub fn set_personality(persona: u32) -> Result<(), Errno> {
    // SAFETY: no memory is passed.
    check(unsafe { libc::syscall(libc::SYS_personality, libc::c_ulong::from(persona)) })
}

/// Sets the NUMA memory policy. `nodes` is a bit mask, lowest node first.
///
/// # Errors
/// `EINVAL` for nodes that the machine does not have.
pub fn set_memory_policy(mode: u32, nodes: &[u64]) -> Result<(), Errno> {
    let (pointer, bits) = if nodes.is_empty() { (std::ptr::null(), 0) } else { (nodes.as_ptr(), nodes.len() * 64 + 1) };
    // SAFETY: the kernel reads `bits - 1` bits, which the slice has.
    check(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, pointer, bits) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_structure_has_48_bytes() {
        assert_eq!(size_of::<Scheduling>(), 48);
    }

    #[test]
    fn an_ordinary_policy_and_priority_are_accepted() {
        std::thread::spawn(|| {
            set(&Scheduling { policy: 0, nice: 5, ..Scheduling::default() }).unwrap();
            set_io_priority(IoClass::BestEffort, 6).unwrap();
        })
        .join()
        .unwrap();
    }

    #[test]
    fn a_deadline_without_run_time_is_refused() {
        let deadline = Scheduling { policy: 6, ..Scheduling::default() };
        assert!(set(&deadline).is_err());
    }
}
