//! `save`: one archive that Docker (by `manifest.json`) and OCI tools (by `index.json`) both read, as Docker writes it since
//! version 25. Layers are uncompressed, byte for byte as they came.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read, Write};

use serde::Serialize;
use teu_oci::digest::Digest;
use teu_oci::image::{ANNOTATION_CONTAINERD_NAME, ANNOTATION_REF_NAME, Descriptor, Index, Manifest, media_type};
use teu_oci::reference::Reference;

use super::Store;
use super::resolve::{full_id, no_such_image};
use crate::error::{Error, Result};

/// An entry of `manifest.json`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

impl Store {
    /// Writes images, by name or id, as one archive that Docker and OCI tools read. A name without tag stands for all
    /// tags of its repository, as with Docker; an image named by id has no name in the archive.
    ///
    /// # Errors
    /// `NoSuchImage`, or if writing fails.
    pub fn save(&self, names: &[String], archive: impl Write) -> Result<()> {
        let images = self.saved_images(names)?;
        let mut saver = Saver {
            store: self,
            tar: tar::Builder::new(archive),
            written: HashSet::new(),
            manifests: Vec::new(),
            docker: Vec::new(),
            repositories: BTreeMap::new(),
        };
        saver.directory("blobs/")?;
        saver.directory("blobs/sha256/")?;
        for (id, tags) in &images {
            saver.image(id, tags)?;
        }
        saver.finish()
    }

    /// Which images, under which names, in the order asked for.
    fn saved_images(&self, names: &[String]) -> Result<Vec<(Digest, Vec<Reference>)>> {
        let mut images: Vec<(Digest, Vec<Reference>)> = Vec::new();
        let mut add = |id: Digest, tag: Option<Reference>| {
            let at = images.iter().position(|(known, _)| *known == id).unwrap_or_else(|| {
                images.push((id, Vec::new()));
                images.len() - 1
            });
            let tags = &mut images[at].1;
            tags.extend(tag.filter(|tag| !tags.contains(tag)));
        };
        for name in names {
            let reference = if full_id(name).is_some() { None } else { Reference::parse(name).ok() };
            let by_repository = reference.as_ref().filter(|r| r.tag().is_none() && r.digest().is_none());
            if let Some(wanted) = by_repository {
                let all = self.0.db.all_names()?;
                let mut of_repository = all
                    .into_iter()
                    .filter(|(tag, _)| tag.tag().is_some() && tag.repository() == wanted.repository())
                    .peekable();
                if of_repository.peek().is_some() {
                    of_repository.for_each(|(tag, id)| add(id, Some(tag)));
                    continue;
                }
            }
            let id = self.0.find(name)?;
            match reference.filter(|reference| reference.tag().is_some() && reference.digest().is_none()) {
                Some(tag) if self.0.db.image_of_name(&tag)? == Some(id) => add(id, Some(tag)),
                Some(_) => return Err(no_such_image(name)),
                None => add(id, None),
            }
        }
        Ok(images)
    }
}

/// An archive being written.
struct Saver<'a, W: Write> {
    store: &'a Store,
    tar: tar::Builder<W>,
    written: HashSet<Digest>,
    manifests: Vec<Descriptor>,
    docker: Vec<DockerImage>,
    repositories: BTreeMap<String, BTreeMap<String, String>>,
}

impl<W: Write> Saver<'_, W> {
    fn image(&mut self, id: &Digest, tags: &[Reference]) -> Result<()> {
        let config = self.store.raw_config(id)?;
        let diff_ids = self.store.0.db.image_layers(id)?;
        let mut layers = Vec::with_capacity(diff_ids.len());
        for diff_id in &diff_ids {
            layers.push(self.layer(diff_id)?);
        }
        self.blob(&config)?;
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(media_type::OCI_MANIFEST.to_owned()),
            artifact_type: None,
            config: Descriptor::new(media_type::OCI_CONFIG, *id, config.len() as u64),
            layers,
            subject: None,
            annotations: BTreeMap::new(),
        };
        let manifest = document("manifest", &manifest)?;
        self.blob(&manifest)?;
        self.list(&manifest, tags);
        self.docker.push(DockerImage {
            config: blob_name(id),
            repo_tags: (!tags.is_empty()).then(|| tags.iter().map(Reference::familiar).collect()),
            layers: diff_ids.iter().map(blob_name).collect(),
        });
        Ok(())
    }

    /// Enters a manifest in the index, once per name.
    fn list(&mut self, manifest: &[u8], tags: &[Reference]) {
        let plain = Descriptor::new(media_type::OCI_MANIFEST, Digest::of(manifest), manifest.len() as u64);
        if tags.is_empty() {
            self.manifests.push(plain);
            return;
        }
        for reference in tags {
            let tag = reference.tag().unwrap_or_default().to_owned();
            let mut named = plain.clone();
            named.annotations.insert(ANNOTATION_CONTAINERD_NAME.to_owned(), reference.to_string());
            named.annotations.insert(ANNOTATION_REF_NAME.to_owned(), tag.clone());
            self.manifests.push(named);
            let digest = plain.digest.hex();
            self.repositories.entry(reference.familiar_name()).or_default().insert(tag, digest);
        }
    }

    fn layer(&mut self, diff_id: &Digest) -> Result<Descriptor> {
        let size = self.store.layer(diff_id)?.ok_or(Error::MissingLayer(*diff_id))?.tar_size;
        if self.written.insert(*diff_id) {
            let mut tar = Whole { from: self.store.layer_tar(diff_id)?, left: size };
            let mut header = header(tar::EntryType::Regular, 0o644, size);
            self.tar.append_data(&mut header, blob_name(diff_id), &mut tar).map_err(stream)?;
        }
        Ok(Descriptor::new(media_type::OCI_LAYER, *diff_id, size))
    }

    fn blob(&mut self, bytes: &[u8]) -> Result<()> {
        let digest = Digest::of(bytes);
        if self.written.insert(digest) { self.file(&blob_name(&digest), bytes) } else { Ok(()) }
    }

    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let mut header = header(tar::EntryType::Regular, 0o644, bytes.len() as u64);
        self.tar.append_data(&mut header, name, bytes).map_err(stream)
    }

    fn directory(&mut self, name: &str) -> Result<()> {
        let mut header = header(tar::EntryType::Directory, 0o755, 0);
        self.tar.append_data(&mut header, name, io::empty()).map_err(stream)
    }

    fn finish(mut self) -> Result<()> {
        let index = Index {
            schema_version: 2,
            media_type: Some(media_type::OCI_INDEX.to_owned()),
            manifests: std::mem::take(&mut self.manifests),
            annotations: BTreeMap::new(),
        };
        self.file("index.json", &document("index", &index)?)?;
        self.file("manifest.json", &document("manifest.json", &self.docker)?)?;
        self.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        if !self.repositories.is_empty() {
            self.file("repositories", &document("repositories", &self.repositories)?)?;
        }
        self.tar.into_inner().and_then(|mut archive| archive.flush()).map_err(stream)
    }
}

/// Fails where the layer is shorter than it was, instead of writing an archive that is out of step.
struct Whole<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the layer is shorter than it was"));
        }
        self.left = self.left.saturating_sub(read as u64);
        Ok(read)
    }
}

fn header(kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn blob_name(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn document(what: &str, value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|source| Error::Document { what: what.to_owned(), source })
}

fn stream(source: io::Error) -> Error {
    Error::Stream { what: "cannot write the archive", source }
}
