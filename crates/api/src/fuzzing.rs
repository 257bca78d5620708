//! Fuzz targets: bodies, queries, headers and streams. See `fuzz/README.md`. Not part of
//! the interface.

use std::hint::black_box;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::hijack::Head;
use crate::client::{Endpoint, Splitter, TlsFiles};
use crate::filters::Filters;
use crate::query::{Query, decode, encode};
use crate::stream::Decoder;
use crate::version::ApiVersion;
use crate::{auth, container, disk_usage, error, event, exec, image, json, network, progress, prune, system, volume};

/// Bodies of requests and answers: what is read survives being written.
pub fn bodies(data: &[u8]) {
    survives::<container::CreateRequest>(data);
    survives::<container::UpdateRequest>(data);
    survives::<Option<container::Config>>(data);
    survives::<container::Inspect>(data);
    survives::<Vec<container::Summary>>(data);
    survives::<container::Stats>(data);
    survives::<container::WaitResponse>(data);
    survives::<container::Top>(data);
    survives::<Vec<container::Change>>(data);
    survives::<exec::CreateRequest>(data);
    survives::<exec::StartRequest>(data);
    survives::<exec::Inspect>(data);
    survives::<network::Network>(data);
    survives::<network::NetworkingConfig>(data);
    survives::<volume::CreateRequest>(data);
    survives::<volume::List>(data);
    survives::<image::Inspect>(data);
    survives::<Vec<image::Summary>>(data);
    survives::<Vec<image::History>>(data);
    survives::<auth::AuthConfig>(data);
    survives::<error::ErrorResponse>(data);
    survives::<prune::Images>(data);
    survives::<disk_usage::DiskUsage>(data);
    survives::<disk_usage::Lists>(data);
    survives::<event::Event>(data);
    survives::<progress::Message>(data);
    survives::<system::Info>(data);
    survives::<system::Version>(data);
}

fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(data: &[u8]) {
    let Ok(first) = json::from_slice::<T>(data) else { return };
    let text = serde_json::to_vec(&first).unwrap_or_default();
    match json::from_slice::<T>(&text) {
        Ok(again) => assert_eq!(again, first),
        Err(error) => panic!("{error}: {}", String::from_utf8_lossy(&text)),
    }
}

/// Query strings, filters in them, and what stands in paths.
pub fn queries(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let query = Query::parse(&text);
    let again = query.to_string();
    assert_eq!(Query::parse(again.strip_prefix('?').unwrap_or(&again)), query);
    assert_eq!(decode(&encode(&text)), text);
    black_box((query.flag("all"), query.number::<i64>("t").is_ok(), query.all("fromImage").len()));
    for filters in [query.filters(), Filters::parse(&text).map_err(Into::into)].into_iter().flatten() {
        assert_eq!(Filters::parse(&filters.to_json()).ok().as_ref(), Some(&filters));
        black_box((filters.boolean("dangling").is_ok(), filters.validate(&["label"]).is_ok()));
    }
    routes(&query);
}

/// A query, read as the options of a route and written again; `None` if it is refused.
type Route = fn(&Query) -> Option<Query>;

/// Every route that has options of its own.
const ROUTES: [Route; 15] = [
    |query| Some(container::CreateOptions::from_query(query).to_query()),
    |query| Some(container::ListOptions::from_query(query).ok()?.to_query()),
    |query| Some(container::LogsOptions::from_query(query).to_query()),
    |query| Some(container::AttachOptions::from_query(query).to_query()),
    |query| Some(container::RemoveOptions::from_query(query).to_query()),
    |query| Some(container::StopOptions::from_query(query).ok()?.to_query()),
    |query| Some(container::ResizeOptions::from_query(query).ok()?.to_query()),
    |query| Some(container::StatsOptions::from_query(query).to_query()),
    |query| Some(container::ArchiveOptions::from_query(query).to_query(&query.string("path"))),
    |query| Some(container::CommitOptions::from_query(query).to_query()),
    |query| Some(Query::new().set("condition", container::WaitCondition::parse(&query.string("condition"))?.as_str())),
    |query| Some(image::ListOptions::from_query(query).ok()?.to_query()),
    |query| Some(image::CreateOptions::from_query(query).to_query()),
    |query| Some(image::RemoveOptions::from_query(query).to_query()),
    |query| Some(event::Options::from_query(query).ok()?.to_query()),
];

/// What a client writes is what the engine reads, for every route.
fn routes(query: &Query) {
    for route in ROUTES {
        let Some(written) = route(query) else { continue };
        let target = written.to_string();
        let read = Query::parse(target.strip_prefix('?').unwrap_or_default());
        assert_eq!(route(&read), Some(written), "{target}");
    }
    black_box(disk_usage::Options::from_query(query).is_ok());
}

/// Headers: credentials, heads of answers, addresses, versions.
pub fn headers(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(credentials) = auth::AuthConfig::from_header(&text) {
        assert_eq!(auth::AuthConfig::from_header(&credentials.to_header()).ok(), Some(credentials));
    }
    if let Ok(stat) = container::PathStat::from_header(data) {
        assert_eq!(container::PathStat::from_header(stat.to_header().as_bytes()).ok(), Some(stat));
    }
    black_box(Head::parse(data));
    black_box(Endpoint::parse(&text, Some(TlsFiles::default())).map(|endpoint| endpoint.to_string()).ok());
    if let Ok(version) = text.parse::<ApiVersion>() {
        assert_eq!(version.to_string().parse::<ApiVersion>().ok(), Some(version));
    }
}

/// Framed streams, and streams of documents: any cut gives the same pieces.
pub fn streams(data: &[u8]) {
    let Some((cut, data)) = data.split_first() else { return };
    let whole = documents(data, data.len().max(1));
    assert_eq!(documents(data, usize::from(*cut) + 1), whole);
    assert_eq!(whole.concat(), data);
    assert_eq!(demultiplex(data, data.len().max(1)), demultiplex(data, usize::from(*cut) + 1));
}

fn demultiplex(data: &[u8], step: usize) -> (Vec<(u8, u8)>, bool, bool) {
    let (mut decoder, mut out) = (Decoder::new(), Vec::new());
    for mut piece in data.chunks(step) {
        loop {
            match decoder.next(&mut piece) {
                Ok(Some((kind, payload))) => out.extend(payload.iter().map(|byte| (kind as u8, *byte))),
                Ok(None) => break,
                Err(_) => return (out, false, true),
            }
        }
    }
    (out, decoder.is_at_boundary(), false)
}

/// The documents, and what is left.
fn documents(data: &[u8], step: usize) -> Vec<Vec<u8>> {
    let (mut splitter, mut out) = (Splitter::default(), Vec::new());
    for piece in data.chunks(step) {
        splitter.push(piece);
        while let Some(document) = splitter.next_document() {
            out.push(document);
        }
    }
    out.push(splitter.rest().to_vec());
    out
}
