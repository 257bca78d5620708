//! Filters of `ps`.

use std::sync::Arc;

use jiff::Timestamp;
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
    /// Ids of images, and names as they were written.
    ancestors: Vec<String>,
    networks: Vec<String>,
    names: Vec<String>,
}

impl<'a> Filter<'a> {
    pub(super) fn new(engine: &Engine, options: &'a ListOptions) -> Result<Self, Error> {
        let filters = &options.filters;
        filters.validate(KNOWN).map_err(|e| Error::Invalid(e.to_string()))?;
        if let Some(bad) = filters.get("status").find(|s| !STATES.contains(s)) {
            return Err(Error::Invalid(format!("invalid filter 'status={bad}'")));
        }
        check_values(filters)?;
        let created = |name: &str| -> Result<Option<Timestamp>, Error> {
            let times = filters.get(name).map(|id| engine.containers().find(id).map(|h| h.view().definition.created));
            Ok(times.collect::<Result<Vec<_>, _>>()?.into_iter().next())
        };
        let exit_code =
            |text: &str| text.parse().map_err(|_| Error::Invalid(format!("invalid filter 'exited={text}'")));
        let explicit = ["status", "exited", "health"].iter().any(|name| filters.contains(name));
        Ok(Filter {
            filters,
            // A filter on the state says which states are wanted.
            all: options.all
                || options.limit > 0
                || explicit
                || filters.contains("before")
                || filters.contains("since"),
            before: created("before")?,
            since: created("since")?,
            exited: filters.get("exited").map(exit_code).collect::<Result<_, _>>()?,
            ancestors: filters.get("ancestor").flat_map(|name| ancestor(engine, name)).collect(),
            networks: filters
                .get("network")
                .map(|n| engine.sandboxes().network_name(n).unwrap_or_else(|_| n.to_owned()))
                .collect(),
            names: filters.get("name").map(|n| n.trim_start_matches('/').to_owned()).collect(),
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
            && (self.names.is_empty() || self.names.iter().any(|name| named(&definition.name, name)))
            && self.filters.matches_labels("label", labels)
            && (!self.filters.contains("ancestor")
                || self.ancestors.iter().any(|a| *a == definition.image || *a == definition.config.image))
            && (self.networks.is_empty() || self.networks.iter().any(|n| definition.endpoints.contains_key(n)))
            && self.filters.matches_by("volume", |wanted| uses_volume(view, wanted))
            && self.filters.matches_by("publish", |port| published(view, port))
            && self.filters.matches_by("expose", |port| exposed(view, port))
            && self.filters.matches("health", view.health.as_deref().map_or("none", |health| health.status.word()))
            && self.filters.matches_by("is-task", |value| matches!(value, "0" | "false"))
            && self.filters.matches_by("isolation", |value| matches!(value, "" | "default"))
    }
}

/// A name matches by any part of it; `^` and `$` anchor, as in the regular expressions that Docker takes.
fn named(name: &str, wanted: &str) -> bool {
    let (start, rest) = wanted.strip_prefix('^').map_or((false, wanted), |rest| (true, rest));
    let rest = if start { rest.strip_prefix('/').unwrap_or(rest) } else { rest };
    let (end, rest) = rest.strip_suffix('$').map_or((false, rest), |rest| (true, rest));
    match (start, end) {
        (true, true) => name == rest,
        (true, false) => name.starts_with(rest),
        (false, true) => name.ends_with(rest),
        (false, false) => name.contains(rest),
    }
}

fn ancestor(engine: &Engine, name: &str) -> Vec<String> {
    let id = engine.images().resolve(name).ok().map(|image| image.id.to_string());
    id.into_iter().chain([name.to_owned()]).collect()
}

fn uses_volume(view: &View, wanted: &str) -> bool {
    view.definition.mounts.iter().any(|mount| {
        let point = mount.point(std::path::Path::new(""));
        mount.destination == wanted || point.name == wanted || (point.kind == "bind" && point.source == wanted)
    })
}

/// `80`, `80/tcp`, `80-90/tcp`
fn in_range(wanted: &str, port: u16, protocol: &str) -> bool {
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

/// Refuses what is no port, range of ports or health.
fn check_values(filters: &Filters) -> Result<(), Error> {
    for name in ["publish", "expose"] {
        let is_port = |port: &str| {
            let range = port.split('/').next().unwrap_or(port);
            range.split('-').all(|end| end.parse::<u16>().is_ok())
        };
        if let Some(bad) = filters.get(name).find(|port| !is_port(port)) {
            return Err(Error::Invalid(format!("error while looking up for {name} {bad}: no port or range of ports")));
        }
    }
    match filters.get("health").find(|health| !HEALTHS.contains(health)) {
        Some(bad) => Err(Error::Invalid(format!("unrecognized filter value for health: {bad}"))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{in_range, named};

    #[test]
    fn names() {
        assert!(named("web_1", "web") && named("web_1", "b_") && named("web_1", "^web") && named("web_1", "^/web_1$"));
        assert!(!named("web_1", "^eb") && !named("web_1", "web$"));
    }

    #[test]
    fn ports() {
        assert!(in_range("80", 80, "tcp") && in_range("80-90/udp", 85, "udp"));
        assert!(!in_range("80", 80, "udp") && !in_range("80-90", 91, "tcp") && !in_range("x", 80, "tcp"));
    }
}
