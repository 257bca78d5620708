//! Random identities.

/// Bytes from the kernel's generator.
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Fails only where the system call does not exist (before Linux 3.17), which is far below what Teu runs on.
    getrandom::fill(&mut bytes).unwrap_or_else(|e| unreachable!("getrandom: {e}"));
    bytes
}

/// A new id of a container or exec.
pub(crate) fn random_id() -> String {
    teu_oci::id::random_id(|bytes| *bytes = random())
}

/// A random UUID (version 4, RFC 9562).
pub(crate) fn uuid() -> String {
    let mut b = random::<16>();
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let h = hex::encode(b);
    format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..])
}

/// A random number below `bound`. Slightly uneven, which is good enough for picking names.
pub(crate) fn below(bound: usize) -> usize {
    usize::try_from(u32::from_ne_bytes(random()) >> 1).unwrap_or(0) % bound.max(1)
}
