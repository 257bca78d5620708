//! One header block: fields, numbers, checksum.

use super::{BLOCK, Time};

/// The flavour of a header, which decides what the bytes from 345 on mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

/// A header block whose checksum is right.
pub(super) struct Header<'a> {
    block: &'a [u8; BLOCK],
    format: Format,
}

impl<'a> Header<'a> {
    /// Checks the checksum and recognises the format.
    pub(super) fn parse(block: &'a [u8; BLOCK]) -> Result<Self, &'static str> {
        let stored = number(&block[148..156]).ok_or("checksum is no number")?;
        let (unsigned, signed) = checksums(block);
        if stored != unsigned && stored != signed {
            return Err("wrong header checksum");
        }
        let format = match (&block[257..263], &block[263..265]) {
            (b"ustar\0", _) if &block[508..512] == b"tar\0" => Format::Star,
            (b"ustar\0", _) => Format::Ustar,
            (b"ustar ", b" \0") => Format::Gnu,
            _ => Format::V7,
        };
        Ok(Self { block, format })
    }

    /// Name with the prefix of the formats that have one.
    pub(super) fn path(&self) -> Vec<u8> {
        let prefix = match self.format {
            Format::Ustar => text(&self.block[345..500]),
            Format::Star => text(&self.block[345..476]),
            Format::V7 | Format::Gnu => b"",
        };
        let name = text(&self.block[..100]);
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    pub(super) fn link(&self) -> Vec<u8> {
        text(&self.block[157..257]).to_vec()
    }

    pub(super) fn type_flag(&self) -> u8 {
        self.block[156]
    }

    pub(super) fn mode(&self) -> Result<u16, &'static str> {
        let mode = number(&self.block[100..108]).ok_or("mode is no number")?;
        // Some writers put the file type in; only the permission bits count.
        u16::try_from(mode & 0o7777).map_err(|_| "mode is out of range")
    }

    pub(super) fn uid(&self) -> Result<i64, &'static str> {
        number(&self.block[108..116]).ok_or("owner is no number")
    }

    pub(super) fn gid(&self) -> Result<i64, &'static str> {
        number(&self.block[116..124]).ok_or("group is no number")
    }

    pub(super) fn size(&self) -> Result<u64, &'static str> {
        let size = number(&self.block[124..136]).ok_or("size is no number")?;
        u64::try_from(size).map_err(|_| "size is negative")
    }

    pub(super) fn mtime(&self) -> Result<Time, &'static str> {
        let seconds = number(&self.block[136..148]).ok_or("time is no number")?;
        Ok(Time { seconds, nanos: 0 })
    }

    pub(super) fn device(&self) -> Result<(u32, u32), &'static str> {
        if self.format == Format::V7 {
            return Ok((0, 0));
        }
        let field = |range: std::ops::Range<usize>| {
            number(&self.block[range]).and_then(|n| u32::try_from(n).ok()).ok_or("device number is out of range")
        };
        Ok((field(329..337)?, field(337..345)?))
    }

    /// The old GNU sparse map's four entries, whether more follow, and the file's size.
    pub(super) fn gnu_sparse(&self) -> Result<(&'a [u8], bool, u64), &'static str> {
        if self.format != Format::Gnu {
            return Err("sparse file in an archive that is not GNU's");
        }
        let size =
            number(&self.block[483..495]).and_then(|n| u64::try_from(n).ok()).ok_or("sparse size is no number")?;
        Ok((&self.block[386..482], self.block[482] != 0, size))
    }
}

/// The bytes up to the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|b| *b == 0).next().unwrap_or_default()
}

/// An octal number, maybe padded with blanks and NULs, or a big-endian base-256 one (GNU). Empty is 0.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // Two's complement of which the first bit is the marker and the second the sign.
        let negative = first & 0x40 != 0;
        let start = i64::from(first & 0x3f) - if negative { 0x40 } else { 0 };
        return rest.iter().try_fold(start, |value, b| value.checked_mul(256)?.checked_add(i64::from(*b)));
    }
    let digits = field.trim_ascii_start();
    let digits = text(digits).trim_ascii();
    digits.iter().try_fold(0_i64, |value, b| match b {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(i64::from(b - b'0')),
        _ => None,
    })
}

/// The sum of the block's bytes with the checksum field as blanks; some old writers summed signed bytes.
fn checksums(block: &[u8; BLOCK]) -> (i64, i64) {
    let blanks = [b' '; 8];
    block[..148]
        .iter()
        .chain(&blanks)
        .chain(&block[156..])
        .fold((0, 0), |(unsigned, signed), b| (unsigned + i64::from(*b), signed + i64::from(i8::from_ne_bytes([*b]))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        for (field, expected) in [
            (&b"0000644\0"[..], Some(0o644)),
            (b"    644 ", Some(0o644)),
            (b"\0\0\0\0", Some(0)),
            (b"", None),
            (b"9", None),
            (b"12x", None),
            (b"7777777777777777777777777", None),
            (&[0x80, 0, 0, 1, 0, 0, 0, 0], Some(1 << 32)),
            (&[0xff, 0xff, 0xff, 0xff], Some(-1)),
            (&[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], None),
        ] {
            assert_eq!(number(field), expected, "{field:?}");
        }
    }

    #[test]
    fn checksum_is_verified() {
        let mut block = *tar::Header::new_ustar().as_bytes();
        assert!(Header::parse(&block).is_err());
        let mut header = tar::Header::new_ustar();
        header.set_path("a/b").unwrap();
        header.set_cksum();
        block.copy_from_slice(header.as_bytes());
        assert_eq!(Header::parse(&block).map(|h| h.path()).ok(), Some(b"a/b".to_vec()));
        block[0] ^= 1;
        assert_eq!(Header::parse(&block).err(), Some("wrong header checksum"));
    }
}
