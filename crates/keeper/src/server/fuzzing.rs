//! Fuzz target: what another keeper left, and procfs.

use std::hint::black_box;

use super::saved::{Saved, directory, is_valid_id, parse_stat};
use crate::protocol::ExitRecord;

/// Files that another keeper left, states and exit records; and `/proc/<pid>/stat`.
pub fn left_files(data: &[u8]) {
    if let Ok(saved) = serde_json::from_slice::<Saved>(data) {
        let again = serde_json::to_vec(&saved).map(|text| serde_json::from_slice::<Saved>(&text).is_ok());
        assert!(matches!(again, Ok(true)), "a state does not survive being written");
        let ids = [Some(&saved.process.container), saved.process.exec.as_ref()];
        if ids.into_iter().flatten().all(|id| is_valid_id(id)) {
            let path = directory("/exec".as_ref(), &saved.process);
            assert!(path.starts_with("/exec/containers") && path.components().all(|part| part.as_os_str() != ".."));
        }
    }
    if let Ok(record) = serde_json::from_slice::<ExitRecord>(data) {
        let again = serde_json::to_vec(&record).map(|text| serde_json::from_slice::<ExitRecord>(&text).ok());
        assert_eq!(again.ok().flatten(), Some(record));
    }
    black_box(parse_stat(data));
}
