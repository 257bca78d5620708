//! Trees whose owners are those of a user namespace, seen from outside of it.

use std::fmt;

/// Who owns what nobody inside owns (`/proc/sys/kernel/overflowuid`).
const NOBODY: u32 = 65_534;
/// The version of a file's capabilities, in the highest byte of the first word (`linux/capability.h`).
const REVISION: u32 = 0xff00_0000;
/// Capabilities that count in every user namespace.
const PLAIN: u32 = 0x0200_0000;
/// Capabilities that count in the user namespace of a root, whose id comes last.
const NAMESPACED: u32 = 0x0300_0000;
/// Bytes without a root.
const PLAIN_LENGTH: usize = 20;

type Convert = Box<dyn Fn(u32, u32) -> Option<(u32, u32)> + Send>;

/// What user and group become on their way between a tree and an archive; none stands for ids that are not there.
pub struct Owners(Convert);

impl fmt::Debug for Owners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Owners")
    }
}

impl Owners {
    /// Converts by `convert`.
    pub fn new(convert: impl Fn(u32, u32) -> Option<(u32, u32)> + Send + 'static) -> Self {
        Self(Box::new(convert))
    }

    /// What user and group become.
    pub(crate) fn of(&self, uid: u32, gid: u32) -> Option<(u32, u32)> {
        (self.0)(uid, gid)
    }

    /// As [`of`](Owners::of), with nobody for what is not there.
    pub(crate) fn or_nobody(&self, uid: u32, gid: u32) -> (u32, u32) {
        self.of(uid, gid).unwrap_or((NOBODY, NOBODY))
    }

    /// Capabilities that root gave a file in the namespace, as archives have them: without saying which root.
    pub(crate) fn capability_for_archive(&self, mut value: Vec<u8>) -> Vec<u8> {
        let root = value.get(PLAIN_LENGTH..).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
        if let Some(root) = root
            && self.of(root, root).is_some_and(|(uid, _)| uid == 0)
            && set_revision(&mut value, NAMESPACED, PLAIN)
        {
            value.truncate(PLAIN_LENGTH);
        }
        value
    }

    /// The way back.
    pub(crate) fn capability_for_tree(&self, mut value: Vec<u8>) -> Vec<u8> {
        if value.len() == PLAIN_LENGTH
            && let Some((root, _)) = self.of(0, 0)
            && set_revision(&mut value, PLAIN, NAMESPACED)
        {
            value.extend(root.to_le_bytes());
        }
        value
    }
}

/// Changes the version of a file's capabilities, if it is `from`.
fn set_revision(value: &mut [u8], from: u32, to: u32) -> bool {
    let Some(word) = value.first_chunk_mut::<4>() else { return false };
    let number = u32::from_le_bytes(*word);
    let is = number & REVISION == from;
    if is {
        *word = (number & !REVISION | to).to_le_bytes();
    }
    is
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_lose_and_gain_their_root() {
        let mut plain = vec![0; PLAIN_LENGTH];
        plain[..4].copy_from_slice(&(PLAIN | 1).to_le_bytes());
        let to_tree = Owners::new(|uid, gid| Some((uid + 100_000, gid + 100_000)));
        let to_archive = Owners::new(|uid, gid| Some((uid.checked_sub(100_000)?, gid.checked_sub(100_000)?)));
        let inside = to_tree.capability_for_tree(plain.clone());
        assert_eq!(inside.len(), 24);
        assert_eq!(inside[..4], (NAMESPACED | 1).to_le_bytes());
        assert_eq!(inside[20..], 100_000u32.to_le_bytes());
        assert_eq!(to_archive.capability_for_archive(inside.clone()), plain);
        let stranger = Owners::new(|_, _| None);
        assert_eq!(stranger.capability_for_archive(inside.clone()), inside);
        assert_eq!(to_archive.or_nobody(5, 5), (NOBODY, NOBODY));
    }

    #[test]
    fn what_makes_no_sense_stays() {
        let owners = Owners::new(|uid, gid| Some((uid, gid)));
        for value in [vec![], vec![1, 2, 3], vec![0; 20], vec![0; 24], vec![9; 30]] {
            assert_eq!(owners.capability_for_archive(value.clone()), value);
            assert_eq!(owners.capability_for_tree(value.clone()), value);
        }
    }
}
