use super::*;
use crate::tar::Time;

/// Keeps what it is told.
#[derive(Default, PartialEq, Debug)]
struct Collector {
    entries: Vec<(Entry, Vec<u8>)>,
    /// Everything handed over, in order.
    all: Vec<u8>,
}

impl Visitor for Collector {
    fn entry(&mut self, entry: Entry) -> Result<(), LayerError> {
        assert_eq!(entry.data_offset, self.all.len() as u64, "the data begins here");
        self.entries.push((entry, Vec::new()));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.all.extend(bytes);
        self.entries.last_mut().unwrap().1.extend(bytes);
        Ok(())
    }

    fn framing(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.all.extend(bytes);
        Ok(())
    }
}

fn parse(archive: &[u8], piece: usize) -> Result<Collector, LayerError> {
    let mut parser = Parser::new(Limits::default());
    let mut collector = Collector::default();
    for piece in archive.chunks(piece) {
        parser.feed(piece, &mut collector)?;
    }
    parser.finish()?;
    assert_eq!(parser.entries(), collector.entries.len() as u64);
    Ok(collector)
}

fn header(kind: u8, path: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_path(path).unwrap();
    header.set_mode(0o644);
    header.set_uid(1);
    header.set_gid(2);
    header.set_mtime(3);
    header.set_size(content.len() as u64);
    header.set_cksum();
    block(header.as_bytes(), content)
}

fn block(header: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = [header, content].concat();
    out.resize(out.len().next_multiple_of(BLOCK), 0);
    out
}

fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        let body = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
        let mut len = body.len();
        while len != body.len() + len.to_string().len() {
            len = body.len() + len.to_string().len();
        }
        content.extend([len.to_string().as_bytes(), &body].concat());
    }
    header(b'x', "PaxHeader", &content)
}

fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

/// A little of everything.
fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let long = "d/".repeat(120) + "file";
    for (path, content) in [("a", &b"x"[..]), (&long, &[7; 1000]), ("empty", b""), ("full", &[1; BLOCK])] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        builder.append_data(&mut header, path, content).unwrap();
    }
    let mut link = tar::Header::new_gnu();
    link.set_entry_type(tar::EntryType::Symlink);
    link.set_size(0);
    builder.append_link(&mut link, "link", "t/".repeat(100)).unwrap();
    let mut out = builder.into_inner().unwrap();
    out.truncate(out.len() - 2 * BLOCK);
    out.extend(pax(&[("path", b"p\xff"), ("mtime", b"1.5"), ("uid", b"70000"), ("SCHILY.xattr.user.a", b"\0b")]));
    out.extend(header(b'0', "short", b"pax"));
    out.extend(end());
    out.extend([9; 100]);
    out
}

#[test]
fn pieces_of_any_size_are_the_same() {
    let archive = archive();
    let whole = parse(&archive, usize::MAX).unwrap();
    assert_eq!(whole.all, archive, "every byte is handed over");
    for piece in [1, 3, 511, 512, 513, 4096] {
        assert_eq!(parse(&archive, piece).unwrap(), whole, "in pieces of {piece}");
    }
}

#[test]
fn the_tar_crate_reads_the_same() {
    let archive = archive();
    let ours = parse(&archive, usize::MAX).unwrap();
    let mut theirs = tar::Archive::new(&archive[..]);
    let mut count = 0;
    for (entry, (ours, content)) in theirs.entries().unwrap().zip(&ours.entries) {
        let mut entry = entry.unwrap();
        assert_eq!(entry.path_bytes(), &ours.path[..]);
        assert_eq!(entry.link_name_bytes().as_deref().unwrap_or_default(), ours.link);
        assert_eq!(entry.raw_file_position(), ours.data_offset);
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        assert_eq!(&bytes, content);
        count += 1;
    }
    assert_eq!(count, ours.entries.len());
}

#[test]
fn extended_headers_apply_to_the_next_entry_only() {
    let archive = [pax(&[("path", b"long"), ("mtime", b"1.5")]), header(b'0', "a", b""), header(b'0', "b", b""), end()];
    let entries = parse(&archive.concat(), 512).unwrap().entries;
    assert_eq!((&entries[0].0.path[..], entries[0].0.mtime), (&b"long"[..], Time { seconds: 1, nanos: 500_000_000 }));
    assert_eq!((&entries[1].0.path[..], entries[1].0.mtime), (&b"b"[..], Time { seconds: 3, nanos: 0 }));
}

#[test]
fn sparse_files_of_all_formats() {
    let expected = [Segment { offset: 1024, len: 512 }, Segment { offset: 4096, len: 3 }];
    let content = [&[5; 512][..], b"end"].concat();
    let map = b"1024,512,4096,3";
    let v01 = [
        pax(&[("GNU.sparse.map", map), ("GNU.sparse.size", b"5000"), ("GNU.sparse.name", b"real")]),
        header(b'0', "x", &content),
    ];
    let v00 = [
        pax(&[
            ("GNU.sparse.size", b"5000"),
            ("GNU.sparse.numblocks", b"2"),
            ("GNU.sparse.offset", b"1024"),
            ("GNU.sparse.numbytes", b"512"),
            ("GNU.sparse.offset", b"4096"),
            ("GNU.sparse.numbytes", b"3"),
        ]),
        header(b'0', "real", &content),
    ];
    let v10 = [
        pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"real"),
            ("GNU.sparse.realsize", b"5000"),
        ]),
        header(b'0', "x", &[block(b"2\n1024\n512\n4096\n3\n", b""), content.clone()].concat()),
    ];
    let mut old = tar::Header::new_gnu();
    old.set_entry_type(tar::EntryType::GNUSparse);
    old.set_path("real").unwrap();
    old.set_size(content.len() as u64);
    let gnu = old.as_gnu_mut().unwrap();
    for (slot, segment) in gnu.sparse.iter_mut().zip(&expected) {
        slot.set_offset(segment.offset);
        slot.set_length(segment.len);
    }
    gnu.set_real_size(5000);
    old.set_mode(0);
    old.set_uid(0);
    old.set_gid(0);
    old.set_mtime(0);
    old.set_cksum();
    let old = [block(old.as_bytes(), &content), Vec::new()];
    for (name, archive) in [("0.1", v01), ("0.0", v00), ("1.0", v10), ("old", old)] {
        let archive = [archive.concat(), end()].concat();
        for piece in [1, 512, usize::MAX] {
            let entries = parse(&archive, piece).unwrap_or_else(|error| panic!("{name}: {error}")).entries;
            let (entry, data) = &entries[0];
            assert_eq!((&entry.path[..], entry.size), (&b"real"[..], 5000), "{name}");
            assert_eq!(entry.sparse.as_deref(), Some(&expected[..]), "{name}");
            assert_eq!(data, &content, "{name}");
        }
    }
}

#[test]
fn malformed_archives_are_refused() {
    let whole = archive();
    let entry = header(b'0', "a", b"content");
    let mut broken = entry.clone();
    broken[0] ^= 1;
    for (what, archive) in [
        ("checksum", broken),
        ("cut in a header", entry[..100].to_vec()),
        ("cut in the data", entry[..BLOCK + 3].to_vec()),
        ("cut in the padding", entry[..BLOCK + 20].to_vec()),
        ("cut after an extended header", pax(&[("path", b"x")])),
        ("a lone zero block", [vec![0; BLOCK], entry.clone()].concat()),
        ("an unknown type", header(b'Z', "a", b"")),
        ("malformed records", header(b'x', "a", b"3 x")),
        ("owner out of range", [pax(&[("uid", b"99999999999")]), entry.clone()].concat()),
        ("no archive", vec![b'x'; BLOCK]),
    ] {
        assert!(parse(&archive, 512).is_err(), "{what}");
    }
    assert!(parse(&whole[..whole.len() - 100 - BLOCK], 512).is_ok(), "one zero block at the end");
    assert!(parse(b"", 1).is_ok(), "nothing at all");
}

#[test]
fn limits_are_kept() {
    let limits = Limits { entries: 2, extension_size: 1024, path_len: 50, file_size: 1 << 20, ..Limits::default() };
    let run = |archive: &[u8]| Parser::new(limits).feed(archive, &mut Collector::default());
    let entry = header(b'0', "a", b"");
    let huge = [pax(&[("size", b"1048577")]), entry.clone()].concat();
    let sparse = [pax(&[("GNU.sparse.map", b""), ("GNU.sparse.size", b"1048577")]), entry.clone()].concat();
    for (what, archive) in [
        ("entries", entry.repeat(3)),
        ("extended header", header(b'x', "a", &[b' '; 1025])),
        ("name", [pax(&[("path", &[b'x'; 51])]), entry.clone()].concat()),
        ("file", huge),
        ("sparse file", sparse),
    ] {
        assert!(matches!(run(&archive), Err(LayerError::Limit { .. })), "{what}");
    }
}

/// Whatever bytes come, the reader answers: every byte of every block changed, with a simple generator.
#[test]
fn changed_bytes_never_panic() {
    let archive = archive();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..3000 {
        let mut changed = archive.clone();
        for _ in 0..4 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = usize::try_from(state >> 33).unwrap() % changed.len();
            changed[at] = u8::try_from(state >> 24 & 0xff).unwrap();
            // The checksum again, or most changes end there.
            let start = at - at % BLOCK;
            if let Some(block) = changed.get_mut(start..start + BLOCK) {
                let sum: u32 = block
                    .iter()
                    .enumerate()
                    .map(|(i, b)| u32::from(if (148..156).contains(&i) { b' ' } else { *b }))
                    .sum();
                if state & 1 == 0 {
                    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
                }
            }
        }
        let _ = parse(&changed, 512);
    }
}
