//! What the prunes have in common: one of a kind at a time, and what they spare.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use teu_api::filters::Filters;
use teu_api::prune::BuildCache;

use crate::events::Subject;
use crate::{Engine, Error, time};

/// Which kinds of objects are being pruned.
#[derive(Debug, Default)]
pub(crate) struct Prunes {
    builder: AtomicBool,
    containers: AtomicBool,
    images: AtomicBool,
    networks: AtomicBool,
    volumes: AtomicBool,
}

/// A prune at work; others of its kind are refused as long as it lives.
#[derive(Debug)]
pub(crate) struct Pruning<'a>(&'a AtomicBool);

impl Prunes {
    fn of(&self, subject: Subject) -> &AtomicBool {
        match subject {
            Subject::Builder => &self.builder,
            Subject::Container => &self.containers,
            Subject::Image => &self.images,
            Subject::Network => &self.networks,
            Subject::Volume => &self.volumes,
        }
    }
}

impl Drop for Pruning<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Engine {
    /// Begins a prune.
    pub(crate) fn begin_prune(&self, subject: Subject) -> Result<Pruning<'_>, Error> {
        let running = self.prunes().of(subject);
        if running.swap(true, Ordering::Acquire) {
            return Err(Error::Conflict("a prune operation is already running".to_owned()));
        }
        Ok(Pruning(running))
    }

    /// Removes what the builder keeps. There is no builder: that this is nothing is told as ever.
    pub async fn build_prune(&self) -> BuildCache {
        self.prune_event(Subject::Builder, 0);
        BuildCache::default()
    }

    /// Publishes the end of a prune.
    pub(crate) fn prune_event(&self, subject: Subject, reclaimed: u64) {
        let attributes = BTreeMap::from([("reclaimed".to_owned(), reclaimed.to_string())]);
        self.events().publish(subject, "prune", "", attributes);
    }
}

/// The filters `until`, `label` and `label!`.
#[derive(Debug, Clone)]
pub(crate) struct Criteria {
    until: Option<Timestamp>,
    filters: Filters,
}

impl Criteria {
    /// Checks filters of which only those in `known` may be there.
    pub(crate) fn new(filters: &Filters, known: &[&str]) -> Result<Criteria, Error> {
        filters.validate(known).map_err(|e| Error::Invalid(e.to_string()))?;
        let refused = |message: &str| Err(Error::Invalid(message.to_owned()));
        let until = match filters.get("until").collect::<Vec<_>>()[..] {
            [] if !filters.contains("until") => None,
            [text] => Some(until(text)?),
            // Not as if it were not there: too much would go.
            [] => return refused("no time or duration for the until filter specified"),
            _ => return refused("more than one until filter specified"),
        };
        Ok(Criteria { until, filters: filters.clone() })
    }

    /// Whether something made at this time and with these labels may go. When nobody knows the time, it stays.
    pub(crate) fn accepts(&self, created: Option<Timestamp>, labels: &BTreeMap<String, String>) -> bool {
        let old_enough = |until| created.is_some_and(|created| created <= until);
        self.until.is_none_or(old_enough)
            && self.filters.matches_labels("label", labels)
            && !(self.filters.contains("label!") && self.filters.matches_labels("label!", labels))
    }
}

/// Unlike elsewhere, neither an empty time nor 0 means that there is no limit: too much would go.
fn until(text: &str) -> Result<Timestamp, Error> {
    let wrong = || Error::Invalid(format!("failed to parse value as time or duration: {text:?}"));
    match text {
        "0" => Ok(Timestamp::UNIX_EPOCH),
        text => time::parse(text).ok().flatten().ok_or_else(wrong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_of_a_kind_at_a_time() {
        let folder = crate::testing::Folder::new();
        let rig = crate::testing::rig(folder.path()).await;
        let first = rig.engine.begin_prune(Subject::Container).expect("begun");
        let refused = rig.engine.container_prune(&Filters::new()).await.expect_err("refused");
        assert_eq!(refused.to_string(), "a prune operation is already running");
        assert_eq!(refused.kind(), crate::Kind::Conflict);
        rig.engine.volume_prune(&Filters::new()).await.expect("another kind");
        drop(first);
        rig.engine.container_prune(&Filters::new()).await.expect("again");
        rig.engine.container_prune(&Filters::new()).await.expect("and again");
    }

    fn criteria(json: &str) -> Result<Criteria, String> {
        let filters = Filters::parse(json).expect("filters");
        Criteria::new(&filters, &["label", "label!", "until"]).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_spared() {
        let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let accepts = |json: &str, seconds: i64, pairs: &[(&str, &str)]| {
            let created = Timestamp::from_second(seconds).ok().filter(|_| seconds > 0);
            criteria(json).expect("criteria").accepts(created, &labels(pairs))
        };
        assert!(accepts("{}", 0, &[]));
        assert!(accepts(r#"{"until":["100"]}"#, 100, &[]) && !accepts(r#"{"until":["100"]}"#, 101, &[]));
        assert!(!accepts(r#"{"until":["100"]}"#, 0, &[]), "of unknown age");
        assert!(!accepts(r#"{"until":["0"]}"#, 1, &[]), "0 is a time, not none");
        let now = Timestamp::now().as_second();
        assert!(accepts(r#"{"until":["1h30m"]}"#, now - 5401, &[]) && !accepts(r#"{"until":["2h"]}"#, now - 60, &[]));
        assert!(accepts(r#"{"until":["2001-02-03"]}"#, 981_000_000, &[]));
        assert!(accepts(r#"{"label":["a","b=c"]}"#, 1, &[("a", ""), ("b", "c")]));
        assert!(!accepts(r#"{"label":["a","b=c"]}"#, 1, &[("a", "")]));
        assert!(
            accepts(r#"{"label!":["a=1"]}"#, 1, &[("a", "2")]) && !accepts(r#"{"label!":["a"]}"#, 1, &[("a", "2")])
        );
    }

    #[test]
    fn what_is_refused() {
        let message = |json: &str| criteria(json).expect_err("refused");
        assert_eq!(message(r#"{"until":["x"]}"#), "failed to parse value as time or duration: \"x\"");
        assert_eq!(message(r#"{"until":[""]}"#), "failed to parse value as time or duration: \"\"");
        for nothing in [r#"{"until":{}}"#, r#"{"until":[]}"#] {
            assert_eq!(message(nothing), "no time or duration for the until filter specified");
        }
        assert_eq!(message(r#"{"until":["1h","2h"]}"#), "more than one until filter specified");
        assert_eq!(message(r#"{"bad":["x"]}"#), "invalid filter 'bad'");
    }
}
