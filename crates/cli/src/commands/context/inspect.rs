//! `context inspect`.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{find, store};
use crate::app::Cli;
use crate::commands::inspect::{FORMAT_HELP, show_found};
use crate::config::context::DEFAULT;
use crate::error::Error;
use crate::verb::{Arity, Spec, Verb};

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[arg(short, long, value_name = "string", default_value = "", help = FORMAT_HELP)]
    format: String,
    contexts: Vec<String>,
}

/// A context as it is shown.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    name: String,
    metadata: Map<String, Value>,
    endpoints: Map<String, Value>,
    /// Names of files by endpoint.
    #[serde(rename = "TLSMaterial")]
    tls_material: BTreeMap<String, Vec<String>>,
    storage: Storage,
}

/// Where it is kept.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Storage {
    metadata_path: String,
    #[serde(rename = "TLSPath")]
    tls_path: String,
}

impl Verb for Inspect {
    const SPEC: Spec = Spec {
        noun: "context",
        names: &["inspect"],
        top: "",
        about: "Display detailed information on one or more contexts",
        usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
        arguments: Arity::at_least(0),
        examples: &[("The address in use", "context inspect -f '{{.Endpoints.docker.Host}}'")],
    };

    async fn run(self, cli: &Cli) -> Result<ExitCode, Error> {
        let names = if self.contexts.is_empty() { vec![cli.context_name()] } else { self.contexts };
        show_found(cli, &names, &self.format, async |name| describe(cli, name)).await
    }
}

fn describe(cli: &Cli, name: &str) -> Result<String, Error> {
    let meta = find(cli, name)?;
    let store = store(cli);
    let (tls_material, storage) = if name == DEFAULT {
        let nowhere = "<IN MEMORY>".to_owned();
        (BTreeMap::new(), Storage { metadata_path: nowhere.clone(), tls_path: nowhere })
    } else {
        let path = |folder: std::path::PathBuf| folder.to_string_lossy().into_owned();
        let files = store.files(name)?.into_iter();
        let storage = Storage { metadata_path: path(store.meta_folder(name)), tls_path: path(store.tls_folder(name)) };
        (files.map(|(endpoint, of)| (endpoint, of.into_keys().collect())).collect(), storage)
    };
    let shown = Shown { name: meta.name, metadata: meta.metadata, endpoints: meta.endpoints, tls_material, storage };
    let text = serde_json::to_string(&shown).map_err(anyhow::Error::from)?;
    Ok(text.replace('<', "\\u003c").replace('>', "\\u003e"))
}
