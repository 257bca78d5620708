//! PAX extended header records: `<length> <key>=<value>\n` (POSIX.1-2001, "pax Header Block").

use std::collections::HashSet;

use super::{Segment, Time};

/// Prefix of the keys that hold extended attributes (star, used by Docker and Go).
const XATTR_PREFIX: &[u8] = b"SCHILY.xattr.";

/// What the extended headers before an entry say about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Overrides {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<Time>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: SparseRecords,
}

/// The records of GNU's three PAX formats of sparse files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SparseRecords {
    /// 0.0 and 0.1: the map.
    pub(super) segments: Vec<Segment>,
    /// 0.0: an offset whose length has not come yet.
    offset: Option<u64>,
    /// Whether any map was given.
    pub(super) has_map: bool,
    /// 0.1 and 1.0: the real name.
    pub(super) name: Option<Vec<u8>>,
    /// The file's size.
    pub(super) size: Option<u64>,
    /// 1.0: the map is at the beginning of the data.
    pub(super) major: Option<u64>,
}

impl Overrides {
    /// Takes the records of one extended header.
    pub(super) fn parse(&mut self, mut records: &[u8]) -> Result<(), &'static str> {
        while !records.is_empty() {
            let (key, value, rest) = split_record(records).ok_or("malformed extended header record")?;
            self.apply(key, value)?;
            records = rest;
        }
        self.keep_last_xattrs();
        if self.sparse.offset.is_some() {
            return Err("sparse map has an odd number of records");
        }
        Ok(())
    }

    fn apply(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        if let Some(name) = key.strip_prefix(XATTR_PREFIX) {
            if name.is_empty() || name.contains(&0) {
                return Err("extended attribute without a usable name");
            }
            self.xattrs.push((name.to_vec(), value.to_vec()));
            return Ok(());
        }
        match key {
            b"path" => self.path = text(value)?,
            b"linkpath" => self.link = text(value)?,
            b"size" => self.size = optional(value, |v| decimal(v).ok_or("size is no number"))?,
            b"uid" => self.uid = optional(value, |v| id(v).ok_or("owner is no number"))?,
            b"gid" => self.gid = optional(value, |v| id(v).ok_or("group is no number"))?,
            b"mtime" => self.mtime = optional(value, |v| time(v).ok_or("time is no number"))?,
            _ => self.sparse.apply(key, value)?,
        }
        Ok(())
    }

    /// Of attributes that come again the last counts. Not sought at each record: there may be 50,000 of them.
    fn keep_last_xattrs(&mut self) {
        let mut known = HashSet::new();
        let mut kept: Vec<bool> = self.xattrs.iter().rev().map(|(name, _)| known.insert(name.clone())).collect();
        self.xattrs.retain(|_| kept.pop().unwrap_or(true));
    }
}

impl SparseRecords {
    fn apply(&mut self, key: &[u8], value: &[u8]) -> Result<(), &'static str> {
        let number = || decimal(value).ok_or("sparse record is no number");
        match key {
            b"GNU.sparse.major" => self.major = Some(number()?),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.size = Some(number()?),
            b"GNU.sparse.name" => self.name = text(value)?,
            b"GNU.sparse.map" => {
                self.has_map = true;
                self.segments = list(value).ok_or("malformed sparse map")?;
            }
            b"GNU.sparse.numblocks" => self.has_map = true,
            b"GNU.sparse.offset" => self.offset = Some(number()?),
            b"GNU.sparse.numbytes" => {
                let offset = self.offset.take().ok_or("sparse length without an offset")?;
                self.segments.push(Segment { offset, len: number()? });
            }
            _ => {}
        }
        Ok(())
    }
}

/// Splits the first record off: key, value, rest.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let blank = records.iter().take(20).position(|b| *b == b' ')?;
    let len = usize::try_from(decimal(&records[..blank])?).ok()?;
    if len <= blank + 1 {
        return None;
    }
    let (record, rest) = records.split_at_checked(len)?;
    let body = record[blank + 1..].strip_suffix(b"\n")?;
    let equals = body.iter().position(|b| *b == b'=')?;
    let (key, value) = (&body[..equals], &body[equals + 1..]);
    (!key.is_empty()).then_some((key, value, rest))
}

/// An empty value takes an earlier one back.
fn optional<T>(value: &[u8], parse: impl FnOnce(&[u8]) -> Result<T, &'static str>) -> Result<Option<T>, &'static str> {
    if value.is_empty() { Ok(None) } else { parse(value).map(Some) }
}

fn text(value: &[u8]) -> Result<Option<Vec<u8>>, &'static str> {
    if value.contains(&0) {
        return Err("name contains a NUL");
    }
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

pub(super) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn id(value: &[u8]) -> Option<i64> {
    i64::try_from(decimal(value)?).ok()
}

/// `[-]seconds[.fraction]`; digits beyond nanoseconds are dropped.
fn time(value: &[u8]) -> Option<Time> {
    let (negative, value) = match value.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let dot = value.iter().position(|b| *b == b'.');
    let (whole, fraction) = dot.map_or((value, &[][..]), |at| (&value[..at], &value[at + 1..]));
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = i64::try_from(decimal(whole)?).ok()?;
    let nanos = (0..9).fold(0, |nanos, at| nanos * 10 + u32::from(fraction.get(at).map_or(0, |b| b - b'0')));
    Some(match (negative, nanos) {
        (false, _) => Time { seconds, nanos },
        (true, 0) => Time { seconds: -seconds, nanos },
        (true, _) => Time { seconds: -seconds - 1, nanos: 1_000_000_000 - nanos },
    })
}

/// `offset,length,offset,length,…`
fn list(value: &[u8]) -> Option<Vec<Segment>> {
    if value.is_empty() {
        return Some(Vec::new());
    }
    let numbers: Vec<u64> = value.split(|b| *b == b',').map(decimal).collect::<Option<_>>()?;
    let (pairs, []) = numbers.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[offset, len]| Segment { offset: *offset, len: *len }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, value: &[u8]) -> Vec<u8> {
        let body = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
        let mut len = body.len() + 1;
        while len != body.len() + len.to_string().len() {
            len = body.len() + len.to_string().len();
        }
        [len.to_string().as_bytes(), &body].concat()
    }

    fn parse(records: &[(&str, &[u8])]) -> Result<Overrides, &'static str> {
        let bytes: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        let mut overrides = Overrides::default();
        overrides.parse(&bytes).map(|()| overrides)
    }

    #[test]
    fn records_override() {
        let o = parse(&[
            ("path", b"a/b"),
            ("size", b"12"),
            ("uid", b"4294967294"),
            ("mtime", b"-1.25"),
            ("SCHILY.xattr.user.x", b"a\0\n=b"),
            ("comment", b"ignored"),
        ])
        .unwrap();
        assert_eq!(o.path.as_deref(), Some(&b"a/b"[..]));
        assert_eq!((o.size, o.uid), (Some(12), Some(4_294_967_294)));
        assert_eq!(o.mtime, Some(Time { seconds: -2, nanos: 750_000_000 }));
        assert_eq!(o.xattrs, [(b"user.x".to_vec(), b"a\0\n=b".to_vec())]);
    }

    #[test]
    fn of_attributes_that_come_again_the_last_counts() {
        let key = |name: &str| format!("SCHILY.xattr.{name}");
        let o = parse(&[(&key("a"), b"1"), (&key("b"), b"2"), (&key("a"), b"3"), (&key("c"), b"4")]).unwrap();
        let pair = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        assert_eq!(o.xattrs, [pair("b", "2"), pair("a", "3"), pair("c", "4")]);
        // As many as an extended header can hold take no time.
        let many: Vec<String> = (0..40_000).map(|number| key(&number.to_string())).collect();
        let records: Vec<(&str, &[u8])> = many.iter().map(|key| (key.as_str(), &b"x"[..])).collect();
        assert_eq!(parse(&records).unwrap().xattrs.len(), 40_000);
    }

    #[test]
    fn empty_value_takes_back() {
        assert_eq!(parse(&[("path", b"a"), ("path", b"")]).unwrap().path, None);
    }

    #[test]
    fn sparse_maps() {
        let o = parse(&[("GNU.sparse.map", b"0,3,10,4")]).unwrap();
        assert_eq!(o.sparse.segments, [Segment { offset: 0, len: 3 }, Segment { offset: 10, len: 4 }]);
        let o = parse(&[("GNU.sparse.numblocks", b"1"), ("GNU.sparse.offset", b"5"), ("GNU.sparse.numbytes", b"6")]);
        assert_eq!(o.unwrap().sparse.segments, [Segment { offset: 5, len: 6 }]);
        assert!(parse(&[("GNU.sparse.offset", b"5")]).is_err());
        assert!(parse(&[("GNU.sparse.map", b"1,2,3")]).is_err());
    }

    #[test]
    fn malformed_records() {
        for bytes in [&b"x"[..], b"5 a=b", b"0 a=b\n", b"99 a=b\n", b"6 a=b\nX", b"5 ab\n", b"5 =b\n", b"+6 a=b\n"] {
            assert!(Overrides::default().parse(bytes).is_err(), "{bytes:?}");
        }
        assert!(parse(&[("path", b"a\0b")]).is_err());
        assert!(parse(&[("size", b"-1")]).is_err());
        assert!(parse(&[("mtime", b"1.x")]).is_err());
    }
}
