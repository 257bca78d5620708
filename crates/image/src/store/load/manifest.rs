//! Which documents and layers of an archive make an image.

use serde::Deserialize;
use teu_oci::digest::Digest;
use teu_oci::image::{
    ANNOTATION_CONTAINERD_NAME, ANNOTATION_REF_NAME, ANNOTATION_REFERENCE_TYPE, Descriptor, Index, Manifest, media_type,
};
use teu_oci::reference::Reference;

use super::archive::Archive;
use super::legacy;
use crate::error::{Error, Result};
use crate::model::{Loaded, NewImage};
use crate::platform;
use crate::store::Store;
use crate::store::layers::parse_config;

/// Docker's own list of images.
const DOCKER: &str = "manifest.json";
/// The OCI layout's.
const OCI: &str = "index.json";
/// Indexes within indexes.
const MAX_NESTING: usize = 4;

/// An entry of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DockerImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Vec<String>,
}

/// An image as the archive describes it.
pub(super) struct Described {
    pub(super) config: Vec<u8>,
    pub(super) diff_ids: Vec<Digest>,
    pub(super) tags: Vec<Reference>,
}

/// Enters all images of an archive.
pub(super) fn create_images(store: &Store, archive: &Archive<'_>) -> Result<Vec<Loaded>> {
    let described = if archive.document(DOCKER).is_some() {
        docker_images(archive)?
    } else if archive.document(OCI).is_some() {
        let index: Index = archive.parse(OCI)?;
        let mut images = Vec::new();
        oci_images(archive, &index, &[], MAX_NESTING, &mut images)?;
        images
    } else {
        legacy::images(archive)?
    };
    if described.is_empty() {
        return Err(Error::Archive("there is no image in it".to_owned()));
    }
    // All are checked before the first is entered.
    described.iter().try_for_each(check)?;
    described.into_iter().map(|image| enter(store, image)).collect()
}

fn check(image: &Described) -> Result<()> {
    let id = Digest::of(&image.config);
    let wanted = parse_config(&id, &image.config)?.rootfs.diff_ids;
    if wanted.len() != image.diff_ids.len() {
        let reason = format!("the configuration lists {} layers, the archive {}", wanted.len(), image.diff_ids.len());
        return Err(Error::Inconsistent { image: id, reason });
    }
    for (at, (expected, got)) in wanted.iter().zip(&image.diff_ids).enumerate() {
        if expected != got {
            let reason = format!("invalid diffID for layer {at}: expected \"{expected}\", got \"{got}\"");
            return Err(Error::Inconsistent { image: id, reason });
        }
    }
    Ok(())
}

fn enter(store: &Store, image: Described) -> Result<Loaded> {
    let id = Digest::of(&image.config);
    let mut replaced = Vec::new();
    for tag in &image.tags {
        if let Some(old) = store.0.db.image_of_name(tag)?
            && old != id
        {
            replaced.push((tag.clone(), old));
        }
    }
    let tags = image.tags.clone();
    store.create_image(&NewImage { config: image.config, tags: image.tags, digests: Vec::new(), parent: None })?;
    Ok(Loaded { id, tags, replaced })
}

fn docker_images(archive: &Archive<'_>) -> Result<Vec<Described>> {
    let images: Vec<DockerImage> = archive.parse(DOCKER)?;
    images
        .into_iter()
        .map(|image| {
            let missing = || Error::Archive(format!("{:?} is missing", image.config));
            Ok(Described {
                config: archive.document(&clean(&image.config)).ok_or_else(missing)?.to_vec(),
                diff_ids: image.layers.iter().map(|name| archive.layer(&clean(name))).collect::<Result<_>>()?,
                tags: image.repo_tags.unwrap_or_default().iter().map(|name| tagged(name)).collect::<Result<_>>()?,
            })
        })
        .collect()
}

fn clean(name: &str) -> String {
    name.split('/').filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/")
}

/// A name with a tag, as archives list them.
pub(super) fn tagged(name: &str) -> Result<Reference> {
    match Reference::parse(name) {
        Ok(reference) if reference.tag().is_some() && reference.digest().is_none() => Ok(reference),
        _ => Err(Error::Archive(format!("invalid tag {name:?}"))),
    }
}

/// The images of an index; names given further out go to what is within.
fn oci_images(
    archive: &Archive<'_>,
    index: &Index,
    names: &[Reference],
    nesting: usize,
    images: &mut Vec<Described>,
) -> Result<()> {
    for descriptor in &index.manifests {
        if descriptor.annotations.contains_key(ANNOTATION_REFERENCE_TYPE) {
            continue;
        }
        let names: Vec<_> = names.iter().cloned().chain(annotated_name(descriptor)).collect();
        let what = || format!("manifest {}", descriptor.digest);
        let bytes = archive.blob(&descriptor.digest)?;
        let malformed = |source| Error::Document { what: what(), source };
        if media_type::is_index(&descriptor.media_type) {
            if nesting == 0 {
                return Err(Error::Archive("indexes are nested too deeply".to_owned()));
            }
            let mut nested: Index = serde_json::from_slice(bytes).map_err(malformed)?;
            // Of the platforms that one image is made for, ours. What the archive leaves out cannot be taken.
            nested.manifests.retain(|entry| archive.blob(&entry.digest).is_ok());
            if let Some(best) = platform::choose(&nested.manifests, &platform::host_platform()).cloned() {
                nested.manifests = vec![best];
            }
            oci_images(archive, &nested, &names, nesting - 1, images)?;
        } else {
            let manifest: Manifest = serde_json::from_slice(bytes).map_err(malformed)?;
            add_oci_image(archive, &manifest, names, images)?;
        }
    }
    Ok(())
}

fn add_oci_image(
    archive: &Archive<'_>,
    manifest: &Manifest,
    names: Vec<Reference>,
    images: &mut Vec<Described>,
) -> Result<()> {
    let config = archive.blob(&manifest.config.digest)?;
    // The same image under several names comes as several entries.
    if let Some(known) = images.iter_mut().find(|image| image.config == config) {
        for name in names {
            if !known.tags.contains(&name) {
                known.tags.push(name);
            }
        }
        return Ok(());
    }
    let diff_ids = manifest.layers.iter().map(|layer| archive.layer_blob(&layer.digest)).collect::<Result<_>>()?;
    images.push(Described { config: config.to_vec(), diff_ids, tags: names });
    Ok(())
}

/// The name an index entry gives; a tag alone (what the OCI annotation often holds) names nothing.
fn annotated_name(descriptor: &Descriptor) -> Option<Reference> {
    [ANNOTATION_CONTAINERD_NAME, ANNOTATION_REF_NAME]
        .into_iter()
        .filter_map(|key| tagged(descriptor.annotations.get(key)?).ok())
        .next()
}
