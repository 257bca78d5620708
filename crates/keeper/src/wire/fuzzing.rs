//! Fuzz targets: what comes over the socket between daemon and keeper.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Inbox;
use crate::message::{FromKeeper, Numbered};
use crate::protocol::Request;

/// Frames: however they arrive, each payload is there once, and none is longer than what came.
pub fn frames(data: &[u8]) {
    let mut inbox = Inbox::of(data.to_vec(), Vec::new());
    let mut taken = 0;
    while let Ok(Some(frame)) = inbox.next() {
        assert_eq!(data.get(taken + 8..taken + 8 + frame.payload.len()), Some(&frame.payload[..]));
        taken += 8 + frame.payload.len();
        messages(&frame.payload);
    }
}

/// Payloads of frames: what is read survives being written.
pub fn messages(data: &[u8]) {
    survives::<Numbered<Request>>(data);
    survives::<FromKeeper>(data);
}

/// The types have no equality: what is written is.
fn survives<T: Serialize + DeserializeOwned>(data: &[u8]) {
    let Ok(first) = serde_json::from_slice::<T>(data) else { return };
    let written = serde_json::to_string(&first).unwrap_or_default();
    let again = serde_json::from_str::<T>(&written).and_then(|again| serde_json::to_string(&again));
    assert_eq!(again.ok().as_ref(), Some(&written));
}
