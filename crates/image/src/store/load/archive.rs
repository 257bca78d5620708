//! What an archive holds: layers go to the store as they pass, documents are kept.

use std::cell::Cell;
use std::collections::HashMap;
use std::thread::JoinHandle;

use bytes::Bytes;
use teu_oci::digest::Digest;

use crate::error::{Error, Result};
use crate::layer::decompress::sniff;
use crate::layer::path::{components, printable};
use crate::layer::{Compression, Expectation, LayerError};
use crate::progress::{Progress, Status, Update};
use crate::store::{HeldLayer, LayerWriter, Store};
use crate::tar::{self, Entry, Kind, Visitor};

/// Largest document; the largest real manifests have some hundred KiB.
const MAX_DOCUMENT: u64 = 8 << 20;
/// All documents of an archive.
const MAX_DOCUMENTS: u64 = 64 << 20;
/// Bytes of documents read while images are put together. A document may be referred to more than once, and an index that
/// refers to others so would take hours.
const MAX_READ: u64 = 128 << 20;
/// What a reference costs at least.
const LEAST_READ: u64 = 16 << 10;
/// Links, which are kept until the end.
const MAX_NAMES: usize = 100_000;
/// Layers being finished (indexed, synced) while the next one is read.
const MAX_FINISHING: usize = 4;
/// Where OCI layouts and Docker since version 25 have their blobs.
const BLOBS: &str = "blobs/sha256/";
/// How many links one name may go through.
const MAX_LINKS: usize = 8;

/// An archive on its way in.
pub(super) struct Archive<'a> {
    store: &'a Store,
    progress: &'a dyn Progress,
    /// Layers by their name in the archive, held until images refer to them.
    layers: HashMap<String, HeldLayer>,
    documents: HashMap<String, Vec<u8>>,
    documents_size: u64,
    /// What of [`MAX_READ`] is left.
    left_to_read: Cell<u64>,
    /// Symbolic and hard links: old archives share layers so.
    links: HashMap<String, String>,
    current: Option<Current>,
    finishing: Vec<(String, JoinHandle<Result<HeldLayer>>)>,
    /// The reason for the error that the visitor returned.
    pub(super) failed: Option<Error>,
}

/// The entry being read.
struct Current {
    name: String,
    size: u64,
    left: u64,
    content: Content,
}

enum Content {
    /// Too little was read to know.
    Unknown(Vec<u8>),
    Layer(Box<LayerWriter>),
    Document(Vec<u8>),
    Skipped,
}

impl<'a> Archive<'a> {
    pub(super) fn new(store: &'a Store, progress: &'a dyn Progress) -> Self {
        Self {
            store,
            progress,
            layers: HashMap::new(),
            documents: HashMap::new(),
            documents_size: 0,
            left_to_read: Cell::new(MAX_READ),
            links: HashMap::new(),
            current: None,
            finishing: Vec::new(),
            failed: None,
        }
    }

    /// The document of this name.
    pub(super) fn document(&self, name: &str) -> Option<&[u8]> {
        self.documents.get(&self.resolve(name)).map(Vec::as_slice)
    }

    /// The document of this name, parsed.
    pub(super) fn parse<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        let bytes = self.document(name).ok_or_else(|| Error::Archive(format!("{name:?} is missing")))?;
        self.charge(bytes)?;
        serde_json::from_slice(bytes).map_err(|source| Error::Document { what: format!("{name:?}"), source })
    }

    /// The document with this digest, verified.
    pub(super) fn blob(&self, digest: &Digest) -> Result<&[u8]> {
        let name = format!("{BLOBS}{}", digest.hex());
        let bytes = self.document(&name).ok_or_else(|| Error::Archive(format!("blob {digest} is missing")))?;
        self.charge(bytes)?;
        if Digest::of(bytes) == *digest { Ok(bytes) } else { Err(Error::Archive(format!("blob {digest} is corrupt"))) }
    }

    fn charge(&self, bytes: &[u8]) -> Result<()> {
        let left = self.left_to_read.get().checked_sub(LEAST_READ.max(bytes.len() as u64));
        let refused = || Error::Archive("its documents refer to each other too often".to_owned());
        left.map(|left| self.left_to_read.set(left)).ok_or_else(refused)
    }

    /// The diff id of the layer of this name.
    pub(super) fn layer(&self, name: &str) -> Result<Digest> {
        let held = self.layers.get(&self.resolve(name));
        held.map(|held| held.info.diff_id).ok_or_else(|| Error::Archive(format!("layer {name:?} is missing")))
    }

    /// The diff id of the layer whose blob has this digest.
    pub(super) fn layer_blob(&self, digest: &Digest) -> Result<Digest> {
        self.layer(&format!("{BLOBS}{}", digest.hex()))
    }

    /// Names of documents that end so.
    pub(super) fn documents_ending(&self, end: &str) -> impl Iterator<Item = &str> {
        self.documents.keys().map(String::as_str).filter(move |name| name.ends_with(end))
    }

    fn resolve(&self, name: &str) -> String {
        let mut name = name.to_owned();
        for _ in 0..MAX_LINKS {
            match self.links.get(&name) {
                Some(target) => name.clone_from(target),
                None => break,
            }
        }
        name
    }

    /// Says that the archive is read: waits for the layers.
    pub(super) fn complete(&mut self) -> Result<()> {
        while !self.finishing.is_empty() {
            self.join_oldest()?;
        }
        Ok(())
    }

    fn join_oldest(&mut self) -> Result<()> {
        let (name, thread) = self.finishing.remove(0);
        let panicked = |_| Error::Archive(format!("layer {name:?}: a thread panicked"));
        let held = thread.join().map_err(panicked)??;
        self.layers.insert(name, held);
        Ok(())
    }

    fn begin(&mut self, entry: &Entry) -> Result<()> {
        let name = name_of(&entry.path, self.store)?;
        match entry.kind {
            Kind::Symlink | Kind::HardLink => {
                let mut target = entry.link.clone();
                if entry.kind == Kind::Symlink && !target.starts_with(b"/") {
                    let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
                    target = [parent.as_bytes(), b"/", &target].concat();
                }
                let target = name_of(&target, self.store)?;
                if self.links.len() >= MAX_NAMES {
                    return Err(Error::Archive(format!("more than {MAX_NAMES} links are in it")));
                }
                self.links.insert(name, target);
            }
            Kind::File if entry.data_len > 0 && entry.sparse.is_none() => {
                let known = match digest_in(&name) {
                    Some(digest) => self.known(&digest)?,
                    None => None,
                };
                let content = if known.is_some() { Content::Skipped } else { Content::Unknown(Vec::new()) };
                if let Some(held) = known {
                    self.report(&name, Status::AlreadyExists, 0, entry.data_len);
                    self.layers.insert(name.clone(), held);
                }
                self.current = Some(Current { name, size: entry.data_len, left: entry.data_len, content });
            }
            _ => {}
        }
        Ok(())
    }

    fn known(&self, blob: &Digest) -> Result<Option<HeldLayer>> {
        self.store.hold_blob(blob)
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(mut current) = self.current.take() else { return Ok(()) };
        current.left = current.left.saturating_sub(bytes.len() as u64);
        match &mut current.content {
            Content::Unknown(start) => {
                start.extend_from_slice(bytes);
                if start.len() >= tar::BLOCK || current.left == 0 {
                    let start = std::mem::take(start);
                    current.content = self.classify(&current.name, current.size, start)?;
                }
            }
            Content::Layer(writer) => writer.write(Bytes::copy_from_slice(bytes))?,
            Content::Document(document) => document.extend_from_slice(bytes),
            Content::Skipped => {}
        }
        if let Content::Layer(_) = current.content {
            self.report(&current.name, Status::LoadingLayer, current.size - current.left, current.size);
        }
        if current.left > 0 {
            self.current = Some(current);
            return Ok(());
        }
        self.end(current)
    }

    /// Decides by its first bytes what an entry is.
    fn classify(&mut self, name: &str, size: u64, start: Vec<u8>) -> Result<Content> {
        if sniff(&start) != Compression::None || tar::begins_archive(&start) {
            let expectation = Expectation { blob: digest_in(name), blob_size: Some(size), diff_id: None };
            let mut writer = self.store.layer_writer(expectation)?;
            writer.write(Bytes::from(start))?;
            return Ok(Content::Layer(Box::new(writer)));
        }
        if !matches!(start.trim_ascii_start().first(), Some(b'{' | b'[')) {
            return Ok(Content::Skipped);
        }
        self.documents_size += size;
        if size > MAX_DOCUMENT || self.documents_size > MAX_DOCUMENTS {
            return Err(Error::Archive(format!("{name:?} is too large for a document")));
        }
        Ok(Content::Document(start))
    }

    fn end(&mut self, current: Current) -> Result<()> {
        match current.content {
            Content::Layer(writer) => {
                if self.finishing.len() >= MAX_FINISHING {
                    self.join_oldest()?;
                }
                let thread = std::thread::Builder::new().name("layer-finish".to_owned());
                let thread = thread
                    .spawn(move || writer.finish())
                    .map_err(|source| Error::Stream { what: "cannot start a thread", source })?;
                self.finishing.push((current.name, thread));
            }
            Content::Document(document) => drop(self.documents.insert(current.name, document)),
            Content::Unknown(_) | Content::Skipped => {}
        }
        Ok(())
    }

    fn report(&self, name: &str, status: Status, current: u64, total: u64) {
        let id = digest_in(name).map_or_else(|| teu_oci::id::short(name).to_owned(), |digest| digest.short());
        self.progress.update(Update { id: &id, status, current, total: Some(total) });
    }

    /// The visitor's error type is a layer's: keep the real error for the caller.
    fn keep(&mut self, result: Result<()>) -> Result<(), LayerError> {
        result.map_err(|error| {
            self.failed = Some(error);
            LayerError::Tar { offset: 0, reason: "the archive is refused".to_owned() }
        })
    }
}

/// A failed load must not leave a thread that publishes a layer after the garbage was collected.
impl Drop for Archive<'_> {
    fn drop(&mut self) {
        for (_, thread) in self.finishing.drain(..) {
            // Its result is of no interest any more.
            let _ = thread.join();
        }
    }
}

impl Visitor for Archive<'_> {
    fn entry(&mut self, entry: Entry) -> Result<(), LayerError> {
        let result = self.begin(&entry);
        self.keep(result)
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        let result = self.take(bytes);
        self.keep(result)
    }

    fn framing(&mut self, _: &[u8]) -> Result<(), LayerError> {
        Ok(())
    }
}

/// A name in its simplest form.
fn name_of(path: &[u8], store: &Store) -> Result<String> {
    let components = components(path, &store.0.limits).map_err(|error| Error::Archive(error.to_string()))?;
    String::from_utf8(components.join(&b'/'))
        .map_err(|_| Error::Archive(format!("name {:?} is not UTF-8", printable(path))))
}

/// The digest that a blob's name promises.
fn digest_in(name: &str) -> Option<Digest> {
    Digest::from_hex(name.strip_prefix(BLOBS)?).ok()
}
