//! `run` in one request: create, attach, wait and start. A short command takes less time by each request that is not made.

use super::App;
use super::body::to_end;
use super::container::create_request;
use super::container_streams::{attach_options, condition, parse};
use super::error::{ApiError, Result};
use super::hijack;
use super::routes::Routes;
use crate::server::Connection;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use std::sync::Arc;
use teu_api::container::{AttachOptions, CREATED, CreateOptions, WaitCondition};
use teu_api::error::ErrorResponse;
use teu_api::stream::Kind;
use teu_api::version::ApiVersion;
use teu_engine::{Attachment, ByteStream, Engine, Wait};
use tokio::sync::oneshot;

pub(super) fn routes() -> Routes {
    Routes::default().post("/containers/run", run).post("/containers/{id}/run", run_created)
}

/// The answer comes once the container is created; what becomes of its start is told in the stream.
async fn run(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Extension(connection): Extension<Arc<Connection>>,
    RawQuery(query): RawQuery,
    request: Request<Body>,
) -> Result<Response> {
    let query = parse(query.as_ref());
    let create = CreateOptions::from_query(&query);
    let (options, escape) = attach_options(&query)?;
    let condition = condition(&query.string("condition"))?;
    let headers = request.headers().clone();
    let body = create_request(request, version).await?;
    let engine = app.engine.clone();
    let created = to_end(async move { app.engine.container_create(&create, body).await }).await?;
    let value = HeaderValue::try_from(created.to_header()).map_err(ApiError::bad_request)?;
    // All this before the start: the container may be gone right after it.
    let wait = engine.container_wait(&created.id, condition).await?;
    let (told, output) = oneshot::channel();
    let output = stream::once(async { output.await.unwrap_or_else(|_| stream::empty().boxed()) }).flatten().boxed();
    let attachment = engine.container_starting(&created.id, &options, output)?;
    let busy = connection.busy();
    // It goes on if the client leaves.
    tokio::spawn(async move {
        let _busy = busy;
        drop(told.send(start(engine, created.id, options, wait, condition).await));
    });
    let mut answer = hijack::answer(&connection, attachment, escape, version, &headers);
    answer.headers_mut().insert(HeaderName::from_static(CREATED), value);
    Ok(answer)
}

/// Starts a container. Yields its output and how it ended, or why it could not be started.
async fn start(engine: Engine, id: String, options: AttachOptions, wait: Wait, condition: WaitCondition) -> ByteStream {
    // Input has been connected.
    let options = AttachOptions { stdin: false, ..options };
    match engine.container_start_attached(&id, &options).await {
        Ok(attachment) => ended_by_result(attachment, wait).output,
        Err(error) => {
            if condition == WaitCondition::Removed {
                // It goes away by itself; when it is gone, its name is free again.
                wait.exit().await;
            }
            let message = ApiError::from(error).into_message();
            let refusal = serde_json::to_vec(&ErrorResponse { message }).unwrap_or_default();
            stream::once(async move { Ok(teu_engine::frame(Kind::Refusal, &refusal)) }).boxed()
        }
    }
}

/// The same for a container that has been created.
async fn run_created(
    State(app): State<App>,
    Extension(version): Extension<ApiVersion>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response> {
    let query = parse(query.as_ref());
    let (options, escape) = attach_options(&query)?;
    let condition = condition(&query.string("condition"))?;
    let wait = app.engine.container_wait(&id, condition).await?;
    let started = to_end(async move { app.engine.container_start_attached(&id, &options).await }).await;
    let attachment = match started {
        Ok(attachment) => attachment,
        Err(error) => {
            if condition == WaitCondition::Removed {
                wait.exit().await;
            }
            return Err(error);
        }
    };
    Ok(hijack::answer(&connection, ended_by_result(attachment, wait), escape, version, &headers))
}

/// The last frame tells how the container ended.
fn ended_by_result(attachment: Attachment, wait: Wait) -> Attachment {
    attachment.with_result(async move { serde_json::to_vec(&wait.exit().await).unwrap_or_default() })
}
