//! `create`: from a request to a container that can be started.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustix::fs::FileType;
use teu_api::container::{CreateOptions, CreateRequest, CreateResponse, HostConfig};
use teu_api::network::EndpointSettings;
use teu_archive::Tree;
use teu_image::{Image, SnapshotOptions};

use super::actor::{Actor, Command};
use super::definition::{Definition, Endpoints};
use super::handle::{Handle, View};
use super::state::State;
use super::{connect, defaults, endpoint, link, merge, mounts, names, sandbox, storage, stored, userns, validate};
use crate::log::Description;
use crate::store::Write;
use crate::{Engine, Error, health, ids};

impl Engine {
    /// Creates a container.
    ///
    /// # Errors
    /// No such image; the name is taken or not allowed; the request contradicts itself, names what does not exist or
    /// asks for what is not built.
    pub async fn container_create(
        &self,
        options: &CreateOptions,
        request: CreateRequest,
    ) -> Result<CreateResponse, Error> {
        let wanted_name = if options.name.is_empty() { None } else { Some(names::check(&options.name)?.to_owned()) };
        let image = self.image_of(request.config.image.clone(), &options.platform).await?;
        let id = ids::random_id()?;
        let asks_for_folder = !request.config.working_dir.is_empty();
        let (definition, warnings) = self.define(id.clone(), request, &image)?;
        // The name is taken last of all that can fail cheaply, and given back by whatever fails after.
        let name = match wanted_name {
            Some(name) => {
                self.containers().reserve(&name, &id)?;
                name
            }
            None => self.containers().reserve_random(&id),
        };
        let definition = Definition { name: name.clone(), ..definition };
        let made = match self.make_volumes(&definition).await {
            Ok(()) => self.make(definition, &image, asks_for_folder).await,
            Err(error) => Err(error),
        };
        match made {
            Ok(handle) => {
                self.container_event(&handle.view().definition, "create", &[]);
                handle.tell(Command::Prepare);
                Ok(CreateResponse { id, warnings })
            }
            Err(error) => {
                self.containers().release(&name, &id);
                Err(error)
            }
        }
    }

    /// Finds the image a request names.
    async fn image_of(&self, name: String, platform: &str) -> Result<Image, Error> {
        if name.is_empty() {
            return Err(Error::Invalid("no image specified".to_owned()));
        }
        let image = match self.images().resolved(&name) {
            Some(image) => image,
            None => self.look_up(&name).await?,
        };
        check_platform(&name, &image, platform)?;
        Ok(image)
    }

    async fn look_up(&self, name: &str) -> Result<Image, Error> {
        let (engine, wanted) = (self.clone(), name.to_owned());
        let found = tokio::task::spawn_blocking(move || engine.images().resolve(&wanted)).await;
        match found.map_err(|e| Error::Part { part: "image", message: e.to_string() })? {
            Err(Error::NoSuchImage(_)) => Err(Error::NoSuchImage(with_tag(name))),
            other => other,
        }
    }

    /// Merges request, image and defaults, and checks the result.
    fn define(&self, id: String, request: CreateRequest, image: &Image) -> Result<(Definition, Vec<String>), Error> {
        let mut config = request.config;
        let mut host = request.host_config.unwrap_or_default();
        let mut warnings = Vec::new();
        validate::request(&config, &host)?;
        if let Some(health) = &config.healthcheck {
            health::validate(health, config.shell.as_deref(), &mut warnings)?;
        }
        if let Some(other) = sandbox::shared_with(&host.network_mode)
            && let Ok(other) = self.containers().find(other)
        {
            // One network, one name.
            config.hostname.clone_from(&other.view().definition.config.hostname);
        }
        merge::with_image(&mut config, &image.config)?;
        defaults::fill(&mut config, &mut host, &id, self.config(), self.machine());
        defaults::discard(&mut host, self.machine(), &mut warnings);
        validate::host(&host, self.config(), self.machine(), &mut warnings)?;
        let mut endpoints = endpoints(self, request.networking_config.and_then(|n| n.endpoints_config), &host)?;
        for (network, settings) in endpoints.iter().filter(|(_, settings)| endpoint::is_particular(settings)) {
            let head = format!("invalid config for network {network}: ");
            endpoint::check(network, settings, self.wishable(network).as_deref(), &head)?;
        }
        link::hand_over(self, &mut host, &mut endpoints);
        self.check_others(&mut host)?;
        link::resolve(self, &mut host)?;
        let inherited = mounts::volumes_from(self, host.volumes_from.as_deref().unwrap_or(&[]))?;
        let mounts = mounts::plan(&config, &host, inherited)?;
        super::ports::requests(&config, &host)?;
        let ids = if host.userns_mode == "host" { None } else { self.config().ids.as_deref().cloned() };
        let definition = Definition {
            id,
            name: String::new(),
            created: Timestamp::now(),
            image: image.id.to_string(),
            config,
            host,
            endpoints,
            mounts,
            ids,
        };
        userns::check(self, &definition)?;
        // The tag may not make sense.
        Description::of(&definition)?;
        Ok((definition, warnings))
    }

    /// Checks what the request says about other containers, and writes their ids for their names: those stay.
    fn check_others(&self, host: &mut HostConfig) -> Result<(), Error> {
        for mode in [&mut host.pid_mode, &mut host.ipc_mode] {
            if let Some(other) = sandbox::shared_with(mode) {
                *mode = format!("container:{}", named(self.containers().find(other))?.id);
            }
        }
        // One that is not there may come until the start, as with Docker.
        if let Some(other) = sandbox::shared_with(&host.network_mode)
            && let Ok(other) = self.containers().find(other)
        {
            host.network_mode = format!("container:{}", other.id);
        }
        // Whether the network exists is asked at the start, as Docker does: clients take "not found" from here to be
        // about the image, and would pull it.
        self.runtime_choice(&host.runtime).map(drop)
    }

    /// Makes the container: root file system, with the working directory if the request names one, and database row at the
    /// same time, then the actor.
    async fn make(&self, definition: Definition, image: &Image, asks_for_folder: bool) -> Result<Arc<Handle>, Error> {
        let id = definition.id.clone();
        let view = View {
            definition: Arc::new(definition),
            state: State::new(),
            endpoints: Arc::default(),
            health: None,
            begun: None,
            exits: 0,
            removed: false,
            cleared: false,
        };
        let insert = Write::Insert {
            id: id.clone(),
            name: view.definition.name.clone(),
            definition: stored::definition(&view.definition)?,
            state: stored::state(&view)?,
        };
        // A row without a root file system, or the other way round, is what reconciliation looks for: no intent needed.
        let committed = self.store().commit(insert);
        let (ids, size) = (view.definition.ids.clone(), storage::size(&view.definition.host)?);
        let options = SnapshotOptions { ids, size, init_layer: true };
        let folder = asks_for_folder.then(|| view.definition.config.working_dir.clone());
        let logs_locally = !matches!(view.definition.host.log_config.driver.as_str(), "json-file" | "none");
        let prepared = self.prepare_rootfs(id.clone(), image, options, folder, logs_locally);
        let (committed, prepared) = tokio::join!(committed.done(), prepared);
        if let Err(error) = committed.and(prepared) {
            self.store().put(Write::Delete { id });
            let (engine, definition) = (self.clone(), Arc::clone(&view.definition));
            tokio::spawn(async move { engine.delete_files(definition).await });
            return Err(error);
        }
        let (handle, inbox) = Handle::new(view);
        Actor::spawn(self.clone(), Arc::clone(&handle), inbox);
        self.containers().add(Arc::clone(&handle));
        Ok(handle)
    }

    async fn prepare_rootfs(
        &self,
        id: String,
        image: &Image,
        options: SnapshotOptions,
        working_dir: Option<String>,
        logs_locally: bool,
    ) -> Result<(), Error> {
        let engine = self.clone();
        let image = image.id;
        let root = options.ids.as_ref().and_then(|ids| ids.outside(0, 0));
        let work = move || {
            // That of its log, if there is one: a log may be followed before the first start.
            let own = engine.container_folder(&id);
            let files = engine.container_files(&id);
            let folder = files.local_log.parent().filter(|_| logs_locally).map_or(own, Path::to_owned);
            std::fs::create_dir_all(&folder).map_err(|source| Error::File { path: folder, source })?;
            engine.images().prepare(&id, &image, &options)?;
            match working_dir {
                Some(path) => make_working_dir(&engine.images().mount(&id)?, &path, root),
                None => Ok(()),
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| Error::Part { part: "image", message: e.to_string() })?
    }
}

/// Makes the working directory that a request asks for, so that files can be put there before the first start. That of an
/// image was made with the image. It belongs to the container's root.
fn make_working_dir(rootfs: &OwnedFd, path: &str, root: Option<(u32, u32)>) -> Result<(), Error> {
    let tree = Tree::new(rootfs.as_fd()).owned_by(root);
    let error = match tree.make_folder(Path::new(path)) {
        Ok(_) => return Ok(()),
        // A link that leads nowhere: the start makes what it leads to.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => error,
    };
    let is_file = tree.resolve(Path::new(path)).is_ok_and(|found| found.kind() != FileType::Directory);
    Err(if is_file {
        // Docker's words.
        Error::Failed(format!("Cannot mkdir: {path} is not a directory"))
    } else {
        Error::File { path: path.into(), source: error }
    })
}

/// Another container that a request names. That it is missing is the request's fault: clients take "not found" from
/// here to be about the image.
fn named(found: Result<Arc<Handle>, Error>) -> Result<Arc<Handle>, Error> {
    found.map_err(|error| match error {
        Error::NoSuchContainer(_) => Error::Invalid(error.to_string()),
        other => other,
    })
}

/// The networks of a request, by name; the one that the mode names is among them, unless nobody chose it and there are others.
fn endpoints(
    engine: &Engine,
    asked: Option<BTreeMap<String, Option<EndpointSettings>>>,
    host: &HostConfig,
) -> Result<Endpoints, Error> {
    // By its name, whatever it was called; whether it exists is asked at the start.
    let called = |network: &str| {
        let network = sandbox::network_name(network);
        engine.sandboxes().network_name(network).unwrap_or_else(|_| network.to_owned())
    };
    let asked = asked.into_iter().flatten();
    let mut all: Endpoints =
        asked.map(|(name, settings)| (called(&name), Box::new(settings.unwrap_or_default()))).collect();
    let mode = &host.network_mode;
    if sandbox::shared_with(mode).is_some() {
        if !all.is_empty() {
            return Err(Error::Invalid(
                "conflicting options: cannot attach both user-defined and non-user-defined network-modes".to_owned(),
            ));
        }
        return Ok(all);
    }
    if all.is_empty() || sandbox::network_name(mode) != "bridge" {
        all.entry(called(mode)).or_default();
    }
    if all.len() > 1 && all.keys().any(|network| matches!(network.as_str(), "host" | "none")) {
        return Err(Error::Invalid(connect::NONE_OR_HOST.to_owned()));
    }
    Ok(all)
}

/// The name as Docker shows it when an image is missing: with its tag.
fn with_tag(name: &str) -> String {
    match teu_oci::reference::Reference::parse(name) {
        Ok(reference) => reference.with_default_tag().familiar(),
        Err(_) => name.to_owned(),
    }
}

/// Refuses an image of another platform than asked for.
fn check_platform(name: &str, image: &Image, wanted: &str) -> Result<(), Error> {
    if wanted.is_empty() {
        return Ok(());
    }
    let mut parts = wanted.split('/');
    let (os, arch) = (parts.next().unwrap_or(""), parts.next());
    let matches = os.eq_ignore_ascii_case(&image.config.os) && arch.is_none_or(|a| a == image.config.architecture);
    if matches {
        return Ok(());
    }
    Err(Error::NotFound(format!(
        "image with reference {name} was found but does not match the specified platform: wanted {wanted}, actual: {}/{}",
        image.config.os, image.config.architecture
    )))
}
