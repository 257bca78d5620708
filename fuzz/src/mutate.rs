//! A small mutator with a fixed seed: the same inputs at every run.

/// Numbers that parsers of lengths and counts trip over.
const NUMBERS: [&[u8]; 12] = [
    &[0; 4],
    &[0xff; 4],
    &[0xff, 0xff, 0xff, 0x7f],
    &[0, 0, 0, 0x80],
    &[0xff; 8],
    &[0; 512],
    b"0",
    b"-1",
    b"65536",
    b"4294967296",
    b"9223372036854775807",
    b"18446744073709551616",
];

/// Words and signs that mean something to some parser here.
const WORDS: [&[u8]; 24] = [
    b"..",
    b"/",
    b"//",
    b":",
    b"::",
    b"@",
    b"=",
    b",",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b"{{",
    b"}}",
    b"%",
    b"\n",
    b"\0",
    b"null",
    b"\xc3\x28",
    b"\xf0\x9f\x98\x80",
    b"*",
    b"-",
];

/// A source of choices (splitmix64).
#[derive(Debug)]
pub struct Mutator(u64);

impl Mutator {
    /// Choices that follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        // Inputs are small: the remainder fits.
        usize::try_from(self.next() % (limit.max(1) as u64)).unwrap_or(0)
    }

    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        let most = self.below(6);
        start..(start + self.below(1 << most)).min(len)
    }

    /// One of the seeds, changed in one to six places.
    pub fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let none = Vec::new();
        let mut input = seeds.get(self.below(seeds.len())).unwrap_or(&none).clone();
        for _ in 0..=self.below(6) {
            let other = seeds.get(self.below(seeds.len())).unwrap_or(&none);
            self.change(&mut input, other);
        }
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        let at = self.below(input.len());
        match self.below(9) {
            0 if !input.is_empty() => input[at] ^= 1 << self.below(8),
            1 if !input.is_empty() => input[at] = u8::try_from(self.below(256)).unwrap_or(0),
            2 if !input.is_empty() => input.truncate(at),
            3 => {
                let range = self.range(input.len());
                input.drain(range);
            }
            4 => {
                let copied = input[self.range(input.len())].to_vec();
                input.splice(at..at, copied);
            }
            5 => {
                let copied = other[self.range(other.len())].to_vec();
                input.splice(at..at, copied);
            }
            6 => {
                // Over what is there: fields keep their places.
                let number = NUMBERS[self.below(NUMBERS.len())];
                let end = (at + number.len()).min(input.len());
                input[at..end].copy_from_slice(&number[..end - at]);
            }
            7 => drop(input.splice(at..at, NUMBERS[self.below(NUMBERS.len())].iter().copied())),
            _ => drop(input.splice(at..at, WORDS[self.below(WORDS.len())].iter().copied())),
        }
    }
}
