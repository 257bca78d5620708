//! Archives from before Docker 1.10: a folder per layer with `json` and `layer.tar`, and `repositories` with the names.
//!
//! Such an image has no configuration of its own; one is made from the layers' (Docker image specification 1.0).

use std::collections::BTreeMap;

use serde::Deserialize;
use teu_oci::image::{ContainerConfig, History, ImageConfig, RootFs};
use teu_oci::reference::Reference;

use super::archive::Archive;
use super::manifest::{Described, tagged};
use crate::error::{Error, Result};

/// Layers of one image at most; stops cycles of parents.
const MAX_LAYERS: usize = 500;

/// `<id>/json`.
#[derive(Deserialize)]
struct Layer {
    #[serde(default)]
    parent: Option<String>,
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default)]
    architecture: Option<String>,
    #[serde(default)]
    os: Option<String>,
    #[serde(default)]
    config: Option<ContainerConfig>,
    #[serde(default)]
    container_config: Option<ContainerConfig>,
}

/// The images of such an archive: those that have names, or else those that are nobody's parent.
pub(super) fn images(archive: &Archive<'_>) -> Result<Vec<Described>> {
    let mut tops: BTreeMap<String, Vec<Reference>> = BTreeMap::new();
    if archive.document("repositories").is_some() {
        let repositories: BTreeMap<String, BTreeMap<String, String>> = archive.parse("repositories")?;
        for (name, tags) in repositories {
            for (tag, id) in tags {
                tops.entry(id).or_default().push(tagged(&format!("{name}:{tag}"))?);
            }
        }
    } else {
        let mut parents = std::collections::BTreeSet::new();
        for name in archive.documents_ending("/json") {
            parents.extend(archive.parse::<Layer>(name)?.parent);
        }
        let ids = archive.documents_ending("/json").filter_map(|name| name.strip_suffix("/json"));
        tops.extend(ids.filter(|id| !parents.contains(*id)).map(|id| (id.to_owned(), Vec::new())));
    }
    tops.into_iter().map(|(id, tags)| image(archive, &id, tags)).collect()
}

fn image(archive: &Archive<'_>, top: &str, tags: Vec<Reference>) -> Result<Described> {
    let mut layers = Vec::new();
    let mut next = Some(top.to_owned());
    while let Some(id) = next.filter(|id| !id.is_empty()) {
        if layers.len() == MAX_LAYERS {
            return Err(Error::Archive(format!("layer {top:?} has too many parents")));
        }
        let layer: Layer = archive.parse(&format!("{id}/json"))?;
        next = layer.parent.clone();
        layers.push((archive.layer(&format!("{id}/layer.tar"))?, layer));
    }
    layers.reverse();
    let diff_ids: Vec<_> = layers.iter().map(|(diff_id, _)| *diff_id).collect();
    let history = layers.iter().map(|(_, layer)| history(layer)).collect();
    let (_, top) = layers.pop().ok_or_else(|| Error::Archive(format!("layer {top:?} is missing")))?;
    let config = ImageConfig {
        created: top.created,
        author: top.author,
        architecture: top.architecture.unwrap_or_else(|| crate::platform::host_platform().architecture),
        os: top.os.unwrap_or_else(|| "linux".to_owned()),
        config: top.config,
        rootfs: RootFs { diff_ids: diff_ids.clone(), ..RootFs::default() },
        history,
        ..ImageConfig::default()
    };
    let config = serde_json::to_vec(&config)
        .map_err(|source| Error::Document { what: "configuration of a legacy image".to_owned(), source })?;
    Ok(Described { config, diff_ids, tags })
}

fn history(layer: &Layer) -> History {
    let command = layer.container_config.as_ref().and_then(|config| config.cmd.as_ref());
    History {
        created: layer.created.clone(),
        created_by: command.map(|command| command.join(" ")),
        author: layer.author.clone(),
        comment: layer.comment.clone(),
        empty_layer: false,
    }
}
