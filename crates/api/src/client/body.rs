//! Bodies: what is sent, and what is received as it comes.

use super::connection::Lease;
use super::document::Splitter;
use super::{Error, request::decode};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use serde::de::DeserializeOwned;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Body of a request.
#[derive(Debug)]
pub struct RequestBody(Inner);

#[derive(Debug)]
enum Inner {
    Bytes(Full<Bytes>),
    Stream(UnsyncBoxBody<Bytes, io::Error>),
}

impl RequestBody {
    /// No body.
    pub fn empty() -> Self {
        Self::bytes(Bytes::new())
    }

    /// A body that is in memory.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self(Inner::Bytes(Full::new(bytes.into())))
    }

    /// A body sent as it comes, in chunks.
    pub fn stream(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self(Inner::Stream(StreamBody::new(stream.map_ok(Frame::data)).boxed_unsync()))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.get_mut().0 {
            Inner::Bytes(full) => Pin::new(full).poll_frame(cx).map_err(|never| match never {}),
            Inner::Stream(stream) => Pin::new(stream).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Bytes(full) => full.is_end_stream(),
            Inner::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Bytes(full) => full.size_hint(),
            Inner::Stream(stream) => stream.size_hint(),
        }
    }
}

/// Body of an answer, as it comes. Dropping it early closes its connection, which tells the engine to stop.
#[derive(Debug)]
pub struct BodyStream {
    incoming: Incoming,
    lease: Option<Lease>,
}

impl BodyStream {
    pub(super) fn new(incoming: Incoming, lease: Lease) -> Self {
        Self { incoming, lease: Some(lease) }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            match self.incoming.frame().await {
                None => {
                    if let Some(lease) = self.lease.take() {
                        lease.release();
                    }
                    return Ok(None);
                }
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn collect(mut self) -> Result<Bytes, Error> {
        let Some(first) = self.chunk().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.chunk().await? else { return Ok(first) };
        let mut all = Vec::with_capacity((first.len() + second.len()) * 2);
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.into())
    }

    /// The pieces as a stream.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        futures_util::stream::try_unfold(self, |mut body| async move {
            let piece = body.chunk().await.map_err(io::Error::other)?;
            Ok(piece.map(|piece| (piece, body)))
        })
    }
}

/// A sequence of JSON documents, decoded as they come.
#[derive(Debug)]
pub struct JsonStream<T> {
    body: BodyStream,
    path: String,
    splitter: Splitter,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> JsonStream<T> {
    pub(super) fn new(body: BodyStream, path: String) -> Self {
        Self { body, path, splitter: Splitter::default(), of: PhantomData }
    }

    /// The next document; `None` at the end.
    ///
    /// # Errors
    /// The connection broke, or a document is not what was expected.
    pub async fn next(&mut self) -> Result<Option<T>, Error> {
        loop {
            if let Some(document) = self.splitter.next_document() {
                return decode(&document, &self.path).map(Some);
            }
            match self.body.chunk().await? {
                Some(piece) => self.splitter.push(&piece),
                None => {
                    return match self.splitter.rest() {
                        rest if rest.trim_ascii().is_empty() => Ok(None),
                        // What is cut is an error that the decoder describes.
                        rest => decode(rest, &self.path).map(Some),
                    };
                }
            }
        }
    }
}
