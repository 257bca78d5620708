//! `--use-api-socket`: the engine's socket for what runs in a container, and the user's credentials.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use teu_api::client::{Client, Endpoint, RequestBody};
use teu_api::container::{ArchiveOptions, BindOptions, CreateRequest, Mount};

use crate::app::Cli;
use crate::config::auth;
use crate::error::Error;

/// Where Docker's clients look for the engine.
const SOCKET: &str = "/var/run/docker.sock";
/// Where they are told to look for their configuration.
const FOLDER: &str = "/run/secrets/docker";

/// A client's configuration, to be put into the container once it is there.
pub(super) struct Secrets(Vec<u8>);

/// Mounts the socket. Credentials come along, unless the container has a configuration of its own.
pub(super) fn share(cli: &Cli, request: &mut CreateRequest) -> Result<Option<Secrets>, Error> {
    let source = match cli.client()?.endpoint() {
        Endpoint::Unix(path) => path.to_string_lossy().into_owned(),
        other => {
            let text = format!("flag --use-api-socket can only be used with unix sockets: {other} is none");
            return Err(Error::Start { message: text, code: 125 });
        }
    };
    let mount = Mount {
        kind: "bind".to_owned(),
        source,
        target: SOCKET.to_owned(),
        bind_options: Some(BindOptions::default()),
        ..Mount::default()
    };
    request.host_config.get_or_insert_default().mounts.get_or_insert_default().push(mount);
    let env = request.config.env.get_or_insert_default();
    if env.iter().any(|variable| variable.starts_with("DOCKER_CONFIG=")) {
        return Ok(None);
    }
    let failed =
        |error: anyhow::Error| Error::Start { message: format!("resolving credentials failed: {error:#}"), code: 125 };
    let auths = auth::all(cli.config()).map_err(failed)?;
    if auths.is_empty() {
        return Ok(None);
    }
    env.push(format!("DOCKER_CONFIG={FOLDER}"));
    let auths: BTreeMap<String, Value> =
        auths.iter().map(|(registry, credentials)| (registry.clone(), auth::entry(credentials))).collect();
    Ok(Some(Secrets(json!({ "auths": auths }).to_string().into_bytes())))
}

impl Secrets {
    /// Puts them into a container, for its root alone.
    pub(super) async fn put(self, client: &Client, container: &str) -> Result<(), Error> {
        let put = async {
            let archive = self.archive()?;
            let options = ArchiveOptions::default();
            client.container_put_archive(container, "/", &options, RequestBody::bytes(archive)).await?;
            Ok::<_, Error>(())
        };
        put.await.map_err(|error: Error| Error::Start {
            message: format!("injecting docker config.json into container failed: {error}"),
            code: 125,
        })
    }

    fn archive(self) -> Result<Vec<u8>, Error> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_size(self.0.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, format!("{}/config.json", &FOLDER[1..]), self.0.as_slice())?;
        Ok(archive.into_inner()?)
    }
}
