//! Requests about containers.

use super::request::{Answer, Call, decode};
use super::{BodyStream, Client, Error, Hijacked, JsonStream, Media, RequestBody};
use crate::container::{
    ArchiveOptions, AttachOptions, CREATED, Change, CommitOptions, CommitResponse, CreateOptions, CreateRequest,
    CreateResponse, Inspect, ListOptions, LogsOptions, PATH_STAT, PathStat, RemoveOptions, ResizeOptions, Stats,
    StatsOptions, StopOptions, Summary, Top, UpdateRequest, UpdateResponse, WaitCondition, WaitResponse, archive_path,
};
use crate::query::{Query, encode};
use crate::stream::MULTIPLEXED;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};

/// A wait the engine has taken up: an exit from here on will not be missed.
#[derive(Debug)]
pub struct Waiting {
    body: BodyStream,
    path: String,
}

impl Waiting {
    /// Waits for the end.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn exit(self) -> Result<WaitResponse, Error> {
        let body = self.body.collect().await?;
        decode(&body, &self.path)
    }
}

/// What an engine says of a route that it does not have.
const NO_SUCH_ROUTE: &str = "page not found";

fn is_no_such_route(error: &Error) -> bool {
    matches!(error, Error::Api { status: StatusCode::NOT_FOUND, message } if message == NO_SUCH_ROUTE)
}

fn path(id: &str, verb: &str) -> String {
    format!("/containers/{}/{verb}", encode(id))
}

impl Client {
    /// Creates a container.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses: 404 when there is no such image.
    pub async fn container_create(
        &self,
        options: &CreateOptions,
        request: &CreateRequest,
    ) -> Result<CreateResponse, Error> {
        self.fetch(Call::new(Method::POST, "/containers/create", &options.to_query()).json(request)?).await
    }

    /// Lists containers.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_list(&self, options: &ListOptions) -> Result<Vec<Summary>, Error> {
        self.fetch(Call::new(Method::GET, "/containers/json", &options.to_query())).await
    }

    /// Inspects a container.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_inspect(&self, id: &str) -> Result<Inspect, Error> {
        self.fetch(Call::new(Method::GET, &path(id, "json"), &Query::new())).await
    }

    /// Starts a container. Tells whether it was not running already.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_start(&self, id: &str, detach_keys: &str) -> Result<bool, Error> {
        let query = Query::new().text("detachKeys", detach_keys);
        Ok(self.run(Call::new(Method::POST, &path(id, "start"), &query)).await? != StatusCode::NOT_MODIFIED)
    }

    /// Stops a container. Tells whether it was running.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_stop(&self, id: &str, options: &StopOptions) -> Result<bool, Error> {
        let query = options.to_query();
        Ok(self.run(Call::new(Method::POST, &path(id, "stop"), &query)).await? != StatusCode::NOT_MODIFIED)
    }

    /// Stops and starts a container.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_restart(&self, id: &str, options: &StopOptions) -> Result<(), Error> {
        self.verb(id, "restart", &options.to_query()).await
    }

    /// Sends a signal to a container's process; an empty name means `SIGKILL`.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_kill(&self, id: &str, signal: &str) -> Result<(), Error> {
        self.verb(id, "kill", &Query::new().text("signal", signal)).await
    }

    /// Freezes a container's processes.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_pause(&self, id: &str) -> Result<(), Error> {
        self.verb(id, "pause", &Query::new()).await
    }

    /// Thaws a container's processes.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_unpause(&self, id: &str) -> Result<(), Error> {
        self.verb(id, "unpause", &Query::new()).await
    }

    /// Renames a container.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_rename(&self, id: &str, name: &str) -> Result<(), Error> {
        self.verb(id, "rename", &Query::new().set("name", name)).await
    }

    /// Changes a container's limits and restart policy.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_update(&self, id: &str, request: &UpdateRequest) -> Result<UpdateResponse, Error> {
        self.fetch(Call::new(Method::POST, &path(id, "update"), &Query::new()).json(request)?).await
    }

    /// Usage of a container: one document a second with `stream`, otherwise one.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_stats(&self, id: &str, options: StatsOptions) -> Result<JsonStream<Stats>, Error> {
        self.documents(Call::new(Method::GET, &path(id, "stats"), &options.to_query())).await
    }

    /// What a container changed in its files.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_changes(&self, id: &str) -> Result<Option<Vec<Change>>, Error> {
        self.fetch(Call::new(Method::GET, &path(id, "changes"), &Query::new())).await
    }

    /// All files of a container, as an archive.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_export(&self, id: &str) -> Result<BodyStream, Error> {
        Ok(self.send(Call::new(Method::GET, &path(id, "export"), &Query::new())).await?.body)
    }

    /// What is at a path in a container.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses: 404 if nothing is there.
    pub async fn container_stat_path(&self, id: &str, file: &str) -> Result<PathStat, Error> {
        let query = Query::new().set("path", file);
        path_stat(&self.send(Call::new(Method::HEAD, &archive_path(id), &query)).await?, id)
    }

    /// What is at a path in a container, as an archive.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses: 404 if nothing is there.
    pub async fn container_get_archive(&self, id: &str, file: &str) -> Result<(PathStat, BodyStream), Error> {
        let query = Query::new().set("path", file);
        let answer = self.send(Call::new(Method::GET, &archive_path(id), &query)).await?;
        Ok((path_stat(&answer, id)?, answer.body))
    }

    /// Unpacks an archive into a folder of a container.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_put_archive(
        &self,
        id: &str,
        folder: &str,
        options: &ArchiveOptions,
        archive: RequestBody,
    ) -> Result<(), Error> {
        let query = options.to_query(folder);
        let answer = self.send_stream(Call::new(Method::PUT, &archive_path(id), &query), archive).await?;
        answer.body.collect().await?;
        Ok(())
    }

    /// Makes an image of a container.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_commit(&self, options: &CommitOptions) -> Result<CommitResponse, Error> {
        self.fetch(Call::new(Method::POST, "/commit", &options.to_query())).await
    }

    /// Sets the size of a container's terminal.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_resize(&self, id: &str, size: ResizeOptions) -> Result<(), Error> {
        self.verb(id, "resize", &size.to_query()).await
    }

    async fn verb(&self, id: &str, verb: &str, query: &Query) -> Result<(), Error> {
        self.run(Call::new(Method::POST, &path(id, verb), query)).await?;
        Ok(())
    }

    /// Begins to wait for a container; returns once the engine has taken it up.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_wait(&self, id: &str, condition: WaitCondition) -> Result<Waiting, Error> {
        let path = path(id, "wait");
        let query = Query::new().set("condition", condition.as_str());
        let answer = self.send(Call::new(Method::POST, &path, &query)).await?;
        Ok(Waiting { body: answer.body, path })
    }

    /// Attaches to a container.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_attach(&self, id: &str, options: &AttachOptions) -> Result<Hijacked, Error> {
        self.hijack(Call::new(Method::POST, &path(id, "attach"), &options.to_query())).await
    }

    /// Creates a container, attaches to it and starts it in one request: the answer comes once it is created. Output comes in
    /// frames, with a terminal, too; the last is of the kind [`Result`](crate::stream::Kind::Result), or the only one of the kind
    /// [`Refusal`](crate::stream::Kind::Refusal). None if the engine has no such request: Docker has not.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses to create it: 404 when there is no such image.
    pub async fn container_create_and_run(
        &self,
        create: &CreateOptions,
        request: &CreateRequest,
        attach: &AttachOptions,
        condition: WaitCondition,
    ) -> Result<Option<(CreateResponse, Hijacked)>, Error> {
        let query = attach.to_query().set("condition", condition.as_str());
        let query = query.text("name", &create.name).text("platform", &create.platform);
        // Without a version before there is one: to ask for it is another request.
        let call = Call::new(Method::POST, "/containers/run", &query).json(request)?;
        match self.hijack_at(self.settled(), call).await {
            Ok((stream, head)) => {
                let created = head.get(CREATED).map(http::HeaderValue::as_bytes).unwrap_or_default();
                let decode = |source| Error::Decode { path: "/containers/run".to_owned(), source };
                Ok(Some((CreateResponse::from_header(created).map_err(decode)?, stream)))
            }
            Err(error) if is_no_such_route(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Attaches to a created container, starts it, and is told in the end how it ended, in one request. Output comes in frames,
    /// with a terminal, too; the last frame is of the kind [`Result`](crate::stream::Kind::Result). None if the engine has no
    /// such request: Docker has not.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses. When the container could not be started and `condition` is its removal, that
    /// was waited for.
    pub async fn container_run(
        &self,
        id: &str,
        options: &AttachOptions,
        condition: WaitCondition,
    ) -> Result<Option<Hijacked>, Error> {
        if self.instance().is_none() {
            return Ok(None);
        }
        let query = options.to_query().set("condition", condition.as_str());
        match self.hijack(Call::new(Method::POST, &path(id, "run"), &query)).await {
            Ok(stream) => Ok(Some(stream)),
            // An engine of an older version.
            Err(error) if is_no_such_route(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads a container's log. Whether it comes in frames the engine tells since API 1.42; before, it depends on
    /// whether the container has a terminal, and [`Media::Raw`] is said.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_logs(&self, id: &str, options: &LogsOptions) -> Result<(Media, BodyStream), Error> {
        let answer = self.send(Call::new(Method::GET, &path(id, "logs"), &options.to_query())).await?;
        Ok((media(&answer), answer.body))
    }

    /// Lists the processes of a container. `ps_args` are those of ps; empty for `-ef`.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_top(&self, id: &str, ps_args: &str) -> Result<Top, Error> {
        self.fetch(Call::new(Method::GET, &path(id, "top"), &Query::new().text("ps_args", ps_args))).await
    }

    /// Removes a container.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn container_remove(&self, id: &str, options: &RemoveOptions) -> Result<(), Error> {
        let path = format!("/containers/{}", encode(id));
        self.run(Call::new(Method::DELETE, &path, &options.to_query())).await?;
        Ok(())
    }
}

/// The header that tells what was packed.
fn path_stat(answer: &Answer, id: &str) -> Result<PathStat, Error> {
    let header = answer.headers.get(PATH_STAT).map(http::HeaderValue::as_bytes).unwrap_or_default();
    PathStat::from_header(header).map_err(|source| Error::Decode { path: archive_path(id), source })
}

fn media(answer: &Answer) -> Media {
    match answer.headers.get(CONTENT_TYPE) {
        Some(value) if value == MULTIPLEXED => Media::Multiplexed,
        _ => Media::Raw,
    }
}
