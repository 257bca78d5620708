//! Fuzz target: filters of lists and prunes.

use std::collections::BTreeMap;

use teu_api::filters::Filters;

use super::filter::{self, Names};
use crate::prune::Criteria;
use crate::{image, time};

/// Filters of containers, of images and of prunes: a range of ports has its own ends, a name finds what is called so, and
/// what is as old as nobody knows survives a prune that asks for age.
pub fn filters(data: &[u8]) {
    let Ok(filters) = Filters::parse(&String::from_utf8_lossy(data)) else { return };
    if filter::check(&filters).is_ok() {
        for text in ["publish", "expose"].iter().flat_map(|name| filters.get(name)) {
            assert!(has_its_ends(text), "{text:?}");
        }
    }
    // What is no filter of `ps` has these names all the same.
    let names: Vec<&str> = filters.get("name").collect();
    let matcher = Names::new(&names);
    assert!(names.iter().all(|name| matcher.accept(name.trim_start_matches('/'))));
    if let Ok(options) = image::list_options(&filters) {
        assert!(options.until.is_none() || filters.contains("until"));
    }
    if let Ok(criteria) = Criteria::new(&filters, &["all", "dangling", "label", "label!", "until"]) {
        let accepted = criteria.accepts(None, &BTreeMap::new());
        assert!(!accepted || !filters.contains("until"));
    }
    for text in filters.get("until") {
        times(text);
    }
}

fn has_its_ends(text: &str) -> bool {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let is_in = |port: &str| port.parse().is_ok_and(|port| filter::in_range(text, port, protocol));
    let is_number = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    range.split('-').all(|port| is_number(port) && is_in(port))
}

/// A time that is written as inspect shows it is the same time.
fn times(text: &str) {
    if let Ok(Some(time)) = time::parse(text) {
        assert_eq!(time::parse(&time::show(Some(time))).ok(), Some(Some(time)));
    }
}
