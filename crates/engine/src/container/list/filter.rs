//! Filters of `ps`.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use regex_automata::meta::Regex;
use teu_api::container::ListOptions;
use teu_api::filters::Filters;

use super::super::handle::View;
use super::super::network_view;
use crate::{Engine, Error};

const KNOWN: &[&str] = &[
    "ancestor",
    "before",
    "exited",
    "expose",
    "health",
    "id",
    "is-task",
    "isolation",
    "label",
    "name",
    "network",
    "publish",
    "since",
    "status",
    "volume",
];

const STATES: &[&str] = &["created", "restarting", "running", "removing", "paused", "exited", "dead"];

const HEALTHS: &[&str] = &["none", "starting", "healthy", "unhealthy"];

/// Filters, checked and resolved.
pub(super) struct Filter<'a> {
    filters: &'a Filters,
    all: bool,
    before: Option<Timestamp>,
    since: Option<Timestamp>,
    exited: Vec<i32>,
    /// Ids of images; none when it does not matter.
    ancestors: Option<HashSet<String>>,
    networks: Vec<String>,
    names: Option<Names>,
    /// Whether a task of a cluster is wanted: there are none.
    tasks: bool,
}

impl<'a> Filter<'a> {
    pub(super) fn new(engine: &Engine, options: &'a ListOptions) -> Result<Self, Error> {
        let filters = &options.filters;
        check(filters)?;
        let created = |name: &str| -> Result<Option<Timestamp>, Error> {
            let times = filters.get(name).map(|id| engine.containers().find(id).map(|h| h.view().definition.created));
            Ok(times.collect::<Result<Vec<_>, _>>()?.into_iter().next())
        };
        let exit_code = |text: &str| {
            let wrong = || format!("invalid filter 'exited={text}': strconv.Atoi: parsing {text:?}: invalid syntax");
            text.parse().map_err(|_| Error::Invalid(wrong()))
        };
        let values = |name: &str| -> Option<Vec<&str>> { filters.contains(name).then(|| filters.get(name).collect()) };
        Ok(Filter {
            filters,
            // A filter on the state says which states are wanted.
            all: options.all || options.limit > 0 || filters.contains("status"),
            before: created("before")?,
            since: created("since")?,
            exited: filters.get("exited").map(exit_code).collect::<Result<_, _>>()?,
            ancestors: values("ancestor").map(|names| ancestors(engine, &names)),
            networks: filters
                .get("network")
                .map(|n| engine.sandboxes().network_name(n).unwrap_or_else(|_| n.to_owned()))
                .collect(),
            names: values("name").map(|names| Names::new(&names)),
            tasks: filters.boolean("is-task").map_err(|e| Error::Invalid(e.to_string()))?.unwrap_or(false),
        })
    }

    pub(super) fn accepts(&self, view: &Arc<View>) -> bool {
        let definition = &view.definition;
        let created = definition.created;
        let state = &view.state;
        let empty = std::collections::BTreeMap::new();
        let labels = definition.config.labels.as_ref().unwrap_or(&empty);
        (self.all || state.is_active())
            && self.before.is_none_or(|time| created < time)
            && self.since.is_none_or(|time| created > time)
            && self.filters.matches("status", state.word())
            && (self.exited.is_empty() || (state.last_exit().is_some() && self.exited.contains(&state.exit_code())))
            && self.filters.matches_by("id", |id| definition.id.starts_with(id))
            && self.names.as_ref().is_none_or(|names| names.accept(&definition.name))
            && self.filters.matches_labels("label", labels)
            && self.ancestors.as_ref().is_none_or(|ancestors| ancestors.contains(&definition.image))
            && (self.networks.is_empty() || self.networks.iter().any(|n| definition.endpoints.contains_key(n)))
            && self.filters.matches_by("volume", |wanted| uses_volume(view, wanted))
            && self.filters.matches_by("publish", |port| published(view, port))
            && self.filters.matches_by("expose", |port| exposed(view, port))
            && self.filters.matches("health", view.health.as_deref().map_or("none", |health| health.status.word()))
            && !self.tasks
        // `isolation` is for another operating system: Docker takes it and does not look at it.
    }
}

/// Names are regular expressions that match any part, unless they are the whole name.
pub(in crate::container) struct Names {
    whole: Vec<String>,
    patterns: Vec<Regex>,
}

impl Names {
    /// As Docker does, what is no regular expression matches the name that is written like it and no other.
    pub(in crate::container) fn new(wanted: &[&str]) -> Self {
        Names {
            whole: wanted.iter().map(|name| name.trim_start_matches('/').to_owned()).collect(),
            patterns: wanted.iter().filter_map(|name| Regex::new(name).ok()).collect(),
        }
    }

    pub(in crate::container) fn accept(&self, name: &str) -> bool {
        let with_slash = format!("/{name}");
        self.whole.iter().any(|whole| whole == name)
            || self.patterns.iter().any(|pattern| pattern.is_match(name) || pattern.is_match(&with_slash))
    }
}

/// Ids of the images with these names, and of all that were made from them.
fn ancestors(engine: &Engine, names: &[&str]) -> HashSet<String> {
    let resolve = |name: &&str| engine.images().resolve(name).ok().map(|image| image.id.to_string());
    let mut found: HashSet<String> = names.iter().filter_map(resolve).collect();
    let Ok(library) = engine.library() else { return found };
    let children = library.list(&teu_image::ListOptions::default()).unwrap_or_default();
    let mut children: Vec<(String, String)> =
        children.into_iter().filter_map(|image| Some((image.id.to_string(), image.parent?.to_string()))).collect();
    // A generation at a time, until there is no other.
    loop {
        let (next, rest): (Vec<_>, Vec<_>) = children.into_iter().partition(|(_, parent)| found.contains(parent));
        if next.is_empty() {
            return found;
        }
        found.extend(next.into_iter().map(|(id, _)| id));
        children = rest;
    }
}

fn uses_volume(view: &View, wanted: &str) -> bool {
    view.definition.mounts.iter().any(|mount| {
        let point = mount.point(std::path::Path::new(""));
        mount.destination == wanted || point.name == wanted || (point.kind == "bind" && point.source == wanted)
    })
}

/// `80`, `80/tcp`, `80-90/tcp`
pub(in crate::container) fn in_range(wanted: &str, port: u16, protocol: &str) -> bool {
    let (range, wanted_protocol) = wanted.split_once('/').unwrap_or((wanted, "tcp"));
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    wanted_protocol == protocol
        && first.parse::<u16>().is_ok_and(|first| first <= port)
        && last.parse::<u16>().is_ok_and(|last| port <= last)
}

/// By port of the host.
fn published(view: &View, wanted: &str) -> bool {
    network_view::port_list(view).iter().any(|p| in_range(wanted, p.public_port, &p.protocol))
}

/// By port of the container, while it runs.
fn exposed(view: &View, wanted: &str) -> bool {
    network_view::port_list(view).iter().any(|p| in_range(wanted, p.private_port, &p.protocol))
}

/// Refuses unknown filters, and what is no state, port, range of ports or health, in Docker's words.
pub(super) fn check(filters: &Filters) -> Result<(), Error> {
    filters.validate(KNOWN).map_err(|e| Error::Invalid(e.to_string()))?;
    if let Some(bad) = filters.get("status").find(|s| !STATES.contains(s)) {
        return Err(Error::Invalid(format!("invalid filter 'status={bad}'")));
    }
    for name in ["publish", "expose"] {
        for text in filters.get(name) {
            let wrong = |reason| Error::Invalid(format!("error while looking up for {name} {text}: {reason}"));
            check_ports(text).map_err(wrong)?;
        }
    }
    match filters.get("health").find(|health| !HEALTHS.contains(health)) {
        Some(bad) => Err(Error::Invalid(format!("unrecognized filter value for health: {bad}"))),
        None => Ok(()),
    }
}

/// `80`, `80/tcp`, `80-90/tcp`
fn check_ports(text: &str) -> Result<(), String> {
    let range = text.split('/').next().unwrap_or(text);
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last) = (port(first)?, port(last)?);
    if first <= last { Ok(()) } else { Err(format!("Invalid range specified for the Port: {range}")) }
}

/// Digits only, unlike for Rust.
fn port(text: &str) -> Result<u16, String> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let reason = if is_number { "value out of range" } else { "invalid syntax" };
    let wrong = || format!("strconv.ParseUint: parsing {text:?}: {reason}");
    text.parse().ok().filter(|_| is_number).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::{Names, check_ports, in_range};

    #[test]
    fn names() {
        let accepts = |wanted: &str, name: &str| Names::new(&[wanted]).accept(name);
        for wanted in ["web", "b_", "^web", "^/web_1$", "/web_1", "w.b_[0-9]", "web_1|db", ""] {
            assert!(accepts(wanted, "web_1"), "{wanted}");
        }
        for wanted in ["^eb", "web$", "WEB", "web_1.", "[", "("] {
            assert!(!accepts(wanted, "web_1"), "{wanted}");
        }
        assert!(Names::new(&["x", "web"]).accept("web_1"));
    }

    #[test]
    fn what_is_no_port() {
        let refused = |text: &str| check_ports(text).expect_err(text);
        assert_eq!(refused("x"), "strconv.ParseUint: parsing \"x\": invalid syntax");
        assert_eq!(refused("+80"), "strconv.ParseUint: parsing \"+80\": invalid syntax");
        assert_eq!(refused("70000"), "strconv.ParseUint: parsing \"70000\": value out of range");
        assert_eq!(refused("2-1/tcp"), "Invalid range specified for the Port: 2-1");
        assert!(check_ports("80").is_ok() && check_ports("80-90/udp").is_ok());
    }

    #[test]
    fn ports() {
        assert!(in_range("80", 80, "tcp") && in_range("80-90/udp", 85, "udp"));
        assert!(!in_range("80", 80, "udp") && !in_range("80-90", 91, "tcp") && !in_range("x", 80, "tcp"));
    }
}
