//! Random identities.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::Error;

/// Bytes from the kernel's generator.
fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    // Fails where a filter of system calls refuses it and there is no `/dev/urandom` either.
    getrandom::fill(&mut bytes).map_err(|error| Error::Random(error.to_string()))?;
    Ok(bytes)
}

/// A new id of a container or exec.
pub(crate) fn random_id() -> Result<String, Error> {
    let mut failed = None;
    let id = teu_oci::id::random_id(|bytes| match random() {
        Ok(random) => *bytes = random,
        Err(error) => {
            *bytes = [0xff; 32];
            failed = Some(error);
        }
    });
    failed.map_or(Ok(id), Err)
}

/// A random UUID (version 4, RFC 9562).
pub(crate) fn uuid() -> Result<String, Error> {
    let mut b = random::<16>()?;
    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;
    let h = hex::encode(b);
    Ok(format!("{}-{}-{}-{}-{}", &h[..8], &h[8..12], &h[12..16], &h[16..20], &h[20..]))
}

/// Bits that tell things of one engine apart: from the clock where there is nothing better.
fn any_bits() -> u64 {
    let clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
    random().map_or_else(|_| u64::from(clock()) << 16 | u64::from(std::process::id()), u64::from_ne_bytes)
}

/// Text that tells runs of something apart. Nothing depends on its being unique everywhere.
pub(crate) fn mark() -> String {
    format!("{:016x}{:016x}", any_bits(), any_bits())
}

/// A random number below `bound`. Slightly uneven, which is good enough for picking names.
pub(crate) fn below(bound: usize) -> usize {
    usize::try_from(any_bits() >> 33).unwrap_or(0) % bound.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_differ() {
        assert!(teu_oci::id::is_full(&random_id().expect("an id")));
        assert_ne!(random_id().expect("an id"), random_id().expect("an id"));
        assert_eq!(uuid().expect("a uuid").len(), 36);
        assert_ne!(mark(), mark());
        assert_eq!(mark().len(), 32);
        assert!((0..1000).all(|_| below(7) < 7) && below(0) == 0);
    }
}
