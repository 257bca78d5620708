//! Payloads of frames: requests, replies and events with their numbers.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::protocol::{Event, Failure, Reply, Request};

/// A numbered request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Numbered<R> {
    pub(crate) id: u64,
    pub(crate) request: R,
}

/// What comes from the keeper.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromKeeper {
    /// To the request of that number.
    Reply { id: u64, result: Result<Reply, Failure> },
    /// Unasked.
    Event(Event),
}

pub(crate) fn encode_request(id: u64, request: &Request) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(&Numbered { id, request }).map_err(|e| Error::Malformed(e.to_string()))
}

pub(crate) fn decode_from_keeper(payload: &[u8]) -> Result<FromKeeper, Error> {
    serde_json::from_slice(payload).map_err(|e| Error::Malformed(e.to_string()))
}
