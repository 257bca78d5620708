//! Copying and comparing memory, in the place of musl's functions.
//!
//! musl copies with `rep movsq` whatever the size, which takes some thirty cycles to begin, and compares byte by byte. Nearly
//! all copies of a program in Rust are of some tens of bytes: with musl's, `ps` of 100 containers spent a fifth of its time in
//! them. These take two overlapping moves up to 16, 32, 64 or 128 bytes, of 16 bytes each, which every x86-64 has.
//!
//! Debug builds keep musl's: there, moving 16 bytes could itself be a call of `memcpy`. On Arm musl's are good.

use std::arch::asm;
use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_storeu_si128};
use std::ffi::c_int;

/// The size of a vector.
const VECTOR: usize = 16;
/// What the loops move at once.
const BLOCK: usize = 4 * VECTOR;
/// From here on the processor's own copy is as fast, and faster where it spares reading what is overwritten.
const LARGE: usize = 4096;

/// As in C: copies between places that do not overlap.
///
/// # Safety
/// `count` bytes can be read and written, and do not overlap.
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's, which each of these repeats.
    unsafe {
        if count <= 2 * BLOCK {
            short(to, from, count);
        } else if count < LARGE {
            forward(to, from, count);
        } else {
            asm!("rep movsb", inout("rcx") count => _, inout("rdi") to => _, inout("rsi") from => _,
                options(nostack, preserves_flags));
        }
    }
    to
}

/// As in C: copies between places that may overlap.
///
/// # Safety
/// `count` bytes can be read and written.
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    // SAFETY: the caller's. Everything short is read before anything is written; of the loops, each begins at the end that the
    // other place does not reach before it has been read.
    unsafe {
        if count <= 2 * BLOCK {
            short(to, from, count);
        } else if to.addr().wrapping_sub(from.addr()) >= count {
            forward(to, from, count);
        } else {
            backward(to, from, count);
        }
    }
    to
}

/// As in C: how the first bytes that differ are ordered.
///
/// # Safety
/// `count` bytes of both can be read.
#[cfg_attr(not(test), unsafe(no_mangle))]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> c_int {
    let mut at = 0;
    // SAFETY: all offsets stay below `count`.
    unsafe {
        while at + VECTOR <= count {
            let same = _mm_movemask_epi8(_mm_cmpeq_epi8(load(left, at), load(right, at)));
            if same != 0xffff {
                at += (!same).trailing_zeros() as usize;
                return c_int::from(*left.add(at)) - c_int::from(*right.add(at));
            }
            at += VECTOR;
        }
        if at + 8 <= count {
            let (a, b) = (word(left, at), word(right, at));
            if a != b {
                return if a < b { -1 } else { 1 };
            }
            at += 8;
        }
        while at < count {
            let (a, b) = (*left.add(at), *right.add(at));
            if a != b {
                return c_int::from(a) - c_int::from(b);
            }
            at += 1;
        }
    }
    0
}

/// Eight bytes as a number that is ordered as they are.
#[inline(always)]
unsafe fn word(from: *const u8, at: usize) -> u64 {
    // SAFETY: the caller's.
    u64::from_be(unsafe { from.add(at).cast::<u64>().read_unaligned() })
}

#[inline(always)]
unsafe fn load(from: *const u8, at: usize) -> __m128i {
    // SAFETY: the caller's.
    unsafe { _mm_loadu_si128(from.add(at).cast()) }
}

#[inline(always)]
unsafe fn store(to: *mut u8, at: usize, vector: __m128i) {
    // SAFETY: the caller's.
    unsafe { _mm_storeu_si128(to.add(at).cast(), vector) }
}

#[inline(always)]
unsafe fn load_block(from: *const u8, at: usize) -> [__m128i; 4] {
    // SAFETY: the caller's.
    unsafe { [load(from, at), load(from, at + 16), load(from, at + 32), load(from, at + 48)] }
}

#[inline(always)]
unsafe fn store_block(to: *mut u8, at: usize, block: [__m128i; 4]) {
    // SAFETY: the caller's.
    unsafe {
        store(to, at, block[0]);
        store(to, at + 16, block[1]);
        store(to, at + 32, block[2]);
        store(to, at + 48, block[3]);
    }
}

/// Up to two blocks. All is read before anything is written.
#[inline(always)]
unsafe fn short(to: *mut u8, from: *const u8, count: usize) {
    macro_rules! ends {
        ($number:ty) => {{
            let last = count - size_of::<$number>();
            let (a, b) = (from.cast::<$number>().read_unaligned(), from.add(last).cast::<$number>().read_unaligned());
            to.cast::<$number>().write_unaligned(a);
            to.add(last).cast::<$number>().write_unaligned(b);
        }};
    }
    // SAFETY: both ends lie within `count`, by the comparison before them.
    unsafe {
        match count {
            0 => {}
            1 => *to = *from,
            2..4 => ends!(u16),
            4..8 => ends!(u32),
            8..VECTOR => ends!(u64),
            VECTOR..=32 => {
                let (a, b) = (load(from, 0), load(from, count - VECTOR));
                store(to, 0, a);
                store(to, count - VECTOR, b);
            }
            33..=BLOCK => {
                let (a, b) = ((load(from, 0), load(from, 16)), (load(from, count - 32), load(from, count - 16)));
                store(to, 0, a.0);
                store(to, 16, a.1);
                store(to, count - 32, b.0);
                store(to, count - 16, b.1);
            }
            _ => {
                let (a, b) = (load_block(from, 0), load_block(from, count - BLOCK));
                store_block(to, 0, a);
                store_block(to, count - BLOCK, b);
            }
        }
    }
}

/// More than a block, from the beginning: right unless the beginning of `to` lies within `from`.
#[inline(always)]
unsafe fn forward(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: blocks lie within `count`; the last, which overlaps the one before, was read before anything was written.
    unsafe {
        let (mut at, end) = (0, load_block(from, count - BLOCK));
        while at + BLOCK < count {
            let block = load_block(from, at);
            store_block(to, at, block);
            at += BLOCK;
            keep_loop();
        }
        store_block(to, count - BLOCK, end);
    }
}

/// More than a block, from the end: right unless the end of `to` lies within `from`.
#[inline(always)]
unsafe fn backward(to: *mut u8, from: *const u8, count: usize) {
    // SAFETY: as in `forward`, from the other end.
    unsafe {
        let (mut left, beginning) = (count, load_block(from, 0));
        while left > BLOCK {
            let block = load_block(from, left - BLOCK);
            store_block(to, left - BLOCK, block);
            left -= BLOCK;
            keep_loop();
        }
        store_block(to, 0, beginning);
    }
}

/// Keeps the compiler from making a call of `memcpy` of the loop around it.
#[inline(always)]
fn keep_loop() {
    // SAFETY: no instruction.
    unsafe { asm!("", options(nostack, preserves_flags)) };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Around every size where something changes, and some beyond.
    fn sizes() -> impl Iterator<Item = usize> {
        (0..=300).chain([511, 512, 513, 4095, 4096, 4097, 10_000])
    }

    fn pattern(count: usize) -> Vec<u8> {
        (0..count).map(|n| u8::try_from(n * 7 % 251).unwrap_or(0)).collect()
    }

    #[test]
    fn copies_are_whole_and_touch_nothing_else() {
        for count in sizes() {
            for (from_at, to_at) in [(0, 0), (1, 0), (3, 5), (7, 16)] {
                let from = pattern(count + 32);
                let mut to = vec![0xee; count + 64];
                // SAFETY: both have more than `count` bytes from there on.
                unsafe { memcpy(to.as_mut_ptr().add(to_at), from.as_ptr().add(from_at), count) };
                assert_eq!(to[to_at..to_at + count], from[from_at..from_at + count], "{count}");
                let mut around = to[..to_at].iter().chain(&to[to_at + count..]);
                assert!(around.all(|byte| *byte == 0xee), "{count}");
            }
        }
    }

    #[test]
    fn places_may_overlap_in_both_directions() {
        for count in sizes() {
            for distance in [0, 1, 8, 15, 16, 17, 63, 64, 65, 127, 200] {
                for (from_at, to_at) in [(distance, 0), (0, distance)] {
                    let mut place = pattern(count + distance);
                    let mut expected = place.clone();
                    expected.copy_within(from_at..from_at + count, to_at);
                    // SAFETY: both lie within the vector.
                    unsafe { memmove(place.as_mut_ptr().add(to_at), place.as_ptr().add(from_at), count) };
                    assert_eq!(place, expected, "{count} bytes from {from_at} to {to_at}");
                }
            }
        }
    }

    #[test]
    fn the_first_difference_decides() {
        for count in sizes().filter(|count| *count <= 513) {
            let left = pattern(count);
            let compare = |right: &[u8]| {
                // SAFETY: both have `count` bytes.
                unsafe { memcmp(left.as_ptr(), right.as_ptr(), count) }.signum()
            };
            assert_eq!(compare(&left), 0);
            for at in 0..count {
                let mut right = left.clone();
                right[at] ^= 0x80;
                // What comes later does not count.
                right[at + 1..].fill(0);
                let expected = if left[at] < right[at] { -1 } else { 1 };
                assert_eq!(compare(&right), expected, "byte {at} of {count}");
            }
        }
    }
}
