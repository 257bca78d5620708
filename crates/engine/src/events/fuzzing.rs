//! Fuzz target: events on disk, and filters on them.

use teu_api::event::Event;
use teu_api::filters::Filters;

use super::{disk, query};

/// Lines of the journal, behind a line with filters: what is read survives being written, and no damage hides an event
/// behind it.
pub fn event_journal(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let filters = lines.next().and_then(|line| Filters::parse(&String::from_utf8_lossy(line)).ok());
    let filters = filters.filter(|filters| query::check(filters).is_ok()).unwrap_or_default();
    for (number, event) in lines.filter_map(disk::parse) {
        let line = disk::line(number, &event).unwrap_or_default();
        let written = line.strip_suffix(b"\n").filter(|line| !line.contains(&b'\n'));
        assert_eq!(written.and_then(disk::parse), Some((number, event.clone())));
        let found = query::matches(&filters, &event);
        assert!(found || filters != Filters::default());
        assert!(!found || query::matches(&filters, &Event { time: 0, ..event }));
    }
}
