//! Settings of the allocator.

/// Limits glibc's arenas. By default a process of many threads gets eight per processor, each of which keeps what was
/// freed in it: resident memory that an idle daemon does not need.
pub fn limit_arenas(count: i32) {
    // SAFETY: mallopt only sets parameters of the allocator; it fails by returning 0, which is no harm.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, count) };
}

/// Gives freed memory back to the kernel.
pub fn trim() {
    // SAFETY: malloc_trim has no preconditions.
    unsafe { libc::malloc_trim(0) };
}
