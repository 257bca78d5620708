//! The memory of events.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use teu_api::event::Event;

/// How many events are remembered in memory, as many as Docker remembers at all; what came before is on disk. An event takes
/// about 1 KiB.
const CAPACITY: usize = 256;

/// The last events, oldest first.
#[derive(Debug, Default)]
pub(super) struct Journal {
    events: VecDeque<Arc<Event>>,
    /// Number of the next event.
    next: u64,
}

impl Journal {
    /// A journal whose first event has this number.
    pub(super) fn starting_at(next: u64) -> Journal {
        Journal { events: VecDeque::new(), next }
    }

    /// Takes an event in and returns its number.
    pub(super) fn push(&mut self, event: Arc<Event>) -> u64 {
        if self.events.len() == CAPACITY {
            self.events.pop_front();
        }
        self.events.push_back(event);
        self.next += 1;
        self.next - 1
    }

    /// Number of the oldest event in memory.
    pub(super) fn first(&self) -> u64 {
        self.next - self.events.len() as u64
    }

    /// Whether everything since `since` is in memory.
    pub(super) fn reaches_back_to(&self, since: Timestamp) -> bool {
        let since = since.as_nanosecond();
        self.events.front().is_some_and(|event| i128::from(event.time_nano) < since)
    }

    /// Events at or after `since`.
    pub(super) fn since(&self, since: Timestamp) -> Vec<Arc<Event>> {
        let since = since.as_nanosecond();
        // The clock may have jumped back in between: every event is looked at, not only the tail.
        self.events.iter().filter(|event| i128::from(event.time_nano) >= since).cloned().collect()
    }
}
