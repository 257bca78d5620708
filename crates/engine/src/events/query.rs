//! Filters on events.

use teu_api::event::Event;
use teu_api::filters::Filters;

use crate::Error;

const KNOWN: &[&str] = &[
    "config",
    "container",
    "daemon",
    "event",
    "image",
    "label",
    "network",
    "node",
    "plugin",
    "scope",
    "secret",
    "service",
    "type",
    "volume",
];

/// Kinds of objects that have a filter of their own name.
const KINDS: &[&str] = &["config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"];

/// Refuses unknown filters.
pub(super) fn check(filters: &Filters) -> Result<(), Error> {
    filters.validate(KNOWN).map_err(|e| Error::Invalid(e.to_string()))
}

/// Whether an event passes.
pub(super) fn matches(filters: &Filters, event: &Event) -> bool {
    filters.matches("type", &event.kind)
        // `exec_create: ls` is found by `exec_create`, too.
        && filters.matches_by("event", |a| event.action == a || event.action.split(':').next() == Some(a))
        && filters.matches("scope", &event.scope)
        && filters.matches_labels("label", &event.actor.attributes)
        && KINDS.iter().all(|kind| filters.matches_by(kind, |wanted| object(event, kind, wanted)))
        && filters.matches_by("image", |wanted| image(event, wanted))
}

/// Whether an event is about the object of this kind that `wanted` names; prefixes of ids do.
fn object(event: &Event, kind: &str, wanted: &str) -> bool {
    let by_name = || event.actor.attributes.get("name").is_some_and(|name| name == wanted);
    event.kind == kind && !wanted.is_empty() && (event.actor.id.starts_with(wanted) || by_name())
}

/// Whether an event is about an image, or about a container made from it.
fn image(event: &Event, wanted: &str) -> bool {
    let attribute = |name: &str| event.actor.attributes.get(name).map(String::as_str);
    let is_image = event.kind == "image";
    let names =
        [is_image.then_some(event.actor.id.as_str()), attribute("name").filter(|_| is_image), attribute("image")];
    names.into_iter().flatten().any(|name| name == wanted || without_tag(name) == wanted)
}

/// `registry:5000/name:tag` → `registry:5000/name`.
fn without_tag(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use teu_api::filters::Filters;

    use super::super::{Subject, event};
    use super::{check, matches};

    fn passes(name: &str, value: &str, action: &str) -> bool {
        let attributes = [("name", "web"), ("image", "busybox:latest"), ("team", "x")];
        let attributes = attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let event = event(Subject::Container, action, "abcdef", attributes, Timestamp::UNIX_EPOCH);
        let mut filters = Filters::new();
        filters.add(name, value);
        check(&filters).expect("a known filter");
        matches(&filters, &event)
    }

    #[test]
    fn each_filter() {
        assert!(passes("container", "web", "start"));
        assert!(passes("container", "abc", "start"));
        assert!(!passes("container", "we", "start"));
        assert!(passes("image", "busybox", "start"));
        assert!(passes("image", "busybox:latest", "start"));
        assert!(!passes("image", "busy", "start"));
        assert!(passes("event", "exec_create", "exec_create: ls -l"));
        assert!(!passes("event", "exec", "exec_create: ls -l"));
        assert!(passes("label", "team=x", "die"));
        assert!(!passes("label", "team=y", "die"));
        assert!(!passes("network", "web", "die"));
        assert!(passes("type", "container", "die"));
        assert!(!passes("type", "image", "die"));
    }
}
