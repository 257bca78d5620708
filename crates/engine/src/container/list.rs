//! `ps`.

pub(super) mod filter;
pub(crate) mod fuzzing;
mod status;

use teu_api::container::{ListOptions, Summary, SummaryHostConfig, SummaryNetworkSettings};

use super::handle::{Handle, View};
use super::{link, network_view};
use crate::{Engine, Error};

impl Engine {
    /// Lists containers, newest first.
    ///
    /// # Errors
    /// An unknown filter, or a filter value that makes no sense.
    pub async fn container_list(&self, options: &ListOptions) -> Result<Vec<Summary>, Error> {
        let filter = filter::Filter::new(self, options)?;
        let mut all: Vec<_> = self.containers().all().into_iter().map(|h| (h.view(), h)).collect();
        all.sort_by_key(|(view, _)| std::cmp::Reverse(view.definition.created));
        let limit = usize::try_from(options.limit).ok().filter(|l| *l > 0).unwrap_or(usize::MAX);
        let wanted = all.into_iter().filter(|(view, _)| filter.accepts(view)).take(limit);
        let mut list = Vec::new();
        for (view, handle) in wanted {
            list.push(self.summary(&view, &handle, options.size).await?);
        }
        let mut aliases = link::aliases(self);
        for summary in &mut list {
            summary.names.extend(aliases.remove(&summary.id).into_iter().flatten());
        }
        Ok(list)
    }

    async fn summary(&self, view: &View, handle: &Handle, size: bool) -> Result<Summary, Error> {
        let definition = &view.definition;
        let mut summary = Summary {
            id: definition.id.clone(),
            names: vec![format!("/{}", definition.name)],
            image: definition.config.image.clone(),
            image_id: definition.image.clone(),
            command: command(view),
            created: definition.created.as_second(),
            ports: network_view::port_list(view),
            labels: definition.config.labels.clone().unwrap_or_default(),
            state: view.state.word().to_owned(),
            status: status::words(view, jiff::Timestamp::now()),
            host_config: SummaryHostConfig {
                network_mode: definition.host.network_mode.clone(),
                annotations: definition.host.annotations.clone(),
            },
            network_settings: SummaryNetworkSettings { networks: network_view::endpoints(view) },
            mounts: definition
                .mounts
                .iter()
                .filter(|m| m.is_listed())
                .map(|m| m.point(self.volumes().root()))
                .collect(),
            ..Summary::default()
        };
        if size {
            let (written, whole) = self.container_size(handle).await?;
            summary.size_rw = Some(written);
            summary.size_root_fs = Some(whole);
        }
        Ok(summary)
    }
}

/// Program and arguments in one line; arguments with spaces are quoted.
fn command(view: &View) -> String {
    let quote = |arg: &String| if arg.contains(' ') { format!("'{arg}'") } else { arg.clone() };
    let mut words = view.definition.command();
    let program = words.next().cloned().unwrap_or_default();
    words.fold(program, |line, arg| line + " " + &quote(arg))
}
