//! Finding bytes fast without a library: blocks are tested as a whole, which the compiler turns into vector code.

const BLOCK: usize = 32;

/// Position of the first byte for which `wanted` holds.
#[inline]
pub(super) fn find(data: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = 0;
    for block in data.chunks_exact(BLOCK) {
        if block.iter().fold(false, |any, &b| any | wanted(b)) {
            break;
        }
        at += BLOCK;
    }
    data[at..].iter().position(|&b| wanted(b)).map(|n| at + n)
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_first_of_several_is_found_at_every_position() {
        assert_eq!(find(b"", |b| b == b'x'), None);
        for len in 1..100 {
            let mut data = vec![b'.'; len];
            assert_eq!(find(&data, |b| b == b'x'), None);
            for at in (0..len).rev() {
                data[at] = b'x';
                assert_eq!(find(&data, |b| b == b'x'), Some(at));
            }
        }
    }
}
