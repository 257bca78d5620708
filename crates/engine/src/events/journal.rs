//! The memory of events.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use teu_api::event::Event;

/// How many events are remembered. Docker remembers 256; an event takes some 500 bytes.
const CAPACITY: usize = 4096;

/// The last events, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal(VecDeque<Arc<Event>>);

impl Journal {
    pub(super) fn push(&mut self, event: Arc<Event>) {
        if self.0.len() == CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }

    /// Events at or after `since`.
    pub(super) fn since(&self, since: Timestamp) -> Vec<Arc<Event>> {
        let since = since.as_nanosecond();
        // The clock may have jumped back in between: every event is looked at, not only the tail.
        self.0.iter().filter(|event| i128::from(event.time_nano) >= since).cloned().collect()
    }
}
