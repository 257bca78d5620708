//! Blobs as streams that survive broken connections.

use super::{Client, Credentials, Repository, Request};
use crate::error::Error;
use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, Response, StatusCode};
use std::time::Duration;

/// How often a transfer that makes no progress is taken up again.
const ATTEMPTS: u32 = 5;
/// The first pause before a retry; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// A blob that is being fetched. When the connection breaks it goes on where it stopped.
pub struct BlobReader {
    client: Client,
    repository: Repository,
    credentials: Option<Credentials>,
    digest: String,
    /// Bytes that the manifest promises.
    size: u64,
    /// Bytes handed out so far.
    offset: u64,
    /// Bytes at the head of the answer that were handed out before: a registry may ignore ranges.
    skip: u64,
    response: Option<Response>,
    failures: u32,
}

impl Client {
    /// Starts to fetch a blob of `size` bytes (from the descriptor in the manifest). The caller verifies the digest.
    #[must_use]
    pub fn blob(
        &self,
        repository: &Repository,
        digest: &str,
        size: u64,
        credentials: Option<&Credentials>,
    ) -> BlobReader {
        BlobReader {
            client: self.clone(),
            repository: repository.clone(),
            credentials: credentials.cloned(),
            digest: digest.to_owned(),
            size,
            offset: 0,
            skip: 0,
            response: None,
            failures: 0,
        }
    }
}

impl BlobReader {
    /// The next piece, or `None` after the last byte.
    ///
    /// # Errors
    /// [`Error::BlobUnknown`]; [`Error::Protocol`] when the blob is longer than its descriptor says; the transport's
    /// error when it could not be mended by trying again.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            if self.offset == self.size && self.size > 0 {
                return Ok(None);
            }
            match self.advance().await {
                Ok(Some(bytes)) if bytes.is_empty() => {}
                Ok(piece) => {
                    self.failures = 0;
                    return Ok(piece);
                }
                Err(error) => self.recover(error).await?,
            }
        }
    }

    /// Waits and lets the next call connect again, unless trying again cannot help.
    async fn recover(&mut self, error: Error) -> Result<(), Error> {
        self.response = None;
        self.failures += 1;
        if self.failures >= ATTEMPTS || !error.is_transient() {
            return Err(error);
        }
        tracing::debug!(digest = self.digest, offset = self.offset, %error, "blob transfer taken up again");
        tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(self.failures - 1)).await;
        Ok(())
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, Error> {
        if self.response.is_none() {
            self.response = Some(self.connect().await?);
        }
        let Some(response) = self.response.as_mut() else { return Ok(None) };
        let url = crate::error::without_query(response.url().as_str());
        let chunk = response.chunk().await.map_err(|error| Error::transport("Get", &error))?;
        let Some(mut chunk) = chunk else {
            if self.offset < self.size {
                let reason = format!("connection closed after {} of {} bytes", self.offset, self.size);
                return Err(Error::Transport { method: "Get", url, reason });
            }
            return Ok(None);
        };
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(chunk.len());
        self.skip -= skipped as u64;
        let chunk = chunk.split_off(skipped);
        self.offset += chunk.len() as u64;
        if self.offset > self.size {
            let reason = format!("blob {} is longer than the {} bytes of its descriptor", self.digest, self.size);
            return Err(Error::Protocol { url, reason });
        }
        Ok(Some(chunk))
    }

    async fn connect(&mut self) -> Result<Response, Error> {
        let mut headers = HeaderMap::new();
        // The digest is over the stored bytes: no second compression on the way.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if self.offset > 0 {
            let range = HeaderValue::try_from(format!("bytes={}-", self.offset));
            headers.extend(range.ok().map(|value| (RANGE, value)));
        }
        let request = Request {
            method: Method::GET,
            repository: &self.repository,
            credentials: self.credentials.as_ref(),
            path: format!("blobs/{}", self.digest),
            headers,
        };
        let response = self.client.send(&request).await.map_err(|error| match error {
            Error::Status { status: 404, .. } => {
                Error::BlobUnknown { digest: self.digest.clone(), repository: self.repository.to_string() }
            }
            other => other,
        })?;
        self.skip = if response.status() == StatusCode::PARTIAL_CONTENT { 0 } else { self.offset };
        Ok(response)
    }
}
