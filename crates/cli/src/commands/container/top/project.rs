//! Containers by project.

use std::collections::BTreeMap;

use super::model::{Container, Model, Use};

/// The label that Compose gives to what it makes.
pub(super) const LABEL: &str = "com.docker.compose.project";

/// A line of the table.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    /// A project, how many of its containers run and how many there are, what they use together. The name of none is
    /// empty.
    Project { name: String, up: usize, count: usize, used: Use },
    /// A container, by its id.
    Container(String),
}

impl Line {
    /// The container.
    pub(super) fn id(&self) -> Option<&str> {
        match self {
            Self::Project { .. } => None,
            Self::Container(id) => Some(id),
        }
    }
}

/// The lines of the table: projects by name, containers without one at the end; without heads if there is no project.
pub(super) fn lines(model: &Model) -> Vec<Line> {
    let mut groups: BTreeMap<(bool, &str), Vec<&Container>> = BTreeMap::new();
    for container in model.containers.values().filter(|one| model.shows(one)) {
        let project = container.project();
        groups.entry((project.is_empty(), project)).or_default().push(container);
    }
    let has_heads = groups.keys().any(|(is_none, _)| !is_none);
    let mut lines = Vec::new();
    for ((_, name), mut group) in groups {
        let key = |one: &Container| one.used.unwrap_or_default();
        group.sort_by(|a, b| model.sort.compare((a.name(), key(a)), (b.name(), key(b))));
        if has_heads {
            let up = group.iter().filter(|one| one.is_up()).count();
            let used = group.iter().fold(Use::default(), |sum, one| sum.and(key(one)));
            lines.push(Line::Project { name: name.to_owned(), up, count: group.len(), used });
        }
        lines.extend(group.iter().map(|one| Line::Container(one.summary.id.clone())));
    }
    lines
}
