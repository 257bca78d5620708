//! Fuzz targets: layers, archives and documents of images. See `fuzz/README.md`. Not part of the interface.

mod index;

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt as _;

use teu_oci::digest::Digest;
use teu_oci::image::{ContainerConfig, Index, Manifest};

pub use crate::driver::fuzzing::layer_drivers;
use crate::erofs::{self, Geometry, TAR_START};
use crate::layer::decompress::Decompressor;
use crate::layer::tree::{Node, Tree};
use crate::layer::{LayerError, Limits};
use crate::pull::manifest;
use crate::store::layers::parse_config;
use crate::tar::{Entry, Parser, Visitor};
use crate::{Progress, Store, Update, glob, platform};

/// Limits under which no input takes long.
pub(crate) const LIMITS: Limits = Limits {
    tar_size: 4 << 20,
    ratio: 200,
    ratio_from: 1 << 20,
    entries: 10_000,
    path_len: 4_096,
    depth: 64,
    extension_size: 64 << 10,
    file_size: 1 << 30,
};

/// A layer's tar: however it arrives in pieces, its entries are the same, and every byte is handed over once, in order.
pub fn layer_tar(data: &[u8]) {
    let Some((cut, data)) = data.split_first() else { return };
    let whole = record(data, data.len().max(1));
    let pieces = record(data, usize::from(*cut) + 1);
    assert_eq!((&whole.entries, &whole.end), (&pieces.entries, &pieces.end));
    assert!(data.starts_with(&whole.bytes), "bytes are lost or made up");
    if whole.end.is_none() {
        assert_eq!(whole.bytes.len(), data.len());
        assert_eq!(whole.bytes, pieces.bytes);
    }
    for entry in &whole.entries {
        assert!(entry.data_offset.is_multiple_of(512) && entry.size <= LIMITS.file_size);
        let described = entry.sparse.as_ref().map(|map| map.iter().map(|segment| segment.len).sum());
        assert!(described.is_none_or(|len: u64| len == entry.data_len));
    }
}

/// What a visitor saw.
#[derive(Default)]
struct Record {
    entries: Vec<Entry>,
    bytes: Vec<u8>,
    end: Option<String>,
}

fn record(data: &[u8], step: usize) -> Record {
    let mut record = Record::default();
    let mut parser = Parser::new(LIMITS);
    let fed = data.chunks(step).try_for_each(|piece| parser.feed(piece, &mut record));
    record.end = fed.and_then(|()| parser.finish()).err().map(|error| error.to_string());
    record
}

impl Visitor for Record {
    fn entry(&mut self, entry: Entry) -> Result<(), LayerError> {
        self.entries.push(entry);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn framing(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

/// A layer's tar as a tree and as an EROFS index, which says what the tree does.
pub fn layer_index(data: &[u8]) {
    let mut tree = Tree::new(LIMITS);
    let mut parser = Parser::new(LIMITS);
    let read = parser.feed(data, &mut ToTree(&mut tree)).and_then(|()| parser.finish());
    let depth = index::depth(&tree);
    assert!(depth <= LIMITS.depth, "{depth} levels, allowed are {}", LIMITS.depth);
    if read.is_err() {
        return;
    }
    // Where no file can be made, nothing is checked.
    let Some(file) = memory_file() else { return };
    if file.write_all_at(data, TAR_START).is_err() {
        return;
    }
    let geometry = Geometry { tar_size: data.len() as u64, uuid: [7; 16] };
    let Ok(written) = erofs::write_index(&tree, &file, geometry) else { return };
    index::check(&tree, &file, written.file_size);
}

struct ToTree<'a>(&'a mut Tree);

impl Visitor for ToTree<'_> {
    fn entry(&mut self, entry: Entry) -> Result<(), LayerError> {
        self.0.insert(entry).map(drop)
    }

    fn data(&mut self, _: &[u8]) -> Result<(), LayerError> {
        Ok(())
    }

    fn framing(&mut self, _: &[u8]) -> Result<(), LayerError> {
        Ok(())
    }
}

fn memory_file() -> Option<File> {
    rustix::fs::memfd_create("layer", rustix::fs::MemfdFlags::CLOEXEC).ok().map(File::from)
}

/// A blob: however it arrives in pieces, the same comes out of it, and never more than is allowed.
pub fn layer_blob(data: &[u8]) {
    let Some((cut, data)) = data.split_first() else { return };
    let (whole, ended) = decompress(data, data.len().max(1));
    let (pieces, also) = decompress(data, usize::from(*cut) + 1);
    assert_eq!(ended, also);
    assert!(whole.len() as u64 <= LIMITS.tar_size && pieces.len() as u64 <= LIMITS.tar_size);
    if ended {
        assert_eq!(whole, pieces);
    }
}

fn decompress(data: &[u8], step: usize) -> (Vec<u8>, bool) {
    let mut out = Shared::default();
    let mut decompressor = Decompressor::new(&mut out, LIMITS);
    let fed = data.chunks(step).try_for_each(|piece| decompressor.write(piece));
    let ended = fed.and_then(|()| decompressor.finish().map(drop)).is_ok();
    (out.0, ended)
}

#[derive(Default)]
struct Shared(Vec<u8>);

impl std::io::Write for &mut Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Manifests, indexes and configurations.
pub fn documents(data: &[u8]) {
    for header in ["", "application/vnd.oci.image.index.v1+json"] {
        black_box(manifest::kind(header, data).is_ok());
    }
    if let Ok(index) = serde_json::from_slice::<Index>(data)
        && let Some(chosen) = platform::choose(&index.manifests, &platform::host_platform())
    {
        let offered = chosen.platform.as_ref().map(platform::normalized);
        assert_eq!(offered.map(|offered| offered.os.to_lowercase()).as_deref(), Some("linux"));
    }
    black_box(serde_json::from_slice::<Manifest>(data).is_ok());
    if let Ok(config) = parse_config(&Digest::of(b""), data) {
        assert!(config.rootfs.diff_ids.len() <= 500);
    }
}

/// Lines of `--change`.
pub fn changes(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut config = ContainerConfig::default();
    let changes: Vec<String> = text.lines().map(str::to_owned).collect();
    if crate::apply_changes(&mut config, &changes).is_ok() {
        assert!(config.working_dir.is_empty() || config.working_dir.starts_with('/'));
        assert!(config.env.iter().all(|variable| !variable.starts_with('=')), "{:?}", config.env);
    }
}

/// A pattern and a name, on two lines, against Go's definition read literally.
pub fn pattern(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Some((pattern, name)) = text.split_once('\n') else { return };
    let found = glob::matches(pattern, name);
    // The literal reading takes exponential time.
    let plain = !pattern.contains(['[', '\\']);
    if plain && pattern.matches('*').count() <= 4 && name.len() <= 40 {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(found, Some(literally(&chars(pattern), &chars(name))), "{pattern:?} {name:?}");
    }
}

fn literally(pattern: &[char], name: &[char]) -> bool {
    match pattern {
        [] => name.is_empty(),
        ['*', rest @ ..] => {
            let end = name.iter().position(|c| *c == '/').unwrap_or(name.len());
            (0..=end).any(|taken| literally(rest, &name[taken..]))
        }
        ['?', rest @ ..] => matches!(name, [c, name @ ..] if *c != '/' && literally(rest, name)),
        [c, rest @ ..] => matches!(name, [first, name @ ..] if first == c && literally(rest, name)),
    }
}

/// An archive for `load`, into a store that is empty before and after: what is refused leaves nothing.
pub fn load(store: &Store, data: &[u8]) {
    let loaded = store.load(data, &Silent);
    if let Ok(images) = &loaded {
        for image in images {
            let removed = store.remove(&image.id.to_string(), true, &[]);
            assert!(removed.is_ok() || images.len() > 1, "an image that was loaded cannot be removed");
        }
    }
    // Whatever happened, nothing is left.
    assert_eq!(store.collect_garbage().ok(), Some(0));
    assert_eq!(store.disk_usage().ok(), Some(0), "{:?}", loaded.err().map(|error| error.to_string()));
}

struct Silent;

impl Progress for Silent {
    fn update(&self, _: Update<'_>) {}
}
