//! Seeds that are archives and binary messages.

use super::texts;
use tar::EntryType;
use teu_sys::netlink::{Address, Batch, push_address};
use teu_sys::seccomp::{Action, Arch, Policy, compile};
use teu_testkit::image::{Image, Layer, gzip, header};

/// A layer with an entry of every kind.
fn layer() -> Layer {
    let special = |kind, major, minor| {
        let mut header = header(kind, 0o600);
        header.set_device_major(major).and_then(|()| header.set_device_minor(minor)).map(|()| header)
    };
    let mut layer = Layer::new()
        .dir("d", 0o755)
        .file("d/f", 0o644, "content")
        .symlink("l", "d/../d")
        .hard_link("h", "d/f")
        .whiteout("d/gone")
        .opaque("d")
        .file(&format!("d/{}", "long/".repeat(40)), 0o600, "deep");
    for (name, header) in [("c", special(EntryType::Char, 1, 3)), ("b", special(EntryType::Block, 8, 0))] {
        if let Ok(mut header) = header {
            layer = layer.entry(&mut header, name, b"");
        }
    }
    layer
}

/// One entry with the header's fields as they are given, however strange.
fn raw(kind: EntryType, name: &str, link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = header(kind, 0o644);
    let old = header.as_old_mut();
    old.name[..name.len()].copy_from_slice(name.as_bytes());
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut out = [header.as_bytes(), content].concat();
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

/// An extended header of these records, before an entry.
fn pax(records: &[(&str, &[u8])], entry: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    for (key, value) in records {
        let body = key.len() + value.len() + 3;
        let digits = (body + (body + 1).to_string().len()).to_string().len();
        content.extend(format!("{} {key}=", body + digits).into_bytes());
        content.extend(*value);
        content.push(b'\n');
    }
    [raw(EntryType::XHeader, "x", "", &content), entry.to_vec()].concat()
}

pub(crate) fn tars() -> Vec<Vec<u8>> {
    let end = vec![0; 1024];
    let file = |content: &[u8]| raw(EntryType::Regular, "f", "", content);
    let data = vec![7; 1536];
    let map10 = [&b"2\n0\n512\n4096\n1024\n"[..], &[0; 493], &data].concat();
    let all = pax(
        &[
            ("path", b"renamed"),
            ("uid", b"70000"),
            ("mtime", b"-1.25"),
            ("SCHILY.xattr.user.a", b"1"),
            ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
            ("SCHILY.xattr.user.a", b"2"),
        ],
        &file(b"content"),
    );
    let sparse = [
        pax(&[("GNU.sparse.map", b"0,512,4096,1024"), ("GNU.sparse.size", b"8192")], &file(&data)),
        pax(&[("GNU.sparse.major", b"1"), ("GNU.sparse.realsize", b"6000")], &file(&map10)),
        pax(
            &[
                ("GNU.sparse.numblocks", b"1"),
                ("GNU.sparse.offset", b"100"),
                ("GNU.sparse.numbytes", b"1536"),
                ("GNU.sparse.size", b"5000"),
            ],
            &file(&data),
        ),
    ];
    let strange = [
        raw(EntryType::Symlink, "l", "d", b""),
        raw(EntryType::Regular, "l/a/../b", "", b"x"),
        raw(EntryType::Symlink, "up", "../../..", b""),
        raw(EntryType::Regular, "up/f", "", b"x"),
        raw(EntryType::Link, "hard", "up/f", b""),
        raw(EntryType::Directory, "up/f", "", b""),
        raw(EntryType::Regular, ".wh.hard", "", b""),
        raw(EntryType::Regular, "a/.wh..wh..opq", "", b""),
        raw(EntryType::Link, "self", "self", b""),
    ];
    let deep = [
        raw(EntryType::Symlink, "l", &"d/".repeat(40), b""),
        raw(EntryType::Directory, &"d/".repeat(40), "", b""),
        raw(EntryType::Directory, &format!("l/{}", "e/".repeat(40)), "", b""),
    ];
    let mut many = Layer::new();
    for number in 0..30 {
        many = many.file(&format!("name-{number:030}"), 0o644, [7; 3]);
    }
    vec![
        layer().finish(),
        many.finish(),
        [all, end.clone()].concat(),
        [sparse.concat(), end.clone()].concat(),
        [strange.concat(), end.clone()].concat(),
        [deep.concat(), end.clone()].concat(),
        end,
    ]
}

/// Archives behind a byte that says how they are cut.
pub(crate) fn cut_tars() -> Vec<Vec<u8>> {
    tars().into_iter().map(|tar| [vec![200], tar].concat()).collect()
}

pub(crate) fn blobs() -> Vec<Vec<u8>> {
    let tar = Layer::new().file("f", 0o644, [7; 3000]).finish();
    let zeros = gzip(&vec![0; 2 << 20]);
    // Frames of Zstandard with a raw block each, and a skippable one (RFC 8878, sections 3.1.1 and 3.1.2).
    let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, 3, 0x19, 0, 0][..], b"abc"].concat();
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2][..], &frame].concat();
    let blobs = [tar.clone(), gzip(&tar), [gzip(&tar[..700]), gzip(&tar[700..])].concat(), zeros, frame, skipped];
    blobs.into_iter().map(|blob| [vec![99], blob].concat()).collect()
}

pub(crate) fn archives() -> Vec<Vec<u8>> {
    let image = Image::new("a:1").name("b:2").layer(layer().finish()).cmd(&["true"]);
    let legacy = Layer::new()
        .file("repositories", 0o644, r#"{"old":{"1":"aa"}}"#)
        .file("aa/json", 0o644, r#"{"id":"aa","parent":"bb","os":"linux","config":{"Cmd":["x"]}}"#)
        .file("aa/layer.tar", 0o644, Layer::new().file("f", 0o644, "x").finish())
        .file("bb/json", 0o644, r#"{"id":"bb"}"#)
        .symlink("bb/layer.tar", "../aa/layer.tar")
        .finish();
    vec![image.docker_archive(), image.oci_archive(), gzip(&image.docker_archive()), legacy]
}

pub(crate) fn policies() -> Vec<Vec<u8>> {
    vec![
        (0..=255).collect(),
        [[1, 1, 1, 2, 0, 2, 0, 1, 0].as_slice(), &[0, 2, 1, 5, 1, 130, 3, 3, 4].repeat(12)].concat(),
        [[0, 0, 0, 0, 3, 0, 1, 2, 0].as_slice(), &[2, 0, 1, 1, 77, 7, 3, 2, 9, 9, 6, 200].repeat(20)].concat(),
    ]
}

pub(crate) fn programs() -> Vec<Vec<u8>> {
    let policy = Policy { default_action: Action::Errno(1), arches: vec![Arch::X86_64], ..Policy::default() };
    compile(&policy).map(|program| program.to_bytes()).into_iter().collect()
}

/// A reply as systemd sends it, with a string in its body.
pub(crate) fn dbus() -> Vec<Vec<u8>> {
    let mut reply = vec![b'l', 2, 0, 1, 6, 0, 0, 0, 9, 0, 0, 0, 8, 0, 0, 0];
    reply.extend([5, 1, b'u', 0, 7, 0, 0, 0]);
    reply.extend([1, 0, 0, 0, b'x', 0]);
    let mut signal = vec![b'l', 4, 1, 1, 0, 0, 0, 0, 9, 0, 0, 0, 11, 0, 0, 0];
    signal.extend([3, 1, b's', 0, 2, 0, 0, 0, b'J', b'R', 0, 0, 0, 0, 0, 0]);
    vec![reply, signal]
}

pub(crate) fn netlink() -> Vec<Vec<u8>> {
    let mut batch = Batch::new();
    push_address(&mut batch, Address { index: 2, address: [172, 18, 0, 2].into(), prefix: 16 });
    let nested = [
        &[60, 0, 0, 0, 0, 1, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0][..],
        &[40, 0, 1, 0x80, 20, 0, 1, 0x80, 8, 0, 1, 0, 10, 0, 0, 1, 8, 0, 2, 0, 10, 0, 0, 2],
        &[16, 0, 2, 0x80, 5, 0, 1, 0, 17, 0, 0, 0, 6, 0, 2, 0, 3, 0xe8, 0, 0],
    ];
    vec![batch.as_bytes().to_vec(), nested.concat()]
}

/// Archives for `cp`, without files that have holes.
pub(crate) fn unpacked() -> Vec<Vec<u8>> {
    let end = vec![0; 1024];
    let folder = |name: &str| raw(EntryType::Directory, name, "", b"");
    let file = |name: &str| raw(EntryType::Regular, name, "", b"x");
    // What links lead out to, from inside of the tree.
    let escapes = [
        folder("outside"),
        file("up/f"),
        file("up/new"),
        raw(EntryType::Link, "hard", "up/f", b""),
        file("file"),
        raw(EntryType::Symlink, "l", "/", b""),
        folder("l/up"),
        raw(EntryType::Link, "l/a", "l/hard", b""),
        folder("d/"),
        raw(EntryType::Symlink, "d/l", "../../outside", b""),
        file("d/l/f"),
        raw(EntryType::Fifo, "fifo", "", b""),
    ];
    let in_the_way = [
        folder("d"),
        file("d/f"),
        folder("d/e"),
        file("d/e/g"),
        file("d"),
        folder("d"),
        folder("d"),
        raw(EntryType::Symlink, "d", "x", b""),
        file("d"),
    ];
    let linked_out = raw(EntryType::Link, "hard", "out/f", b"");
    let leading_out = raw(EntryType::Regular, "../outside/f", "", b"x");
    let capable = pax(
        &[("SCHILY.xattr.security.capability", &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
        &raw(EntryType::Regular, "c", "", b"x"),
    );
    let long =
        [raw(EntryType::GNULongName, "././@LongLink", "", &b"a/".repeat(300)), raw(EntryType::Regular, "x", "", b"x")];
    vec![
        layer().finish(),
        [escapes.concat(), end.clone()].concat(),
        [file("f"), end.clone(), vec![0; 2]].concat(),
        [in_the_way.concat(), end.clone()].concat(),
        [in_the_way.concat(), end.clone(), vec![0]].concat(),
        [linked_out, end.clone()].concat(),
        [leading_out, end.clone()].concat(),
        [capable, end.clone()].concat(),
        [long.concat(), end].concat(),
    ]
}

/// What a gRPC server sends: SETTINGS, the acknowledgement of the client's, and one answer (RFC 9113, section 4).
pub(crate) fn grpc() -> Vec<Vec<u8>> {
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let len = u32::try_from(payload.len()).unwrap_or(0).to_be_bytes();
        [&len[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    // Literals without indexing (RFC 7541, section 6.2.2), behind `:status: 200`.
    let literal = |name: &str, value: &str| {
        let len = |text: &str| u8::try_from(text.len()).unwrap_or(0);
        [&[0, len(name)], name.as_bytes(), &[len(value)], value.as_bytes()].concat()
    };
    let settings = [frame(4, 0, 0, &[]), frame(4, 1, 0, &[])].concat();
    let head = frame(1, 4, 1, &[&[0x88][..], &literal("content-type", "application/grpc")].concat());
    let trailers = |status: &str| frame(1, 5, 1, &literal("grpc-status", status));
    let only =
        frame(1, 5, 1, &[&[0x88][..], &literal("grpc-status", "5"), &literal("grpc-message", "because")].concat());
    let serving = frame(0, 0, 1, b"\0\0\0\0\x02\x08\x01");
    vec![
        [&settings[..], &head, &serving, &trailers("0")].concat(),
        [&settings[..], &only].concat(),
        [&settings[..], &head, &frame(0, 1, 1, b"x"), &frame(3, 0, 1, &[0, 0, 0, 2]), &frame(7, 0, 0, &[0; 8])]
            .concat(),
        [
            &settings[..],
            &frame(6, 0, 0, &[7; 8]),
            &frame(8, 0, 0, &[0, 0, 1, 0]),
            &frame(1, 4, 1, &[0x48, 3, b'5', b'0', b'0']),
        ]
        .concat(),
    ]
}

pub(crate) fn confirmations() -> Vec<Vec<u8>> {
    vec![b"\x81\xa3ack\xa5abcde\x81".to_vec(), [&b"\x81\xa3ack\xd9\x20"[..], &[b'x'; 32]].concat()]
}

/// Logs in both formats.
pub(crate) fn logs() -> Vec<Vec<u8>> {
    let entry = |message: &[u8]| {
        let len = u32::try_from(message.len()).unwrap_or(0).to_be_bytes();
        [&len[..], message, &len].concat()
    };
    let whole = b"\x0a\x06stderr\x10\x85\x94\xeb\xdc\x03\x1a\x02hi";
    let part = [&whole[..], b"\x20\x01\x2a\x07\x12\x03abc\x18\x02\x32\x06\x0a\x01k\x12\x01v"].concat();
    let local = [entry(whole), entry(&part), entry(whole)].concat();
    let cut = local[..local.len() - 3].to_vec();
    texts::logs().into_iter().chain([local, cut]).collect()
}

/// Logs behind bytes that say the format, how many lines are wanted, and how much is in the oldest file.
pub(crate) fn cut_logs() -> Vec<Vec<u8>> {
    let logs = logs();
    let with = |format: u8, log: &Vec<u8>| [&[format, 2, 128], &log[..], log].concat();
    logs.iter().flat_map(|log| [with(0, log), with(1, log)]).collect()
}

pub(crate) fn contexts() -> Vec<Vec<u8>> {
    let meta = br#"{"Name":"remote","Metadata":{"Description":"x"},"Endpoints":{"docker":{"Host":"tcp://h:2376"}}}"#;
    let entries = [
        raw(EntryType::Regular, "meta.json", "", meta),
        raw(EntryType::Directory, "tls", "", b""),
        raw(EntryType::Regular, "tls/docker/ca.pem", "", b"CA"),
        raw(EntryType::Regular, "tls/docker/key.pem", "", b"KEY"),
    ];
    let escape = [&entries[0][..], &raw(EntryType::Regular, "tls/../../evil", "", b"x")].concat();
    vec![[entries.concat(), vec![0; 1024]].concat(), escape]
}

/// Queries for names: of a container, in two forms, by address, of somebody else, with EDNS, several at once, cut off.
pub(crate) fn queries() -> Vec<Vec<u8>> {
    let query = |labels: &[&str], kind: u8, more: u8| {
        let mut bytes = vec![0x12, 0x67, 1, 0, 0, 1, 0, 0, 0, 0, 0, more];
        for label in labels {
            bytes.extend(u8::try_from(label.len()));
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.extend_from_slice(&[0, 0, kind, 0, 1]);
        bytes
    };
    // A and AAAA, PTR, ANY.
    let mut edns = query(&["web"], 1, 1);
    edns.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    let mut twice = query(&["web"], 1, 0);
    twice[5] = 2;
    let mut answer = query(&["web"], 1, 0);
    answer[2] |= 0x80;
    let cut = query(&["web", "front"], 28, 0)[..19].to_vec();
    vec![
        query(&["web"], 1, 0),
        query(&["WEB", "front"], 28, 0),
        query(&["db"], 255, 0),
        query(&["2", "0", "0", "10", "in-addr", "arpa"], 12, 0),
        query(&["example", "com"], 1, 0),
        edns,
        twice,
        answer,
        cut,
    ]
}
