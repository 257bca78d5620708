//! Settings of glibc's allocator, where an executable is built with glibc; elsewhere they do nothing.

/// Limits the arenas. By default a process of many threads gets eight per processor, each of which keeps what was
/// freed in it: resident memory that an idle daemon does not need.
#[cfg(target_env = "gnu")]
pub fn limit_arenas(count: i32) {
    // SAFETY: mallopt only sets parameters of the allocator; it fails by returning 0, which is no harm.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, count) };
}

/// Gives freed memory back to the kernel.
#[cfg(target_env = "gnu")]
pub fn trim() {
    // SAFETY: malloc_trim has no preconditions.
    unsafe { libc::malloc_trim(0) };
}

/// There are no arenas to limit.
#[cfg(not(target_env = "gnu"))]
pub const fn limit_arenas(_count: i32) {}

/// The allocator gives memory back by itself.
#[cfg(not(target_env = "gnu"))]
pub const fn trim() {}
