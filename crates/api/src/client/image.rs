//! Requests about images.

use super::request::Call;
use super::{BodyStream, Client, Error, JsonStream, RequestBody};
use crate::auth::AuthConfig;
use crate::image::{CreateOptions, History, Inspect, ListOptions, RemoveOptions, Removed, Summary};
use crate::progress::Message;
use crate::query::{Query, encode};
use http::Method;

impl Client {
    /// Lists images.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn image_list(&self, options: &ListOptions) -> Result<Vec<Summary>, Error> {
        self.fetch(Call::new(Method::GET, "/images/json", &options.to_query())).await
    }

    /// Inspects an image.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn image_inspect(&self, name: &str) -> Result<Inspect, Error> {
        self.fetch(Call::new(Method::GET, &path(name, "/json"), &Query::new())).await
    }

    /// The history of an image, newest first.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn image_history(&self, name: &str) -> Result<Vec<History>, Error> {
        self.fetch(Call::new(Method::GET, &path(name, "/history"), &Query::new())).await
    }

    /// Pulls an image. A failure after the start is the last message of the stream.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn image_pull(
        &self,
        options: &CreateOptions,
        auth: Option<&AuthConfig>,
    ) -> Result<JsonStream<Message>, Error> {
        let query = options.to_query();
        let call = Call::new(Method::POST, "/images/create", &query);
        let call = match auth {
            Some(auth) => call.header("x-registry-auth", &auth.to_header())?,
            None => call,
        };
        self.documents(call).await
    }

    /// Makes an image out of a file system archive, sent as body if `from_src` is `-`.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn image_import(
        &self,
        options: &CreateOptions,
        archive: RequestBody,
    ) -> Result<JsonStream<Message>, Error> {
        let query = options.to_query();
        let answer = self.send_stream(Call::new(Method::POST, "/images/create", &query), archive).await?;
        Ok(JsonStream::new(answer.body, "/images/create".to_owned()))
    }

    /// Loads images from an archive of `save`.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn image_load(&self, archive: RequestBody, quiet: bool) -> Result<JsonStream<Message>, Error> {
        let query = Query::new().set("quiet", i32::from(quiet));
        let call = Call::new(Method::POST, "/images/load", &query).header("content-type", "application/x-tar")?;
        let answer = self.send_stream(call, archive).await?;
        Ok(JsonStream::new(answer.body, "/images/load".to_owned()))
    }

    /// Writes images into an archive.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn image_save(&self, names: &[String]) -> Result<BodyStream, Error> {
        let query = names.iter().fold(Query::new(), |query, name| query.set("names", name));
        Ok(self.send(Call::new(Method::GET, "/images/get", &query)).await?.body)
    }

    /// Gives an image a further name.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn image_tag(&self, name: &str, repo: &str, tag: &str) -> Result<(), Error> {
        let query = Query::new().set("repo", repo).set("tag", tag);
        self.run(Call::new(Method::POST, &path(name, "/tag"), &query)).await?;
        Ok(())
    }

    /// Removes a name of an image, or the image with its last name.
    ///
    /// # Errors
    /// The engine cannot be reached or refuses.
    pub async fn image_remove(&self, name: &str, options: RemoveOptions) -> Result<Vec<Removed>, Error> {
        self.fetch(Call::new(Method::DELETE, &path(name, ""), &options.to_query())).await
    }
}

/// Slashes of names stay: the routes are made for them.
fn path(name: &str, rest: &str) -> String {
    let segments: Vec<_> = name.split('/').map(encode).collect();
    format!("/images/{}{rest}", segments.join("/"))
}
